"""A third-party client is cut off again and again while 10,000 events flow, and
resumes by position: none is missed, none comes twice. Then a backend is killed.

The client is python3-websockets; what must come is what a client that stays,
and at the end the table, have seen.
"""
import asyncio
import json
import os
import random
import re
import signal
import time

import websockets

from relay import PORT, Ws, noop, note, ok, one_of, poll, relay_pid, run, same, sql, sql_is, token

TASKS = int(os.environ.get('RESUME_TASKS', '3400'))  # three events each, nearly
SEED = int(os.environ.get('ERRAND_SEED') or random.randrange(1 << 30))


async def connect(bearer):
    ws = await websockets.connect(f'ws://127.0.0.1:{PORT}/ws', subprotocols=['errand.v1.json', f'bearer.{bearer}'], ping_interval=None,
                                  max_size=1 << 20)
    welcome = json.loads(await ws.recv())
    assert welcome['type'] == 'welcome', welcome
    return ws


class Follower:
    """Subscribes, follows until it is cut off or told to go on elsewhere, resumes."""

    def __init__(self, cut):
        self.cut = cut            # events after which the connection is cut
        self.position = None
        self.events = []
        self.succeeded = 0
        self.snapshots = 0
        self.cuts = 0
        self.chance = random.Random(SEED)

    async def follow(self, until):
        bearer = token()
        while not until(self):
            ws = await connect(bearer)
            subscribe = {'type': 'subscribe', 'id': '1', 'channel': 'tasks', 'batch': self.chance.random() < 0.5}
            if self.position:
                subscribe['since'] = self.position
            await ws.send(json.dumps(subscribe))
            left = self.chance.randint(1, self.cut) if self.cut else 1 << 60
            try:
                while left > 0 and not until(self):
                    for line in (await asyncio.wait_for(ws.recv(), 30)).split('\n'):
                        left -= self.take(json.loads(line))
                        if left <= 0:
                            break  # what the frame still holds is lost, as the line would be
            except websockets.ConnectionClosed as e:
                note(f'closed by the relay: {e.code}')
            if self.cut and not until(self):
                self.cuts += 1
                ws.transport.abort()  # as a cable that is pulled
            else:
                await ws.close()

    def take(self, message):
        if message['type'] == 'snapshot':
            self.snapshots += 1
            self.position = message['position']
        elif message['type'] == 'subscribed' and message['recovered'] is False:
            self.position = message['position']
        elif message['type'] == 'event':
            self.events.append(message)
            self.succeeded += message['data']['state'] == 'succeeded'
            self.position = message['position']
            return 1
        return 0


def finished(follower):
    return follower.succeeded >= TASKS


async def submit_all():
    """In transactions of many sizes."""
    left, chance = TASKS, random.Random(SEED + 1)
    while left > 0:
        count = min(left, chance.choice((1, 1, 5, 20, 60)))
        await sql(f"SELECT count(*) FROM errand.submit_many('sql', array_fill('{{\"function\": \"public.noop(jsonb)\"}}'::jsonb, ARRAY[{count}]))")
        left -= count


async def cut_off(before):
    note(f'ERRAND_SEED={SEED} repeats this')
    followers = [Follower(0), Follower(300), Follower(50), Follower(1500)]
    jobs = [asyncio.ensure_future(f.follow(finished)) for f in followers]
    await poll(lambda: all(f.position for f in followers), 'all have subscribed')
    await submit_all()
    done, late = await asyncio.wait(jobs, timeout=60)
    for job in late:
        job.cancel()
    for job in done:
        job.result()
    stays = followers[0]
    numbers = [int(e['position'].split(':')[1]) for e in stays.events]
    same(numbers, list(range(numbers[0], numbers[0] + len(numbers))), 'the one that stays: all positions, one after the other')
    by_task = {}
    for e in stays.events:
        by_task.setdefault(e['data']['id'], []).append(e['data']['state'])
    # an executor gives back those that would wait behind a slow one, and may claim a task
    # before who submitted it has told of it: what comes late is left out
    odd = [states for states in by_task.values() if not re.fullmatch('(ready )?running (ready running )*succeeded', ' '.join(states))]
    same(odd[:3], [], '... every task ready, running, succeeded')
    ok(sum(states[0] == 'ready' for states in by_task.values()) > TASKS * 0.9, '... nearly all told of at the submit')
    same(len(by_task), TASKS, '... all tasks')
    same(await sql("SELECT count(*) FROM errand.tasks WHERE state = 'succeeded'"), str(TASKS + before), '... as the table has them, with those of the first client')
    for f in followers[1:]:
        same([e['position'] for e in f.events] == [e['position'] for e in stays.events], True,
             f'cut off {f.cuts} times: every event, in order, none missing, none twice ({len(f.events)} of {len(stays.events)})')
        same([e['data'] for e in f.events] == [e['data'] for e in stays.events], True, '... and they say the same')
        ok(f.cuts >= 3, '... it was cut off', f.cuts)
        same(f.snapshots, 1, '... without another snapshot than the first')


async def killed_backend():
    """A backend is killed with kill -9: the server restarts, the relay is a new one, clients
    come back and have a correct snapshot."""
    ws = await Ws.welcome()
    done, _ = await ws.subscribe('tasks')
    old = await relay_pid()
    victim = await sql('SELECT pg_backend_pid()')
    await sql("SELECT errand.pause_all(); SELECT count(*) FROM errand.submit_many('sql', array_fill('{\"function\": \"public.noop(jsonb)\"}'::jsonb, ARRAY[7]))")
    while (await ws.expect('event'))['data']['state'] != 'ready':
        pass
    os.kill(int(victim), signal.SIGKILL)
    one_of(await ws.closed(), (1006, 1001), 'after kill -9 of a backend the connection ends')
    ok(await poll(came_back, 'the relay is back', 40), 'the relay comes back')
    await sql_is('SELECT 1', '1')
    ok(await relay_pid() != old, '... a new process')
    ws = await Ws.welcome()
    again, snapshot = await ws.subscribe('tasks', since=done['position'])
    same(again['recovered'], False, 'resuming gives a snapshot')
    ok(again['position'].split(':')[0] != done['position'].split(':')[0], '... of a new epoch')
    left = await sql("SELECT count(*) FROM errand.tasks WHERE state IN ('waiting', 'scheduled', 'ready', 'running', 'retrying')")
    same(sum(v for k, v in snapshot['data']['counts'].items() if k not in ('succeeded', 'failed', 'cancelled', 'unknown')), int(left),
         '... which counts what is not final')
    finals = await sql("SELECT count(*) FROM errand.tasks WHERE state = 'succeeded'")
    # what was being settled as the minute before was written down may be missing
    ok(int(finals) * 0.9 <= snapshot['data']['counts']['succeeded'] <= int(finals), '... and what is final', snapshot['data']['counts'])
    newest = await sql("SELECT string_agg(id || state, ' ' ORDER BY id DESC) FROM (SELECT id, state FROM errand.tasks ORDER BY id DESC LIMIT 100) AS t")
    same([f"{t['id']}{t['state']}" for t in snapshot['data']['tasks']], newest.split(), '... task by task')
    await sql('SELECT errand.resume_all()')
    ids = await noop(7)
    ends = set()
    while not ends >= set(ids):
        message = await ws.expect('event', seconds=40)
        if message is None:
            break
        if message['data']['state'] == 'succeeded':
            ends.add(message['data']['id'])
    same(ends >= set(ids), True, 'and hears how it goes on')
    ws.close()


async def came_back():
    try:
        ws = await Ws.welcome()
    except Exception:  # noqa: refused, or nobody listens yet
        return False
    ws.close()
    return True


async def killed_relay():
    """The relay alone dies by a signal that it can catch: workers are not disturbed."""
    worker = await sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'errand worker'")
    old = await relay_pid()
    await sql(f'SELECT pg_terminate_backend({old})')

    async def another():
        new = await relay_pid()
        return new not in ('', old) and await came_back()
    ok(await poll(another, 'another relay', 30), 'pg_terminate_backend of the relay: another one comes')
    same(await sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'errand worker'"), worker, '... the worker is the same')


async def first_client():
    """Nobody was connected before: what the welcome says is a position all the same.
    How many tasks it took: the history lives for two seconds after a welcome, and who is
    slower than that tries again."""
    ids = []
    await sql('SELECT 1')  # psql has started
    for _ in range(5):
        began = time.monotonic()
        ws = await Ws.welcome()
        since = ws.session['session']
        ids += await noop(1)
        done, _ = await ws.subscribe('tasks')
        if done['position'].split(':')[0] == since.split(':')[0] or time.monotonic() - began < 2:
            break
        ws.close()
    same(done['position'].split(':')[0], since.split(':')[0], 'the first welcome and the first subscription are of one epoch')
    other = await Ws.welcome()
    again, _ = await other.subscribe('tasks', since=since)
    same(again['recovered'], True, '... so that a client can go on from the welcome')
    heard = await other.expect('event')
    while heard['data']['id'] in ids[:-1]:
        heard = await other.expect('event')
    same(heard['data']['id'], ids[-1], '... and hears what was submitted since')
    while heard['data']['state'] != 'succeeded':
        heard = await other.expect('event')
    ws.close()
    other.close()
    return len(ids)


async def main():
    await cut_off(await first_client())
    await killed_backend()
    await killed_relay()

run(main, 170)
