// What happens is seen as it happens.
import { clean, goTo, open, row } from './lib/page.mjs';
import { counting, hold, sql } from './lib/db.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

test('a task moves before one’s eyes, on its page', async () => {
	await sql(`SELECT errand.define_queue('eyes'), errand.pause_queue('eyes')`);
	const id = await sql(`SELECT errand.http_get(:'url', queue => 'eyes')`, { url: `${counting}/delay/4000` });
	const page = await open({ place: `/tasks/${id}` });
	const state = page.locator('.page-head .state');
	await state.and(page.locator('[data-state=ready]')).waitFor();
	await page.evaluate(() => {
		const words = (globalThis.words = []);
		const look = () => {
			const word = document.querySelector('.page-head .state')?.textContent;
			if (word && word !== words.at(-1)) words.push(word);
			requestAnimationFrame(look);
		};
		look();
	});
	await sql(`SELECT errand.resume_queue('eyes')`);
	await page.waitForFunction(() => globalThis.words.at(-1) === 'succeeded');
	assert.deepEqual(await page.evaluate(() => globalThis.words), ['ready', 'running', 'succeeded']);
	await page.locator('.events').getByText('succeeded').waitFor();
	await page.getByRole('table', { name: 'Attempts' }).getByText('200').waitFor();
	await clean(page);
});

test('the list tells of new tasks and does not jump', async () => {
	await sql(`SELECT errand.http_get(:'url', queue => 'chip') FROM generate_series(1, 3)`, { url: `${counting}/json` });
	const page = await open({ place: '/tasks?queue=chip' });
	await until('three rows', async () => (await page.locator('tbody tr').count()) === 3);
	const first = await page.locator('tbody tr a').first().textContent();
	await sql(`SELECT errand.http_get(:'url', queue => 'chip') FROM generate_series(1, 12)`, { url: `${counting}/json` });
	await page.getByRole('button', { name: '12 new' }).waitFor();
	assert.equal(await page.locator('tbody tr a').first().textContent(), first);
	await page.getByRole('button', { name: '12 new' }).click();
	await until('fifteen rows', async () => (await page.locator('tbody tr').count()) === 15);
	await clean(page);
});

test('rows change in place, and none goes backwards', async () => {
	await sql(`SELECT errand.define_queue('order'), errand.pause_queue('order')`);
	await sql(`SELECT errand.http_get(:'url', queue => 'order') FROM generate_series(1, 40)`, { url: `${counting}/json` });
	const page = await open({ place: '/tasks?queue=order' });
	await until('forty ready', async () => (await page.locator('tbody [data-state=ready]').count()) === 40);
	const wrong = page.evaluate(() => new Promise((done) => {
		const rank = { ready: 0, running: 1, succeeded: 2 };
		const last = new Map();
		const steps = [];
		const look = () => {
			let finished = 0;
			for (const tr of document.querySelectorAll('main tbody tr')) {
				const id = tr.querySelector('a').textContent;
				const now = rank[tr.querySelector('.state').textContent];
				if (now < (last.get(id) ?? 0)) steps.push(`${id}: ${last.get(id)} to ${now}`);
				last.set(id, now);
				finished += now === 2;
			}
			if (finished === 40) done(steps);
			else requestAnimationFrame(look);
		};
		look();
	}));
	await sql(`SELECT errand.resume_queue('order')`);
	assert.deepEqual(await wrong, []);
	await clean(page);
});

test('a SQL task’s progress is a bar', async () => {
	await sql(`CREATE OR REPLACE FUNCTION browser_steps(a jsonb) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM errand.set_progress(0.4, 'row 400 of 1,000');
			PERFORM pg_advisory_xact_lock(4711);
		END $$`);
	const release = await hold('SELECT pg_advisory_lock(4711)');
	const id = await sql(`SELECT errand.call('browser_steps(jsonb)')`);
	const page = await open();
	await goTo(page, `#/tasks/${id}`);
	await page.getByText('row 400 of 1,000').first().waitFor();
	assert.equal(Number(await page.locator('progress').first().getAttribute('value')), 0.4);
	release();
	await page.locator('.page-head [data-state=succeeded]').waitFor();
	await clean(page);
});

test('the overview’s numbers move', async () => {
	const page = await open();
	const succeeded = page.locator('.counts a', { hasText: 'succeeded' }).locator('b');
	const before = Number((await succeeded.textContent()).replace(/,/g, ''));
	await sql(`SELECT errand.http_get(:'url', queue => 'moves') FROM generate_series(1, 20)`, { url: `${counting}/json` });
	await until('twenty more', async () => Number((await succeeded.textContent()).replace(/,/g, '')) >= before + 20);
	await page.getByRole('table', { name: 'Queues' }).getByText('moves').waitFor();
	await page.locator('.chart canvas').first().waitFor();
	await clean(page);
});

test('a row’s retry is seen', async () => {
	const id = await sql(`SELECT errand.http_get(:'url', queue => 'again', max_attempts => 1)`, { url: `${counting}/status/404` });
	const page = await open({ place: '/tasks?queue=again' });
	await row(page, id).locator('[data-state=failed]').waitFor();
	await sql(`SELECT errand.pause_queue('again'), errand.retry(${id})`);
	await row(page, id).locator('[data-state=ready]').waitFor();
	await sql(`SELECT errand.resume_queue('again')`);
	await row(page, id).locator('[data-state=failed]').waitFor();
	await clean(page);
});

await run();
