"""Frames after RFC 6455, right ones and wrong ones, written byte by byte."""
import struct

from relay import BINARY, CLOSE, PING, PONG, PORT, TEXT, Ws, connect, frame, moment, ok, one_of, refusal, run, same, token

PROTOCOL_ERROR = (1002,)
PING_TEXT = '{"type":"ping"}'


def padded(length):
    """A message of that many bytes."""
    return PING_TEXT + ' ' * (length - len(PING_TEXT))


def code(number, reason=b''):
    return struct.pack('>H', number) + reason


def cut(text, *at):
    """The message in fragments, cut at these places."""
    data = text.encode() if isinstance(text, str) else text
    places = [0, *at, len(data)]
    parts = [data[a:b] for a, b in zip(places, places[1:])]
    last = len(parts) - 1
    return [frame(TEXT if i == 0 else 0, part, fin=int(i == last)) for i, part in enumerate(parts)]


async def pong(ws):
    """Is the next frame the answer to one application ping?"""
    message = await ws.message()
    return message is not None and message['type'] == 'pong'


async def good(name, data, answers=1, ws=None):
    """Bytes after which the relay answers, and goes on."""
    ws = ws or await Ws.welcome()
    for part in data if isinstance(data, list) else [data]:
        await ws.send(part)
    for _ in range(answers):
        if not ok(await pong(ws), name, f'closed with {ws.code} {ws.reason}'):
            return
    if not await ws.alive():
        ok(False, name + ': and it goes on', f'closed with {ws.code}')
    ws.close()


async def bad(name, data, codes=PROTOCOL_ERROR):
    """Bytes after which the relay ends the connection."""
    ws = await Ws.welcome()
    for part in data if isinstance(data, list) else [data]:
        await ws.send(part)
    one_of(await ws.closed(), codes if isinstance(codes, tuple) else (codes,), name)
    ws.close()


async def control(name, data, wanted):
    """Bytes that are answered by these control frames first."""
    ws = await Ws.welcome()
    await ws.send(data)
    got = [await ws.raw_frame() for _ in wanted]
    same([g and (g[1], g[2]) for g in got], wanted, name)
    ok(await ws.alive(), name + ': and it goes on')
    ws.close()


async def right_ones():
    await good('a message', frame(TEXT, PING_TEXT))
    await good('... in two fragments', cut(PING_TEXT, 7))
    await good('... in fragments of one byte', cut(PING_TEXT, *range(1, len(PING_TEXT))))
    await good('... with empty fragments before, between and behind', cut(PING_TEXT, 0, 4, 4, len(PING_TEXT)))
    await good('... byte by byte', [bytes([b]) for b in frame(TEXT, PING_TEXT)])
    await good('two messages in one segment', frame(TEXT, PING_TEXT) * 2, answers=2)
    await good('a mask of zeros', frame(TEXT, PING_TEXT, mask=b'\0\0\0\0'))
    await good('a mask of ones', frame(TEXT, PING_TEXT, mask=b'\xff\xff\xff\xff'))
    for length in 125, 126, 127, 65535, 65536:
        await good(f'a message of {length} bytes', frame(TEXT, padded(length)))
    await good('65,536 bytes in fragments', cut(padded(65536), 1000, 40000))
    accents = '{"type":"ping","x":"é€😀"}'
    data = accents.encode()
    await good('UTF-8', frame(TEXT, accents))
    for at in range(data.index(b'\xc3') + 1, len(data) - 2):
        if data[at] & 0xc0 == 0x80:
            await good(f'UTF-8 cut into fragments at {at}', cut(data, at))
    # a client must wait for the answer to its handshake (RFC 6455, 4.1)
    one_of(await refusal(bearer=token(), after=frame(TEXT, PING_TEXT)), (101, 400), 'a frame in the same segment as the upgrade: welcome, or refused')


async def control_frames():
    await control('a ping', frame(PING, b'abc'), [(PONG, b'abc')])
    await control('an empty ping', frame(PING), [(PONG, b'')])
    await control('a ping of 125 bytes', frame(PING, bytes(range(125))), [(PONG, bytes(range(125)))])
    await control('a ping that is no UTF-8', frame(PING, b'\xff\xfe\0'), [(PONG, b'\xff\xfe\0')])
    first, second = cut(PING_TEXT, 5)
    await control('a ping between fragments', first + frame(PING, b'1') + second, [(PONG, b'1'), (TEXT, b'{"type":"pong"}')])
    await good('a pong that nobody asked for', frame(PONG, b'hello') + frame(TEXT, PING_TEXT))
    await good('... between fragments', first + frame(PONG) + second)
    ws = await Ws.welcome()
    for i in range(500):
        await ws.send(frame(PING, str(i)))
    await ws.say(type='ping')
    pongs = []
    while True:
        got = await ws.raw_frame()
        if got is None or got[1] != PONG:
            break
        pongs.append(int(got[2]))
    # those that come while one waits for its answer may be passed over (RFC 6455, 5.5.3)
    ok(got and got[1] == TEXT and pongs and pongs == sorted(set(pongs)), '500 pings at once: answered in order', (got, pongs[:5]))
    ws.close()


async def wrong_ones():
    await bad('a message without a mask', frame(TEXT, PING_TEXT, mask=None))
    await bad('... in a second fragment', [cut(PING_TEXT, 5)[0], frame(0, PING_TEXT[5:], mask=None)])
    await bad('a ping without a mask', frame(PING, b'', mask=None))
    await bad('a pong without a mask', frame(PONG, b'', mask=None))
    await bad('a close without a mask', frame(CLOSE, code(1000), mask=None))
    await bad('no mask, after a message that has one', frame(TEXT, PING_TEXT) + frame(TEXT, PING_TEXT, mask=None))
    await bad('only the two bytes that say so', b'\x81\x0f')
    for rsv in 1, 2, 4, 7:
        await bad(f'reserved bits {rsv}', frame(TEXT, PING_TEXT, rsv=rsv))
    await bad('a reserved bit on a ping', frame(PING, rsv=4))
    for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        await bad(f'opcode {op}', frame(op, b'x'))
    await bad('binary', frame(BINARY, PING_TEXT), 4400)
    await bad('a continuation of nothing', frame(0, PING_TEXT))
    await bad('... not final', frame(0, PING_TEXT, fin=0))
    await bad('a new message inside one', frame(TEXT, '{', fin=0) + frame(TEXT, PING_TEXT))
    await bad('a continuation after the end', [*cut(PING_TEXT, 4), frame(0, b'x')])
    await bad('a ping in fragments', frame(PING, b'a', fin=0))
    await bad('a ping of 126 bytes', frame(PING, b'x' * 126))
    await bad('a pong of 126 bytes', frame(PONG, b'x' * 126))
    await bad('a close of 126 bytes', frame(CLOSE, code(1000, b'x' * 124)))


async def lengths():
    await bad('a ping with its length in 16 bits', frame(PING, b'abc', form=16))
    for form in 16, 64:
        await bad(f'a short length in {form} bits', frame(TEXT, PING_TEXT, form=form))
    await bad('65,535 bytes with their length in 64 bits', frame(TEXT, padded(65535), form=64))
    await bad('65,537 bytes', frame(TEXT, padded(65537)), 1009)
    await bad('65,537 bytes in two fragments', cut(padded(65537), 60000), 1009)
    await bad('a fragment, then one that is too much, of which little has come', [
        frame(TEXT, padded(65000), fin=0), frame(0, b' ' * 10, fin=0), frame(0, b' ' * 600)], 1009)
    await bad('70,000 fragments of a byte', [frame(TEXT, b' ', fin=0), frame(0, b' ', fin=0) * 70000], 1009)
    await bad('a length of 2^40', frame(TEXT, PING_TEXT, form=64, length=1 << 40), 1009)
    await bad('a length of 2^63 - 1', frame(TEXT, PING_TEXT, form=64, length=(1 << 63) - 1), 1009)
    await bad('a length with the highest bit', frame(TEXT, PING_TEXT, form=64, length=1 << 63))


async def utf8():
    start, end = b'{"type":"ping","x":"', b'"}'
    for name, wrong in (('a byte that never is', b'\xff'), ('a continuation alone', b'\x80'), ('cut short', b'\xe2\x82'),
                        ('overlong', b'\xc0\xaf'), ('overlong in three bytes', b'\xe0\x80\xaf'),
                        ('a surrogate', b'\xed\xa0\x80'), ('beyond U+10FFFF', b'\xf4\x90\x80\x80')):
        await bad(f'UTF-8: {name}', frame(TEXT, start + wrong + end), 1007)
    data = start + b'\xe2\x28\xa1' + end
    await bad('UTF-8: wrong over two fragments', cut(data, len(start) + 1), 1007)
    await bad('UTF-8: a message ends within a character', frame(TEXT, start + b'\xc3'), 1007)
    await bad('UTF-8: ... its last fragment is empty', cut(start + b'\xc3', len(start) + 1), 1007)
    await bad('UTF-8: in the reason of a close', frame(CLOSE, code(1000, b'\xff\xfe')), 1007)


async def closing():
    for number in 1000, 1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999:
        ws = await Ws.welcome()
        await ws.send(frame(CLOSE, code(number, 'fin é'.encode())))
        same(await ws.closed(), number, f'close {number} is answered with the same')
        ok(await ws.ended(), '... and the connection ends')
        ws.close()
    await bad('close without a code', frame(CLOSE), 1005)
    await bad('close with one byte', frame(CLOSE, b'\x03'))
    for number in 0, 999, 1004, 1005, 1006, 1015, 1100, 2999, 5000, 65535:
        await bad(f'close {number}', frame(CLOSE, code(number)))
    ws = await Ws.welcome()
    await ws.send(frame(CLOSE, code(1000)) + frame(TEXT, PING_TEXT) + frame(PING, b'late'))
    same(await ws.closed(), 1000, 'what follows a close is not looked at')
    same((await ws.raw_frame()), None, '... and not answered')
    ws.close()


async def halves():
    """Clients that go away in the middle of it. A good one beside them is served."""
    beside = await Ws.welcome()
    for data in (b'\x81', frame(TEXT, PING_TEXT)[:4], frame(TEXT, PING_TEXT)[:-3], frame(TEXT, b'{', fin=0),
                 frame(TEXT, padded(65000))[:5000], frame(CLOSE, code(1000))[:3]):
        ws = await Ws.welcome()
        await ws.send(data)
        ws.writer.close()
        await moment(0)
    for data in (b'G', b'GET /ws HTTP/1.1\r\nHost: ', b'GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n' % PORT):
        _, writer = await connect()
        writer.write(data)
        await writer.drain()
        writer.close()
    ok(await beside.alive(), 'half frames and half requests: others are served')
    beside.close()


async def main():
    await right_ones()
    await control_frames()
    await wrong_ones()
    await lengths()
    await utf8()
    await closing()
    await halves()

run(main)
