"""What client and relay say to each other: each message of the protocol, and wrong ones."""
from datetime import datetime

from relay import TEXT, Ws, frame, counted, like, noop, noop_told, ok, one_of, run, same, sql, sql_is, token

POSITION = r'^k[0-9a-z]+:\d+$'
FINAL = ('succeeded', 'failed', 'cancelled', 'unknown')


def number(position):
    return int(position.split(':')[1])


async def events_of(ws, of, wanted, **fields):
    """The next events of a subscription until one has that state."""
    got = []
    while not got or got[-1]['data']['state'] != wanted:
        message = await ws.expect('event', id=of)
        if message is None:
            return got
        if all(message['data'].get(k) == v for k, v in fields.items()):
            got.append(message)
    return got


async def greeting():
    ws = await Ws.welcome()
    w = ws.session
    same(sorted(w), ['ping', 'server', 'session', 'type'], 'welcome: its fields')
    like(w['server'], r'^pg_errand \d+\.\d+\.\d+$', '... server')
    like(w['session'], POSITION, '... session is a position')
    same(w['ping'], 25, '... ping')
    await ws.say(type='ping')
    same(await ws.message(), {'type': 'pong'}, 'ping is answered by pong')
    await ws.say(type='auth', token=token())
    message = await ws.message()
    ok(message is None and ws.code in (4400, 4401) or message['type'] == 'error', 'a second auth is no use', message)
    ws.close()
    ws = await Ws.open()
    await ws.say(type='subscribe', id='1', channel='tasks')
    one_of(await ws.closed(), (4400, 4401, 4403), 'no subscription before a token')
    ws = await Ws.open()
    await ws.say(type='auth')
    one_of(await ws.closed(), (4400, 4401), 'auth without a token')


async def tasks_channel():
    ws = await Ws.welcome()
    done, snapshot = await ws.subscribe('tasks')
    same(sorted(done), ['id', 'position', 'recovered', 'type'], 'subscribed: its fields')
    same(done['recovered'], False, '... not recovered')
    like(done['position'], POSITION, '... a position')
    same(sorted(snapshot), ['data', 'id', 'position', 'type'], 'snapshot: its fields')
    same(sorted(snapshot['data']), ['counts', 'tasks'], '... counts and tasks')
    same(sorted(snapshot['data']['counts']), sorted(['waiting', 'scheduled', 'ready', 'running', 'retrying', *FINAL]), '... all nine states')
    ok(number(snapshot['position']) >= number(done['position']), '... not before it was subscribed')
    id, = await noop_told()
    got = await events_of(ws, '1', 'succeeded')
    same([m['data']['state'] for m in got], ['ready', 'running', 'succeeded'], 'a task: ready, running, succeeded')
    last = got[-1]
    same(sorted(last), ['at', 'data', 'id', 'position', 'type'], 'event: its fields')
    like(last['at'], r'^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$', '... at, in UTC')
    data = last['data']
    same({k: data.get(k) for k in ('id', 'task', 'queue', 'state', 'attempt')},
         {'id': id, 'task': 'sql', 'queue': 'default', 'state': 'succeeded', 'attempt': 1}, '... of that task')
    ok(isinstance(data.get('wait_ms'), (int, float)) and isinstance(data.get('run_ms'), (int, float)), '... with its times', data)
    ok('payload' not in data and 'result' not in data, '... without payload and result')
    positions = [number(m['position']) for m in got]
    same(positions, list(range(positions[0], positions[0] + 3)), 'positions count up, none is left out')
    await sql('CREATE FUNCTION public.bad(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE \'no\'; END $$')
    await sql("SELECT errand.call('public.bad(jsonb)', max_attempts => 2, backoff => 'constant', backoff_base => '10 ms')")
    got = await events_of(ws, '1', 'failed')
    same([m['data']['state'] for m in got if m['data']['state'] not in ('ready',)], ['running', 'retrying', 'running', 'failed'],
         'a task that fails twice')
    same([m['data']['attempt'] for m in got if m['data']['state'] == 'running'], [1, 2], '... with its attempts')
    await sql("SELECT errand.submit('sql', '{\"function\": \"public.noop(jsonb)\"}', run_at => now() + '1 h')")
    later = await ws.expect('event')
    same(later['data']['state'], 'scheduled', 'a task of later')
    await sql(f"SELECT errand.cancel({later['data']['id']})")
    same((await ws.expect('event'))['data']['state'], 'cancelled', '... cancelled')
    await sql('BEGIN; SELECT errand.submit(\'sql\', \'{"function": "public.noop(jsonb)"}\'); ROLLBACK')
    after, = await noop()
    got = await events_of(ws, '1', 'succeeded')
    same({m['data']['id'] for m in got}, {after}, 'what was rolled back did not happen')
    _, snapshot = await ws.subscribe('tasks', id='2')
    same(snapshot['data']['tasks'][0]['id'], after, 'a second subscription: the snapshot has the newest first')
    ok('payload' not in snapshot['data']['tasks'][0], '... without payloads')
    await ws.say(type='unsubscribe', id='1')
    ok(await ws.alive(), 'unsubscribed')
    await noop()
    got = []
    while not got or got[-1]['data']['state'] != 'succeeded':
        got.append(await ws.expect('event'))
    same({m['id'] for m in got}, {'2'}, '... only the other one hears of it')
    ws.close()


async def many_newest():
    await noop(150)
    await counted()
    ws = await Ws.welcome()
    _, snapshot = await ws.subscribe('tasks')
    ids = [t['id'] for t in snapshot['data']['tasks']]
    newest = (await sql('SELECT string_agg(id::text, \' \' ORDER BY id DESC) FROM (SELECT id FROM errand.tasks ORDER BY id DESC LIMIT 100) AS t'))
    same(ids, [int(i) for i in newest.split()], 'a snapshot has the newest 100')
    counts = dict(line.split('|') for line in (await sql('SELECT state, count(*) FROM errand.tasks GROUP BY 1')).split())
    same({k: v for k, v in snapshot['data']['counts'].items() if v}, {k: int(v) for k, v in counts.items()}, '... and counts all')
    ws.close()


async def filters():
    ws = await Ws.welcome()
    await ws.subscribe('tasks', id='mail', filter={'queue': 'mail'})
    await ws.subscribe('tasks', id='done', filter={'state': ['succeeded', 'failed']})
    await ws.subscribe('tasks', id='both', filter={'queue': 'mail', 'state': ['running']})
    await ws.subscribe('queue:mail', id='queue')
    await noop_told(2)
    await noop_told(1, queue="'mail'")
    seen = {}
    while sum(m['data']['state'] == 'succeeded' for m in seen.get('done', [])) < 3 or len(seen.get('mail', [])) < 3 or len(seen.get('queue', [])) < 3:
        message = await ws.expect('event')
        if message is None:
            break
        seen.setdefault(message['id'], []).append(message)
    same([m['data']['state'] for m in seen['mail']], ['ready', 'running', 'succeeded'], 'filter by queue')
    same({m['data']['queue'] for m in seen['mail']}, {'mail'}, '... nothing of others')
    same([m['data']['state'] for m in seen['done']], ['succeeded'] * 3, 'filter by state')
    same([(m['data']['queue'], m['data']['state']) for m in seen['both']], [('mail', 'running')], '... by both')
    same([m['data']['state'] for m in seen['queue']], ['ready', 'running', 'succeeded'], 'channel queue:NAME')
    ws.close()


async def one_task_and_groups():
    ws = await Ws.welcome()
    id, = await noop(run_at="now() + '1 h'")
    _, snapshot = await ws.subscribe(f'task:{id}', id='t')
    data = snapshot['data']
    row = data.get('task', data) if isinstance(data.get('task'), dict) else data
    same((row['id'], row['state']), (id, 'scheduled'), 'task:ID: its snapshot')
    group = await sql("SELECT errand.open_group('g')")
    _, snapshot = await ws.subscribe(f'group:{group}', id='g')
    same({'counts', 'tasks'} - set(snapshot['data']), set(), 'group:ID: its snapshot')
    other, = await noop()
    await sql(f'SELECT errand.reschedule({id}, now())')
    member, = await noop(task_group=group)
    seen = {'t': [], 'g': []}
    while not all(m and m[-1]['data']['state'] == 'succeeded' for m in seen.values()):
        message = await ws.expect('event')
        if message is None:
            break
        seen[message['id']].append(message)
    same({m['data']['id'] for m in seen['t']}, {id}, 'task:ID: its events only')
    same({m['data']['id'] for m in seen['g']}, {member}, "group:ID: its members' events only")
    await ws.say(type='subscribe', id='x', channel='task:999999999')
    message = await ws.message()
    same((message['type'], message.get('id'), message.get('retry')), ('error', 'x', False), 'a task that does not exist: an error')
    ok(await ws.alive(), '... and the connection stays')
    ws.close()


async def stats():
    ws = await Ws.welcome()
    _, snapshot = await ws.subscribe('stats', id='s')
    wanted = {'at', 'counts', 'rates', 'running', 'slots', 'oldest_ready_age_ms', 'paused', 'queues', 'workers', 'clients'}
    same(wanted - set(snapshot['data']), set(), 'stats: its fields')
    ok(snapshot['data']['clients'] >= 1, '... counts its clients')
    came = [await ws.expect('snapshot', id='s') for _ in range(8)]
    at = [datetime.fromisoformat(m['data']['at'].rstrip('Z')[:26]) for m in came]
    apart = [(b - a).total_seconds() for a, b in zip(at, at[1:])]
    ok(min(apart) > 0, 'stats come again by themselves', apart)
    ok(0.7 < sorted(apart)[3] < 1.6, '... once a second', apart)
    ws.close()


async def events_about(ws, ids):
    """So many events of these tasks as they are."""
    got = []
    while len(got) < len(ids):
        message = await ws.expect('event')
        if message is None:
            break
        if message['data']['id'] in ids:
            got.append(message)
    return got


async def batches():
    await counted()
    ws = await Ws.welcome()
    await ws.subscribe('tasks', id='b', batch=True)
    single = await Ws.welcome()
    await single.subscribe('tasks', id='s')
    await sql('SELECT errand.pause_all()')
    ws.frames = single.frames = 0
    ids = await noop(300)
    got = await events_about(ws, ids)
    same([m['data']['id'] for m in got], ids, 'batch: all events of a transaction, in order')
    ok(ws.frames < 100, '... in few frames', ws.frames)
    got = await events_about(single, ids)
    same([m['data']['id'] for m in got], ids, 'no batch: the same')
    ok(single.frames >= 300, '... a frame each', single.frames)
    await sql('SELECT errand.resume_all()')
    ws.close()
    single.close()


async def resuming():
    await sql_is("SELECT count(*) FROM errand.tasks WHERE state IN ('ready', 'running')", '0')
    ws = await Ws.welcome()
    await ws.subscribe('tasks')
    last, = await noop()  # behind its events come none of what was before
    await events_of(ws, '1', 'succeeded', id=last)
    await noop(10)
    got = []
    while sum(m['data']['state'] == 'succeeded' for m in got) < 10:
        got.append(await ws.expect('event'))
    ws.close()
    ws = await Ws.welcome()
    done, _ = await ws.subscribe('tasks', since=got[4]['position'])
    same(done['recovered'], True, 'since inside the history: recovered')
    again = [await ws.expect('event') for _ in got[5:]]
    same(again, got[5:], '... what was missed follows, the same to the letter')
    done, snapshot = await ws.subscribe('tasks', id='now', since=got[-1]['position'])
    same(done['recovered'], True, 'since the newest: recovered, nothing missed')
    done, _ = await ws.subscribe('tasks', id='f', since=got[0]['position'], filter={'state': ['succeeded']})
    again = [await ws.expect('event', id='f') for _ in range(10)]
    same([m['position'] for m in again], [m['position'] for m in got if m['data']['state'] == 'succeeded'], 'with a filter: only those')
    epoch = got[0]['position'].split(':')[0]
    for name, since in (('another epoch', 'kzzzzzz:5'), ('of the future', f'{epoch}:999999999')):
        done, snapshot = await ws.subscribe('tasks', id=name, since=since)
        same((done['recovered'], snapshot is not None), (False, True), f'since {name}: a snapshot')
    ws.close()
    for since in ('x', '', 'k:', ':5', f'{epoch}:-1', f'{epoch}:99999999999999999999999', 5, None, [], f'{epoch}:1;'):
        ws = await Ws.welcome()
        await ws.say(type='subscribe', id='1', channel='tasks', since=since)
        message = await ws.message()
        ok(message is None and ws.code == 4400 or message and (message['type'] == 'error' or message.get('recovered') is False),
           f'since {since!r}: a snapshot or refused', (message, ws.code))
        ws.close()


BAD = (  # texts that are no message of the protocol
    '', ' ', 'x', '{', '}', '[]', '"ping"', 'null', '1', '{}', '{"type":}', '{"type":"ping"', '{"type":"ping"}x', '{"type":"ping"}{"type":"ping"}',
    '{"type":"nothing"}', '{"type":1}', '{"type":null}', '{"type":["ping"]}', '{"TYPE":"ping"}', '{"type":"ping","type":"auth"}',
    '{"type":"subscribe"}', '{"type":"subscribe","id":"1"}', '{"type":"subscribe","channel":"tasks"}',
    '{"type":"subscribe","id":1,"channel":"tasks"}', '{"type":"subscribe","id":"","channel":"tasks"}',
    '{"type":"subscribe","id":"1","channel":5}', '{"type":"subscribe","id":"1","channel":"tasks","filter":"x"}',
    '{"type":"subscribe","id":"1","channel":"tasks","filter":{"state":5}}',
    '{"type":"subscribe","id":"1","channel":"tasks","filter":{"state":["nonsense"]}}',
    '{"type":"subscribe","id":"1","channel":"tasks","filter":{"unknown":"x"}}',
    '{"type":"subscribe","id":"%s","channel":"tasks"}' % ('i' * 5000), '{"type":"unsubscribe"}', '{"type":"unsubscribe","id":5}',
    "{'type':'ping'}", '{"type":"ping",}', '{"type":"ping\\ud800"}', '{"type":"ping\\u0000"}', '// x\n{"type":"ping"}',
    '{"a":' * 1000 + '1' + '}' * 1000, '[' * 30000, '{"type":"ping","n":1e999}', '{"type":"ping","n":' + '9' * 5000 + '}', '\ufeff{"type":"ping"}',
)
CHANNELS = ('', 'x', 'task:', 'task:x', 'task:-1', 'task:1 OR 1=1', 'task:99999999999999999999', 'queue:', 'queue:' + 'q' * 201, 'source:' + 'q' * 201, 'source:a\nb', 'group:x', 'tasks:1',
            'TASKS', 'stats:1', 'notify:', 'notify:unlisted', 'source:', 'task:1\n', 'queue:\x00', 'queue:a\x01b', "queue:'; DROP TABLE x; --")


async def wrong_messages():
    for text in BAD:
        ws = await Ws.welcome()
        await ws.send(frame(TEXT, text))
        message = await ws.message()
        ok(message is None and ws.code == 4400 or message is not None and message['type'] == 'error' and message['retry'] is False
           or 'ping' in text[:14] and message == {'type': 'pong'} and '","n"' in text,
           f'a bad message: {text[:60]!r}', (message, ws.code))
        ws.close()
    ws = await Ws.welcome()
    for i, channel in enumerate(CHANNELS):
        if ws.code is not None:
            ws = await Ws.welcome()
        await ws.say(type='subscribe', id=f'c{i}', channel=channel)
        message = await ws.message()
        while message is not None and message.get('id') != f'c{i}':
            message = await ws.message()
        # a queue that nobody has heard of may be followed
        ok(message is None and ws.code in (4400, 4403) or message is not None and (message['type'] == 'error' or channel.startswith("queue:'")),
           f'a bad channel: {channel[:40]!r}', (message, ws.code))
    ws.close()
    same(await sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand relay'"), '1', 'after all of these the relay is there')


async def subscriptions_limit():
    ws = await Ws.welcome()
    await ws.subscribe('tasks', id='same')
    await ws.say(type='subscribe', id='same', channel='tasks')
    message = await ws.message()
    ok(message is None or message['type'] in ('error', 'subscribed'), 'the same id again: an error or instead of the first', message)
    ws.close()
    ws = await Ws.welcome()
    refused = None
    for i in range(5000):
        await ws.say(type='subscribe', id=f's{i}', channel='queue:none')
        message = await ws.message()
        while message is not None and message['type'] not in ('subscribed', 'error'):
            message = await ws.message()
        if message is None or message['type'] == 'error':
            refused = (i, message, ws.code)
            break
    ok(refused is not None and refused[0] >= 8 and (refused[2] == 4429 or refused[1] and refused[1]['code'] == 'too_many'),
       'too many subscriptions: 4429', refused)
    ws.close()


async def main():
    await greeting()
    await tasks_channel()
    await many_newest()
    await filters()
    await one_task_and_groups()
    await stats()
    await batches()
    await resuming()
    await wrong_messages()
    await subscriptions_limit()

run(main)
