// The connection breaks: the page says so, comes back, and has missed nothing.
import { base, clean, live, open } from './lib/page.mjs';
import { counting, sql, token } from './lib/db.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

// Between page and relay: everything goes through, can be cut, and is noted.
async function cuttable(page) {
	const wire = { events: [], subscribed: [], sent: [], cut: null, connections: 0, refuse: false };
	await page.routeWebSocket(/\/ws$/, (socket) => {
		if (wire.refuse) return socket.close({ code: 1013 });
		const server = socket.connectToServer();
		let whole = true;
		// what the relay sent last does not reach the page
		wire.cut = async () => {
			whole = false;
			await server.close();
			await socket.close({ code: 1001 });
		};
		wire.connections++;
		socket.onMessage((m) => {
			wire.sent.push(JSON.parse(m));
			server.send(m);
		});
		server.onMessage((m) => {
			if (!whole) return;
			for (const line of String(m).split('\n').filter(Boolean)) {
				const message = JSON.parse(line);
				if (message.type === 'event' && message.data.id) wire.events.push(message);
				if (message.type === 'subscribed') wire.subscribed.push(message);
			}
			socket.send(m);
		});
	});
	return wire;
}

async function openCut(place) {
	const page = await open({ level: null });
	const wire = await cuttable(page);
	await page.goto(`${base}/#token=${await token('postgres', 'admin')}&to=${place}`);
	await live(page);
	// what happens before it is subscribed is not its to tell
	const heard = () => wire.sent.find((m) => m.channel.startsWith('queue:') && wire.subscribed.some((s) => s.id === m.id));
	await until('subscribed', heard);
	return { page, wire };
}

// a run finds nothing of the one before
const run_ = Date.now().toString(36);
const q = (name) => `${name}-${run_}`;

const submit = (queue, n) => sql(`SELECT errand.http_get(:'url', queue => :'queue') FROM generate_series(1, ${n})`, { url: `${counting}/json`, queue });
const allDone = (queue, n) => until('all done', async () => (await sql(`SELECT count(*) FROM errand.tasks WHERE queue = :'queue' AND state = 'succeeded'`, { queue })) === String(n));

test('cut off while events flow, it resumes: none missed, none twice', async () => {
	const { page, wire } = await openCut(`/tasks?queue=${q('cut')}`);
	await submit(q('cut'), 50);
	await until('some events', () => wire.events.length > 10);
	wire.refuse = true;
	await wire.cut();
	await page.getByText('Disconnected').waitFor();
	await submit(q('cut'), 200);
	await allDone(q('cut'), 250);
	wire.refuse = false;
	// by the button, unless it comes back by itself just before
	await Promise.any([page.getByRole('button', { name: 'Reconnect' }).click(), live(page)]);
	await live(page);
	const ids = (await sql(`SELECT id FROM errand.tasks WHERE queue = :'queue' ORDER BY id`, { queue: q('cut') })).split('\n').map(Number);
	const ended = () => wire.events.filter((m) => m.data.queue === q('cut') && m.data.state === 'succeeded').map((m) => m.data.id);
	await until('the end of each', () => new Set(ended()).size === 250);
	assert.deepEqual(ended().sort((a, b) => a - b), ids, 'each once');
	assert.ok(wire.sent.some((m) => m.type === 'subscribe' && m.channel.startsWith('queue:') && m.since), 'it asked for what it had missed');
	assert.ok(wire.subscribed.some((m) => m.recovered), 'and got it');
	const positions = wire.events.filter((m) => m.data.queue === q('cut')).map((m) => Number(m.position.split(':')[1]));
	assert.deepEqual(positions, [...positions].sort((a, b) => a - b), 'in order');
	await until('the page counts them', async () => (await page.locator('.fresh').count()) === 1);
	await clean(page);
});

test('the relay restarts: the page says so and comes back with all that is', async () => {
	const { page, wire } = await openCut(`/tasks?queue=${q('restart')}`);
	await submit(q('restart'), 3);
	await allDone(q('restart'), 3);
	const before = wire.connections;
	await page.evaluate(() => {
		const states = (globalThis.states = []);
		const note = () => states.push(document.querySelector('[data-live]').dataset.live);
		new MutationObserver(note).observe(document, { subtree: true, attributeFilter: ['data-live'] });
	});
	await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'errand relay' AND datname = current_database()`);
	await page.waitForFunction(() => globalThis.states.length > 0);
	assert.equal(await page.evaluate(() => globalThis.states[0]), 'waiting');
	await submit(q('restart'), 20);
	await until('another connection', () => wire.connections > before, 30);
	await live(page);
	await allDone(q('restart'), 23);
	await until('all of them, or told of', async () => {
		const chip = page.locator('.fresh');
		// it may vanish before it is clicked
		if (await chip.count()) await chip.click({ timeout: 1000 }).catch(() => {});
		return (await page.locator('tbody [data-state=succeeded]').count()) === 23;
	});
	page.complaints.splice(0); // the browser logs that it could not connect
	await clean(page);
});

test('a page that nobody sees rests, and catches up', async () => {
	const { page, wire } = await openCut(`/tasks?queue=${q('hidden')}`);
	const hide = (is) => page.evaluate((hidden) => {
		Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
		document.dispatchEvent(new Event('visibilitychange'));
	}, is);
	await submit(q('hidden'), 1);
	await allDone(q('hidden'), 1);
	await hide(true);
	await until('it rests', async () => (await page.locator('[data-live=paused]').count()) === 1);
	await submit(q('hidden'), 5);
	await allDone(q('hidden'), 6);
	await hide(false);
	await live(page);
	await until('five ends', () => wire.events.filter((m) => m.data.queue === q('hidden') && m.data.state === 'succeeded').length >= 6);
	await clean(page);
});

await run();
