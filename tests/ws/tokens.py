"""Tokens: what is taken for one, what it allows on each route, and how it ends."""
import asyncio
import base64
import json
import time

from relay import (ROLE, SECRET, Ws, b64, claims, http, noop, ok, one_of, poll, refusal, relay_setting, run, same, sign, sql,
                   status_of, token)

GETS = ['overview', 'tasks', 'tasks/1', 'queues', 'sources', 'schedules', 'workers', 'hosts', 'workflows', 'workflows/1', 'history', 'events']
SUBMITS = ['tasks', 'tasks/1/cancel', 'tasks/1/retry', 'tasks/cancel', 'tasks/retry']
ADMINS = ['queues/q/pause', 'queues/q/resume', 'queues/q/drain', 'queues/q/define', 'sources/s/start', 'sources/s/stop', 'sources/s/run',
          'schedules/s/pause', 'schedules/s/resume', 'hosts/h/define', 'workers/restart', 'pause_all', 'resume_all']
EVERY = [('GET', path) for path in GETS] + [('POST', path) for path in SUBMITS + ADMINS]


async def overview(bearer):
    return status_of(await http('GET', '/api/v1/overview', bearer=bearer))


async def forms():
    good = claims()
    for name, text in (
            ('none at all', None), ('empty', ''), ('a word', 'x'), ('two parts', sign(good).rsplit('.', 1)[0]),
            ('four parts', sign(good) + '.x'), ('no signature', sign(good).rsplit('.', 1)[0] + '.'),
            ('only dots', '..'), ('with padding', sign(good) + '='), ('a byte more', sign(good) + 'A'),
            ('a byte less', sign(good)[:-1]), ('in quotes', '"' + sign(good) + '"'),
            ('alg none', sign(good, header={'alg': 'none'}).rsplit('.', 1)[0] + '.'),
            ('alg none, signed', sign(good, header={'alg': 'none', 'typ': 'JWT'})),
            ('alg None', sign(good, header={'alg': 'None'}).rsplit('.', 1)[0] + '.'),
            ('alg RS256', sign(good, header={'alg': 'RS256', 'typ': 'JWT'})),
            ('alg HS512, rightly signed', sign(good, header={'alg': 'HS512', 'typ': 'JWT'}, digest='sha512')),
            ('alg HS384, rightly signed', sign(good, header={'alg': 'HS384', 'typ': 'JWT'}, digest='sha384')),
            ('no alg', sign(good, header={'typ': 'JWT'})), ('alg a number', sign(good, header={'alg': 256})),
            ('a header that is an array', b64(b'["HS256"]') + '.' + sign(good).split('.', 1)[1]),
            ('another secret', sign(good, secret='another')), ('an empty secret', sign(good, secret='')),
            ('the secret cut short', sign(good, secret=SECRET[:-1])),
            ('expired', token(ttl=-1)), ('no exp', token(exp=None)), ('exp as text', token(exp=str(int(time.time()) + 100))),
            ('exp of 0', token(exp=0)), ('a negative exp', token(exp=-5)), ('another database', token(aud='other')),
            ('no aud', token(aud=None)), ('aud a number', token(aud=5)), ('no sub', token(sub=None)),
            ('an unknown role', token(sub='nobody_there')), ('sub a number', token(sub=10)), ('no level', token(level=None)),
            ('an unknown level', token(level='root')), ('level a list', token(level=['admin'])), ('no jti', token(jti=None)),
            ('not yet valid', token(nbf=int(time.time()) + 1000)), ('claims that are no object', sign(['x'])),
            ('100 KB', sign(claims(x='x' * 100000)))):
        answer = await http('GET', '/api/v1/overview', bearer=text)
        if name == '100 KB':
            ok(answer is None or answer.status in (400, 401, 413, 431), 'a token of 100 KB', answer)
            continue
        same(status_of(answer), 401, f'a token, {name}: 401')
        if answer is not None and answer.status == 401:
            ok('www-authenticate' in answer.headers, '... and says how to authenticate', answer)
    same(await overview(sign(good)), 200, 'and the right one: 200')
    same(await overview(sign({'zzz': 'é', **claims()})), 200, 'unknown claims do not matter')
    issued = await sql(f"SELECT errand.issue_token('{ROLE}', 'monitor')")
    same(await overview(issued), 200, 'one of errand.issue_token')
    ok(issued.count('.') == 2 and '=' not in issued, '... is a JWT')
    claimed = json.loads(base64.urlsafe_b64decode(issued.split('.')[1] + '=='))
    same({k: claimed.get(k) for k in ('aud', 'sub', 'level', 'channels')},
         {'aud': 'postgres', 'sub': ROLE, 'level': 'monitor', 'channels': ['tasks']}, '... with these claims')
    ok(3590 <= claimed['exp'] - time.time() <= 3601 and claimed.get('jti'), '... for an hour, with a jti')
    for header in (f'bearer {issued}', f'BEARER {issued}', f'Bearer  {issued}'):
        one_of(status_of(await http('GET', '/api/v1/overview', headers={'Authorization': header})), (200, 401), f'{header[:8]}: a word of any case')
    for header in (f'Basic {issued}', issued, 'Bearer', f'Bearer {issued} x', f'Token {issued}', f'Bearer,{issued}'):
        same(status_of(await http('GET', '/api/v1/overview', headers={'Authorization': header})), 401, f'Authorization: {header[:7]}…: 401')
    for query in 'token', 'access_token', 'bearer', 'jwt', 'auth':
        same(status_of(await http('GET', f'/api/v1/overview?{query}={issued}')), 401, f'in the URL as {query}: 401')
    same(status_of(await http('GET', '/api/v1/overview', headers={'Cookie': f'token={issued}'})), 401, 'in a cookie: 401')
    same(await refusal(protocols=('errand.v1.json', 'bearer.' + sign(good))), 101, 'as a subprotocol')
    for text in (sign(good, secret='another'), token(ttl=-1), token(aud='other'), sign(good, header={'alg': 'none'})):
        one_of(await refusal(protocols=('errand.v1.json', 'bearer.' + text)), (401, 4401), 'a bad one as a subprotocol')
        ws = await Ws.open()
        await ws.say(type='auth', token=text)
        same(await ws.closed(), 4401, '... in a first message: 4401')


async def tampered():
    """Every byte changed, one at a time: none is ignored, none is taken for another."""
    good = token(level='monitor')
    alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    wrong = []

    async def one(i):
        c = good[i]
        for other in ('A' if c == '.' else alphabet[alphabet.index(c) ^ 32], 'A' if c == '.' else alphabet[alphabet.index(c) ^ 1]):
            status = await overview(good[:i] + other + good[i + 1:])
            if status != 401:
                wrong.append((i, c, other, status))
    for start in range(0, len(good), 16):
        await asyncio.gather(*(one(i) for i in range(start, min(start + 16, len(good)))))
    same(wrong, [], f'each of {len(good)} bytes changed: 401')
    same(await overview(good), 200, '... and unchanged: 200')


INCLUDES = {'submit': {'submit'}, 'monitor': {'monitor'}, 'admin': {'submit', 'monitor', 'admin'}}
NEEDS = {**{('GET', path): 'monitor' for path in GETS}, **{('POST', path): 'submit' for path in SUBMITS},
         **{('POST', path): 'admin' for path in ADMINS}}
ROLES = {'alice': 'submit', 'mona': 'monitor', 'root': 'admin'}


async def one_route(method, path):
    """No token 401; 403 unless both the token and the role's grant include what the route needs."""
    where = f'/api/v1/{path}'
    body = {} if method == 'POST' else None
    bad = []
    status = status_of(await http(method, where, body))
    if status != 401:
        bad.append(f'without a token {status}')
    for role, grant in ROLES.items():
        for level in INCLUDES:
            allowed = NEEDS[method, path] in INCLUDES[level] & INCLUDES[grant]
            if allowed and path == 'events':
                continue  # it would not end
            status = status_of(await http(method, where, body, bearer=token(role, level)))
            if (status not in (401, 403)) != allowed and not (allowed and path.startswith('tasks/1/') and status == 403):
                bad.append(f'token {level} of a role with {grant}: {status}')
            if method == 'GET' and allowed and path not in ('tasks/1', 'workflows/1') and status != 200:
                bad.append(f'token {level} of a role with {grant}: {status}, not 200')
    same(bad, [], f'{method} {where}: 401 and 403 for all who may not')


async def levels():
    for role, level in ROLES.items():
        await sql(f"CREATE ROLE {role} LOGIN; SELECT errand.grant_access('{role}', '{level}')")
    await sql('CREATE ROLE nothing LOGIN')
    await noop()
    for method, path in EVERY:
        await one_route(method, path)
    one_of(await overview(token('nothing', 'admin')), (401, 403), 'a role without any grant: refused')
    await sql('SELECT errand.resume_all()')


async def revoked():
    mine = claims('mona', 'monitor')
    same(await overview(sign(mine)), 200, 'a token before it is revoked: 200')
    await sql(f"SELECT errand.revoke_token('{mine['jti']}')")
    same(await overview(sign(mine)), 401, '... and after: 401')
    one_of(await refusal(protocols=('errand.v1.json', 'bearer.' + sign(mine))), (401, 4401), '... for a new connection')


async def no_secret():
    await relay_setting(token_secret='')
    for path, wanted in (('/healthz', (200,)), ('/readyz', (200, 503)), ('/', (200,)), ('/metrics', (401, 403, 503)),
                         ('/api/v1/overview', (401, 403, 503))):
        one_of(status_of(await http('GET', path, bearer=sign(claims()))), wanted, f'without a secret: GET {path}')
        one_of(status_of(await http('GET', path, bearer=sign(claims(), secret=''))), wanted, f'... signed with nothing: GET {path}')
    one_of(await refusal(protocols=('errand.v1.json', 'bearer.' + sign(claims(), secret=''))), (401, 403, 503, 4401), '... no WebSocket')
    await relay_setting(token_secret=SECRET)
    same(await overview(sign(claims())), 200, 'and with the secret again')


async def main():
    await forms()
    await tampered()
    await levels()
    await revoked()
    await no_secret()

run(main)
