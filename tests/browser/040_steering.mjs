// What an admin can do: retry and cancel, one and many; pause, resume, limits.
import { clean, goTo, open, row, settled } from './lib/page.mjs';
import { counting, sql, stateOf } from './lib/db.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

const failed = (queue, n) => sql(`SELECT errand.http_get(:'url', queue => :'queue', max_attempts => 1) FROM generate_series(1, ${n})`,
	{ url: `${counting}/status/404`, queue });
const inState = async (queue, state) => Number(await sql(`SELECT count(*) FROM errand.tasks WHERE queue = :'queue' AND state = :'state'`, { queue, state }));

test('bulk retry counts first, names its scope, and touches nothing else', async () => {
	await failed('b-mine', 7);
	await failed('b-other', 3);
	await until('all failed', async () => (await inState('b-mine', 'failed')) === 7 && (await inState('b-other', 'failed')) === 3);
	await sql(`SELECT errand.pause_queue('b-mine'), errand.pause_queue('b-other')`);
	const page = await open({ place: '/tasks?queue=b-mine&state=failed' });
	await until('seven', async () => (await page.locator('tbody tr').count()) === 7);
	await page.getByRole('button', { name: 'Retry …' }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByRole('button', { name: 'Retry 7 tasks' }).waitFor();
	await dialog.getByText('state failed, queue b-mine').waitFor();
	assert.equal(await inState('b-mine', 'failed'), 7, 'the dry run changed nothing');
	await dialog.getByRole('button', { name: 'Leave it' }).click();
	assert.equal(await inState('b-mine', 'failed'), 7);
	await page.getByRole('button', { name: 'Retry …' }).click();
	await dialog.getByRole('button', { name: 'Retry 7 tasks' }).click();
	await page.getByText('7 tasks retried.').waitFor();
	assert.equal(await inState('b-mine', 'ready'), 7);
	assert.equal(await inState('b-other', 'failed'), 3);
	await clean(page);
});

test('bulk cancel of a selection', async () => {
	await sql(`SELECT errand.define_queue('b-sel'), errand.pause_queue('b-sel')`);
	await sql(`SELECT errand.http_get(:'url', queue => 'b-sel') FROM generate_series(1, 5)`, { url: `${counting}/json` });
	const page = await open({ place: '/tasks?queue=b-sel' });
	await until('five', async () => (await page.locator('tbody tr').count()) === 5);
	const boxes = page.locator('tbody input[type=checkbox]');
	await boxes.nth(0).check();
	await boxes.nth(3).check();
	await page.getByText('2 selected').waitFor();
	await page.getByRole('button', { name: 'Cancel …' }).click();
	await page.getByRole('dialog').getByText('the 2 tasks selected').waitFor();
	await page.getByRole('button', { name: 'Cancel 2 tasks' }).click();
	await page.getByText('2 tasks cancelled.').waitFor();
	await until('two are', async () => (await inState('b-sel', 'cancelled')) === 2 && (await inState('b-sel', 'ready')) === 3);
	await until('and it shows', async () => (await page.locator('tbody [data-state=cancelled]').count()) === 2);
	await clean(page);
});

test('a running task is cancelled after a question', async () => {
	const id = await sql(`SELECT errand.http_get(:'url', queue => 'b-run', timeout => '1 min')`, { url: `${counting}/hang` });
	const page = await open({ place: `/tasks/${id}` });
	await page.locator('.page-head [data-state=running]').waitFor();
	await page.getByRole('button', { name: 'Cancel', exact: true }).click();
	await page.getByRole('dialog').getByText('is cut off').waitFor();
	await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click();
	await page.locator('.page-head [data-state=cancelled]').waitFor();
	assert.equal(await stateOf(id), 'cancelled');
	await page.getByRole('button', { name: 'Retry' }).click();
	await page.locator('.page-head [data-state=running], .page-head [data-state=ready]').waitFor();
	await sql(`SELECT errand.cancel(${id})`);
	await clean(page);
});

test('a queue is paused and resumed', async () => {
	await sql(`SELECT errand.http_get(:'url', queue => 'b-pause')`, { url: `${counting}/json` });
	const page = await open({ place: '/queues' });
	await page.getByRole('button', { name: 'Pause b-pause' }).click();
	await page.getByRole('button', { name: 'Resume b-pause' }).waitFor();
	assert.equal(await sql(`SELECT paused FROM errand.stat_queues WHERE queue = 'b-pause'`), 't');
	await page.locator('tbody tr', { hasText: 'b-pause' }).getByText('paused').waitFor();
	await page.getByRole('button', { name: 'Resume b-pause' }).click();
	await page.getByRole('button', { name: 'Pause b-pause' }).waitFor();
	assert.equal(await sql(`SELECT paused FROM errand.stat_queues WHERE queue = 'b-pause'`), 'f');
	await clean(page);
});

test('limits are set, and a bad one is refused', async () => {
	const page = await open({ place: '/queues/b-pause' });
	const set = async (running, rate) => {
		await page.getByRole('button', { name: 'Limits …' }).click();
		await page.getByLabel('Most at once').fill(running);
		await page.getByLabel('Rate').fill(rate);
		await page.getByRole('button', { name: 'Set', exact: true }).click();
		await page.getByRole('dialog').waitFor({ state: 'hidden' });
	};
	const now = () => sql(`SELECT max_running, rate_limit FROM errand.queues WHERE queue = 'b-pause'`);
	await set('7', '20/s');
	await until('set', async () => (await now()) === '7|20/s');
	await page.getByText('at most 20/s').waitFor();
	await set('9', '20/s');
	await until('changed', async () => (await now()) === '9|20/s');
	await set('', '');
	await until('taken away', async () => (await now()) === '|');
	await set('7', 'fast');
	await page.locator('.toast[data-kind=bad]').waitFor();
	await page.complaints.splice(0); // the refusal is a 400, which the browser logs
	await clean(page);
});

test('a host keeps its proxy when its limits are set', async () => {
	await sql(`SELECT errand.define_host('proxied.test', proxy => 'http://127.0.0.1:9')`);
	const page = await open({ place: '/hosts' });
	await page.getByRole('button', { name: 'Limits of proxied.test' }).click();
	await page.getByLabel('Most at once').fill('5');
	await page.getByRole('button', { name: 'Set', exact: true }).click();
	await until('set', async () => (await sql(`SELECT max_running, proxy FROM errand.host WHERE name = 'proxied.test'`)) === '5|http://127.0.0.1:9');
	await sql(`SELECT errand.drop_host('proxied.test')`);
	await clean(page);
});

test('everything is paused and resumed from the overview', async () => {
	const page = await open();
	await page.getByRole('button', { name: 'Pause all' }).click();
	await page.locator('.banner').getByText('Paused', { exact: true }).waitFor();
	assert.equal(await sql('SELECT errand.health() #>> \'{checks,paused,status}\''), 'warn');
	await page.getByRole('button', { name: 'Resume all' }).click();
	await page.locator('.banner').getByText('Healthy').waitFor();
	await clean(page);
});

test('a schedule is paused and resumed', async () => {
	await sql(`SELECT errand.schedule('b-nightly', '0 3 * * *', 'http', '{"url": "${counting}/json"}')`);
	const page = await open({ place: '/schedules' });
	await page.getByRole('button', { name: 'Pause b-nightly' }).click();
	await page.getByRole('button', { name: 'Resume b-nightly' }).waitFor();
	assert.equal(await sql(`SELECT paused FROM errand.schedules WHERE name = 'b-nightly'`), 't');
	await page.getByRole('button', { name: 'Resume b-nightly' }).click();
	await page.getByRole('button', { name: 'Pause b-nightly' }).waitFor();
	await clean(page);
});

test('a monitor sees all and changes nothing', async () => {
	const id = await sql(`SELECT max(id) FROM errand.tasks WHERE queue = 'b-other' AND state = 'failed'`);
	await sql(`CREATE ROLE browser_monitor LOGIN; SELECT errand.grant_access('browser_monitor', 'monitor')`);
	const page = await open({ level: 'monitor', role: 'browser_monitor', place: '/tasks?queue=b-other' });
	await page.getByText('Read-only').waitFor();
	await row(page, id).waitFor();
	for (const place of ['#/', '#/tasks?queue=b-other', `#/tasks/${id}`, '#/queues', '#/queues/b-other', '#/schedules', '#/hosts', '#/workers', '#/workflows']) {
		await goTo(page, place);
		const words = await page.locator('main button').allTextContents();
		assert.deepEqual(words.filter((w) => /Retry|Cancel|Pause|Resume|Drain|Limits|Restart|Start|Stop|Run now/.test(w)), [], place);
	}
	await clean(page);
	// and the server would refuse
	const answers = await page.evaluate(async (task) => {
		const token = sessionStorage.getItem('errand.token');
		const ask = async (path) => (await fetch(`api/v1/${path}`, { method: 'POST', headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, body: '{}' })).status;
		return [await ask(`tasks/${task}/retry`), await ask('queues/b-other/pause'), await ask('pause_all'), await ask('workers/restart')];
	}, id);
	assert.deepEqual(answers, [403, 403, 403, 403]);
	assert.equal(await stateOf(id), 'failed');
	await settled(page);
});

await run();
