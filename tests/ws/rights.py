"""Who sees what: levels, channels in tokens, row-level security; NOTIFY channels; two databases."""
import asyncio
import os

from relay import ROLE, Ws, counted, http, noop, ok, one_of, poll, relay_setting, run, same, sql, status_of, token


async def states_of(ws, ids, until):
    """Which of these tasks it hears of before the task `until` succeeds."""
    seen = set()
    while True:
        message = await ws.expect('event')
        if message is None:
            break
        seen.add(message['data']['id'])
        if message['data']['id'] == until and message['data']['state'] == 'succeeded':
            break
    return seen & set(ids)


async def submit_as(role):
    return int(await sql(f"SET ROLE {role}; SELECT errand.call('public.noop(jsonb)'); RESET ROLE"))


async def own_rows():
    for role, level in (('alice', 'submit'), ('bob', 'submit'), ('mona', 'monitor')):
        await sql(f"CREATE ROLE {role} LOGIN; SELECT errand.grant_access('{role}', '{level}')")
    await sql('GRANT EXECUTE ON FUNCTION public.noop(jsonb) TO PUBLIC')
    alice = await Ws.welcome(token('alice', 'submit'))
    bob = await Ws.welcome(token('bob', 'submit'))
    mona = await Ws.welcome(token('mona', 'monitor'))
    capped = await Ws.welcome(token(ROLE, 'submit'))
    for ws in alice, bob, mona, capped:
        await ws.subscribe('tasks')
    a, b, a2, b2 = [await submit_as(r) for r in ('alice', 'bob', 'alice', 'bob')]
    mine, = await noop()
    every = [a, b, a2, b2, mine]
    same(await states_of(alice, every, a2), {a, a2}, "alice hears of her own tasks only")
    same(await states_of(bob, every, b2), {b, b2}, "... bob of his")
    seen = await states_of(mona, every, mine)
    ok(seen >= {a, b, mine}, 'a monitor hears of all', seen)
    same(await states_of(capped, every, mine), {mine}, 'a superuser with a submit token: own tasks only')
    await counted()
    for name, ws, wanted in (('alice', alice, {a, a2}), ('bob', bob, {b, b2}), ('a monitor', mona, set(every)), ('a superuser capped to submit', capped, {mine})):
        _, snapshot = await ws.subscribe('tasks', id='again')
        same({t['id'] for t in snapshot['data']['tasks']}, wanted, f'{name}: the snapshot has what it may see')
        if ws is mona:
            ok(snapshot['data']['counts']['succeeded'] >= 5, '... and counts all')
        else:  # nobody keeps count of a role's history
            same([n for n in snapshot['data']['counts'].values() if n], [], '... and counts what is not final')
    for name, ws, id, wanted in (('her own task', alice, a, True), ("another's", alice, b, False), ('any, as monitor', mona, b, True)):
        await ws.say(type='subscribe', id=f'one{id}', channel=f'task:{id}')
        message = await ws.message()
        while message is not None and message.get('id') != f'one{id}':
            message = await ws.message()
        same(message['type'] == 'subscribed', wanted, f'task:ID of {name}: {"subscribed" if wanted else "refused"}')
        if not wanted:
            one_of(message['code'], ('forbidden', 'not_found'), '... as if it did not exist')
    for channel, code in ('stats', 'forbidden'), ('source:x', 'not_found'):
        await alice.say(type='subscribe', id='no', channel=channel)
        message = await alice.message()
        while message is not None and message.get('id') != 'no':
            message = await alice.message()
        ok(message is None and alice.code == 4403 or message['type'] == 'error' and (message['code'], message['retry']) == (code, False),
           f'{channel} is not for submit: {code}', (message, alice.code))
        if message is None:
            alice = await Ws.welcome(token('alice', 'submit'))
    # the API: own rows there, too
    mine_as = token('alice', 'submit')
    same(status_of(await http('POST', f'/api/v1/tasks/{a}/retry', {}, bearer=mine_as)) in (200, 409), True, 'alice may retry her own (it is not failed)')
    one_of(status_of(await http('POST', f'/api/v1/tasks/{b}/cancel', {}, bearer=mine_as)), (403, 404), "... and not cancel bob's")
    answer = await http('POST', '/api/v1/tasks', {'task': 'sql', 'payload': {'function': 'public.noop(jsonb)'}}, bearer=mine_as)
    same(status_of(answer), 201, 'alice submits')
    same(await sql(f"SELECT owner FROM errand.tasks WHERE id = {answer.json()['id']}"), 'alice', '... as herself')
    answer = await http('GET', '/api/v1/tasks?limit=500', bearer=token('mona', 'monitor'))
    ok({t['id'] for t in answer.json()['tasks']} >= set(every), 'a monitor lists all')
    for ws in alice, bob, mona, capped:
        ws.close()


async def channel_lists():
    """What a token does not list cannot be subscribed to."""
    ws = None
    for channels, channel, wanted in (
            (['tasks'], 'tasks', True), (['tasks'], 'task:1', True), (['tasks'], 'queue:x', True), (['tasks'], 'stats', True),
            (['tasks'], 'notify:orders', False), (['stats'], 'tasks', False), (['queue:mail'], 'queue:mail', True),
            (['queue:mail'], 'queue:other', False), (['queue:mail'], 'tasks', False), (['task:1'], 'task:1', True), (['task:1'], 'task:12', False),
            (['notify:*'], 'notify:orders', True), (['notify:orders'], 'notify:orders', True), (['notify:other'], 'notify:orders', False),
            (['*'], 'notify:orders', True), (['*'], 'tasks', True), ([], 'tasks', False), (['tas*'], 'tasks', False), (['TASKS'], 'tasks', False)):
        ws = await Ws.welcome(token(channels=channels))
        await ws.say(type='subscribe', id='1', channel=channel)
        message = await ws.message()
        if wanted:
            ok(message and (message['type'] == 'subscribed' or message.get('code') == 'not_found'), f'channels {channels}: {channel}', (message, ws.code))
        else:
            ok(message is None and ws.code == 4403 or message and message['type'] == 'error' and message['code'] == 'forbidden' and message['retry'] is False,
               f'channels {channels}: not {channel}', (message, ws.code))
        ws.close()


async def notifications():
    ws = await Ws.welcome()
    await ws.subscribe('notify:orders', id='n')
    await ws.subscribe('tasks', id='t')
    payload = 'a "b" \\ é \n\t {"x": 1} ' + 'z' * 7000
    await sql("SELECT pg_notify('orders', 'one'), pg_notify('unlisted', 'no'), pg_notify('Strange Name', 'two')")
    await sql(f"SELECT pg_notify('orders', $x${payload}$x$)")
    await sql("NOTIFY orders")
    got = [await ws.expect('notify') for _ in range(3)]
    same([(m['id'], m['channel'], m['payload']) for m in got], [('n', 'orders', 'one'), ('n', 'orders', payload), ('n', 'orders', '')],
         "the user's NOTIFY channel, in order, any text")
    same(sorted(got[0]), ['channel', 'id', 'payload', 'position', 'type'], '... with these fields')
    await ws.subscribe('notify:Strange Name', id='q')
    await sql("""SELECT pg_notify('Strange Name', 'quoted')""")
    same((await ws.expect('notify'))['payload'], 'quoted', 'a channel whose name needs quotes')
    await sql("BEGIN; NOTIFY orders, 'rolled back'; ROLLBACK; NOTIFY orders, 'committed'")
    last = await ws.expect('notify')
    same(last['payload'], 'committed', 'nothing of a transaction that was rolled back')
    other = await Ws.welcome()
    done, _ = await other.subscribe('notify:orders', since=got[0]['position'])
    same([(await other.expect('notify'))['payload'] for _ in range(3)], [payload, '', 'committed'], 'resumed by position')
    same(done['recovered'], True, '... recovered')
    # the connection that listens is lost
    before = await sql("SELECT pid FROM pg_stat_activity WHERE query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()")
    ok(before != '', 'one session listens', before)
    for pid in before.split():
        await sql(f'SELECT pg_terminate_backend({pid})')

    async def heard():
        await sql("NOTIFY orders, 'again'")
        ws.lines += [m for m in [await quick(ws)] if m]
        return any(m['type'] == 'notify' and m['payload'] == 'again' for m in ws.lines)
    ok(await poll(heard, 'the relay listens again'), 'its session was killed: it listens again')
    ws.close()
    other.close()
    await relay_setting(relay_channels='orders, fresh')
    ws = await Ws.welcome()

    async def listed():
        await ws.say(type='subscribe', id='f', channel='notify:fresh')
        return (await ws.message())['type'] == 'subscribed'
    ok(await poll(listed, 'the channel is known'), 'a channel that was added to errand.relay_channels')

    async def fresh():
        await sql("NOTIFY fresh, 'x'")
        message = await quick(ws)
        return message is not None and message['type'] == 'notify'
    ok(await poll(fresh, 'it is heard'), '... is heard')
    ws.close()


async def quick(ws):
    """The next message, if it comes within a moment."""
    try:
        return await ws.message(0.3)
    except asyncio.TimeoutError:
        return None


async def two_databases():
    """The other database has a relay of its own, at a port of its own; a token is of one database."""
    port = int(os.environ['OTHER_PORT'])

    async def back():
        """The settings of before were changed for all: it may still be restarting."""
        try:
            return status_of(await http('GET', '/healthz', port=port)) == 200
        except OSError:
            return False
    await poll(back, 'the relay of the other database')
    here = await Ws.welcome()
    await here.subscribe('tasks')
    one_of(status_of(await http('GET', '/api/v1/overview', bearer=token(aud='other'))), (401,), "a token of the other database: 401 here")
    same(status_of(await http('GET', '/api/v1/overview', bearer=token(aud='other'), port=port)), 200, '... 200 there')
    same(status_of(await http('GET', '/api/v1/overview', bearer=token(), port=port)), 401, '... and ours 401 there')
    there = await Ws.welcome(token(aud='other'), port=port)
    await there.subscribe('tasks')
    await sql("\\connect other\nSELECT errand.pause_all();\nSELECT errand.call('public.noop(jsonb)');\nSELECT errand.resume_all();\n\\connect postgres")
    message = await there.expect('event')
    same(message and message['data']['state'], 'ready', 'a task of the other database is heard there')
    id, = await noop()
    message = await here.expect('event')
    same(message['data']['id'], id, '... and not here')
    same(await sql("SELECT count(DISTINCT datname) FROM pg_stat_activity WHERE backend_type = 'errand relay'"), '2', 'two relays')
    here.close()
    there.close()


async def main():
    await own_rows()
    await channel_lists()
    await notifications()
    await two_databases()

run(main)
