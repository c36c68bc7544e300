// The sources of examples/09_dashboard and their servers, with all their faults.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from './db.mjs';
import { atEnd, until } from './tap.mjs';

const example = join(dirname(fileURLToPath(import.meta.url)), '../../../examples/09_dashboard');
const PATHS = {
	stocks: ['http', '/v1/quotes'], weather: ['http', '/v1/forecast'], rss: ['http', '/rss.xml'], atom: ['http', '/atom.xml'],
	crypto: ['ws', '/'], social: ['http', '/api/v1/timelines/public'],
};

// Starts all six, until the file ends; false if the servers cannot run here.
export async function startSources() {
	const home = mkdtempSync(join(tmpdir(), 'errand-sources.'));
	const servers = spawn('/usr/bin/python3', [join(example, 'servers'), '--port-file', join(home, 'ports'), '--seed', '7', '--die-with-parent'], { stdio: 'ignore' });
	atEnd(async () => {
		await sql('SELECT errand.drop_source(name) FROM errand.sources');
		servers.kill();
		rmSync(home, { recursive: true, force: true });
	});
	const ports = await until('the servers', () => readFileSync(join(home, 'ports'), 'utf8'), 20);
	const at = {};
	for (const [, name, port] of ports.matchAll(/(\w+)_PORT=(\d+)/g)) at[name.toLowerCase()] = port;
	const urls = Object.fromEntries(Object.entries(PATHS).map(([name, [scheme, path]]) => [name, `${scheme}://127.0.0.1:${at[name]}${path}`]));
	await sql(`\\i ${join(example, '09_dashboard.sql')}`, urls);
	await until('all six store', async () => (await sql('SELECT count(*) FROM errand.stat_sources WHERE items_stored > 0')) === '6', 40);
}
