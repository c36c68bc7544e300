"""Clients that want to do harm, and a good one beside them that must not notice."""
import asyncio
import os
import time

from relay import PING, TEXT, Refused, Ws, connect, frame, http, memory, moment, ok, poll, relay_pid, rests, run, same, sql, token


class Good:
    """A client that asks and is answered all the time; how long did it wait?"""

    def __init__(self):
        self.waits = []
        self.stop = False

    async def run(self):
        ws = await Ws.welcome()
        while not self.stop:
            began = time.monotonic()
            if not await ws.alive():
                self.waits.append(99)
                return
            self.waits.append(time.monotonic() - began)
            await moment()
        ws.close()

    def p99(self):
        return sorted(self.waits)[int((len(self.waits) - 1) * 0.99)]


async def beside(name, what):
    """Does `what` while a good client is served: in time, in little memory, by the same process."""
    pid, before = await relay_pid(), await memory()
    for _ in range(2):  # the machine may stand still for a while
        good = Good()
        job = asyncio.ensure_future(good.run())
        await what()
        good.stop = True
        await job
        if good.p99() < 1:
            break
    ok(good.p99() < 1, f'{name}: a good client waits less than 1 s', f'{good.p99():.3f} s of {len(good.waits)} answers')
    grown = await memory() - before
    ok(grown < 40, '... the memory of the relay is bounded', f'{grown:.1f} MB more')
    same(await relay_pid(), pid, '... and it is the same process')
    same(await sql('SELECT 1'), '1', '... sessions connect')


async def slow_reader():
    """It reads, but less than comes: 4008, and then it resumes without a loss."""
    before = int(await sql('SELECT coalesce(max(id), 0) FROM errand.task'))  # of these events may still come
    slow = await Ws.welcome(rcvbuf=4096, limit=4096)
    await slow.subscribe('tasks')
    seen = []

    async def read(pause):
        while slow.code is None:
            message = await slow.message(60)
            if message is not None and message['type'] == 'event' and message['data']['id'] > before:
                seen.append((message['position'], message['data']['id']))
            await moment(0 if len(got) >= total else pause)
    good = await Ws.welcome()
    await good.subscribe('tasks', batch=True)
    await sql('SELECT errand.pause_all()')
    got, total = [], 40000  # its socket takes some, its queue in the relay half of the history

    async def listen():
        while True:
            message = await good.expect('event', seconds=60)
            if message is None:
                return
            if message['data']['id'] > before:
                got.append((message['position'], message['data']['id']))
    listening = asyncio.ensure_future(listen())
    reading = asyncio.ensure_future(read(0.01))
    for _ in range(total // 500):
        await sql("SELECT count(*) FROM errand.submit_many('sql', array_fill('{\"function\": \"public.noop(jsonb)\"}'::jsonb, ARRAY[500]))")
    await poll(lambda: len(got) >= total, 'the good one has all', 60)
    listening.cancel()
    same(len(got), total, f'the good client has all of {total} events')
    await asyncio.wait_for(reading, 60)
    same(slow.code, 4008, 'the slow one is closed with 4008')
    same(seen, got[:len(seen)], '... what it had got is the begin of it all')
    again = await Ws.welcome()
    done, _ = await again.subscribe('tasks', batch=True, **({'since': seen[-1][0]} if seen else {}))
    same(done['recovered'], True, '... it resumes')
    while done['recovered'] and len(seen) < total:
        message = await again.expect('event', seconds=30)
        if message is None:
            break
        seen.append((message['position'], message['data']['id']))
    same(seen == got, True, '... and misses nothing')
    await sql('SELECT errand.cancel_where(\'{"state": "ready"}\', false)')
    await sql('SELECT errand.resume_all()')
    for ws in slow, good, again:
        ws.close()


async def slow_readers():
    """Two hundred that never read."""
    lazy = []
    for _ in range(200):
        ws = await Ws.welcome(rcvbuf=4096)
        await ws.say(type='subscribe', id='1', channel='stats')
        ws.writer.transport.pause_reading()
        lazy.append(ws)
    await sql('SELECT errand.pause_all()')
    for _ in range(20):
        await sql("SELECT count(*) FROM errand.submit_many('sql', array_fill('{\"function\": \"public.noop(jsonb)\"}'::jsonb, ARRAY[500]))")
        await asyncio.gather(*(ws.say(type='subscribe', id='2', channel='tasks') for ws in lazy[:10]))
    # they do not read, but go on to say something
    await asyncio.gather(*(ws.send(frame(PING, b'x') * 100) for ws in lazy[:10]))
    await rests('ten that speak and do not read')
    await sql('SELECT errand.cancel_where(\'{"state": "ready"}\', false)')
    await sql('SELECT errand.resume_all()')
    for ws in lazy:
        ws.close()


async def half_open_ones():
    """2,000 handshakes that never end."""
    open_ones = []
    for start in range(0, 2000, 100):
        for got in await asyncio.gather(*(connect() for _ in range(100)), return_exceptions=True):
            if isinstance(got, BaseException):
                continue
            reader, writer = got
            writer.write(b'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ')
            open_ones.append((reader, writer))
    answer = await http('GET', '/healthz')
    same(answer and answer.status, 200, 'with 2,000 half-open handshakes /healthz answers')
    for _, writer in open_ones:
        writer.transport.abort()


async def tiny_fragments():
    """A million fragments of a byte, in messages that are just short enough."""
    ws = await Ws.welcome()
    message = frame(TEXT, b' ', fin=0) + frame(0, b' ', fin=0) * 62000 + frame(0, b'{"type":"ping"}')
    answered = 0
    for _ in range(16):
        await ws.send(message)
        got = await ws.message(60)
        if got is None:
            break
        answered += got['type'] == 'pong'
    ok(answered == 16 or ws.code in (1009, 4429), 'a million fragments of a byte are taken, or refused', (answered, ws.code))
    ws.close()
    ws = await Ws.welcome()
    await ws.send(frame(TEXT, b'', fin=0) + frame(0, b'', fin=0) * 200000)
    await ws.send(frame(0, b'{"type":"ping"}'))
    got = await ws.message(60)
    ok(got is not None or ws.code is not None, '200,000 empty fragments likewise', (got, ws.code))
    ws.close()


async def message_flood():
    ws = await Ws.welcome()
    data = frame(TEXT, '{"type":"ping"}') * 1000
    for _ in range(50):
        await ws.send(data)
    pongs = 0
    while pongs < 50000:
        message = await ws.message(60)
        if message is None:
            break
        pongs += 1
    ok(pongs == 50000 or ws.code == 4429, '50,000 pings at once are answered, or it is closed with 4429', (pongs, ws.code))
    ws.close()
    # answers that are not read: the relay does not keep them for ever
    ws = await Ws.welcome(rcvbuf=4096)
    ws.writer.transport.pause_reading()
    writing = asyncio.ensure_future(never_reading(ws, data))
    await asyncio.wait([writing], timeout=3)
    ok(await memory() < 200, '... nor are answers kept for one that does not read')
    writing.cancel()
    ws.close()
    ws = await Ws.welcome()
    for i in range(2000):
        await ws.say(type='subscribe', id=f'{i % 7}', channel='tasks')
        await ws.say(type='unsubscribe', id=f'{i % 7}')
    end = None
    while end is None:
        await ws.say(type='ping')
        end = await ws.expect('pong', seconds=60)
        if end is None:
            break
    ok(end or ws.code == 4429, '2,000 subscriptions and their ends: still there, or 4429', ws.code)
    ws.close()


async def never_reading(ws, data):
    for _ in range(100):
        await ws.send(data)


async def connect_flood():
    bearer = token()

    async def one(i):
        try:
            ws = await Ws.open(bearer if i % 3 else None)
            ws.close()
            return True
        except (Refused, ConnectionError, asyncio.TimeoutError):
            return False
    came = 0
    for _ in range(20):
        came += sum(await asyncio.gather(*(one(i) for i in range(100))))
    ok(came > 0, f'a flood of connections: {came} of 2,000 came in')
    answers = await asyncio.gather(*(http('GET', '/api/v1/overview', bearer=bearer) for _ in range(200)))
    ok(all(a is not None and a.status in (200, 429, 503) for a in answers), '200 requests at once are answered, or told to wait',
       [a for a in answers if a is None or a.status not in (200, 429, 503)][:3])


async def full():
    """errand.max_clients, and what it says then; the limit is that of one small relay."""
    limit = int(os.environ['SMALL_MAX'])
    port = int(os.environ['SMALL_PORT'])
    held = []
    refused = None
    for _ in range(limit + 20):
        try:
            held.append(await Ws.welcome(token(aud='small'), port=port))
        except (Refused, RuntimeError, ConnectionError) as e:
            refused = e
            break
    ok(limit - 2 <= len(held) <= limit, f'errand.max_clients = {limit}: so many come in', len(held))
    ok(refused is not None and ('1013' in str(refused) or isinstance(refused, Refused) and refused.status in (503, 0)), '... and the next one 1013', refused)
    ok(await held[0].alive(), '... the others stay')
    held.pop().close()

    async def again():
        try:
            held.append(await Ws.welcome(token(aud='small'), port=port))
            return True
        except (Refused, RuntimeError, ConnectionError):
            return False
    ok(await poll(again, 'room again'), 'when one leaves, another comes in')
    told = []
    for _ in range(100):
        try:
            told.append(await Ws.open(token(aud='small'), port=port))
        except (Refused, ConnectionError):
            break
    same(len(told), 100, 'a hundred are told that it is full, and do not hang up')
    held.pop().close()
    ok(await poll(again, 'room beside them', 1), '... and still there is room when one leaves')
    for ws in held + told:
        ws.close()


async def main():
    await beside('half-open handshakes', half_open_ones)
    await beside('a million fragments', tiny_fragments)
    await beside('a flood of messages', message_flood)
    await beside('a flood of connections', connect_flood)
    await beside('readers that do not read', slow_readers)
    await beside('a slow reader', slow_reader)
    await full()

run(main, 300)
