"""Who may connect: subprotocols, the upgrade's headers, Origin and Host."""
import base64
import hashlib
import os

from relay import PORT, Ws, http, ok, one_of, raw_http, refusal, relay_setting, run, same, status_of, token

HERE = f'http://127.0.0.1:{PORT}'
REFUSED = (400, 401, 403, 404, 405, 406, 426, 4406)


async def subprotocols():
    good = token()
    bearer = 'bearer.' + good

    async def status(*offered, **kwargs):
        return await refusal(protocols=offered, **kwargs)

    for offered in (('errand.v1.json', bearer), (bearer, 'errand.v1.json'), ('other', 'errand.v1.json', bearer),
                    ('errand.v1.json', 'errand.v2.json', bearer)):
        ws = await Ws.open(protocols=offered)
        same(ws.answer.headers.get('sec-websocket-protocol'), 'errand.v1.json',
             'chosen of ' + ', '.join('a token' if o.startswith('bearer.') else o for o in offered))
        same((await ws.message() or {}).get('type'), 'welcome', '... and welcomed')
        ws.close()
    for name, offered in (('none', ()), ('an unknown one', ('chat',)), ('another version', ('errand.v2.json', bearer)),
                          ('in capitals', ('ERRAND.V1.JSON', bearer)), ('a token alone', (bearer,)),
                          ('a longer name', ('errand.v1.jsonx', bearer)), ('a comma alone', (',',))):
        one_of(await status(*offered), REFUSED, f'subprotocol: {name} is refused')
    one_of(await refusal(protocols=(), headers=[('Sec-WebSocket-Protocol', 'errand.v1.json'), ('Sec-WebSocket-Protocol', bearer)]),
           (101, 400, 401), 'in two headers: taken together or refused')
    ws = await Ws.open(protocols=('errand.v1.json',))
    await ws.say(type='auth', token=good)
    same((await ws.message() or {}).get('type'), 'welcome', 'the token in a first message')
    ws.close()
    for name, wrong in (('garbage', 'abc'), ('an empty one', ''), ('a broken one', good[:-6])):
        one_of(await refusal(protocols=('errand.v1.json', 'bearer.' + wrong)), (401, 4401), f'{name} as token: refused')
    ws = await Ws.open(good, headers={'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits'})
    same(ws.answer.headers.get('sec-websocket-extensions'), None, 'no compression, even if it is offered')
    ws.close()


async def upgrade():
    good = token()
    key = base64.b64encode(os.urandom(16)).decode()
    ws = await Ws.open(good, key=key)
    accept = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
    same(ws.answer.headers.get('sec-websocket-accept'), accept, 'Sec-WebSocket-Accept')
    ws.close()

    async def refused(name, **kwargs):
        status = await refusal(bearer=good, **kwargs)
        ok(status == 0 or 400 <= status < 500, f'the upgrade is refused: {name}', status)
    for version in '0', '8', '12', '14', '-13', 'x':
        await refused(f'version {version}', version=version)
    await refused('no version', version=None)
    await refused('no key', key=None)
    await refused('a short key', key='c2hvcnQ=')
    await refused('an empty key', key='')
    same(await refusal(bearer=good, path='/'), 200, 'at / there is the page, upgrade or not')
    for path in '/ws2', '/wss', '/ws/x', '/WS', '/api/v1/events':
        await refused(f'at {path}', path=path)
    lines = f'Host: 127.0.0.1:{PORT}\r\nSec-WebSocket-Protocol: errand.v1.json, bearer.{good}\r\n'
    wants = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ' + key + '\r\n'
    for name, head in (
            ('by POST', 'POST /ws HTTP/1.1\r\n' + lines + wants + 'Upgrade: websocket\r\nConnection: Upgrade\r\n'),
            ('in HTTP/1.0', 'GET /ws HTTP/1.0\r\n' + lines + wants + 'Upgrade: websocket\r\nConnection: Upgrade\r\n'),
            ('no Upgrade', 'GET /ws HTTP/1.1\r\n' + lines + wants + 'Connection: Upgrade\r\n'),
            ('Upgrade: h2c', 'GET /ws HTTP/1.1\r\n' + lines + wants + 'Upgrade: h2c\r\nConnection: Upgrade\r\n'),
            ('no Connection: Upgrade', 'GET /ws HTTP/1.1\r\n' + lines + wants + 'Upgrade: websocket\r\nConnection: close\r\n')):
        answer = await raw_http((head + '\r\n').encode())
        ok(answer is None or 400 <= answer.status < 500, f'the upgrade is refused: {name}', answer)
    same(status_of(await http('GET', '/ws', bearer=good)) in (400, 404, 405, 426), True, 'GET /ws without an upgrade')


ALLOWED = 'https://ok.example, http://other.example:8080'

ORIGINS = (  # what a page of that origin may: connect, or not
    (None, True), (HERE, True),
    ('null', False), ('', False), ('http://evil.example', False),
    (f'http://127.0.0.1.evil.example:{PORT}', False), (f'http://evil-127.0.0.1:{PORT}', False),
    (f'http://127.0.0.1:{PORT + 1}', False), ('http://127.0.0.1', False), (f'http://127.0.0.1:{PORT}0', False),
    (f'https://127.0.0.1:{PORT}', False), (f'ws://127.0.0.1:{PORT}', False), (f'file://127.0.0.1:{PORT}', False),
    (f'http://127.0.0.1:{PORT}@evil.example', False), (f'http://evil.example@127.0.0.1:{PORT}', False),
    (f'http://evil.example/http://127.0.0.1:{PORT}', False), (f'http://127.0.0.1:{PORT}.evil.example', False),
    (f'http://127.0.0.2:{PORT}', False), (f'127.0.0.1:{PORT}', False), (f'//127.0.0.1:{PORT}', False),
    (f'http://2130706433:{PORT}', False), (f'{HERE}, http://evil.example', False), (f'http://evil.example {HERE}', False),
    ('https://ok.example', True), ('https://ok.example:443', True), ('http://other.example:8080', True),
    ('http://ok.example', False), ('https://ok.example:444', False), ('https://sub.ok.example', False),
    ('https://ok.example.evil.example', False), ('https://evilok.example', False), ('https://ok.example.', False),
    ('https://ok.exampl', False), ('http://other.example', False), ('https://other.example:8080', False),
    ('https://OK.EXAMPLE', True), ('HTTPS://ok.example', True),
)


async def origins():
    good = token()
    for origin, allowed in ORIGINS:
        got = await refusal(bearer=good, headers={'Origin': origin})
        one_of(got, (101,) if allowed else (403, 1008), f'Origin {origin}: {"welcome" if allowed else "refused"}')
    got = await refusal(bearer=good, headers=[('Origin', HERE), ('Origin', 'http://evil.example')])
    one_of(got, (0, 400, 403, 1008), 'two Origins: refused')
    # what another site's page sends without asking (no preflight): nothing is done
    for origin in 'null', 'http://evil.example', f'https://127.0.0.1:{PORT}':
        answer = await http('POST', '/api/v1/tasks', {'task': 'sql', 'payload': {}}, {'Origin': origin}, bearer=good)
        same(status_of(answer), 403, f'POST from Origin {origin}')
    answer = await http('POST', '/api/v1/tasks', {'task': 'sql', 'payload': {'function': 'public.noop(jsonb)'}}, {'Origin': HERE}, bearer=good)
    same(status_of(answer), 201, 'POST from our own page')
    answer = await http('OPTIONS', '/api/v1/tasks', None, {
        'Origin': 'http://evil.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization'})
    ok(answer and 400 <= answer.status < 500, 'a preflight is refused', answer)
    same(answer and answer.headers.get('access-control-allow-origin'), None, '... and allows nothing')
    answer = await http('GET', '/api/v1/overview', None, {'Origin': 'https://ok.example'}, bearer=good)
    ok(answer and answer.headers.get('access-control-allow-origin') != '*', 'no wildcard for an origin that is allowed')


HOSTS = (
    (f'127.0.0.1:{PORT}', True), (f'localhost:{PORT}', True), ('127.0.0.1', True), ('localhost', True), (f'[::1]:{PORT}', True),
    (f'LOCALHOST:{PORT}', True), ('ok.example', True), ('other.example:8080', True),
    ('evil.example', False), (f'evil.example:{PORT}', False), (f'127.0.0.1.evil.example:{PORT}', False),
    (f'localhost.evil.example:{PORT}', False), (f'evil.localhost.example:{PORT}', False), ('sub.ok.example', False),
    ('ok.example.evil.example', False), (f'127.0.0.1:{PORT}@evil.example', False), (f'evil.example@127.0.0.1:{PORT}', False),
    (f'192.0.2.1:{PORT}', False), (f'[::2]:{PORT}', False), (f'x127.0.0.1:{PORT}', False), ('', False),
)


async def hosts():
    good = token()
    for host, allowed in HOSTS:
        wanted = (101,) if allowed else (0, 400, 403, 421)
        one_of(await refusal(bearer=good, host=host or ' '), wanted,
               f'/ws with Host "{host}": {"welcome" if allowed else "refused"}')
        for path in '/api/v1/overview', '/', '/healthz':
            status = status_of(await http('GET', path, bearer=good, host=host or ' '))
            one_of(status, (200, 304) if allowed else (0, 400, 403, 421), f'{path} with Host "{host}": {"answered" if allowed else "refused"}')
    for name, head in (('no Host', ''), ('two Hosts', f'Host: 127.0.0.1:{PORT}\r\nHost: evil.example\r\n'),
                       ('two Hosts, the wrong one first', f'Host: evil.example\r\nHost: 127.0.0.1:{PORT}\r\n')):
        answer = await raw_http(f'GET /api/v1/overview HTTP/1.1\r\n{head}Authorization: Bearer {good}\r\nConnection: close\r\n\r\n'.encode())
        ok(answer is None or 400 <= answer.status < 500, f'{name}: refused', answer)


async def main():
    await relay_setting(allowed_origins=ALLOWED)
    await subprotocols()
    await upgrade()
    await origins()
    await hosts()

run(main)
