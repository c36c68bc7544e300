"""What happens when nothing is said: time-outs, keepalive, the end of a token.

All of them wait side by side. What takes half a minute is tried with a relay
whose clock runs HASTE times faster (errand.fault, in test builds).
"""
import asyncio
import os
import time

from relay import PING, PONG, PORT, Ws, claims, connect, frame, ok, one_of, run, same, sign, sql, token


HASTE = int(os.environ.get('HASTE', '1'))


async def tried(once, low, high, name):
    """once() tells how long it took: what is too early is wrong, what is too late is tried
    again, since the machine may stand still for a while."""
    for _ in range(3):
        took = await once()
        if took < high:
            break
    ok(low < took < high, name, f'{took:.1f} s')


async def silent():
    """Connected, but no token comes."""
    async def once():
        began = time.monotonic()
        ws = await Ws.open()
        same(await ws.closed(), 4408, 'no token in time: 4408')
        return time.monotonic() - began
    await tried(once, 4.5, 8, '... after 5 s')
    ws = await Ws.open()
    await ws.say(type='ping')
    one_of(await ws.closed(), (4400, 4401, 4408), 'something else than a token first: closed')


async def half_open(name, data, seconds=12):
    """A request that does not end is cut off: the connection does not wait for ever."""
    async def once():
        began = time.monotonic()
        reader, writer = await connect()
        writer.write(data)
        await writer.drain()
        try:
            await asyncio.wait_for(reader.read(), seconds + 5)
        except (ConnectionError, asyncio.TimeoutError):
            pass
        writer.close()
        return time.monotonic() - began
    await tried(once, 0, seconds, f'{name}: cut off')


async def dripping():
    """A header every now and then does not prolong it."""
    reader, writer = await connect()
    began = time.monotonic()
    writer.write(f'GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n'.encode())
    ended = asyncio.ensure_future(reader.read())
    while not ended.done() and time.monotonic() - began < 20:
        await asyncio.wait([ended], timeout=0.5)
        try:
            writer.write(b'X-A: b\r\n')
            await writer.drain()
        except ConnectionError:
            break
    ok(time.monotonic() - began < 12, 'a header every half second: cut off', time.monotonic() - began)
    ended.cancel()
    writer.close()


async def within(once, seconds, name, ticks=1):
    """About so many seconds of the relay's; each of its ticks may add a second of ours."""
    await tried(once, seconds / HASTE - 0.5, seconds / HASTE + ticks + 1, '... ' + name)


async def answers_pings():
    async def once():
        began = time.monotonic()
        ws = await Ws.welcome()
        got = await ws.raw_frame(40)
        took = time.monotonic() - began
        same(got and got[1], PING, 'a quiet client is pinged')
        await ws.send(frame(PONG, got[2] if got else b''))
        got = await ws.raw_frame(40)
        same(got and got[1], PING, '... and again, since it answered')
        ws.close()
        return took
    await within(once, 25, 'after 25 s', 2)


async def ignores_pings():
    async def once():
        began = time.monotonic()
        ws = await Ws.welcome()
        code = await ws.closed(50)
        ok(code is not None, 'one that does not answer pings is dropped', code)
        return time.monotonic() - began
    # a tick for the ping, one for the missing answer, a second of grace, one of libwebsockets'
    await within(once, 35, '10 s after the ping', 4)


async def expiring():
    mine = claims(ttl=8)
    ws = await Ws.welcome(sign(mine))
    await ws.subscribe('tasks')
    same(await ws.closed(), 4401, 'a connection ends with its token: 4401')
    late = time.time() - mine['exp']
    ok(0 <= late < 6, '... in time', late)


async def revoked(name, statement, codes, bearer):
    ws = await Ws.welcome(bearer)
    await ws.subscribe('tasks')
    await sql(statement)
    began = time.monotonic()
    end = began + 60 / HASTE + 12
    while ws.code is None and time.monotonic() < end:
        await ws.message(20)
    one_of(ws.code, codes, f'{name}: the open connection ends')
    ok(time.monotonic() - began < 60 / HASTE + 4, '... within 60 s', time.monotonic() - began)


async def untouched(others):
    """Beside all of these one goes on."""
    ws = await Ws.welcome(token('mona', 'monitor'))
    await ws.subscribe('stats')
    times = []
    while not others.done() and await ws.message() is not None:
        times.append(time.monotonic())
    gaps = sorted(b - a for a, b in zip(times, times[1:]))
    ok(len(gaps) >= 5 and 0.5 < gaps[len(gaps) // 2] < 1.5, 'a good client hears of stats every second, for all that time', gaps)
    ok(await ws.alive(), '... and is still there')


async def short():
    await asyncio.gather(
        silent(), dripping(), expiring(),
        half_open('nothing is sent', b''),
        half_open('half a request line', b'GET /w'),
        half_open('half a header', f'GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nUpgr'.encode()))


async def long():
    for role in 'mona', 'gone', 'less':
        await sql(f"CREATE ROLE {role} LOGIN; SELECT errand.grant_access('{role}', 'monitor')")
    mine = claims('mona', 'monitor')
    others = asyncio.gather(
        answers_pings(), ignores_pings(),
        half_open('a body that does not come', f'POST /api/v1/tasks HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nContent-Length: 100\r\n'
                  f'Content-Type: application/json\r\nAuthorization: Bearer {token()}\r\n\r\n{{'.encode(), 30 / HASTE + 3.5),
        revoked('a revoked token', f"SELECT errand.revoke_token('{mine['jti']}')", (4401,), sign(mine)),
        revoked('a role that is dropped', 'SELECT errand.revoke_access(\'gone\'); DROP ROLE gone', (4401, 4403), token('gone', 'monitor')),
        revoked('a role that loses its grant', "SELECT errand.revoke_access('less')", (4401, 4403), token('less', 'monitor')))
    await asyncio.gather(others, untouched(others))

run(short if HASTE == 1 else long, 300)
