"""The channel source:NAME: rows as they are stored, states, whose they are, resuming.

The client is python3-websockets, but where bytes must be ours. Rows come from
the counting server: /since/TOTAL, and /switch, which fails when it is told to.
"""
import asyncio
import json
import os

import websockets

from relay import PORT, ROLE, Ws, http, ok, run, same, sql, sql_is, token

COUNT = os.environ['COUNT_PORT']


class Client:
    """What somebody else's program sees."""

    def __init__(self, ws):
        self.ws = ws
        self.lines = []

    @classmethod
    async def open(cls, bearer):
        ws = await websockets.connect(f'ws://127.0.0.1:{PORT}/ws', subprotocols=['errand.v1.json', f'bearer.{bearer}'], max_size=1 << 24)
        c = cls(ws)
        welcome = await c.next()
        assert welcome['type'] == 'welcome', welcome
        return c

    async def next(self, seconds=30):
        while not self.lines:
            self.lines = (await asyncio.wait_for(self.ws.recv(), seconds)).split('\n')
        return json.loads(self.lines.pop(0))

    async def subscribe(self, channel, id='1', **more):
        """(subscribed, snapshot), or (error, None)."""
        await self.ws.send(json.dumps({'type': 'subscribe', 'id': id, 'channel': channel, **more}))
        first = await self.next()
        if first['type'] != 'subscribed' or first['recovered']:
            return first, None
        return first, await self.next()

    async def events(self, until):
        """Up to and with the first event that until() likes."""
        seen = []
        while True:
            e = await self.next()
            seen.append(e)
            if until(e['data']):
                return seen

    async def close(self):
        await self.ws.close()


async def define(name, path, options, role=ROLE):
    await sql(f"SET ROLE {role}; SELECT errand.define_source('{name}', 'rest', 'http://127.0.0.1:{COUNT}{path}', every => '1 h', {options}); RESET ROLE")


async def run_now(name):
    """One run, to its end."""
    number = await sql(f"SELECT errand.run_source_now('{name}')")
    await sql_is(f"SELECT finished_at IS NOT NULL FROM errand.source_runs WHERE id = {number}", 't')


def rows_of(events):
    return [i for e in events if 'items' in e['data'] for i in e['data']['items']]


async def rows():
    await sql('CREATE TABLE public.few (id bigint PRIMARY KEY, name text)')
    await define('few', '/since/3', "items => '$.items[*]', target => 'few', on_conflict => 'update'")
    c = await Client.open(token())
    subscribed, snapshot = await c.subscribe('source:few')
    same((subscribed['type'], subscribed['id'], subscribed['recovered'], subscribed['position']), ('subscribed', '1', False, snapshot['position']),
         'source:NAME is subscribed to, where its snapshot is')
    same((snapshot['data']['source'], snapshot['data']['state'], snapshot['data']['last_items'], [s['stage'] for s in snapshot['data']['stages']]),
         ('few', 'stopped', [], ['fetch', 'transform', 'store']), 'the snapshot is its row')
    await run_now('few')
    e, = await c.events(lambda d: 'items' in d)
    same(sorted(e), ['at', 'data', 'id', 'position', 'type'], 'an event has at, data, id, position, type')
    same(sorted(e['data']), ['at', 'id', 'items', 'source'], '... its data at, id, items, source')
    same(e['data']['items'], [{'id': n, 'name': f'item {n}'} for n in (1, 2, 3)], 'new rows come inline, as they were stored')
    await sql("UPDATE public.few SET name = 'other' WHERE id = 2")
    await run_now('few')
    e, = await c.events(lambda d: 'items' in d)
    same(e['data']['items'], [{'id': 2, 'name': 'item 2'}], 'what has not changed is not told of again')
    _, snapshot = await c.subscribe('source:few', id='2')
    same(snapshot['data']['last_items'], [{'id': 2, 'name': 'item 2'}] + [{'id': n, 'name': f'item {n}'} for n in (3, 2, 1)], 'a later snapshot has them, the newest first')
    await c.close()


async def large_rows():
    await sql("CREATE TABLE public.large (id bigint, part text, body text, PRIMARY KEY (id, part));"
              "CREATE FUNCTION public.enlarge(item jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$"
              " SELECT item - 'name' || jsonb_build_object('part', 'p', 'body', repeat('x', CASE item ->> 'id' WHEN '2' THEN 100000 ELSE 10 END)) $$")
    await define('large', '/since/3', "items => '$.items[*]', target => 'large', transform => 'enlarge(jsonb)', on_conflict => 'ignore'")
    c = await Client.open(token())
    await c.subscribe('source:large')
    await run_now('large')
    e, = await c.events(lambda d: 'items' in d)
    small = [{'id': n, 'part': 'p', 'body': 'x' * 10} for n in (1, 3)]
    same(e['data']['items'], [small[0], {'large': True, 'key': {'id': 2, 'part': 'p'}}, small[1]], 'a row above 1 kB comes by its key')
    key = e['data']['items'][1]['key']
    same(await sql(f"SELECT length(body) FROM public.large WHERE (id, part) = ({key['id']}, '{key['part']}')"), '100000', '... by which it is found')
    await c.close()


async def states():
    await sql('CREATE TABLE public.sick (id bigint, name text)')
    await define('sick', '/switch', "items => '$.items[*]', target => 'sick'")
    c = await Client.open(token())
    await c.subscribe('source:sick')

    async def mode(n):
        number = await sql(f"SELECT errand.http_get('http://127.0.0.1:{COUNT}/mode/{n}')")
        await sql_is(f'SELECT errand.status({number})', 'succeeded')
    await mode(500)
    await run_now('sick')
    await run_now('sick')
    await mode(0)
    await run_now('sick')
    await sql("SELECT errand.start_source('sick')")
    await sql("SELECT errand.stop_source('sick')")
    await sql("SELECT errand.drop_source('sick')")
    seen = await c.events(lambda d: d.get('state') == 'dropped')
    told = [e['data']['state'] for e in seen if 'state' in e['data']]
    same(told, ['degraded', 'stopped', 'idle', 'stopped', 'dropped'], 'each change of state, once')
    ok(all(e['data']['source'] == 'sick' for e in seen), '... of this source alone')
    ok(len(rows_of(seen)) >= 2, '... and the rows between them')
    gone, _ = await c.subscribe('source:sick', id='2')
    same((gone['type'], gone['code'], gone['retry']), ('error', 'not_found', False), 'a source that is not there')
    await c.close()


async def rights():
    for role in ('rita', 'sam', 'mona'):
        await sql(f"CREATE ROLE {role} LOGIN; SELECT errand.grant_access('{role}', '{'monitor' if role == 'mona' else 'submit'}')")
    await sql('CREATE TABLE public.hers (id bigint, name text); ALTER TABLE public.hers OWNER TO rita')
    await define('hers', '/since/3', "items => '$.items[*]', target => 'public.hers'", role='rita')
    clients = {}
    for name, bearer, wanted in (('rita', token('rita', 'submit'), 'subscribed'), ('sam', token('sam', 'submit'), 'not_found'),
                                 ('mona', token('mona', 'monitor'), 'subscribed'), ('a token for tasks', token('rita', 'submit', ('tasks',)), 'forbidden'),
                                 ('a token for it', token('rita', 'submit', ('source:hers',)), 'subscribed'), ('a wildcard', token(ROLE, 'monitor', ('source:*',)), 'subscribed')):
        c = clients[name] = await Client.open(bearer)
        first, _ = await c.subscribe('source:hers')
        same(first.get('code', first['type']), wanted, f'{name}: {wanted}')
    for path in 'overview', 'sources', 'sources?source=hers', 'history?source=hers', 'history?source=hers&range=24h', 'history?range=30d':
        answer = await http('GET', '/api/v1/' + path, bearer=token('mona', 'monitor'))
        same(answer.status, 200, f'a token for looking: {path}')
    # another role's source of the same name is another source
    await sql("SELECT errand.drop_source('hers')")
    await sql('CREATE TABLE public.his (id bigint, name text); ALTER TABLE public.his OWNER TO sam')
    await define('hers', '/since/2', "items => '$.items[*]', target => 'public.his'", role='sam')
    sam = clients['sam']
    first, _ = await sam.subscribe('source:hers', id='3')
    same(first['type'], 'subscribed', 'sam defines one of that name')
    await run_now('hers')
    same(len(rows_of(await sam.events(lambda d: 'items' in d))), 2, '... and hears of its rows')
    same(len(rows_of(await clients['mona'].events(lambda d: 'items' in d))), 2, '... so does a monitor')
    await sql("SELECT errand.drop_source('hers')")
    await define('hers', '/since/3', "items => '$.items[*]', target => 'public.hers'", role='rita')
    await run_now('hers')
    seen = await clients['rita'].events(lambda d: len(d.get('items', [])) == 3)
    same([e['data'].get('state', len(e['data'].get('items', []))) for e in seen], ['dropped', 3], "rita heard nothing of sam's, though it had the name of hers")
    await sam.ws.send(json.dumps({'type': 'ping'}))
    last = [await sam.next(), await sam.next()]
    same([m.get('data', m).get('state', m['type']) for m in last], ['dropped', 'pong'], "... nor sam of hers")
    for c in clients.values():
        await c.close()


async def steering():
    await sql('CREATE TABLE public.steered (id bigint PRIMARY KEY, name text)')
    name = 'a steered/one'
    await define(name, '/since/3', "items => '$.items[*]', target => 'steered', on_conflict => 'update'")
    path = '/api/v1/sources/a%20steered%2Fone/'

    async def post(action, bearer=None):
        return await http('POST', path + action, {}, bearer=bearer or token())
    for action in ('start', 'stop', 'run'):
        same((await post(action, token('mona', 'monitor'))).status, 403, f'{action}: not with a token for looking')
        same((await post(action, token('sam', 'submit'))).status, 403, f'{action}: nor for another role')
    same((await post('start')).status, 200, 'start')
    ok(await sql_is("SELECT started, items_stored, (SELECT string_agg(state::text, ',') FROM errand.source_runs AS r WHERE r.source = name)"
                    f" FROM errand.sources JOIN errand.stat_sources AS s ON s.source = name WHERE name = '{name}'", 't|3|succeeded'), '... it runs')
    same((await post('stop')).status, 200, 'stop')
    same(await sql(f"SELECT started FROM errand.sources WHERE name = '{name}'"), 'f', '... it is stopped')
    answer = await post('run')
    same(answer.status, 200, 'run')
    ok(await sql_is(f"SELECT state FROM errand.source_runs WHERE id = {answer.json()['run']}", 'succeeded'), '... which tells the id of the run')
    listed = (await http('GET', '/api/v1/sources', bearer=token('mona', 'monitor'))).json()['sources']
    one = (await http('GET', '/api/v1/sources?source=a%20steered%2Fone', bearer=token('mona', 'monitor'))).json()['sources']
    ok({s['source'] for s in listed} >= {name, 'few'} and 'runs' not in listed[0], 'all sources')
    same(([s['source'] for s in one], [r['state'] for r in one[0]['runs']], one[0]['rejects'], one[0]['stored_per_minute'][-2:] != [0, 0]), ([name], ['succeeded', 'succeeded'], [], True), '... and one, with its runs')
    same((await http('GET', '/api/v1/sources?source=none', bearer=token())).json(), {'sources': []}, '... or none')


async def resuming():
    await sql('CREATE TABLE public.many (id bigint PRIMARY KEY, name text)')
    await define('many', '/since/1000?limit=10', "items => '$.items[*]', target => 'many', cursor => '{\"path\": \"$.newest\", \"param\": \"since\"}'")
    stays = await Client.open(token())
    await stays.subscribe('source:many', batch=True)
    c = await Client.open(token())
    _, snapshot = await c.subscribe('source:many')
    seen, position = [], snapshot['position']
    for turn in range(5):
        await run_now('many')
        e, = await c.events(lambda d: 'items' in d)
        seen += rows_of([e])
        c.ws.transport.abort()  # as a cable that is pulled
        await run_now('many')
        c = await Client.open(token())
        first, _ = await c.subscribe('source:many', since=e['position'])
        same(first['recovered'], True, 'resumed')
        e, = await c.events(lambda d: 'items' in d)
        seen += rows_of([e])
    same([r['id'] for r in seen], list(range(1, 101)), 'no row is missing, none came twice')
    await c.close()
    same([r['id'] for r in rows_of(await stays.events(lambda d: d['items'][-1]['id'] == 100))], list(range(1, 101)), '... as one who stayed has them')
    await stays.close()
    # nobody is there at all
    c = await Client.open(token())
    first, _ = await c.subscribe('source:many')
    await c.close()
    await run_now('many')
    c = await Client.open(token())
    again, _ = await c.subscribe('source:many', since=first['position'])
    same((again['recovered'], [r['id'] for r in rows_of(await c.events(lambda d: 'items' in d))]), (True, list(range(101, 111))), 'also when nobody else was there')
    # a source that nobody followed has nothing to be resumed from
    await define('unseen', '/since/3', "items => '$.items[*]', target => 'few', on_conflict => 'update'")
    await sql('TRUNCATE public.few')
    await run_now('unseen')
    first, snapshot = await c.subscribe('source:unseen', id='2', since=first['position'])
    same((first['recovered'], len(snapshot['data']['last_items'])), (False, 3), 'what nobody followed begins with a snapshot')
    await c.close()


async def sse_and_hostile():
    c = await Client.open(token())
    for n, channel in enumerate(("source:" + 'x' * 199, "source:' OR true --", 'source:ä"\\', 'source:%')):
        first, _ = await c.subscribe(channel, id=f'h{n}')
        same((first['type'], first.get('code')), ('error', 'not_found'), f'{channel[:30]}: not_found')
    await c.close()
    await sql('CREATE TABLE public.odd (id bigint, name text)')
    name = 'odd "\\ ä \U0001f600 name'
    await define(name, '/since/1', "items => '$.items[*]', target => 'odd'")
    ws = await Ws.welcome(token())
    _, snapshot = await ws.subscribe('source:' + name)
    same(snapshot['data']['source'], name, 'a name of any characters')
    await run_now(name)
    e = await ws.expect('event', id='1')
    same((e['data']['source'], e['data']['items']), (name, [{'id': 1, 'name': 'item 1'}]), '... its rows')
    ws.close()


async def main():
    for test in rows, large_rows, states, rights, steering, resuming, sse_and_hostile:
        await test()

run(main, 240)
