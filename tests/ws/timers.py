"""What happens when nothing is said: time-outs, keepalive, the end of a token.

All of them wait side by side. What takes half a minute is tried with a relay
whose clock runs HASTE times faster (errand.fault, in test builds).
"""
import asyncio
import os
import time

from relay import PING, PONG, PORT, Ws, claims, connect, frame, ok, one_of, run, same, sign, sql, token


HASTE = int(os.environ.get('HASTE', '1'))


async def silent():
    """Connected, but no token comes."""
    ws = await Ws.open()
    began = time.monotonic()
    same(await ws.closed(), 4408, 'no token in time: 4408')
    ok(4.5 < time.monotonic() - began < 8, '... after 5 s', time.monotonic() - began)
    ws = await Ws.open()
    await ws.say(type='ping')
    one_of(await ws.closed(), (4400, 4401, 4408), 'something else than a token first: closed')


async def half_open(name, data, seconds=12):
    """A request that does not end is cut off: the connection does not wait for ever."""
    reader, writer = await connect()
    began = time.monotonic()
    writer.write(data)
    await writer.drain()
    try:
        await asyncio.wait_for(reader.read(), seconds + 5)
    except (ConnectionError, asyncio.TimeoutError):
        pass
    took = time.monotonic() - began
    ok(took < seconds, f'{name}: cut off', f'{took:.1f} s')
    writer.close()


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


def within(began, seconds, name):
    """About so many seconds of the relay's, whose own tick is a second of ours."""
    took = time.monotonic() - began
    ok(seconds / HASTE - 0.5 < took < seconds / HASTE + 3, '... ' + name, took)


async def answers_pings():
    ws = await Ws.welcome()
    began = time.monotonic()
    got = await ws.raw_frame(40)
    same(got and got[1], PING, 'a quiet client is pinged')
    within(began, 25, 'after 25 s')
    await ws.send(frame(PONG, got[2] if got else b''))
    got = await ws.raw_frame(40)
    same(got and got[1], PING, '... and again, since it answered')
    ws.close()


async def ignores_pings():
    ws = await Ws.welcome()
    began = time.monotonic()
    code = await ws.closed(50)
    ok(code is not None, 'one that does not answer pings is dropped', code)
    within(began, 35, '10 s after the ping')


async def expiring():
    ws = await Ws.welcome(token(ttl=3))
    await ws.subscribe('tasks')
    began = time.monotonic()
    same(await ws.closed(), 4401, 'a connection ends with its token: 4401')
    ok(time.monotonic() - began < 6, '... in time', time.monotonic() - began)


async def revoked(name, statement, codes, bearer):
    ws = await Ws.welcome(bearer)
    await ws.subscribe('tasks')
    await sql(statement)
    began = time.monotonic()
    end = began + 66 / HASTE
    while ws.code is None and time.monotonic() < end:
        await ws.message(20)
    one_of(ws.code, codes, f'{name}: the open connection ends')
    ok(time.monotonic() - began < 60 / HASTE + 2, '... within 60 s', time.monotonic() - began)


async def untouched(others):
    """Beside all of these one goes on."""
    ws = await Ws.welcome(token('mona', 'monitor'))
    await ws.subscribe('stats')
    began = time.monotonic()
    seen = 0
    while not others.done() and await ws.message() is not None:
        seen += 1
    ok(seen >= 0.7 * (time.monotonic() - began) > 3, 'a good client hears of stats every second, for all that time', seen)
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
                  f'Content-Type: application/json\r\nAuthorization: Bearer {token()}\r\n\r\n{{'.encode(), 40 / HASTE),
        revoked('a revoked token', f"SELECT errand.revoke_token('{mine['jti']}')", (4401,), sign(mine)),
        revoked('a role that is dropped', 'SELECT errand.revoke_access(\'gone\'); DROP ROLE gone', (4401, 4403), token('gone', 'monitor')),
        revoked('a role that loses its grant', "SELECT errand.revoke_access('less')", (4401, 4403), token('less', 'monitor')))
    await asyncio.gather(others, untouched(others))

run(short if HASTE == 1 else long, 100)
