"""The relay's memory runs out, allocation after allocation, while connections come and go
in every way: some are refused or cut off, the process stays, and nothing is left of them.

WALKS times (1) with each gap between two failures, from 1 to 150 allocations.
"""
import asyncio
import os
import re
import time

from growth import AT_ONCE, BEARER, WAYS
from relay import Refused, Ws, http, memory, noop, note, ok, poll, relay_pid, run, same, setting, sql, status_of, token

WALKS = int(os.environ.get('WALKS', '1'))
FAILURES = 150 * WALKS
statuses, codes = set(), set()
LOG = os.environ['PGLOG']


def failures():
    with open(LOG, errors='replace') as f:
        return sum('fault point memory' in line for line in f)


async def one(way):
    """It may end in any way; where nothing is left to tell the client, it stops waiting."""
    try:
        await way()
    except Exception:  # noqa: what it was to see it may not have seen
        pass


async def follows_tasks():
    ws = await Ws.welcome(BEARER)
    await ws.subscribe('tasks')
    await ws.subscribe('stats', id='2')
    await noop(3)
    await ws.expect('event', seconds=5)
    ws.close()


async def asks_well():
    statuses.add(status_of(await http('GET', '/api/v1/tasks?limit=5', bearer=BEARER)))


async def is_welcome():
    try:
        ws = await Ws.open(BEARER)
    except Refused as e:
        statuses.add(e.status)
        return
    message = await ws.message()
    if message is None:
        codes.add(ws.code)
    ws.close()


OURS = WAYS + (follows_tasks, asks_well, is_welcome)


async def rounds(pid, ended):
    """Until that many connections have been, or the relay is another."""
    i = 0
    while not ended(i) and await relay_pid() == pid:
        await asyncio.gather(*(one(OURS[(i + k) % len(OURS)]) for k in range(AT_ONCE)))
        i += AT_ONCE
    return i


async def main():
    pid = await relay_pid()
    await rounds(pid, lambda i: i >= 1000)
    await setting(fault='memory:relay=walk')
    made = await rounds(pid, lambda i: failures() >= FAILURES)
    await setting(fault='')
    ok(failures() >= FAILURES, f'{FAILURES} allocations failed during {made} connections', failures())
    same(await relay_pid(), pid, 'the relay is the same process')
    same(sorted(statuses - {0, 200, 503}), [], 'no memory is no fault of the client: HTTP 503 is all that is told')
    same(sorted(codes - {1006, 1013}), [], '... and 1013 is all that a WebSocket is closed with')
    before = await memory()
    await setting(fault='memory:relay=walk')
    made = await rounds(pid, lambda i: failures() >= 2 * FAILURES)
    await setting(fault='')
    await rounds(pid, lambda i: i >= 200)
    grown = await memory() - before
    ok(grown < 4, f'... its memory has not grown with {made} more', f'{grown:.1f} MB more')
    same(await relay_pid(), pid, '... and it is the same process still')
    ws = await Ws.welcome(token())
    await ws.subscribe('tasks')
    await noop(1)
    ok(await ws.expect('event') is not None, 'who comes then is served')
    ws.close()
    await setting(fault='relay_clock=20')  # pings come 20 times as soon
    began = time.monotonic()
    ok(await poll(nobody, 'no client is left', 90), '... and none is left: each connection came to an end')
    note(f'the last went after {time.monotonic() - began:.1f} s')


async def nobody():
    answer = await http('GET', '/metrics', bearer=BEARER)
    return re.search(r'^errand_ws_clients 0$', answer.body.decode(), re.M)

run(main, 300 + 300 * WALKS)
