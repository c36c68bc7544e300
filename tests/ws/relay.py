"""What the tests of the relay share: raw WebSocket and HTTP clients, tokens, SQL, TAP.

A test is a program: `run(main)` calls it and ends with the plan. It finds in
its environment RELAY_PORT, RELAY_SECRET and the PG* variables of the cluster
(tests/tap/lib/Errand/Relay.pm sets them). Nothing here knows libwebsockets:
frames are written and read byte by byte, so that wrong ones can be sent.
"""
import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import resource
import socket
import struct
import sys
import time
import traceback
import uuid

PORT = int(os.environ.get('RELAY_PORT', '0'))
SECRET = os.environ.get('RELAY_SECRET', '')
DATABASE = os.environ.get('PGDATABASE', 'postgres')
ROLE = os.environ.get('PGUSER', 'postgres')  # a superuser
PATIENCE = float(os.environ.get('PATIENCE', '20'))
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
tls = None  # an ssl.SSLContext, where the relay speaks TLS
GONE = 1006  # the connection ended without a close frame

# ---- TAP ----

tested = failed = 0


def ok(good, name, why=None):
    """One assertion."""
    global tested, failed
    tested += 1
    good = bool(good)
    print(f'{"ok" if good else "not ok"} {tested} - {name}'.replace('#', '\\#'), flush=True)
    if not good:
        failed += 1
        if why is not None:
            note(why)
    return good


def same(got, wanted, name):
    return ok(got == wanted, name, f'got {got!r}\nwanted {wanted!r}')


def one_of(got, wanted, name):
    return ok(got in wanted, name, f'got {got!r}\nwanted one of {wanted!r}')


def like(text, pattern, name):
    return ok(re.search(pattern, text or '', re.S), name, f'got {text!r}\nwanted {pattern!r}')


def note(text):
    for line in str(text)[:4000].splitlines():
        print('# ' + line, flush=True)


def run(main, seconds=120):
    """The whole program."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))

    async def guarded():
        await asyncio.wait_for(main(), seconds)
    try:
        asyncio.run(guarded())
    except BaseException:  # noqa: what ends a test is a failure of it
        note(traceback.format_exc())
        ok(False, 'the test ran to its end')
    print(f'1..{tested}', flush=True)
    sys.stdout.flush()
    os._exit(1 if failed else 0)


# ---- waiting ----

async def moment(seconds=0.02):
    """Between two looks."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, lambda: done.done() or done.set_result(None))
    await done


async def poll(look, what, seconds=PATIENCE):
    """Until look() gives something true; what it gave, or None."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if time.monotonic() > end:
            note(f'waited {seconds} s in vain: {what}')
            return None
        await moment()


# ---- SQL ----

class Session:
    """One psql that stays; ask() gives what it prints, errors included."""

    def __init__(self):
        self.psql = None
        self.lock = asyncio.Lock()

    async def ask(self, query):
        async with self.lock:
            if self.psql is None or self.psql.returncode is not None:
                self.psql = await asyncio.create_subprocess_exec(
                    'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-f', '-', limit=1 << 26,
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
            mark = uuid.uuid4().hex
            self.psql.stdin.write(f'{query}\n;\n\\echo {mark}\n'.encode())
            lines = []
            while True:
                line = (await self.psql.stdout.readline()).decode()
                if line == '':  # the server is gone, or restarts
                    await self.psql.wait()
                    return '\n'.join(lines + ['psql ended'])
                if line.rstrip('\n') == mark:
                    return '\n'.join(lines)
                lines.append(line.rstrip('\n'))

    def close(self):
        if self.psql is not None and self.psql.returncode is None:
            self.psql.stdin.close()


_session = Session()


async def sql(query):
    """What the statement answers; an error fails the test."""
    answer = await _session.ask(query)
    if re.search(r'(^|\n)(psql:\S+ )?(ERROR|FATAL|psql ended)', answer):
        raise RuntimeError(f'{query}: {answer}')
    return answer


async def sql_is(query, wanted, seconds=PATIENCE):
    """Poll until it answers that, over restarts of the server too."""
    async def look():
        return await _session.ask(query) == wanted
    return await poll(look, f'{query} gives {wanted}', seconds)


async def setting(**settings):
    """errand.NAME = VALUE for good (None resets it), and everybody was told."""
    for name, value in settings.items():
        await sql(f"ALTER SYSTEM SET errand.{name} = '{value}'" if value is not None else f'ALTER SYSTEM RESET errand.{name}')
    await sql('SELECT pg_reload_conf()')
    for name, value in settings.items():
        if value is not None:  # the secret is not shown
            await sql_is(f'SHOW errand.{name}', '********' if name == 'token_secret' and value else str(value))


async def relay_setting(**settings):
    """The same, and the relay that listens has begun after it: a change of its settings restarts it."""
    before = await relay_pid()
    await setting(**settings)

    async def begun():
        try:
            return await relay_pid() not in ('', before) and status_of(await http('GET', '/healthz')) == 200
        except OSError:
            return False
    return await poll(begun, f'another relay, after {settings}')


async def relay_pid():
    return await sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'errand relay' AND datname = current_database()")


async def memory():
    """The relay's own memory, in MB."""
    with open(f'/proc/{await relay_pid()}/status') as f:
        return int(next(line for line in f if line.startswith('RssAnon')).split()[1]) / 1024


async def relay_cpu():
    """Seconds of CPU that the relay has used."""
    with open(f'/proc/{await relay_pid()}/stat') as f:
        times = f.read().rsplit(')', 1)[1].split()
    return (int(times[11]) + int(times[12])) / os.sysconf('SC_CLK_TCK')


async def rests(name, seconds=2):
    """Does the relay use hardly any CPU for so long? It may first have to end what it does."""
    for _ in range(3):
        before = await relay_cpu()
        await moment(seconds)
        used = await relay_cpu() - before
        if used < 0.4 * seconds:
            break
    ok(used < 0.4 * seconds, f'{name}: the relay rests', f'{used:.2f} s of {seconds}')


async def noop(count=1, **options):
    """Submits SQL tasks that do nothing; their ids."""
    more = ''.join(f', {k} => {v}' for k, v in options.items())
    ids = await sql("SELECT id FROM errand.submit_many('sql', array_fill('{\"function\": \"public.noop(jsonb)\"}'::jsonb,"
                    f' ARRAY[{count}]){more}) AS t (id)')
    return [int(i) for i in ids.split()]


async def noop_told(count=1, **options):
    """The same; each is told of as ready before any is claimed: else a worker may be faster than who submits."""
    await sql('SELECT errand.pause_all()')
    ids = await noop(count, **options)
    await sql('SELECT errand.resume_all()')
    return ids


async def counted():
    """Nothing is under way, and the numbers of the overview are those of the table."""
    await sql_is("SELECT count(*) FROM errand.tasks WHERE state IN ('ready', 'running', 'retrying')", '0')
    return await sql_is(
        "SELECT (SELECT jsonb_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM errand.tasks GROUP BY 1) AS t) ="
        " (SELECT jsonb_object_agg(key, value) FROM jsonb_each(errand._api('overview', '{}', now()) -> 'counts') WHERE value <> '0')", 't')


# ---- tokens ----

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def sign(claims, secret=None, header=None, digest='sha256'):
    """A token as anybody with the secret could make it, wrong ones too."""
    header = header if header is not None else {'alg': 'HS256', 'typ': 'JWT'}
    text = b64(json.dumps(header).encode()) + '.' + b64(json.dumps(claims).encode())
    key = (SECRET if secret is None else secret).encode()
    return text + '.' + b64(hmac.new(key, text.encode(), getattr(hashlib, digest)).digest())


def claims(sub=ROLE, level='admin', channels=('*',), ttl=3600, **more):
    now = int(time.time())
    made = {'aud': DATABASE, 'sub': sub, 'level': level, 'channels': list(channels), 'iat': now, 'exp': now + ttl,
            'jti': str(uuid.uuid4())}
    made.update(more)
    return {k: v for k, v in made.items() if v is not None}


def token(*args, **kwargs):
    return sign(claims(*args, **kwargs))


# ---- HTTP, as bytes ----

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'{self.status} {self.headers} {self.body[:300]!r}'


async def connect(port=None, limit=1 << 24):
    return await asyncio.wait_for(asyncio.open_connection('127.0.0.1', port or PORT, limit=limit, ssl=tls), PATIENCE)


def parse_head(head):
    lines = head.decode('latin-1').split('\r\n')
    match = re.match(r'HTTP/1\.[01] (\d{3})', lines[0])
    headers = {}
    for line in lines[1:]:
        if ':' in line:
            name, value = line.split(':', 1)
            headers[name.lower()] = value.strip()
    return (int(match.group(1)) if match else 0), headers


async def read_answer(reader, method='GET'):
    """One answer, or None if the connection ended instead."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b'\r\n\r\n'), PATIENCE)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    status, headers = parse_head(head)
    body = b''
    try:
        if method == 'HEAD' or status in (101, 204, 304):
            pass
        elif headers.get('transfer-encoding', '').lower() == 'chunked':
            while True:
                size = int((await asyncio.wait_for(reader.readline(), PATIENCE)).split(b';')[0], 16)
                chunk = await asyncio.wait_for(reader.readexactly(size + 2), PATIENCE)
                body += chunk[:-2]
                if size == 0:
                    break
        elif 'content-length' in headers:
            body = await asyncio.wait_for(reader.readexactly(int(headers['content-length'])), PATIENCE)
        else:
            body = await asyncio.wait_for(reader.read(), PATIENCE)
    except (asyncio.IncompleteReadError, ConnectionError, ValueError) as e:
        note(f'the body was cut off: {e!r}')
    return Answer(status, headers, body)


async def raw_http(data, port=None):
    """Sends these bytes; the first answer, or None if there was none. A half-closed
    socket tells the server that nothing more comes."""
    reader, writer = await connect(port)
    try:
        writer.write(data)
        await writer.drain()
        return await read_answer(reader)
    except ConnectionError:
        return None
    finally:
        writer.close()


async def http(method, path, body=None, headers=None, bearer=None, host=None, port=None):
    """A request as a good client sends it. JSON is made of the body if it is no bytes."""
    fields = {'Host': host or f'127.0.0.1:{port or PORT}', 'Connection': 'close'}
    if bearer is not None:
        fields['Authorization'] = 'Bearer ' + bearer
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        fields['Content-Type'] = 'application/json'
    if body is not None or method == 'POST':
        fields['Content-Length'] = str(len(body or b''))
    fields.update(headers or {})
    head = f'{method} {path} HTTP/1.1\r\n' + ''.join(f'{k}: {v}\r\n' for k, v in fields.items() if v is not None) + '\r\n'
    reader, writer = await connect(port)
    try:
        writer.write(head.encode('latin-1') + (body or b''))
        await writer.drain()
        return await read_answer(reader, method)
    except ConnectionError:
        return None
    finally:
        writer.close()


def status_of(answer):
    return answer.status if answer is not None else 0


# ---- WebSocket, frame by frame ----

class Refused(Exception):
    """The upgrade was answered with something else than 101, or with nothing."""

    def __init__(self, answer):
        super().__init__(repr(answer))
        self.status = status_of(answer)
        self.answer = answer


def frame(op, payload=b'', fin=1, rsv=0, mask=b'\x12\x34\x56\x78', form=None, length=None):
    """The bytes of a frame. form: 7, 16 or 64 bits for the length; length: what it claims."""
    if isinstance(payload, str):
        payload = payload.encode()
    claimed = len(payload) if length is None else length
    head = bytes([fin << 7 | rsv << 4 | op])
    bit = 0x80 if mask is not None else 0
    form = form or (7 if claimed < 126 else 16 if claimed < 65536 else 64)
    if form == 7:
        head += bytes([bit | claimed])
    elif form == 16:
        head += struct.pack('>BH', bit | 126, claimed)
    else:
        head += struct.pack('>BQ', bit | 127, claimed)
    if mask is None:
        return head + payload
    pad = (mask * (len(payload) // 4 + 1))[:len(payload)]
    masked = (int.from_bytes(payload, 'big') ^ int.from_bytes(pad, 'big')).to_bytes(len(payload), 'big')
    return head + mask + masked


class Ws:
    """A connection whose upgrade is done."""

    def __init__(self, reader, writer, answer):
        self.reader, self.writer, self.answer = reader, writer, answer
        self.lines = []   # messages of a frame that were not asked for yet
        self.pings = 0
        self.pending = None  # the read of a frame that is not all there
        self.code = None  # with which it was closed
        self.reason = ''
        self.frames = 0

    @classmethod
    async def open(cls, bearer=None, protocols=('errand.v1.json',), headers=None, path='/ws', host=None, port=None,
                   version='13', key='dGhlIHNhbXBsZSBub25jZQ==', after=b'', rcvbuf=None, limit=1 << 24):
        """Raises Refused. `after` is sent in the same segment as the request."""
        offered = list(protocols or ()) + (['bearer.' + bearer] if bearer else [])
        fields = [('Host', host or f'127.0.0.1:{port or PORT}'), ('Upgrade', 'websocket'), ('Connection', 'Upgrade'),
                  ('Sec-WebSocket-Key', key), ('Sec-WebSocket-Version', version)]
        if offered:
            fields.append(('Sec-WebSocket-Protocol', ', '.join(offered)))
        for name, value in (headers.items() if isinstance(headers, dict) else headers or ()):
            fields.append((name, value))
        head = f'GET {path} HTTP/1.1\r\n' + ''.join(f'{k}: {v}\r\n' for k, v in fields if v is not None) + '\r\n'
        reader, writer = await connect(port, limit)
        if rcvbuf:
            writer.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        try:
            writer.write(head.encode('latin-1') + after)
            await writer.drain()
            answer = await read_answer(reader)
        except ConnectionError:
            answer = None
        if answer is None or answer.status != 101:
            writer.close()
            raise Refused(answer)
        return cls(reader, writer, answer)

    @classmethod
    async def welcome(cls, bearer=None, **kwargs):
        """Opened, and welcomed."""
        ws = await cls.open(bearer or token(), **kwargs)
        message = await ws.message()
        if message is None or message['type'] != 'welcome':
            ws.close()
            raise RuntimeError(f'no welcome but {message}, {ws.code} {ws.reason}')
        ws.session = message
        return ws

    async def send(self, data):
        """Bytes as they are; a server that has gone is no error here."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def say(self, **message):
        await self.send(frame(TEXT, json.dumps(message)))

    async def read_frame(self):
        b = await self.reader.readexactly(2)
        length = b[1] & 0x7f
        if b[1] & 0x80:
            raise RuntimeError('a masked frame from the server')
        if length == 126:
            length, = struct.unpack('>H', await self.reader.readexactly(2))
        elif length == 127:
            length, = struct.unpack('>Q', await self.reader.readexactly(8))
        return b[0] >> 7, b[0] & 0x0f, await self.reader.readexactly(length)

    async def raw_frame(self, seconds=PATIENCE):
        """(fin, opcode, payload) of the next frame; None when the connection ended."""
        if self.pending is None:
            self.pending = asyncio.ensure_future(self.read_frame())
        done, _ = await asyncio.wait([self.pending], timeout=seconds)
        if not done:  # what has come of it stays with the task
            raise asyncio.TimeoutError
        task, self.pending = self.pending, None
        try:
            got = task.result()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.code = self.code or GONE
            return None
        self.frames += 1
        if got[1] == CLOSE:
            self.code = struct.unpack('>H', got[2][:2])[0] if len(got[2]) >= 2 else 1005
            self.reason = got[2][2:].decode('utf-8', 'replace')
            await self.send(frame(CLOSE, got[2][:2]))
        return got

    async def message(self, seconds=PATIENCE):
        """The next JSON object; None when the connection ended. Answers pings."""
        while not self.lines:
            got = await self.raw_frame(seconds)
            if got is None or got[1] == CLOSE:
                return None
            if got[1] == PING:
                self.pings += 1
                await self.send(frame(PONG, got[2]))
            elif got[1] == TEXT:
                self.lines += [json.loads(line) for line in got[2].decode().split('\n') if line]
        return self.lines.pop(0)

    async def expect(self, kind, seconds=PATIENCE, **fields):
        """The next message of that type (and those fields); others are passed over."""
        end = time.monotonic() + seconds
        while True:
            message = await self.message(max(0.1, end - time.monotonic()))
            if message is None:
                return None
            if message['type'] == kind and all(message.get(k) == v for k, v in fields.items()):
                return message

    async def subscribe(self, channel, id='1', **more):
        """Subscribes; (subscribed, snapshot or None)."""
        await self.say(type='subscribe', id=id, channel=channel, **more)
        done = await self.about(id, 'subscribed')
        return done, None if done['recovered'] else await self.about(id, 'snapshot')

    async def about(self, id, kind):
        """The message of that kind of a subscription; an error of it fails the test."""
        while True:
            message = await self.message()
            if message is None or message['type'] == 'error' and message['id'] == id:
                raise RuntimeError(f'subscription {id}: no {kind} but {message}, closed with {self.code} {self.reason}')
            if message['type'] == kind and message['id'] == id:
                return message

    async def alive(self):
        """Does it answer?"""
        await self.say(type='ping')
        return await self.expect('pong') is not None

    async def closed(self, seconds=PATIENCE):
        """The code that it is closed with; what comes before is passed over. None: still open."""
        end = time.monotonic() + seconds
        try:
            while self.code is None and await self.raw_frame(max(0.1, end - time.monotonic())) is not None:
                pass
        except asyncio.TimeoutError:
            pass
        return self.code

    async def ended(self, seconds=PATIENCE):
        """Has the server closed the TCP connection, too?"""
        try:
            while await asyncio.wait_for(self.reader.read(65536), seconds):
                pass
        except ConnectionError:
            pass
        return True

    def close(self):
        self.writer.transport.abort()


async def refusal(**kwargs):
    """The HTTP status or the close code with which a connection is refused; 101 if it is welcomed."""
    try:
        ws = await Ws.open(**kwargs)
    except Refused as e:
        return e.status
    message = await ws.message(PATIENCE)
    ws.close()
    return ws.code if message is None else 101
