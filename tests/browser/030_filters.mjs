// Filters stand in the URL; what is exported is what is shown.
import { readFileSync } from 'node:fs';
import { clean, goTo, open, settled } from './lib/page.mjs';
import { counting, sql } from './lib/db.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

const count = (page) => page.locator('tbody tr').count();

await sql(`SELECT errand.http_get(:'url' || '/json', queue => 'f-one', tags => ARRAY['blue']) FROM generate_series(1, 5);
	SELECT errand.http_get(:'url' || '/status/404', queue => 'f-one', max_attempts => 1, key => 'filter-key-' || n) FROM generate_series(1, 4) AS n;
	SELECT errand.http_get(:'url' || '/json', queue => 'f-many') FROM generate_series(1, 120)`, { url: counting });
await until('all final', async () => (await sql(`SELECT count(*) FROM errand.tasks WHERE queue LIKE 'f-%' AND state IN ('succeeded', 'failed')`)) === '129');

test('filters go to the URL, and a reload keeps them', async () => {
	const page = await open({ place: '/tasks' });
	await page.getByLabel('Queue').selectOption('f-one');
	await until('nine', async () => (await count(page)) === 9);
	await page.getByRole('group', { name: 'States' }).getByRole('button', { name: /failed/ }).click();
	await until('four', async () => (await count(page)) === 4);
	const hash = await page.evaluate(() => location.hash);
	assert.deepEqual(Object.fromEntries(new URLSearchParams(hash.split('?')[1])), { state: 'failed', queue: 'f-one' });
	await page.reload();
	await until('four again', async () => (await count(page)) === 4);
	assert.equal(await page.getByRole('button', { name: /^failed/ }).first().getAttribute('aria-pressed'), 'true');
	await page.getByRole('button', { name: 'Remove the filter on state' }).click();
	await until('nine again', async () => (await count(page)) === 9);
	await clean(page);
});

test('Enter filters at once, Escape leaves the field', async () => {
	const page = await open({ place: '/tasks' });
	const query = async () => Object.fromEntries(new URLSearchParams((await page.evaluate(() => location.hash)).split('?')[1]));
	await page.getByPlaceholder('Search').fill('404');
	await page.getByPlaceholder('Search').press('Enter');
	assert.deepEqual(await query(), { q: '404' });
	await page.getByLabel('Type', { exact: true }).fill('http');
	await page.getByLabel('Type', { exact: true }).press('Enter');
	assert.deepEqual(await query(), { q: '404', task: 'http' });
	assert.equal(await page.locator('button:not([type])').count(), 0, 'no button submits unasked');
	await page.getByPlaceholder('Search').press('Escape');
	assert.deepEqual(await query(), { q: '404', task: 'http' });
	await until('rows', async () => (await count(page)) >= 4);
	await page.keyboard.press('j');
	await page.locator('tbody tr a:focus').waitFor();
	await page.keyboard.press('?');
	await page.getByRole('dialog').waitFor();
	await clean(page);
});

test('a filter that is refused shows no rows of another, and steers none', async () => {
	const page = await open({ place: '/tasks?queue=f-one' });
	await until('nine', async () => (await count(page)) === 9);
	await page.getByText('All that match').waitFor();
	await goTo(page, '#/tasks?state=bogus');
	await page.locator('main .problem').waitFor();
	assert.equal(await count(page), 0);
	assert.equal(await page.getByText('All that match').count(), 0);
	page.complaints = page.complaints.filter((c) => !/status of 4\d\d/.test(c)); // the refusal is a 400, which the browser logs
	await goTo(page, '#/tasks?queue=f-one');
	await until('nine again', async () => (await count(page)) === 9);
	await clean(page);
});

test('text, key, tag and number are found', async () => {
	const page = await open({ place: '/tasks' });
	await page.getByPlaceholder('Search').fill('filter-key-3');
	await until('one by text', async () => (await count(page)) === 1);
	const id = await page.locator('tbody tr a').first().textContent();
	await page.getByPlaceholder('Search').fill(id);
	await page.getByRole('link', { name: `Go to task ${id}` }).click();
	await page.getByRole('heading', { name: `Task ${id}` }).waitFor();
	await goTo(page, '#/tasks?tag=blue');
	await until('five by tag', async () => (await count(page)) === 5);
	await goTo(page, '#/tasks?key=filter-key-1');
	await until('one by key', async () => (await count(page)) === 1);
	await goTo(page, '#/tasks?queue=f-one&q=404');
	await until('four by error', async () => (await count(page)) === 4);
	await clean(page);
});

test('pages go by key, newest first', async () => {
	const page = await open({ place: '/tasks?queue=f-many' });
	const ids = [];
	const take = async () => ids.push(...(await page.locator('tbody tr a').allTextContents()).map(Number));
	await until('a page', async () => (await count(page)) === 50);
	await take();
	await page.getByRole('button', { name: 'Older' }).click();
	await until('another', async () => Number(await page.locator('tbody tr a').first().textContent()) < ids.at(-1));
	await take();
	await page.getByRole('button', { name: 'Older' }).click();
	await until('the rest', async () => (await count(page)) === 20);
	await take();
	assert.deepEqual(ids, [...ids].sort((a, b) => b - a));
	assert.equal(new Set(ids).size, 120);
	await page.goBack();
	await until('back', async () => (await count(page)) === 50);
	await page.getByRole('button', { name: 'Newest' }).click();
	await until('the first page', async () => Number(await page.locator('tbody tr a').first().textContent()) === ids[0]);
	await clean(page);
});

test('exports have what the filter says', async () => {
	const page = await open({ place: '/tasks?queue=f-one&state=failed' });
	await settled(page);
	const fetchAs = async (name) => {
		const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
		return readFileSync(await download.path(), 'utf8');
	};
	const csv = (await fetchAs('CSV')).trim().split(/\r?\n/);
	assert.equal(csv.length, 5);
	assert.match(csv[0], /^"?id"?,/);
	const json = JSON.parse(await fetchAs('JSON'));
	assert.equal((json.tasks || json).length, 4);
	await clean(page);
});

test('“copy as SQL” runs, and finds the same', async () => {
	const page = await open({ place: '/tasks?queue=f-one&state=failed&q=404', permissions: ['clipboard-read', 'clipboard-write'] });
	await until('four', async () => (await count(page)) === 4);
	await page.getByRole('button', { name: 'Copy as SQL' }).click();
	await page.getByText('The statement is in the clipboard.').waitFor();
	const statement = await page.evaluate(() => navigator.clipboard.readText());
	assert.equal((await sql(statement)).split('\n').length, 4);
	await clean(page);
});

await run();
