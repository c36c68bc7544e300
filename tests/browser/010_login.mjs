// The token: where it comes from, where it goes, what it lets one do.
import { base, clean, live, open } from './lib/page.mjs';
import { sql, token } from './lib/db.mjs';
import { assert, run, test, until } from './lib/tap.mjs';

test('asks nothing before there is a token', async () => {
	const page = await open({ level: null });
	const asked = [];
	page.on('request', (r) => asked.push(new URL(r.url()).pathname));
	page.on('websocket', () => asked.push('websocket'));
	await page.goto(base + '/');
	await page.getByLabel('Token').waitFor();
	assert.deepEqual(asked.sort(), ['/', '/app.css', '/app.js']);
	await clean(page);
});

test('takes a token from the form', async () => {
	const page = await open({ level: null });
	await page.goto(base + '/');
	await page.getByLabel('Token').fill('not a token');
	await page.getByRole('button', { name: 'Log in' }).click();
	await page.getByText('That is not a token').waitFor();
	await page.getByLabel('Token').fill(await token('postgres', 'admin'));
	await page.getByRole('button', { name: 'Log in' }).click();
	await live(page);
	await page.locator('.tiles').waitFor();
	await clean(page);
});

test('dashboard_url() logs in, and the token leaves the address', async () => {
	const page = await open({ level: null });
	const url = new URL(await sql('SELECT errand.dashboard_url()'));
	const asked = [];
	page.on('request', (r) => asked.push(r.url()));
	await page.goto(base + '/' + url.hash);
	await live(page);
	const secret = url.hash.replace('#token=', '').split('&')[0];
	assert.equal(page.url(), base + '/#/');
	assert.ok(asked.every((u) => !u.includes(secret)), 'the token is in no URL');
	assert.ok(!(await page.title()).includes(secret.slice(0, 20)));
	assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('eyJ')), false);
	await page.reload();
	await live(page);
	// another tab has none
	const other = await page.context().newPage();
	await other.goto(base + '/');
	await other.getByLabel('Token').waitFor();
	await clean(page);
});

test('the overview has every word for a state, and who one is', async () => {
	const page = await open();
	for (const word of ['waiting', 'scheduled', 'ready', 'running', 'retrying', 'succeeded', 'failed', 'cancelled', 'unknown']) {
		await page.locator('.counts').getByText(word, { exact: true }).waitFor();
	}
	await page.getByText('as postgres').waitFor();
	await page.locator('.banner').getByText('Healthy').waitFor();
	await clean(page);
});

test('a token that is revoked ends the session, and says so', async () => {
	const page = await open();
	const jti = await page.evaluate(() => JSON.parse(atob(sessionStorage.getItem('errand.token').split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).jti);
	await sql(`SELECT errand.revoke_token(:'jti')`, { jti });
	await page.getByLabel('Token').waitFor({ timeout: 70000 });
	assert.notEqual((await page.locator('#why').textContent()).trim(), '');
	assert.equal(await page.evaluate(() => sessionStorage.getItem('errand.token')), null);
});

test('a made-up token is refused with a sentence', async () => {
	const page = await open({ level: null });
	await page.goto(base + '/#token=aaaa.eyJhIjoxfQ.bbbb');
	await until('the form with a reason', async () => (await page.locator('#why').textContent()).trim());
});

test('logging out forgets the token', async () => {
	const page = await open();
	await page.getByRole('button', { name: 'Log out' }).click();
	await page.getByLabel('Token').waitFor();
	await page.reload();
	await page.getByLabel('Token').waitFor();
	await clean(page);
});

await run();
