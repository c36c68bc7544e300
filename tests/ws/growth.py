"""Connections that come and go in every way: the relay's memory does not grow with them.

CONNECTS of them (10,000), of which a fifth comes before the first look.
`make valgrind` runs it too: what is read or freed wrongly then shows.
"""
import asyncio
import os

from relay import CLOSE, PORT, TEXT, Ws, connect, frame, http, memory, ok, relay_pid, run, same, token

GROWTH_MB = float(os.environ.get('GROWTH_MB', '4'))  # valgrind keeps what was freed
CONNECTS = int(os.environ.get('CONNECTS', '10000'))
AT_ONCE = 40
BEARER = token()


async def says_goodbye():
    ws = await Ws.welcome(BEARER)
    await ws.subscribe('tasks')
    await ws.send(frame(CLOSE, b'\x03\xe8'))
    await ws.closed()
    ws.close()


async def breaks_off():
    ws = await Ws.welcome(BEARER)
    await ws.say(type='subscribe', id='1', channel='tasks', filter={'queue': 'x', 'state': ['failed']})
    await ws.send(frame(TEXT, '{"type":', fin=0))
    ws.close()


async def is_wrong():
    ws = await Ws.open(BEARER)
    await ws.send(frame(TEXT, '{}', mask=None))
    await ws.closed()
    ws.close()


async def has_no_token():
    ws = await Ws.open('no token')
    await ws.closed()
    ws.close()


async def follows_a_stream():
    reader, writer = await connect()
    writer.write(f'GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nConnection: close\r\nAuthorization: Bearer {BEARER}\r\n\r\n'.encode())
    await reader.readuntil(b'"snapshot"')
    writer.transport.abort()


async def asks():
    await http('GET', '/api/v1/tasks?limit=5', bearer=BEARER)


async def asks_wrongly():
    reader, writer = await connect()
    writer.write(b'GET / HTTP/1.1\r\nHost : x\r\n\r\n')
    await reader.read()
    writer.close()


WAYS = says_goodbye, breaks_off, is_wrong, has_no_token, follows_a_stream, asks, asks_wrongly


async def some(count, failed):
    for start in range(0, count, AT_ONCE):
        done = await asyncio.gather(*(WAYS[(start + i) % len(WAYS)]() for i in range(AT_ONCE)), return_exceptions=True)
        failed += [repr(e) for e in done if e is not None]


async def main():
    failed = []
    pid = await relay_pid()
    await some(CONNECTS // 5, failed)
    before = await memory()
    await some(CONNECTS - CONNECTS // 5, failed)
    grown = await memory() - before
    same(failed[:3], [], f'{CONNECTS} connections came and went')
    ok(grown < GROWTH_MB, 'the memory of the relay has not grown with them', f'{grown:.1f} MB more')
    same(await relay_pid(), pid, '... and it is the same process')


if __name__ == '__main__':
    run(main, int(os.environ.get('SECONDS_MOST', '120')))
