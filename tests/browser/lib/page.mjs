// A real browser before the real page.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterEach, atEnd } from './tap.mjs';
import { token } from './db.mjs';

export const base = process.env.BROWSER_URL;
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync'];
let browser = null; // started once, whoever asks first

const start = () => (browser ??= launch());

async function launch() {
	const home = mkdtempSync(join(tmpdir(), 'errand-browser.'));
	// its own profile, made anew; playwright gives it to the browser as the user-data-dir
	process.env.XDG_CONFIG_HOME = process.env.XDG_CACHE_HOME = home;
	const started = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS, tracesDir: home, downloadsPath: home });
	atEnd(async () => {
		await started.close();
		rmSync(home, { recursive: true, force: true });
	});
	// what stays open goes on asking
	afterEach(() => Promise.all(started.contexts().map((c) => c.close())));
	return started;
}

// What the browser complained of: console errors and warnings, exceptions,
// what the CSP refused, dialogs.
function listen(page, complaints) {
	// that a focus was refused is only logged
	page.on('console', (m) => (['error', 'warning'].includes(m.type()) || m.text().startsWith('Autofocus')) && complaints.push(`${m.type()}: ${m.text()}`));
	page.on('pageerror', (e) => complaints.push(`exception: ${e.stack || e.message}`));
	page.on('dialog', (d) => {
		complaints.push(`dialog: ${d.message()}`);
		d.dismiss();
	});
}

// open({level, role, place, ...context options}): a page that is logged in, in
// a context of its own.  page.complaints is what went wrong.
export async function open({ level = 'admin', role = 'postgres', place = '/', wait = true, ...options } = {}) {
	const context = await (await start()).newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true, ...options });
	const page = await context.newPage();
	page.setDefaultTimeout(90000);
	page.complaints = [];
	listen(page, page.complaints);
	await page.addInitScript(() => {
		globalThis.refused = [];
		document.addEventListener('securitypolicyviolation', (e) => globalThis.refused.push(`${e.violatedDirective} ${e.blockedURI}`));
	});
	if (level) {
		await page.goto(`${base}/#token=${await token(role, level)}&to=${place}`);
		if (wait) await live(page);
	}
	return page;
}

export const live = (page) => page.locator('[data-live=live]').waitFor();

export async function goTo(page, place) {
	await page.evaluate((to) => (location.hash = to), place);
	await settled(page);
}

// No part of the page still loads.
export async function settled(page) {
	await page.locator('main h1').waitFor({ state: 'attached' });
	await page.waitForFunction(() => !/Loading …|Counting …/.test(document.querySelector('main').textContent));
}

export const row = (page, id) => page.locator('tbody tr', { has: page.locator(`a[href="#/tasks/${id}"]`) });

// Throws if the browser complained of anything.
export async function clean(page) {
	const refused = await page.evaluate(() => globalThis.refused);
	const all = [...page.complaints, ...refused.map((r) => `CSP: ${r}`)];
	if (all.length) throw new Error(`the browser complains:\n${all.join('\n')}`);
}
