"""The API, line by line, and events as SSE."""
import asyncio
import json

from relay import (PORT, connect, counted, http, like, noop, noop_told, ok, one_of, parse_head, run, same, sql, sql_is, status_of,
                   token)

ADMIN = token()


async def get(path, status=200):
    answer = await http('GET', '/api/v1/' + path, bearer=ADMIN)
    same(status_of(answer), status, f'GET {path}')
    return answer.json() if answer is not None and answer.body else None


async def post(path, body=None, status=200):
    answer = await http('POST', '/api/v1/' + path, body if body is not None else {}, bearer=ADMIN)
    same(status_of(answer), status, f'POST {path} {json.dumps(body or {})[:80]}')
    if status_of(answer) != status and answer is not None:
        ok(False, '... it says', answer.body[:300])
    return answer.json() if answer is not None and answer.body else {}


async def reading():
    await sql("SELECT errand.call('public.noop(jsonb)', '{\"secret\": \"payload\"}')")
    await sql("CREATE FUNCTION public.bad(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'this is bad'; END $$")
    failed = await sql("SELECT errand.call('public.bad(jsonb)', max_attempts => 1, queue => 'mail')")
    await sql_is(f"SELECT errand.status({failed})", 'failed')
    await counted()
    view = await get('overview')
    wanted = {'at', 'database', 'version', 'role', 'level', 'status', 'counts', 'workers', 'relay', 'queues', 'failures', 'paused'}
    same(wanted - set(view), set(), 'overview: its fields')
    same((view['database'], view['level'], view['counts']['failed']), ('postgres', 'admin', 1), '... of this database')
    page = await get('tasks?limit=1')
    same(len(page['tasks']), 1, 'tasks: a page')
    same(page['tasks'][0]['id'], int(failed), '... the newest first')
    ok(not {'payload', 'result', 'headers'} & set(page['tasks'][0]), '... no payloads in lists')
    ids, after = [], ''
    await noop(25)
    await sql_is("SELECT count(*) FROM errand.tasks WHERE state IN ('ready', 'running')", '0')
    for _ in range(10):
        page = (await http('GET', f'/api/v1/tasks?limit=10{after}', bearer=ADMIN)).json()
        ids += [t['id'] for t in page['tasks']]
        if not page['next']:
            break
        after = f'&after={page["next"]}'
    every = [int(i) for i in (await sql('SELECT id FROM errand.tasks ORDER BY id DESC')).split()]
    same(ids, every, '... pages by key: all tasks, each once')
    for query, wanted in (('state=failed', 1), ('state=failed,cancelled', 1), ('queue=mail', 1), ('task=http', 0), ('q=bad', 1), ('state=succeeded&queue=mail', 0),
                          ('limit=500', len(every)), ('key=none', 0), ('state=failed&limit=5&task=sql', 1)):
        same(len((await get('tasks?' + query))['tasks']), wanted, '... so many')
    for query in ('state=nonsense', 'limit=0', 'limit=501', 'limit=-1', 'limit=x', 'after=nonsense', 'since=yesterday-ish', 'unknown=1', 'state=%00'):
        await get('tasks?' + query, 400)
    one = await get(f'tasks/{failed}')
    same((one['task']['id'], one['task']['state'], len(one['attempts'])), (int(failed), 'failed', 1), 'tasks/ID: the task and its attempts')
    like(one['task']['error'], 'this is bad', '... its error')
    await get('tasks/987654321', 404)
    for name, key in (('queues', 'queues'), ('sources', 'sources'), ('schedules', 'schedules'), ('workers', 'workers'), ('hosts', 'hosts'), ('workflows', 'workflows')):
        same(isinstance((await get(name))[key], list), True, f'{name}: a list')
    same([q['queue'] for q in (await get('queues'))['queues'] if q['failed']], ['mail'], 'queues: their numbers')
    history = await get('history?range=1h')
    same(len(history['at']), len(history['succeeded']), 'history: arrays of one length')


async def doing():
    made = await post('tasks', {'task': 'sql', 'payload': {'function': 'public.noop(jsonb)'}, 'queue': 'q', 'tags': ['a'], 'priority': 3}, 201)
    await sql_is(f"SELECT errand.status({made['id']})", 'succeeded')
    same(await sql(f"SELECT queue, priority, tags FROM errand.tasks WHERE id = {made['id']}"), 'q|3|{a}', '... with its options')
    later = await sql("SELECT errand.call('public.noop(jsonb)', run_at => now() + '1 h')")
    await post(f'tasks/{later}/cancel')
    await sql_is(f'SELECT errand.status({later})', 'cancelled')
    await post(f'tasks/{later}/retry')
    await sql_is(f"SELECT errand.status({later}) IN ('ready', 'running', 'succeeded', 'scheduled')", 't')
    await post('tasks/987654321/cancel', status=404)
    await sql("SELECT count(*) FROM errand.submit_many('sql', array_fill('{\"function\": \"public.noop(jsonb)\"}'::jsonb, ARRAY[5]), queue => 'later', run_at => now() + '1 h')")
    same(await post('tasks/cancel', {'filter': {'queue': 'later'}, 'dry_run': True}), {'count': 5, 'dry_run': True}, 'cancel by filter, dry run: counts')
    same(await sql("SELECT count(*) FROM errand.tasks WHERE queue = 'later' AND state = 'scheduled'"), '5', '... and does nothing')
    same((await post('tasks/cancel', {'filter': {'queue': 'later'}}))['count'], 5, 'cancel by filter')
    await sql_is("SELECT count(*) FROM errand.tasks WHERE queue = 'later' AND state = 'cancelled'", '5')
    same((await post('tasks/retry', {'filter': {'queue': 'later', 'state': 'cancelled'}, 'dry_run': True}))['count'], 5, 'retry by filter, dry run')
    same((await post('tasks/retry', {'filter': {'queue': 'later', 'state': 'cancelled'}}))['count'], 5, 'retry by filter')
    await post('tasks/cancel', {}, 400)
    await post('tasks/cancel', {'filter': {'nonsense': 1}}, 400)
    await post('queues/mail/pause')
    same(await sql("SELECT paused FROM errand.stat_queues WHERE queue = 'mail'"), 't', '... paused')
    await post('queues/mail/resume')
    same(await sql("SELECT paused FROM errand.stat_queues WHERE queue = 'mail'"), 'f', '... resumed')
    await post('queues/mail/drain')
    await post('queues/mail/resume')
    await post('queues/mail/define', {'max_running': 7})
    same(await sql("SELECT max_running FROM errand.queues WHERE queue = 'mail'"), '7', '... defined')
    await post('queues/a%20b%2Fc/define', {'max_running': 2})
    same(await sql("SELECT max_running FROM errand.queues WHERE queue = 'a b/c'"), '2', '... with any name')
    await post('hosts/example.com/define', {'max_running': 3})
    await sql("SELECT errand.schedule('nightly', '0 3 * * *', 'sql', '{\"function\": \"public.noop(jsonb)\"}')")
    await post('schedules/nightly/pause')
    same(await sql("SELECT paused FROM errand.schedules WHERE name = 'nightly'"), 't', '... paused')
    await post('schedules/nightly/resume')
    await post('schedules/none/pause', status=404)
    await post('pause_all')
    await post('resume_all')
    worker = await sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'errand worker'")
    await post('workers/restart')
    await sql_is(f"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker' AND pid <> {worker}", '1')
    for action in 'start', 'stop', 'run':
        one_of(status_of(await http('POST', f'/api/v1/sources/none/{action}', {}, bearer=ADMIN)), (404, 501), f'sources/none/{action}: there is none')


class Events:
    """A client of SSE, written by hand."""

    @classmethod
    async def open(cls, last=None, bearer=None, query=''):
        self = cls()
        self.reader, self.writer = await connect()
        head = f'GET /api/v1/events{query} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nAuthorization: Bearer {bearer or ADMIN}\r\nAccept: text/event-stream\r\n'
        if last:
            head += f'Last-Event-ID: {last}\r\n'
        self.writer.write((head + '\r\n').encode())
        self.status, self.headers = parse_head(await asyncio.wait_for(self.reader.readuntil(b'\r\n\r\n'), 20))
        self.chunked = self.headers.get('transfer-encoding') == 'chunked'
        self.text = ''
        return self

    async def next(self, kind=None):
        """The next event as a dict of its fields."""
        while True:
            while '\n\n' not in self.text:
                if self.chunked:
                    size = int(await asyncio.wait_for(self.reader.readline(), 20), 16)
                    data = (await asyncio.wait_for(self.reader.readexactly(size + 2), 20))[:-2]
                else:
                    data = await asyncio.wait_for(self.reader.read(65536), 20)
                if not data:
                    return None
                self.text += data.decode()
            block, self.text = self.text.split('\n\n', 1)
            event = {}
            for line in block.split('\n'):
                if line and not line.startswith(':'):
                    name, _, value = line.partition(':')
                    event[name] = event.get(name, '') + value.removeprefix(' ')
            if event.get('data') and (kind is None or event.get('event', 'message') == kind or json.loads(event['data']).get('type') == kind):
                return event


async def events():
    sse = await Events.open()
    same((sse.status, sse.headers.get('content-type', '').split(';')[0]), (200, 'text/event-stream'), 'GET events: SSE')
    same((sse.headers.get('cache-control'), sse.headers.get('x-content-type-options')), ('no-store', 'nosniff'), '... with the headers of all answers')
    await sql_is("SELECT count(*) FROM errand.tasks WHERE state IN ('ready', 'running', 'retrying')", '0')
    ids, got = [], []

    async def task_events(stream, count):
        while len(got) < count:
            event = await stream.next()
            if event is None:
                break
            data = json.loads(event['data'])
            data = data.get('data', data)
            if 'state' in data and 'id' in event and data['id'] in ids:
                got.append((event['id'], data['id'], data['state']))
    id, = ids = await noop_told()
    await task_events(sse, 3)
    same([(i, s) for _, i, s in got], [(id, 'ready'), (id, 'running'), (id, 'succeeded')], '... the events of a task')
    like(got[0][0], r'^k[0-9a-z]+:\d+$', '... their ids are positions')
    sse.writer.close()
    first = list(got)
    ids += await noop_told()
    sse = await Events.open(last=first[0][0])
    got.clear()
    await task_events(sse, 5)
    same(got[:2], first[1:], 'Last-Event-ID: what was missed follows')
    same(len({i for i, _, _ in got}), 5, '... each once')
    sse.writer.close()
    for last in 'nonsense', 'kzzz:1', 'x' * 2000, '-1':
        sse = await Events.open(last=last)
        ok(sse.status in (200, 400, 431), f'Last-Event-ID {last[:20]}: from now on, or refused', sse.status)
        sse.writer.close()
    for channel, code in ('task:999999999', 'not_found'), ('group:999999999', 'not_found'):
        sse = await Events.open(query=f'?channel={channel}')
        told = [json.loads((await sse.next())['data'])]
        same([(t['type'], t.get('code')) for t in told], [('error', code)], f'{channel}, which is not there: an error and nothing before')
        same(await sse.next(), None, '... and the end')
        sse.writer.close()
    for channel in 'queue:', 'queue:a%01b', 'queue:a%7Fb', 'queue:' + 'x' * 201, 'source:' + 'x' * 201, 'source:a%0Ab', 'nothing':
        same(status_of(await http('GET', f'/api/v1/events?channel={channel}', bearer=ADMIN)), 400, f'channel {channel[:14]}: 400')
    sse = await Events.open(query='?channel=queue:' + '%C3%A9' * 200)
    same(json.loads((await sse.next())['data'])['type'], 'subscribed', 'a name of 200 characters')
    sse.writer.close()
    same(status_of(await http('GET', '/api/v1/events')), 401, 'without a token: 401')
    same(status_of(await http('GET', '/api/v1/events', bearer=token(level='submit'))), 403, '... with submit: 403')


async def main():
    await reading()
    await doing()
    await events()

run(main)
