"""TLS of the relay's own; and its connection for NOTIFY, which may be lost."""
import asyncio
import json
import os
import ssl

import relay
from relay import PORT, Ws, http, noop, ok, poll, rests, run, same, setting, sql, sql_is, status_of, token

CERT = os.environ['CERT']


async def status(path='/healthz'):
    try:
        return status_of(await http('GET', path))
    except OSError:
        return 0


async def readable_key():
    """A key that others may read: no relay, and one warning that says why."""
    offset = os.path.getsize(os.environ['PGLOG'])
    os.chmod(f'{CERT}/key.pem', 0o644)
    await setting(tls_cert=f'{CERT}/cert.pem', tls_key=f'{CERT}/key.pem')

    def warned():
        with open(os.environ['PGLOG']) as f:
            f.seek(offset)
            return 'cannot speak TLS' in f.read()
    ok(await poll(warned, 'a warning'), 'a key that others may read: a warning')
    await sql_is("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand relay'", '0')
    same(await status(), 0, '... and no relay without TLS instead')
    os.chmod(f'{CERT}/key.pem', 0o600)
    # another setting, so that it is tried at once
    await setting(allowed_origins='https://x.example')


async def speaks_tls():
    relay.tls = ssl.create_default_context(cafile=f'{CERT}/cert.pem')
    ok(await poll(lambda: is_up(), 'TLS'), 'with a key of its own it speaks TLS')
    relay.tls = None
    try:
        plain = await http('GET', '/healthz')
    except (OSError, asyncio.IncompleteReadError):
        plain = None
    same(status_of(plain), 0, '... and nothing else')
    relay.tls = ssl.create_default_context(cafile=f'{CERT}/cert.pem')
    relay.tls.set_alpn_protocols(['h2', 'http/1.1'])
    reader, writer = await relay.connect()
    same(writer.get_extra_info('ssl_object').selected_alpn_protocol(), 'http/1.1', 'HTTP/1.1 is chosen, not 2')
    writer.close()
    relay.tls = ssl.create_default_context(cafile=f'{CERT}/cert.pem')


async def is_up():
    return await status() == 200


async def through_tls():
    body = {'task': 'sql', 'payload': {'function': 'public.noop(jsonb)', 'args': {'x': 'x' * 900000}}}
    answer = await http('POST', '/api/v1/tasks', body, bearer=token())
    same(status_of(answer), 201, 'a body of 900 kB arrives')
    answer = await http('GET', f"/api/v1/tasks/{answer.json()['id']}", bearer=token())
    same(answer.json()['task']['kind'], 'sql', '... whole')
    held = [await Ws.welcome() for _ in range(20)]
    for ws in held:
        await ws.subscribe('tasks', batch=True)
    ids = set(await noop(3000))
    complete = 0
    for ws in held:
        final = set()
        while not ids <= final:
            event = await ws.expect('event')
            if event['data']['state'] == 'succeeded':
                final.add(event['data']['id'])
        complete += 1
    same(complete, 20, 'each of 20 clients gets each of 3,000 tasks to its end')
    for ws in held:
        ws.close()
    reader, writer = await relay.connect()
    writer.transport.pause_reading()
    asks = f'GET /app.js HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nAccept-Encoding: gzip\r\n\r\n'.encode() * 100
    writer.write(asks)
    await relay.moment(0.5)  # what is to be said fills all there is
    writer.write(asks)
    await rests('one that asks a hundred times and does not read')
    writer.transport.abort()
    pid = await relay.relay_pid()
    ok(await poll(lambda: len([f for f in os.listdir(f'/proc/{pid}/fd') if is_socket(pid, f)]) < 20, 'sockets closed'),
       'no socket is left of them')


def is_socket(pid, fd):
    try:
        return os.readlink(f'/proc/{pid}/fd/{fd}').startswith('socket:')
    except OSError:
        return False


async def no_tls():
    await setting(tls_cert=None, tls_key=None, allowed_origins=None)
    relay.tls = None
    ok(await poll(lambda: is_up(), 'plain HTTP'), 'without the settings it is plain again')


async def notify_state():
    answer = await http('GET', '/readyz', bearer=token())
    return status_of(answer), answer.json()['checks'].get('notify') if answer is not None else None


async def listener():
    return await sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'errand relay notify'")


async def is_another(before):
    return await listener() not in ('', before)


async def notify_lost():
    """Its backend is ended: heard again after a moment; not let in: /readyz says so."""
    await relay.relay_setting(relay_channels='orders')
    ok(await poll(lambda: is_notify((200, 'up')), 'notify is up'), 'the channels are heard')
    before = await listener()
    await sql(f'SELECT pg_terminate_backend({before})')
    await poll(lambda: is_another(before), 'another backend')
    ok(await poll(lambda: is_notify((200, 'up')), 'notify is up again'), 'its backend ended: it connects again')
    ws = await Ws.welcome()
    await ws.subscribe('notify:orders')
    await sql("NOTIFY orders, 'after'")
    same((await ws.expect('notify'))['payload'], 'after', '... and hears')
    with open(os.environ['PGDATA'] + '/pg_hba.conf', 'r+') as f:
        hba = f.read()
        f.seek(0)
        f.write('local postgres ' + relay.ROLE + ' reject\nhost all all 127.0.0.1/32 trust\n' + hba)
    await sql('SELECT pg_reload_conf()')

    async def down():
        # who connected before the reload reached the postmaster was let in
        await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'errand relay notify'")
        return await is_notify((503, 'down'))
    ok(await poll(down, 'notify is down'), 'not let in: /readyz is 503 and says that it is down')
    await noop(1)
    await ws.subscribe('tasks', id='t')
    ok(True, '... and the rest goes on')
    with open(os.environ['PGDATA'] + '/pg_hba.conf', 'w') as f:
        f.write(hba)
    await sql('SELECT pg_reload_conf()')
    ok(await poll(lambda: is_notify((200, 'up')), 'notify is up', 60), 'let in again: up')


async def is_notify(wanted):
    try:
        return await notify_state() == wanted
    except (OSError, AttributeError, KeyError, json.JSONDecodeError):
        return False


async def main():
    await readable_key()
    await speaks_tls()
    await through_tls()
    await no_tls()
    await notify_lost()

run(main, 240)
