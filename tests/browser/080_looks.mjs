// Screenshots of every page, to be looked at: ERRAND_SHOTS says where to.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { base, clean, goTo, open } from './lib/page.mjs';
import { places } from './lib/places.mjs';
import { assert, run, test } from './lib/tap.mjs';

const folder = process.env.ERRAND_SHOTS;
if (folder) mkdirSync(folder, { recursive: true });
const all = await places();
const WIDTHS = { 1440: 900, 1024: 768, 390: 844 };

for (const [width, height] of Object.entries(WIDTHS)) {
	for (const colorScheme of ['light', 'dark']) {
		test(`every page at ${width}, ${colorScheme}`, async () => {
			const phone = width < 500;
			const page = await open({ viewport: { width: Number(width), height }, colorScheme, hasTouch: phone, isMobile: phone });
			for (const [name, place] of Object.entries(all)) {
				await goTo(page, place);
				if (await page.locator('.plot').count()) await page.locator('.plot canvas').first().waitFor();
				if (folder) await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: !phone });
				assert.ok((await page.locator('main').textContent()).length > 20, name);
			}
			if (folder) {
				await page.getByRole('button', { name: 'Log out' }).click();
				await page.goto(`${base}/`);
				await page.screenshot({ path: join(folder, `login-${width}-${colorScheme}.png`) });
			}
			await clean(page);
		});
	}
}

await run();
