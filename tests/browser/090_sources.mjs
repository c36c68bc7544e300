// Sources before real servers: six of examples/09_dashboard with their faults,
// and some that are told what to do.
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { clean, goTo, open, settled } from './lib/page.mjs';
import { counting, hold, sql } from './lib/db.mjs';
import { startSources } from './lib/sources.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = process.env.ERRAND_SHOTS;
if (folder) mkdirSync(folder, { recursive: true });
const NAMES = ['crypto', 'news atom', 'news rss', 'social', 'stocks', 'weather'];
const row = (page, name) => page.getByRole('table', { name: 'Sources', exact: true }).locator('tbody tr', { has: page.locator(`a[href="#/sources/${encodeURIComponent(name)}"]`) });
const of = (name, what) => sql(`SELECT ${what} FROM errand.stat_sources WHERE source = :'name'`, { name });
const mode = async (n) => {
	const id = await sql(`SELECT errand.http_get(:'url')`, { url: `${counting}/mode/${n}` });
	await until('the switch', async () => (await sql(`SELECT errand.status(${id})`)) === 'succeeded');
};

await startSources();
await sql(`CREATE TABLE b_item (id bigint PRIMARY KEY, name text);
	SELECT errand.define_source('b-switch', 'rest', :'url' || '/switch', every => '1 s', items => '$.items[*]', target => 'b_item', on_conflict => 'update')`, { url: counting });

test('all six: states, counts, what they brought', async () => {
	const page = await open({ place: '/sources' });
	for (const name of NAMES) {
		await row(page, name).getByText(/idle|running|degraded/).first().waitFor();
		await until(`${name} counts`, async () => Number((await row(page, name).locator('td[data-label=Stored]').textContent()).replace(/\D/g, '')) > 0);
		await row(page, name).locator('svg.spark').waitFor();
		await page.getByRole('table', { name: `Last items of ${name}` }).locator('tbody tr').first().waitFor();
	}
	await row(page, 'b-switch').getByText('stopped').waitFor();
	assert.equal(await page.getByRole('table', { name: 'Last items of b-switch' }).count(), 0, 'what is stopped brings nothing');
	await clean(page);
});

test('items come live, by the channel', async () => {
	const page = await open({ level: null });
	const token = await sql(`SELECT errand.issue_token('postgres', 'admin', ARRAY['tasks', 'source:*'])`);
	await page.goto(`${process.env.BROWSER_URL}/#token=${token}&to=/sources/crypto`);
	await page.locator('[data-live=live]').waitFor();
	const first = page.getByRole('table', { name: 'Last items' }).locator('tbody tr').first();
	await first.waitFor();
	// from now on the API tells nothing new: only the channel is left
	const body = await page.evaluate(async (bearer) => (await fetch('api/v1/sources?source=crypto', { headers: { Authorization: `Bearer ${bearer}` } })).text(), token);
	await page.route('**/api/v1/sources?source=*', (route) => route.fulfill({ contentType: 'application/json', body }));
	const candle = page.getByRole('table', { name: 'View dashboard.candle' });
	const asked = [];
	page.on('request', (r) => r.url().includes('view=dashboard.candle') && asked.push(Date.now()));
	for (const newer of ['a newer one', 'and another']) {
		const before = await first.textContent();
		const candles = await candle.textContent();
		await until(newer, async () => (await first.textContent()) !== before);
		await until('the view follows', async () => (await candle.textContent()) !== candles);
	}
	// by itself it is asked for each ten seconds
	const from = asked.length;
	await until('the view is asked for sooner than that', () => asked.length >= from + 4, 25);
	await page.unrouteAll({ behavior: 'wait' });
	await clean(page);
});

test('one source: chart, stages, runs, bad items', async () => {
	const page = await open({ place: '/sources/stocks' });
	await page.locator('.plot canvas').first().waitFor();
	await page.getByRole('region', { name: 'Items', exact: true }).getByText('stored').first().waitFor();
	assert.deepEqual(await page.getByRole('table', { name: 'Stages' }).locator('tbody td.first').allTextContents(), ['fetch', 'transform', 'store']);
	await page.getByRole('table', { name: 'Runs' }).locator('tbody tr').first().waitFor();
	await until('bad items', () => page.getByRole('table', { name: 'Bad items' }).count(), 60);
	const reason = await sql(`SELECT reason FROM errand.rejects WHERE source = 'stocks' ORDER BY last_at DESC LIMIT 1`);
	await until('the reason', async () => (await page.getByRole('table', { name: 'Bad items' }).textContent()).includes(reason.slice(0, 20)));
	const stored = await of('stocks', 'items_stored');
	await until('the chart has them', async () => {
		const all = await page.evaluate(async () => {
			const answer = await fetch('api/v1/history?source=stocks', { headers: { Authorization: `Bearer ${sessionStorage.getItem('errand.token')}` } });
			return (await answer.json()).stored.reduce((a, b) => a + b, 0);
		});
		return all >= Number(stored) - 200;
	});
	await page.getByRole('button', { name: '24 h' }).click();
	await settled(page);
	await page.locator('.plot canvas').first().waitFor();
	assert.ok(Number(await sql('SELECT hits + misses FROM errand.stat_cache')) > 0, 'a long history goes through the query cache');
	await clean(page);
});

const cells = (page, view, columns) => page.getByRole('table', { name: `View ${view}` }).locator('tbody tr')
	.evaluateAll((rows, n) => rows.map((r) => [...r.cells].slice(0, n).map((c) => c.textContent).join('|')).join('\n'), columns);

test('views over its table: as SQL has them, live', async () => {
	const page = await open({ place: '/sources/stocks' });
	const shown = { 'dashboard.top_movers': 'what, name, first, last, percent', 'dashboard.moving_average': 'symbol, price, average' };
	for (const [view, columns] of Object.entries(shown)) {
		const now = () => cells(page, view, columns.split(',').length);
		const same = async () => {
			// nothing new meanwhile
			const release = await hold('BEGIN; LOCK TABLE dashboard.quote, dashboard.tick IN SHARE MODE');
			try {
				const rows = await sql(`SELECT ${columns} FROM ${view} LIMIT 10`);
				assert.equal(rows.split('\n').length, 10);
				await until(`${view} is that of SQL`, async () => rows === (await now()));
				return rows;
			} finally {
				release();
			}
		};
		const before = await same();
		await until(`${view} changes`, async () => (await now()) !== before);
		await same();
	}
	await goTo(page, '#/sources');
	await until('the first five on the page of all', async () => (await cells(page, 'dashboard.warmest', 1)) === (await sql('SELECT city FROM dashboard.warmest LIMIT 5')));
	assert.equal(await page.getByRole('region', { name: 'View dashboard.top_movers' }).count(), 1, 'once, though it reads two sources');
	await clean(page);
});

test('views that are hostile, broken or slow', async () => {
	await sql(`INSERT INTO b_item VALUES (-1, '<i>x</i>');
		CREATE VIEW "<img src=x onerror=alert(3)>" AS SELECT 1234567.50 AS "<b>sum</b>", name AS "__proto__", 0.000012345678 AS small FROM b_item WHERE id = -1;
		CREATE VIEW b_broken AS SELECT id / 0 AS x FROM b_item; CREATE VIEW b_slow AS SELECT count(*) FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b, b_item`);
	const page = await open({ place: '/sources/b-switch' });
	await until('text', async () => (await cells(page, 'public."<img src=x onerror=alert(3)>"', 3)) === '1,234,567.50|<i>x</i>|0.00001235');
	await page.getByRole('region', { name: 'View public.b_broken' }).getByText('division by zero').waitFor();
	await page.getByRole('region', { name: 'View public.b_slow' }).getByText('The view takes longer than half a second.').waitFor();
	assert.equal(await page.locator('main img, main bdi i, main th b').count(), 0);
	await sql('DROP VIEW "<img src=x onerror=alert(3)>", b_broken, b_slow; DELETE FROM b_item');
	await clean(page);
});

test('run now, start, stop', async () => {
	await mode(0);
	const page = await open({ place: '/sources' });
	await page.getByRole('button', { name: 'Run now b-switch' }).click();
	await page.getByText('Source b-switch runs now.').waitFor();
	await until('it ran', async () => (await of('b-switch', 'runs, items_stored')) === '1|2');
	await until('it shows', async () => (await row(page, 'b-switch').locator('td[data-label=Stored]').textContent()) === '2');
	await page.getByRole('button', { name: 'Start b-switch' }).click();
	await page.getByRole('button', { name: 'Stop b-switch' }).waitFor();
	await until('it runs by itself', async () => Number(await of('b-switch', 'runs')) > 2);
	assert.notEqual(await of('b-switch', 'state'), 'stopped');
	await goTo(page, '#/sources/b-switch');
	await page.getByRole('button', { name: 'Stop', exact: true }).click();
	await page.getByRole('button', { name: 'Start', exact: true }).waitFor();
	await until('stopped', async () => (await of('b-switch', 'state')) === 'stopped');
	await page.locator('.page-head').getByText('stopped').waitFor();
	await clean(page);
});

test('a source that fails says why, and recovers', async () => {
	await mode(500);
	await sql(`SELECT errand.start_source('b-switch')`);
	const page = await open({ place: '/sources/b-switch' });
	await page.locator('.page-head').getByText('degraded').waitFor();
	await page.locator('.problem').getByText('HTTP status 500').waitFor();
	await page.getByRole('table', { name: 'Runs' }).getByText('failed').first().waitFor();
	await mode(0);
	await page.locator('.page-head').getByText(/idle|running/).waitFor();
	await until('no problem is left', async () => (await page.locator('.problem').count()) === 0);
	await sql(`SELECT errand.stop_source('b-switch')`);
	await clean(page);
});

test('a run that is under way is not called late', async () => {
	await sql(`SELECT errand.define_source('b-slow', 'rest', :'url' || '/hang', every => '1 s', items => '$.items[*]', target => 'b_item', on_conflict => 'update');
		SELECT errand.start_source('b-slow')`, { url: counting });
	const page = await open();
	await row(page, 'b-slow').locator('td[data-label="Next run"]').getByText('running').waitFor();
	await sql(`SELECT errand.drop_source('b-slow')`);
	await clean(page);
});

const NASTY = '<img src=x onerror=alert(1)> "\\ \u202edlrow';

test('hostile names and items are text', async () => {
	await sql(`CREATE TABLE b_nasty (id bigint PRIMARY KEY, body text, "<b>odd</b>" text, large text);
		CREATE FUNCTION b_nasty(item jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$ BEGIN
			IF item ->> 'id' = '2' THEN RAISE EXCEPTION '<script>alert(2)</script>'; END IF;
			RETURN NEXT item - 'name' || jsonb_build_object('body', '<script>alert(1)</script>' || chr(8238), '<b>odd</b>', '<i>x</i>', 'large', repeat('y', CASE item ->> 'id' WHEN '3' THEN 5000 ELSE 1 END)); END $$;
		SELECT errand.define_source(:'name', 'rest', :'url' || '/since/4', items => '$.items[*]', transform => 'b_nasty(jsonb)', target => 'b_nasty', on_conflict => 'ignore', description => :'name');
		SELECT errand.run_source_now(:'name')`, { name: NASTY, url: counting });
	await until('it ran', async () => (await of(NASTY, 'items_stored, items_rejected')) === '3|1');
	const page = await open({ place: '/sources' });
	await row(page, NASTY).waitFor();
	await goTo(page, `#/sources/${encodeURIComponent(NASTY)}`);
	const items = page.getByRole('table', { name: 'Last items' });
	await items.getByText('<script>alert(1)</script>').first().waitFor();
	await items.getByText('a large row').waitFor();
	await page.getByRole('table', { name: 'Bad items' }).getByText('<script>alert(2)</script>').waitFor();
	assert.equal(await page.locator('main img, main script, main bdi i').count(), 0);
	await clean(page);
});

test('a monitor looks, and steers nothing', async () => {
	await sql(`CREATE ROLE b_looker LOGIN; SELECT errand.grant_access('b_looker', 'monitor')`);
	const page = await open({ role: 'b_looker', level: 'monitor', place: '/sources/stocks' });
	await page.getByRole('table', { name: 'Last items' }).locator('tbody tr').first().waitFor();
	assert.equal(await page.getByRole('button', { name: /Start|Stop|Run now/ }).count(), 0);
	assert.equal(await page.getByRole('region', { name: /^View / }).count(), 0, 'views that it may not SELECT from are not there');
	await clean(page);
});

for (const [width, height] of Object.entries({ 1440: 900, 1024: 768, 390: 844 })) {
	for (const colorScheme of ['light', 'dark']) {
		test(`at ${width}, ${colorScheme}: axe, nothing sticks out`, async () => {
			const phone = width < 500;
			const page = await open({ viewport: { width: Number(width), height }, colorScheme, hasTouch: phone, isMobile: phone });
			for (const [name, place] of Object.entries({ list: '#/sources', stocks: '#/sources/stocks', crypto: '#/sources/crypto', hostile: `#/sources/${encodeURIComponent(NASTY)}` })) {
				await goTo(page, place);
				await page.locator('main tbody tr').first().waitFor();
				if (name !== 'list') await page.locator('.plot canvas').first().waitFor();
				if (folder) await page.screenshot({ path: join(folder, `source-${name}-${width}-${colorScheme}.png`), fullPage: true });
				assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${name} is too wide`);
				await page.evaluate(axe);
				const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
				assert.deepEqual(found.violations.map((v) => `${name}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary.split('\n')[1]}`).join(' | ')}`), []);
			}
			await clean(page);
		});
	}
}

await run();
