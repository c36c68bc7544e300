"""HTTP as bytes: malformed requests, the headers of every answer, the page, health."""
import asyncio
import gzip
import re

from prometheus_client.openmetrics import parser as openmetrics

from relay import PORT, connect, http, like, ok, one_of, read_answer, relay_pid, run, same, sql, status_of, token

HOST = f'Host: 127.0.0.1:{PORT}\r\n'
END = 'Connection: close\r\n\r\n'
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
       "frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
SECURITY = {'content-security-policy': CSP, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer'}


def armoured(answer, name):
    """Every answer has these, errors too."""
    lacking = {k: answer.headers.get(k) for k, v in SECURITY.items() if answer.headers.get(k) != v}
    if lacking:
        ok(False, f'security headers: {name}', lacking)
    return not lacking


def post(body, *fields):
    return ('POST /api/v1/tasks HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\n'
            + ''.join(f + '\r\n' for f in fields) + END + body)


BEARER = token()
TASK = '{"task":"sql","payload":{"function":"public.noop(jsonb)"}}'
JSON = 'Content-Type: application/json'


def malformed():
    """name, bytes: each must be answered with 4xx (or 501, 505), or not at all, and do nothing."""
    n = len(TASK)
    big = 'x' * 9000
    get = 'GET /api/v1/overview HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\n'
    yield 'Content-Length and Transfer-Encoding', post(f'{n:x}\r\n{TASK}\r\n0\r\n\r\n', JSON, f'Content-Length: {n}', 'Transfer-Encoding: chunked')
    yield '... the other way round', post(f'{n:x}\r\n{TASK}\r\n0\r\n\r\n', JSON, 'Transfer-Encoding: chunked', f'Content-Length: {n}')
    yield 'two different Content-Lengths', post(TASK, JSON, f'Content-Length: {n}', 'Content-Length: 5')
    yield 'two Content-Lengths in one', post(TASK, JSON, f'Content-Length: {n}, 5')
    for length in ('-1', '+5', '0x10', '1e3', ' ', 'x', '99999999999999999999999', '5 5', f'{n}.0'):
        yield f'Content-Length "{length}"', post(TASK, JSON, f'Content-Length: {length}')
    yield 'no length at all', post(TASK, JSON)
    yield 'chunked', post(f'{n:x}\r\n{TASK}\r\n0\r\n\r\n', JSON, 'Transfer-Encoding: chunked')
    yield 'a chunk size that is none', post(f'zz\r\n{TASK}\r\n0\r\n\r\n', JSON, 'Transfer-Encoding: chunked')
    yield 'Transfer-Encoding: xchunked', post(f'{n:x}\r\n{TASK}\r\n0\r\n\r\n', JSON, 'Transfer-Encoding: xchunked')
    yield 'Transfer-Encoding: chunked, identity', post(f'{n:x}\r\n{TASK}\r\n0\r\n\r\n', JSON, 'Transfer-Encoding: chunked, identity')
    yield 'Transfer-Encoding with a blank before the colon', post(f'{n:x}\r\n{TASK}\r\n0\r\n\r\n', JSON, f'Content-Length: {n}', 'Transfer-Encoding : chunked')
    yield 'a body of 2 MB', post('x' * 2000000, JSON, 'Content-Length: 2000000')
    for path in ('/../etc/passwd', '/..%2f..%2fetc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/....//etc/passwd', '/assets/../../etc/passwd',
                 '/%00', '/index.html%00.js', '/%', '/%zz', '/%u0041', '/\\..\\windows', '//etc/passwd', '/api/v1/tasks/%00', '/api/v1/tasks/1%00',
                 '/api/v1/tasks/../overview', '/api/v1/tasks/1/../../overview', '/API/V1/OVERVIEW', '/api/v1//overview', '/api/v2/overview', '/api/v1/nothing',
                 '/api/v1/tasks/x', '/api/v1/tasks/1e3', '/api/v1/tasks/99999999999999999999', '/api/v1/tasks/-1'):
        yield f'GET {path}', f'GET {path} HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\n' + END
    yield 'a URI of 9,000 bytes', f'GET /{big} HTTP/1.1\r\n' + HOST + END
    yield 'a query of 9,000 bytes', f'GET /api/v1/tasks?q={big} HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\n' + END
    yield 'a header of 9,000 bytes', get + f'X-Big: {big}\r\n' + END
    yield '2,000 headers', get + ''.join(f'X-{i}: 1\r\n' for i in range(2000)) + END
    yield 'a name of 9,000 bytes', get + f'{big}: 1\r\n' + END
    yield 'a header without a colon', get + 'nonsense\r\n' + END
    yield 'a folded header', get + 'X-A: b\r\n  c\r\n' + END
    yield 'a blank before the colon', get.replace('Host:', 'Host :') + END
    yield 'an empty name', get + ': x\r\n' + END
    yield 'NUL in a header', get + 'X-A: a\0b\r\n' + END
    yield 'bare LF', get.replace('\r\n', '\n') + END.replace('\r\n', '\n')
    yield 'bare CR', 'GET / HTTP/1.1\r' + HOST.replace('\r\n', '\r') + '\r\r'
    yield 'HTTP/2.0', 'GET / HTTP/2.0\r\n' + HOST + END
    yield 'HTTP/0.9', 'GET /\r\n\r\n'
    yield 'HTTP/1.2x', 'GET / HTTP/1.2x\r\n' + HOST + END
    yield 'http/1.1', 'GET / http/1.1\r\n' + HOST + END
    yield 'HTTP/9.9', 'GET / HTTP/9.9\r\n' + HOST + END
    yield 'no version', 'GET / \r\n' + HOST + END
    yield 'four words', 'GET / x HTTP/1.1\r\n' + HOST + END
    yield 'a blank in the URI', 'GET /a b HTTP/1.1\r\n' + HOST + END
    yield 'no method', '/ HTTP/1.1\r\n' + HOST + END
    for method in ('PUT', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'OPTIONS', 'FOO', 'get', 'G\0ET', 'GET' * 500):
        yield f'method {method[:10]!r}', f'{method} /api/v1/tasks HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\n' + END
    yield 'an absolute URI of another host', 'GET http://evil.example/api/v1/overview HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\n' + END
    yield 'a URI of another scheme', 'GET file:///etc/passwd HTTP/1.1\r\n' + HOST + END
    yield 'a URI that does not begin with a slash', 'GET api/v1/overview HTTP/1.1\r\n' + HOST + END
    yield 'an asterisk', 'GET * HTTP/1.1\r\n' + HOST + END
    yield 'POST to a page', 'POST / HTTP/1.1\r\n' + HOST + 'Content-Length: 0\r\n' + END
    yield 'POST to what is only read', 'POST /api/v1/overview HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\nContent-Length: 2\r\n' + JSON + '\r\n' + END + '{}'
    yield 'GET of what is only done', 'GET /api/v1/pause_all HTTP/1.1\r\n' + HOST + f'Authorization: Bearer {BEARER}\r\n' + END
    yield 'TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + 'x' * 200
    yield 'SSH', 'SSH-2.0-OpenSSH_9.2\r\n'
    yield 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
    yield 'h2c', get + 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n'
    yield 'NULs', '\0' * 100
    yield 'only newlines', '\r\n' * 50


async def answers(data):
    """All answers to these bytes until the connection ends or nothing comes any more."""
    reader, writer = await connect()
    got = []
    try:
        writer.write(data.encode('latin-1'))
        writer.write_eof()
        await writer.drain()
    except (ConnectionError, OSError):
        pass
    try:
        while True:
            answer = await asyncio.wait_for(read_answer(reader), 14)
            if answer is None:
                break
            got.append(answer)
            if answer.headers.get('connection', '').lower() == 'close':
                break
    except asyncio.TimeoutError:
        got.append(None)
    writer.close()
    return got


async def bodies_that_are_none():
    """JSON only, objects only, small only."""
    for name, body, kind, wanted in (
            ('text', TASK, 'text/plain', (415,)), ('a form', 'task=sql', 'application/x-www-form-urlencoded', (415,)),
            ('multipart', TASK, 'multipart/form-data; boundary=x', (415,)), ('no type', TASK, None, (415,)), ('XML', '<a/>', 'application/xml', (415,)),
            ('json in the name only', TASK, 'application/jsonx', (415,)), ('with a charset', TASK, 'application/json; charset=utf-8', (201,)),
            ('in capitals', TASK, 'Application/JSON', (201,)), ('broken JSON', '{', 'application/json', (400,)), ('nothing', '', 'application/json', (400,)),
            ('an array', '[]', 'application/json', (400,)), ('null', 'null', 'application/json', (400,)), ('text behind it', TASK + 'x', 'application/json', (400,)),
            ('a key twice', '{"task":"sql","task":"http"}', 'application/json', (400,)), ('no UTF-8', '{"task":"\xff"}', 'application/json', (400,)),
            ('deep', '{"a":' * 2000 + '1' + '}' * 2000, 'application/json', (400, 413)), ('NUL', '{"task":"a\\u0000b"}', 'application/json', (400,)),
            ('an unknown option', '{"task":"sql","payload":{},"x":1}', 'application/json', (400,)), ('a task type that is none', '{"task":"nope"}', 'application/json', (404,)),
            ('an option of the wrong type', '{"task":"sql","payload":{"function":"public.noop(jsonb)"},"priority":"high"}', 'application/json', (400,))):
        answer = await http('POST', '/api/v1/tasks', body.encode('latin-1'), {'Content-Type': kind}, bearer=BEARER)
        one_of(status_of(answer), wanted, f'a body, {name}')
        if answer is not None and answer.status >= 400:
            armoured(answer, name)
            problem(answer, name)


def problem(answer, name):
    """RFC 9457."""
    kind = answer.headers.get('content-type', '')
    good = kind.split(';')[0] == 'application/problem+json'
    body = {}
    if good:
        body = answer.json()
        good = body.get('status') == answer.status and isinstance(body.get('title'), str) and body.get('type') == 'about:blank'
    if not good:
        ok(False, f'problem+json: {name}', (kind, answer.body[:200]))
    return body


async def all_malformed():
    pid = await relay_pid()
    before = await sql('SELECT count(*) FROM errand.tasks')
    cases = list(malformed())
    for start in range(0, len(cases), 10):
        part = cases[start:start + 10]
        for (name, _), got in zip(part, await asyncio.gather(*(answers(data) for _, data in part))):
            statuses = [a.status if a else 'silence' for a in got]
            bad = [a for a in got if a is None or not (400 <= a.status < 500 or a.status in (501, 505))]
            # these a server may also understand
            if name in ('bare LF', 'chunked', 'a folded header', 'h2c'):
                bad = [a for a in bad if a is None or a.status not in (200, 201)]
            ok(not bad and len(got) <= 1, f'malformed: {name}', statuses)
            for answer in got:
                if answer is not None:
                    armoured(answer, name)
    same(await relay_pid(), pid, f'after {len(cases)} malformed requests the relay is the same process')
    after = await sql('SELECT count(*) FROM errand.tasks')
    ok(int(after) - int(before) <= 1, '... and none of them submitted a task, but the chunked one if chunks are taken', (before, after))


async def pipelining():
    one = f'GET /healthz HTTP/1.1\r\n{HOST}\r\n'
    last = f'GET /healthz HTTP/1.1\r\n{HOST}{END}'
    got = await answers(one * 3 + last)
    ok(got and all(a and a.status == 200 for a in got) and len(got) in (1, 4), 'four requests in one segment: answered in turn, or the first and then the end',
       [status_of(a) for a in got])
    smuggled = await answers(f'GET /healthz HTTP/1.1\r\n{HOST}Content-Length: {len(last)}\r\n\r\n{last}')
    ok(len(smuggled) == 1, 'a request in the body of a GET is not a second request', [status_of(a) for a in smuggled])
    reader, writer = await connect()
    statuses = []
    for _ in range(3):
        writer.write(one.encode())
        answer = await read_answer(reader)
        statuses.append(status_of(answer))
    writer.close()
    same(statuses, [200] * 3, 'three requests in turn on one connection')


async def page_and_health():
    page = await http('GET', '/')
    same(status_of(page), 200, 'GET /: the page')
    ok(armoured(page, 'the page'), '... with its headers')
    like(page.headers.get('content-type'), '^text/html', '... HTML')
    text = gzip.decompress(page.body) if page.headers.get('content-encoding') == 'gzip' else page.body
    ok(b'<script>' not in text and b'onload=' not in text and b'style=' not in text, '... nothing inline')
    ok(not re.search(rb'(src|href)="(https?:)?/', text), '... only relative addresses', text[:500])
    ok(page.headers.get('etag'), '... an ETag')
    again = await http('GET', '/', headers={'If-None-Match': page.headers.get('etag', 'x')})
    same(status_of(again), 304, '... and 304 to who has it')
    zipped = await http('GET', '/', headers={'Accept-Encoding': 'gzip'})
    same(zipped.headers.get('content-encoding'), 'gzip', '... gzipped')
    for asset in set(re.findall(rb'(?:src|href)="([^"#:]+)"', text)):
        answer = await http('GET', '/' + asset.decode().lstrip('./'))
        same(status_of(answer), 200, f'asset {asset.decode()}')
        armoured(answer, asset.decode())
    head = await http('HEAD', '/')
    one_of(status_of(head), (200, 405), 'HEAD /')
    answer = await http('GET', '/healthz')
    same((status_of(answer), answer.headers.get('content-type', '').split(';')[0], answer.json().get('status')), (200, 'application/health+json', 'pass'), '/healthz')
    answer = await http('GET', '/readyz')
    same((status_of(answer), answer.json().get('status')), (200, 'pass'), '/readyz')
    same(set(answer.json()) - {'status'}, set(), '... no details without a token')
    answer = await http('GET', '/readyz', bearer=BEARER)
    ok(set(answer.json()) - {'status'}, '... details with one', answer)
    same(status_of(await http('GET', '/metrics')), 401, '/metrics without a token')
    answer = await http('GET', '/metrics', bearer=token(level='monitor'))
    like(answer.headers.get('content-type'), r'^text/plain; version=0\.0\.4', '/metrics: Prometheus text')
    like(answer.body.decode(), r'(?m)^# TYPE errand_\w+ counter$', '... with types')
    answer = await http('GET', '/metrics', headers={'Accept': 'application/openmetrics-text; version=1.0.0'}, bearer=token(level='monitor'))
    like(answer.headers.get('content-type'), r'^application/openmetrics-text', '... OpenMetrics on Accept')
    text = answer.body.decode()
    ok(text.endswith('\n# EOF\n') and text.count('# EOF') == 1, '... with its end')
    counters = re.findall(r'(?m)^# TYPE (\S+) counter$', text)
    ok(counters and not any(c.endswith('_total') for c in counters), '... the families of counters are named without _total', counters)
    samples = {name for name in re.findall(r'(?m)^(errand_\w+)', text)}
    ok(samples & {c + '_total' for c in counters} and not samples & set(counters), '... their samples end in it', samples)
    families = list(openmetrics.text_string_to_metric_families(text))
    ok(len(families) > 10 and all(f.name.startswith('errand_') for f in families), "... as Prometheus' own reader has it", families)
    for accept in 'text/plain', '*/*', 'application/json', 'text/plain;version=0.0.4, application/openmetrics-textual':
        answer = await http('GET', '/metrics', headers={'Accept': accept}, bearer=token(level='monitor'))
        like(answer.headers.get('content-type'), r'^text/plain; version=0\.0\.4', f'... text for {accept}')


async def error_answers():
    """Errors of every kind: headers, problem+json, nothing kept by caches."""
    for name, wanted, answer in (
            ('401', 401, await http('GET', '/api/v1/overview')), ('403', 403, await http('POST', '/api/v1/pause_all', {}, bearer=token(level='monitor'))),
            ('404', 404, await http('GET', '/api/v1/nothing', bearer=BEARER)), ('404 of a task', 404, await http('GET', '/api/v1/tasks/999999', bearer=BEARER)),
            ('405', 405, await http('POST', '/api/v1/overview', {}, bearer=BEARER)), ('415', 415, await http('POST', '/api/v1/tasks', b'x', {'Content-Type': 'text/plain'}, bearer=BEARER)),
            ('400', 400, await http('GET', '/api/v1/tasks?limit=x', bearer=BEARER)), ('404 of the page', 404, await http('GET', '/nothing.js'))):
        same(status_of(answer), wanted, f'an answer: {name}')
        if answer is None:
            continue
        armoured(answer, name)
        if 'page' not in name:
            same(answer.headers.get('cache-control'), 'no-store', f'... {name}: no-store')
            problem(answer, name)
    data = await http('GET', '/api/v1/tasks', bearer=BEARER)
    ok(armoured(data, 'data') and data.headers.get('cache-control') == 'no-store', 'data: no-store', data)
    same(data.headers.get('access-control-allow-origin'), None, '... for no other origin')
    like(data.headers.get('content-type'), '^application/json', '... JSON')
    detail = problem(await http('GET', '/api/v1/tasks?limit=0', bearer=BEARER), 'a bad limit')
    same(detail.get('code'), '22023', 'an error has its SQLSTATE', )


async def main():
    await page_and_health()
    await all_malformed()
    await bodies_that_are_none()
    await pipelining()
    await error_answers()

run(main)
