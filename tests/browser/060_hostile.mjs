// Hostile text in every field is shown as text, and changes nothing.
import { clean, goTo, open, settled } from './lib/page.mjs';
import { counting, sql } from './lib/db.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

const BAD = `"><img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)>'";--\u202e{{7*7}}\${7*7}`;
const SHOWN = BAD.replace('\u202e', '\\u202e');
const TAME = 'plain text of much the same length, which is as long as the other one is long';

// One task with the text everywhere, one without; both fail with an error that holds it.
async function taskWith(text, n) {
	await sql(`CREATE OR REPLACE FUNCTION browser_raise(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
		BEGIN RAISE NOTICE '%', a ->> 'text'; RAISE EXCEPTION '%', a ->> 'text'; END $$`);
	await sql(`SELECT errand.define_task(:'text', 'sql', 'browser_raise(jsonb)', max_attempts => 1, description => :'text')`, { text });
	const id = await sql(`SELECT errand.submit(:'text', jsonb_build_object('text', :'text', :'text', jsonb_build_array(:'text')), queue => :'text',
		key => :'text', tags => ARRAY[:'text'])`, { text });
	await until('failed', async () => (await sql(`SELECT errand.status(${id})`)) === 'failed');
	await sql(`SELECT errand.schedule(:'text', '0 ${n} * * *', :'text', '{}')`, { text });
	return id;
}

const bad = await taskWith(BAD, 1);
const tame = await taskWith(TAME, 2);

// the elements of the page: their names, and the attributes that could act
const skeleton = (page) => page.evaluate(() => [...document.querySelector('main').querySelectorAll('*')].map((e) =>
	e.tagName + [...e.attributes].filter((a) => /^on|^srcdoc$|^formaction$/i.test(a.name)).map((a) => `!${a.name}`).join('')).join(' '));
const dangers = (page) => page.evaluate(() => document.querySelectorAll('main script, main img, main iframe, main object, main embed, main [onerror], main [onload], main style, body > script').length);

test('a task’s page has the same elements, hostile or not', async () => {
	const page = await open({ place: `/tasks/${bad}` });
	await page.locator('.page-head [data-state=failed]').waitFor();
	await page.getByText('onerror=alert(1)').first().waitFor();
	await page.getByRole('table', { name: 'Notices' }).getByText('onerror=alert(1)').waitFor();
	await settled(page);
	const shown = await skeleton(page);
	assert.equal(await dangers(page), 0);
	await goTo(page, `#/tasks/${tame}`);
	await page.locator('.page-head [data-state=failed]').waitFor();
	await until('the same elements', async () => (await skeleton(page)) === shown);
	await clean(page);
});

test('what a handler told and where it failed is shown, without what is named like a secret', async () => {
	await sql(`CREATE FUNCTION browser_tells(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
		BEGIN
			RAISE WARNING 'asks https://errand.test/?token=hush-4711' USING ERRCODE = '01P42';
			EXECUTE $q$ SELECT 1 / 0 AS "x?api_key=hush-4711&y" $q$;
		END $$`);
	const id = await sql(`SELECT errand.call('browser_tells(jsonb)', max_attempts => 1)`);
	await until('failed', async () => (await sql(`SELECT errand.status(${id})`)) === 'failed');
	const page = await open({ place: `/tasks/${id}` });
	const told = page.getByRole('table', { name: 'Notices' });
	await told.getByText('asks https://errand.test/?token=***').waitFor();
	assert.deepEqual(await told.locator('tbody td').allTextContents(), ['1', 'WARNING', '01P42', 'asks https://errand.test/?token=***']);
	await page.getByText('Context').click();
	await page.getByText('PL/pgSQL function browser_tells(jsonb) line 4 at EXECUTE').waitFor();
	await page.getByText('x?api_key=***&y').first().waitFor();
	assert.ok(!(await page.content()).includes('hush-4711'));
	await clean(page);
});

test('no list lets it act', async () => {
	const page = await open();
	const filter = encodeURIComponent(BAD);
	for (const place of ['#/', '#/tasks', `#/tasks?queue=${filter}`, `#/tasks?q=${filter}&task=${filter}&tag=${filter}&key=${filter}&owner=${filter}`, '#/queues', `#/queues/${filter}`,
		'#/schedules', '#/hosts', '#/workers', '#/workflows', '#/sources', `#/sources/${filter}`, `#/${filter}`, `#/tasks/${filter}`]) {
		await goTo(page, place);
		assert.equal(await dangers(page), 0, place);
		assert.ok(!(await page.locator('body').textContent()).includes('\u202e'), `${place} can be mirrored`);
	}
	page.complaints = page.complaints.filter((c) => !/status of 4\d\d/.test(c)); // no such task: a 4xx is logged
	await clean(page);
});

test('its links lead to it and nowhere else', async () => {
	const page = await open({ place: '/queues' });
	await page.getByRole('table', { name: 'Queues' }).getByRole('link', { name: SHOWN }).first().click();
	await page.getByRole('heading', { name: 'Queue' }).waitFor();
	await page.getByRole('link', { name: 'Its tasks' }).click();
	await until('its task', async () => (await page.locator('tbody tr').count()) === 1);
	const away = await page.evaluate(() => [...document.querySelectorAll('a[href]')].filter((a) => !a.getAttribute('href').startsWith('#')).length);
	assert.equal(away, 0);
	await clean(page);
});

test('the server’s answers to it are text as well', async () => {
	const url = `${counting}/status/404?access_token=secret-value-4711&n=1`;
	const id = await sql(`SELECT errand.http_post(:'url', body => jsonb_build_object(:'text', :'text'), headers => jsonb_build_object('X-Text', 'a<b>c', 'Authorization', 'Bearer secret-value-4711'), max_attempts => 1)`, { url, text: BAD });
	const page = await open({ place: `/tasks/${id}` });
	await page.locator('.page-head [data-state=failed]').waitFor();
	await settled(page);
	assert.equal(await dangers(page), 0);
	await page.getByText('The body is shown as it came').waitFor();
	await page.getByText('?access_token=***&n=1').waitFor();
	assert.ok(!(await page.content()).includes('secret-value-4711'), 'secrets are masked');
	await clean(page);
});

await run();
