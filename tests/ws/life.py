"""How the relay ends: another port, a restart, a fast shutdown; and what the log must not hold."""
import asyncio
import os
import re
import time

from relay import PORT, Ws, http, ok, poll, raw_http, relay_setting, run, same, setting, sql, sql_is, status_of, token


async def hold(count):
    bearer = token()
    held = [await Ws.welcome(bearer) for _ in range(count)]
    for ws in held:
        await ws.subscribe('tasks')
    return held


async def codes(held):
    return set(await asyncio.gather(*(ws.closed(30) for ws in held)))


async def answers(port):
    try:
        return status_of(await http('GET', '/healthz', port=port))
    except OSError:
        return 0


async def another_port():
    other = int(os.environ['OTHER_PORT'])
    held = await hold(50)
    await setting(port=other)
    same(await codes(held), {1001}, 'another port: 1001 to all')
    ok(await poll(lambda: answers_is(other, 200), 'the other port answers'), '... the new one answers')
    same(await answers(PORT), 0, '... the old one does not')
    await setting(port=0)
    ok(await poll(lambda: answers_is(other, 0), 'nobody listens'), 'port 0: nobody listens')
    await sql_is("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand relay'", '0')
    await setting(port=PORT)
    ok(await poll(lambda: answers_is(PORT, 200), 'the first one answers'), 'and back')


async def answers_is(port, wanted):
    return await answers(port) == wanted


async def port_in_use():
    """Somebody else has it: one warning, and when it is free the relay comes."""
    other = int(os.environ['OTHER_PORT'])
    taken = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', other)
    offset = os.path.getsize(os.environ['PGLOG'])
    await setting(port=other)

    def warned():
        with open(os.environ['PGLOG']) as f:
            f.seek(offset)
            return re.findall(r'WARNING:.*%d' % other, f.read())
    ok(await poll(warned, 'a warning'), 'a port in use: a warning')
    taken.close()
    await taken.wait_closed()
    await sql('SELECT pg_reload_conf()')  # it tries again by itself, too, but seldom
    ok(await poll(lambda: answers_is(other, 200), 'the relay', 60), '... and the relay comes when it is free')
    same(len(warned()), 1, '... after one warning')
    await setting(port=PORT)
    ok(await poll(lambda: answers_is(PORT, 200), 'the first one answers'), 'and back')


async def dropped():
    held = await hold(5)
    await sql('DROP EXTENSION pg_errand')
    same(await codes(held), {1001}, 'DROP EXTENSION: 1001 to all')
    await sql_is("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand relay'", '0')
    await sql('CREATE EXTENSION pg_errand')
    ok(await poll(lambda: answers_is(PORT, 200), 'the relay is back'), '... and back with it')


async def log_is_clean():
    """The secret and tokens are in no line of the log, at its most talkative."""
    bearer = token()
    await relay_setting(allowed_origins='https://x.example')
    await sql("ALTER SYSTEM SET log_min_messages = 'debug5'; SELECT pg_reload_conf()")
    await sql_is('SHOW log_min_messages', 'debug5')
    for text in bearer, bearer[:-3] + 'AAA', token(level='submit'), token(ttl=-5):
        await http('GET', '/api/v1/overview', bearer=text)
        await http('GET', f'/api/v1/overview?token={text}')
        await http('POST', '/api/v1/pause_all', {'x': text}, bearer=text)
        await raw_http(f'GET /ws HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {text}\r\nSec-WebSocket-Protocol: bearer.{text}\r\n\r\n'.encode())
        try:
            ws = await Ws.open(text)
            await ws.say(type='auth', token=text)
            await ws.message()
            await ws.say(type=text, token=text)
            ws.close()
        except Exception:  # noqa: refused
            pass
    await sql("ALTER SYSTEM RESET log_min_messages; SELECT pg_reload_conf()")
    await sql_is('SHOW log_min_messages', 'warning')
    with open(os.environ['PGLOG'], errors='replace') as f:
        log = f.read()
    same(re.findall(r'.*CANARY.*', log)[:3], [], 'the secret is in no line of the log')
    same(re.findall(r'.*eyJ[A-Za-z0-9_-]{10,}\..*', log)[:3], [], '... nor a token')


async def shutdown():
    """Fast: 1001 to 200 clients, and done in 3 s; once more if the machine stood still."""
    for turn in range(3):
        if turn > 0:
            same(await (await pg_ctl('-l', os.environ['PGLOG'], 'start')).wait(), 0, '... it starts again')
            await poll(lambda: answers_is(PORT, 200), 'the relay')
        held = await hold(200)
        began = time.monotonic()
        stop = await pg_ctl('-m', 'fast', 'stop')
        same(await codes(held), {1001}, 'a fast shutdown: 1001 to all')
        same(await stop.wait(), 0, '... the server stops')
        took = time.monotonic() - began
        if took < 3:
            break
    ok(took < 3, '... in less than 3 s', f'{took:.1f} s')


async def pg_ctl(*what):
    return await asyncio.create_subprocess_exec('pg_ctl', '-D', os.environ['PGDATA'], '-w', *what,
                                                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)


async def main():
    await another_port()
    await port_in_use()
    await log_is_clean()
    await dropped()
    await shutdown()

run(main)
