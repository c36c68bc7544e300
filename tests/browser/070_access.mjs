// For everybody: without a mouse, on a phone, in the dark, read aloud.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { clean, goTo, live, open, settled } from './lib/page.mjs';
import { counting, sql } from './lib/db.mjs';
import { places } from './lib/places.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const all = await places();

// The rules of WCAG 2.2 AA that a program can check.  axe is given to the
// page past its CSP, as a debugger would.
async function violations(page) {
	if (!(await page.evaluate(() => Boolean(globalThis.axe)))) await page.evaluate(axe);
	const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
	return found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary.split('\n')[1]}`).join(' | ')}`);
}

test('axe finds nothing on any page, light and dark', async () => {
	await Promise.all(['light', 'dark'].map(async (colorScheme) => {
		const page = await open({ colorScheme });
		const found = [];
		for (const [name, place] of Object.entries(all)) {
			await goTo(page, place);
			found.push(...(await violations(page)).map((v) => `${name}, ${colorScheme}: ${v}`));
		}
		await page.getByRole('button', { name: 'Keyboard help' }).click();
		await page.getByRole('dialog').waitFor();
		found.push(...(await violations(page)).map((v) => `help, ${colorScheme}: ${v}`));
		assert.deepEqual(found, []);
		await clean(page);
	}));
});

test('axe finds nothing on the form', async () => {
	const page = await open({ level: null });
	await page.goto(`${process.env.BROWSER_URL}/`);
	assert.deepEqual(await violations(page), []);
	await clean(page);
});

test('a phone: nothing sticks out, rows are cards, targets are large', async () => {
	const page = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
	for (const [name, place] of Object.entries(all)) {
		await goTo(page, place);
		const wide = await page.evaluate(() => document.documentElement.scrollWidth);
		assert.ok(wide <= 390, `${name} is ${wide} px wide`);
		const small = await page.evaluate(() => [...document.querySelectorAll('.button, .chip, .plain, .nav a, select')]
			.filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43.5).map((e) => `${e.className}: ${e.textContent}`));
		assert.deepEqual(small, [], name);
		assert.deepEqual((await violations(page)).map((v) => `${name}: ${v}`), []);
	}
	await goTo(page, all.tasks);
	assert.equal(await page.locator('tbody tr').first().evaluate((e) => getComputedStyle(e).display), 'grid');
	await clean(page);
});

test('dark follows the system, and a choice is remembered', async () => {
	const page = await open({ colorScheme: 'dark' });
	const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const dark = await ground();
	assert.match(dark, /rgb\(1\d, 1\d, 2\d\)/);
	await page.getByRole('button', { name: 'Use the light theme' }).click();
	const light = await ground();
	assert.notEqual(light, dark);
	await page.reload();
	await live(page);
	assert.equal(await ground(), light);
	await page.getByRole('button', { name: /^Times are local/ }).click();
	await page.reload();
	await page.getByRole('button', { name: /^Times are UTC/ }).waitFor();
	await clean(page);
});

test('keys: go, search, move, select, retry, help', async () => {
	await sql(`SELECT errand.http_get(:'url', queue => 'keys', max_attempts => 1) FROM generate_series(1, 3)`, { url: `${counting}/status/404` });
	await until('failed', async () => (await sql(`SELECT count(*) FROM errand.tasks WHERE queue = 'keys' AND state = 'failed'`)) === '3');
	const page = await open();
	const key = (k) => page.keyboard.press(k);
	// "g" is forgotten after a moment: both again, if they came late
	const go = async (to) => {
		for (let late = true, times = 0; late && times < 5; times++) {
			const began = Date.now();
			await key('g');
			await key(to);
			late = Date.now() - began > 1000;
		}
	};
	await go('q');
	await page.getByRole('heading', { name: 'Queues', level: 1 }).waitFor();
	await go('s');
	await page.getByRole('heading', { name: 'Sources', level: 1 }).waitFor();
	await key('/');
	await until('the search has the focus', () => page.evaluate(() => document.activeElement.id === 'search'));
	await page.keyboard.type('g o j');
	assert.match(await page.evaluate(() => location.hash), /^#\/tasks/);
	await goTo(page, '#/tasks?queue=keys');
	await until('three rows', async () => (await page.locator('tbody tr').count()) === 3);
	await page.evaluate(() => document.activeElement.blur());
	await key('j');
	await key('j');
	const focused = () => page.evaluate(() => document.activeElement.textContent);
	assert.equal(await focused(), await page.locator('tbody tr a').nth(1).textContent());
	await key('k');
	assert.equal(await focused(), await page.locator('tbody tr a').nth(0).textContent());
	await key('x');
	await page.getByText('1 selected').waitFor();
	await key('r');
	await page.getByRole('dialog').getByText('1 task will be retried').waitFor();
	await key('Escape');
	await page.getByRole('dialog').waitFor({ state: 'detached' });
	await key('?');
	await page.getByRole('dialog').getByText('search tasks').waitFor();
	await key('Escape');
	await page.getByRole('dialog').waitFor({ state: 'detached' });
	await page.locator('tbody tr a').first().focus();
	await key('Enter');
	await page.getByRole('heading', { name: /^Task \d+$/ }).waitFor();
	await clean(page);
});

test('Tab reaches all there is, visibly; the first stop skips to the content', async () => {
	const page = await open({ place: '/queues' });
	await settled(page);
	await page.evaluate(() => document.activeElement.blur());
	await page.keyboard.press('Tab');
	assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
	await page.keyboard.press('Enter');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
	const wanted = await page.evaluate(() => [...document.querySelectorAll('main a, main button')].filter((e) => e.offsetParent).length);
	const stops = new Set();
	for (let i = 0; i < wanted + 2; i++) {
		await page.keyboard.press('Tab');
		const stop = await page.evaluate(() => {
			const e = document.activeElement;
			if (!e.closest('main')) return null;
			return { at: [...document.querySelectorAll('main *')].indexOf(e), outline: getComputedStyle(e).outlineStyle };
		});
		if (!stop) break;
		assert.notEqual(stop.outline, 'none');
		stops.add(stop.at);
	}
	assert.ok(stops.size >= wanted, `${stops.size} of ${wanted}`);
	await clean(page);
});

test('who wants less motion gets none', async () => {
	const page = await open({ reducedMotion: 'reduce' });
	assert.equal(await page.locator('.live .dot').evaluate((e) => getComputedStyle(e).animationName), 'none');
	await clean(page);
});

test('the numbers of a chart are a table, too', async () => {
	const page = await open();
	await page.getByText('Numbers of Outcomes').click();
	const table = page.getByRole('region', { name: 'Outcomes, as a table' });
	await table.getByRole('columnheader', { name: 'succeeded' }).waitFor();
	assert.ok((await table.getByRole('row').count()) > 1);
	await clean(page);
});

await run();
