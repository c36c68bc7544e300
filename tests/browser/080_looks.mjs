// Screenshots of every page, to be looked at: ERRAND_SHOTS says where to.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { base, clean, goTo, open } from './lib/page.mjs';
import { places } from './lib/places.mjs';
import { assert, run, test } from './lib/tap.mjs';

const folder = process.env.ERRAND_SHOTS;
if (folder) mkdirSync(folder, { recursive: true });
const all = await places();
const WIDE = { 1440: 900, 1024: 768 };
const PHONE = { 390: 844 };

// tables that are wider than their box; its padding is 16 px
const clipped = (page) => page.evaluate(() => [...document.querySelectorAll('.table-wrap')].filter((b) => b.clientWidth > 640 && b.scrollWidth > b.clientWidth + 16)
	.map((b) => `${b.getAttribute('aria-label')}: ${b.scrollWidth} of ${b.clientWidth}`));

// A page that has been loaded, at each width and in each theme.
async function shoot(page, name, sizes, fullPage) {
	for (const [width, height] of Object.entries(sizes)) {
		await page.setViewportSize({ width: Number(width), height });
		assert.deepEqual(await clipped(page), [], `${name} at ${width}`);
		for (const colorScheme of ['light', 'dark']) {
			await page.emulateMedia({ colorScheme });
			// all of it in view: what is outside may not have been painted yet
			const whole = fullPage ? await page.evaluate(() => document.documentElement.scrollHeight) : height;
			await page.setViewportSize({ width: Number(width), height: Math.max(height, whole) });
			await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
			if (folder) await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), animations: 'disabled' });
			await page.setViewportSize({ width: Number(width), height });
		}
	}
}

async function tour(sizes, phone) {
	const page = await open({ hasTouch: phone, isMobile: phone, reducedMotion: 'reduce' });
	for (const [name, place] of Object.entries(all)) {
		await goTo(page, place);
		if (await page.locator('.plot').count()) await page.locator('.plot canvas').first().waitFor();
		assert.ok((await page.locator('main').textContent()).length > 20, name);
		if (name === 'workers') await page.locator('tbody tr', { hasText: 'relay' }).getByText(/^\d+ clients?$/).waitFor();
		await shoot(page, name, sizes, !phone);
	}
	await page.getByRole('button', { name: 'Log out' }).click();
	await page.goto(`${base}/`);
	await page.getByLabel('Token').waitFor();
	await shoot(page, 'login', sizes, !phone);
	await clean(page);
}

test('every page at 1440 and 1024, light and dark; and on a phone', async () => {
	await Promise.all([tour(WIDE, false), tour(PHONE, true)]);
});

await run();
