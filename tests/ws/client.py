"""python3-websockets subscribes, follows, resumes: a client that somebody else wrote."""
import json

import websockets

from relay import PORT, noop_told, ok, run, same, token


def connect(*protocols, **more):
    return websockets.connect(f'ws://127.0.0.1:{PORT}/ws', subprotocols=list(protocols), **more)


async def messages(ws):
    async for frame in ws:
        for line in frame.split('\n'):
            yield json.loads(line)


async def events(ws, id):
    got = []
    async for m in messages(ws):
        if m['type'] == 'event' and m['data']['id'] == id:
            got.append((m['position'], m['data']['state']))
            if m['data']['state'] == 'succeeded':
                return got


async def main():
    bearer = token()
    async with connect('errand.v1.json', f'bearer.{bearer}') as ws:
        same(ws.subprotocol, 'errand.v1.json', 'the subprotocol')
        same(json.loads(await ws.recv())['type'], 'welcome', 'welcome')
        await ws.send(json.dumps({'type': 'subscribe', 'id': '1', 'channel': 'tasks', 'batch': True}))
        same([json.loads(await ws.recv())['type'] for _ in range(2)], ['subscribed', 'snapshot'], 'subscribed, a snapshot')
        id, = await noop_told()
        got = await events(ws, id)
        same([s for _, s in got], ['ready', 'running', 'succeeded'], 'the events of a task')
        await (await ws.ping(b'x'))
        ok(True, 'its pings are answered')
        ws.transport.abort()
    async with connect('errand.v1.json') as ws:
        await ws.send(json.dumps({'type': 'auth', 'token': bearer}))
        same(json.loads(await ws.recv())['type'], 'welcome', 'a token in the first message')
        # in fragments, as its library cuts them
        text = json.dumps({'type': 'subscribe', 'id': '1', 'channel': 'tasks', 'since': got[0][0]})
        await ws.send([text[i:i + 9] for i in range(0, len(text), 9)])
        same(json.loads(await ws.recv())['recovered'], True, 'resumed')
        same(json.loads(await ws.recv())['position'], got[1][0], 'what was missed follows')
    same(ws.close_code, 1000, 'closed as asked')
    for name, protocols in (('another subprotocol', ['other']), ('none', [])):
        try:
            async with connect(*protocols) as ws:
                await ws.recv()
            ok(False, f'{name}: refused')
        except websockets.ConnectionClosed as e:
            same(e.code, 4406, f'{name}: 4406')
        except Exception as e:  # noqa: of the handshake
            ok(True, f'{name}: refused ({type(e).__name__})')

run(main)
