// Tests that speak TAP, for tests/tapcount.  A test that throws has failed, and
// the next one runs.
import assert from 'node:assert/strict';

export { assert };
const tests = [];
const ends = [];
const afters = [];

export const test = (name, run) => tests.push({ name, run });
export const atEnd = (run) => ends.push(run);
export const afterEach = (run) => afters.push(run);

// run(): all tests of the file, in order
export async function run() {
	let failed = 0;
	console.log(`1..${tests.length}`);
	for (const [i, t] of tests.entries()) {
		try {
			await t.run();
			console.log(`ok ${i + 1} - ${t.name}`);
		} catch (e) {
			failed++;
			console.log(`not ok ${i + 1} - ${t.name}`);
			console.error(`# ${t.name}\n${String(e.stack || e).replace(/^/gm, '#   ')}`);
		}
		for (const after of afters) await after();
	}
	for (const end of ends) await end();
	process.exit(failed ? 1 : 0);
}

// until(WHAT, CHECK): polls until it gives something true, and gives that.
export async function until(what, check, seconds = 90) {
	const end = Date.now() + seconds * 1000;
	let last;
	for (;;) {
		try {
			const value = await check();
			if (value) return value;
			last = value;
		} catch (e) {
			last = e;
		}
		if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what} (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
		await new Promise((go) => setTimeout(go, 50));
	}
}
