// Runs a job queue for node on the bench's cluster: `fill` and `drain`.
//
//   node peer.js fill  graphile|pgboss noop|insert COUNT
//   node peer.js drain graphile|pgboss noop|insert      takes jobs until none is left
//
// drain prints when its first job began and when its last one was recorded as
// done, in milliseconds since 1970. The database is found by PG* variables.
// The settings are the fastest that these two offer for many short jobs.
import pg from 'pg';
import { Logger, makeWorkerUtils, runOnce } from 'graphile-worker';
import { PgBoss } from 'pg-boss';

const [action, peer, task, count] = process.argv.slice(2);
const POOL = 10;
const INSERT = 'INSERT INTO bench_rows (n) VALUES (1)';
const logger = new Logger(() => (level, message) => {
	if (level === 'error') console.error(message);
});
const now = () => performance.timeOrigin + performance.now();
const sleep = ms => new Promise(done => setTimeout(done, ms));
let pool, first = 0, done = 0;

const begin = () => { if (first === 0) first = now(); };

// ---- Graphile Worker: deletes the jobs that are done ----

async function fillGraphile()
{
	const utils = await makeWorkerUtils({ pgPool: pool, logger });
	await utils.migrate();
	await pool.query(`SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
		SELECT json_populate_record(NULL::graphile_worker.job_spec, json_build_object('identifier', $1::text, 'payload', '{}'::json))
		FROM generate_series(1, $2::int)))`, [task, count]);
	await utils.release();
}

// runOnce() returns when there are no more jobs and all are recorded.
async function drainGraphile()
{
	await runOnce({
		pgPool: pool,
		logger,
		concurrency: task === 'noop' ? 50 : POOL,
		preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
		taskList: {
			noop: async () => { begin(); done++; },
			insert: async () => { begin(); await pool.query(INSERT); done++; },
		},
	});
	return now();
}

// ---- pg-boss: keeps them, with their times ----

async function startBoss()
{
	const boss = new PgBoss({ db: { executeSql: (sql, values) => pool.query(sql, values) }, supervise: false, schedule: false });
	boss.on('error', e => console.error(e));
	await boss.start();
	return boss;
}

async function fillBoss()
{
	const boss = await startBoss();
	await boss.createQueue(task);
	for (let left = Number(count); left > 0; left -= 10000)
		await boss.insert(task, Array.from({ length: Math.min(left, 10000) }, () => ({ data: {} })));
	await boss.stop({ graceful: false });
}

// A quiet second may be a slow one: asked only then, so that it costs pg-boss nothing.
async function leftToBoss()
{
	const { rows } = await pool.query("SELECT EXISTS (SELECT FROM pgboss.job WHERE name = $1 AND state < 'completed') AS yes", [task]);
	return rows[0].yes;
}

async function drainBoss()
{
	const boss = await startBoss();
	let last = now();
	await boss.work(task, { batchSize: 1000, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }, async jobs => {
		begin();
		if (task === 'insert') await Promise.all(jobs.map(() => pool.query(INSERT)));
		done += jobs.length;
		last = now();
	});
	do {
		last = now();
		while (now() - last < 1000) await sleep(50);
	} while (await leftToBoss());
	await boss.stop({ graceful: false });
	const { rows } = await pool.query('SELECT extract(epoch FROM max(completed_on)) * 1000 AS last FROM pgboss.job WHERE name = $1', [task]);
	return Number(rows[0].last);
}

const actions = { fill: { graphile: fillGraphile, pgboss: fillBoss }, drain: { graphile: drainGraphile, pgboss: drainBoss } };
pool = new pg.Pool({ max: POOL });
pool.on('error', e => console.error(e));
pool.on('connect', client => client.on('error', e => console.error(e)));
const end = await actions[action][peer]();
if (action === 'drain') console.log(first.toFixed(3), end.toFixed(3), done);
await pool.end();
process.exit(0);
