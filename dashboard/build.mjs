// Bundles the page into dist/: three files, gzipped, and one C array of them
// (bgworker/relay/page.h).  The same sources give the same bytes.
//
//   node build.mjs            over the budget it fails
//   ERRAND_PAGE_SUM=...       what dist/sum will say: which sources these were
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const BUDGET = 80000; // bytes, gzipped, of all together
const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');

async function bundle(entry) {
	const result = await build({
		entryPoints: [join(here, 'src', entry)],
		bundle: true,
		minify: true,
		write: false,
		format: entry.endsWith('.js') ? 'iife' : undefined,
		target: ['chrome111', 'firefox113', 'safari16.4'],
		loader: { '.css': 'css' },
		legalComments: 'none',
		logLevel: 'warning',
	});
	return Buffer.from(result.outputFiles[0].contents);
}

// The licences ask that their notices go along.
function notices() {
	const names = ['preact', 'htm', 'uplot'];
	const one = (name) => `${name} ${JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'))).version}: ` +
		{ preact: 'MIT, (c) 2015-present Jason Miller', htm: 'Apache-2.0, (c) Jason Miller', uplot: 'MIT, (c) Leon Sorokin' }[name];
	return Buffer.from(`/* ${names.map(one).join('; ')} */\n`);
}

// zlib puts the system's number at byte 9; 255 says "unknown" everywhere.
function zip(bytes) {
	const out = gzipSync(bytes, { level: 9 });
	out[9] = 255;
	return out;
}

function cArray(name, bytes) {
	const lines = [];
	for (let i = 0; i < bytes.length; i += 20) lines.push('\t' + [...bytes.subarray(i, i + 20)].join(','));
	return `static const unsigned char ${name}[] = {\n${lines.join(',\n')}};\n`;
}

function cFile(assets) {
	const rows = assets.map((a, i) => `\t{"${a.path}", "${a.type}", file_${i}, ${a.gz.length}, "\\"${a.etag}\\""}`);
	return '/* Made by dashboard/build.mjs: the dashboard, gzipped.  Do not edit. */\n#include "page.h"\n\n' +
		assets.map((a, i) => cArray(`file_${i}`, a.gz)).join('\n') +
		`\nconst RelayAsset relay_assets[] = {\n${rows.join(',\n')}};\nconst int relay_assets_n = ${assets.length};\n`;
}

const files = [
	['/', 'text/html; charset=utf-8', readFileSync(join(here, 'src', 'index.html'))],
	['/app.js', 'text/javascript; charset=utf-8', Buffer.concat([notices(), await bundle('main.js')])],
	['/app.css', 'text/css; charset=utf-8', await bundle('app.css')],
];
const assets = files.map(([path, type, bytes]) => {
	const gz = zip(bytes);
	return { path, type, bytes, gz, etag: createHash('sha256').update(gz).digest('hex').slice(0, 16) };
});
const total = assets.reduce((sum, a) => sum + a.gz.length, 0);
for (const a of assets) console.log(`${a.path.padEnd(10)} ${String(a.bytes.length).padStart(7)} B ${String(a.gz.length).padStart(6)} B gzipped`);
console.log(`${'in all'.padEnd(10)} ${' '.repeat(9)} ${String(total).padStart(6)} B of ${BUDGET}`);
if (total > BUDGET) {
	console.error(`the dashboard is larger than ${BUDGET} bytes gzipped`);
	process.exit(1);
}
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const a of assets) writeFileSync(join(dist, a.path === '/' ? 'index.html' : a.path.slice(1)), a.bytes);
writeFileSync(join(dist, 'page_data.c'), cFile(assets));
writeFileSync(join(dist, 'sum'), `${process.env.ERRAND_PAGE_SUM || 'unknown'}\n`);
