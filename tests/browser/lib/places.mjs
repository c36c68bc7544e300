// Every page there is, with something on it to see.
import { counting, sql } from './db.mjs';
import { until } from './tap.mjs';

// {name: fragment}
export async function places() {
	await sql(`SELECT errand.http_get(:'url' || '/json', queue => 'looks', tags => ARRAY['eu', 'vip']) FROM generate_series(1, 30);
		SELECT errand.http_get(:'url' || '/status/404', queue => 'looks', max_attempts => 1, key => 'look-' || n || clock_timestamp()) FROM generate_series(1, 5) AS n;
		SELECT errand.schedule('looks', 'every 1 h', 'http', jsonb_build_object('url', :'url' || '/json'));`, { url: counting });
	const flaky = await sql(`SELECT errand.http_get(:'url', queue => 'looks', backoff_base => '200 ms')`, { url: `${counting}/flaky/1` });
	const group = await sql(`SELECT errand.open_group('import', fail_fast => false)`);
	const graph = await sql(`
		WITH a AS (SELECT array_agg(errand.http_get(:'url' || '/json', queue => 'looks', task_group => ${group})) AS ids FROM generate_series(1, 3)),
			b AS (SELECT errand.http_get(:'url' || '/json', queue => 'looks', after => a.ids, task_group => ${group}) AS id FROM a)
		SELECT errand.http_get(:'url' || '/status/404', queue => 'looks', after => ARRAY[b.id], task_group => ${group}, max_attempts => 1) FROM b`, { url: counting });
	await sql(`SELECT errand.close_group(${group})`);
	await until('all is done', async () => (await sql(`SELECT count(*) FROM errand.tasks WHERE queue = 'looks' AND state NOT IN ('succeeded', 'failed', 'cancelled')`)) === '0');
	return {
		overview: '#/', tasks: '#/tasks', filtered: '#/tasks?queue=looks&state=failed', task: `#/tasks/${flaky}`, graph: `#/tasks/${graph}`, queues: '#/queues', queue: '#/queues/looks',
		sources: '#/sources', schedules: '#/schedules', workflows: '#/workflows', workflow: `#/workflows/${group}`, hosts: '#/hosts', workers: '#/workers',
	};
}
