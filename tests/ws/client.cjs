// npm's `ws` subscribes, follows, resumes: a client that somebody else wrote.
'use strict';
const { execFile } = require('child_process');
const { WebSocket } = require('ws');

let tested = 0;
const ok = (good, name) => console.log(`${good ? 'ok' : 'not ok'} ${++tested} - ${name}`);
const { RELAY_PORT, RELAY_TOKEN } = process.env;

function connect(protocols)
{
	const ws = new WebSocket(`ws://127.0.0.1:${RELAY_PORT}/ws`, protocols);
	const waiting = [], lines = [];
	const give = line => (waiting.length > 0 ? waiting.shift()(line) : lines.push(line));
	ws.on('message', data => String(data).split('\n').forEach(line => line && give(JSON.parse(line))));
	ws.on('close', code => give({ type: 'close', code }));
	ws.on('error', error => give({ type: 'failed', error: String(error) }));
	ws.next = () => (lines.length > 0 ? Promise.resolve(lines.shift()) : new Promise(done => waiting.push(done)));
	ws.expect = async type => {
		for (;;) {
			const message = await ws.next();
			if (message.type === type || message.type === 'close' || message.type === 'failed') return message;
		}
	};
	ws.say = message => ws.send(JSON.stringify(message));
	return ws;
}

// told of as ready before it is claimed: else a worker may be faster than who submits
const submit = () => new Promise((done, fail) => execFile('psql',
	['-XAt', '-c', 'SELECT errand.pause_all()', '-c', "SELECT errand.call('public.noop(jsonb)')", '-c', 'SELECT errand.resume_all()'],
	(error, out) => (error ? fail(error) : done(Number(out)))));

async function states(ws, id)
{
	const seen = [];
	for (;;) {
		const { type, data, position } = await ws.expect('event');
		if (type !== 'event') return seen;
		if (data.id === id) seen.push({ state: data.state, position });
		if (data.id === id && data.state === 'succeeded') return seen;
	}
}

async function main()
{
	const ws = connect(['errand.v1.json', `bearer.${RELAY_TOKEN}`]);
	ok((await ws.next()).type === 'welcome', 'welcome');
	ok(ws.protocol === 'errand.v1.json', 'the subprotocol');
	ws.say({ type: 'subscribe', id: '1', channel: 'tasks' });
	ok((await ws.expect('subscribed')).recovered === false, 'subscribed');
	ok((await ws.expect('snapshot')).data.counts.ready === 0, 'a snapshot');
	const seen = await states(ws, await submit());
	ok(seen.map(e => e.state).join() === 'ready,running,succeeded', 'the events of a task');
	ws.terminate();
	const again = connect(['errand.v1.json']);
	await new Promise(done => again.on('open', done));
	again.say({ type: 'auth', token: RELAY_TOKEN });
	ok((await again.next()).type === 'welcome', 'a token in the first message');
	again.say({ type: 'subscribe', id: '1', channel: 'tasks', since: seen[0].position });
	ok((await again.expect('subscribed')).recovered === true, 'resumed');
	ok((await again.expect('event')).position === seen[1].position, 'what was missed follows');
	again.close(1000, 'bye');
	ok((await again.expect('close')).code === 1000, 'closed as asked');
	const refused = connect(['other']);
	ok((await refused.next()).type === 'failed', 'another subprotocol: refused');
	console.log(`1..${tested}`);
	process.exit(0);
}

main().catch(error => {
	console.error(error);
	process.exit(1);
});
