-- Counters in shared memory: exact at rest, for queues, types, hosts and workers.
\ir common.psql
SELECT plan(49);
CREATE FUNCTION pg_temp.counts(name text) RETURNS text LANGUAGE sql AS $$
    SELECT format('depth %s, ready %s, scheduled %s, running %s, succeeded %s, failed %s, retried %s', depth, ready, scheduled, running, succeeded, failed, retried)
    FROM errand.stat_queues WHERE queue = name
$$;
-- at rest: the worker is through with what it had before
CREATE PROCEDURE pg_temp.rest() LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    FOR i IN 1..2 LOOP
        id := errand.http_get(t.url('/ok'), queue => 'c_fence');
        COMMIT;
        PERFORM errand.wait_for(id);
        COMMIT;
    END LOOP;
END $$;

SELECT is(pg_temp.counts('default') IS NOT NULL, true, 'the default queue is always there');
SELECT is(pg_temp.counts('c_q'), NULL, 'another is not before it has a task');

-- each way a task can go
SELECT array_agg(id) AS ids FROM errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[7]), queue => 'c_q') AS id \gset
SELECT errand.http_get(t.url('/status/404'), queue => 'c_q') AS bad \gset
SELECT errand.http_get(t.url('/flaky/2'), queue => 'c_q', backoff => 'constant', backoff_base => '1 ms') AS flaky \gset
SELECT errand.http_get(t.url('/status/500'), queue => 'c_q', max_attempts => 2, backoff => 'constant', backoff_base => '1 ms') AS worse \gset
SELECT count(*) AS n FROM errand.gather(:'ids'::bigint[] || ARRAY[:bad, :flaky, :worse]::bigint[], true) \gset
CALL pg_temp.rest();
SELECT is(pg_temp.counts('c_q'), 'depth 0, ready 0, scheduled 0, running 0, succeeded 8, failed 2, retried 3', 'succeeded, failed, retried');
SELECT errand.http_get(t.url('/ok'), queue => 'c_q', run_at => now() + interval '1 day') AS later \gset
SELECT errand.http_get(t.url('/ok'), queue => 'c_q', run_at => now() + interval '1 day') AS later2 \gset
SELECT is(pg_temp.counts('c_q'), 'depth 2, ready 0, scheduled 2, running 0, succeeded 8, failed 2, retried 3', 'scheduled: at once');
SELECT errand.cancel(:later) AS r \gset
SELECT is(pg_temp.counts('c_q'), 'depth 1, ready 0, scheduled 1, running 0, succeeded 8, failed 2, retried 3', 'cancelled: at once');
SELECT errand.http_get(t.url('/hang'), queue => 'c_q') AS hang \gset
SELECT ok(t.until(format('errand.status(%s) = ''running''', :hang)), 'one runs');
SELECT is(pg_temp.counts('c_q'), 'depth 1, ready 0, scheduled 1, running 1, succeeded 8, failed 2, retried 3', 'running');
SELECT errand.cancel(:hang) AS r \gset
SELECT count(*) AS n FROM errand.gather(ARRAY[:hang], true) \gset
CALL pg_temp.rest();
SELECT is(pg_temp.counts('c_q'), 'depth 1, ready 0, scheduled 1, running 0, succeeded 8, failed 2, retried 3', 'cut off');
SELECT errand.retry(:bad) AS r \gset
SELECT count(*) AS n FROM errand.gather(ARRAY[:bad], true) \gset
CALL pg_temp.rest();
SELECT is(pg_temp.counts('c_q'), 'depth 1, ready 0, scheduled 1, running 0, succeeded 8, failed 3, retried 3', 'run again: counts once more');

-- a pause fills it, oldest_ready_age tells how long
SELECT errand.pause_queue('c_q') \g /dev/null
CALL pg_temp.rest();
SELECT errand.reschedule(:later2, now()) AS r \gset
SELECT errand.reprioritize(:later2, 4) AS r \gset
SELECT count(*) AS n FROM errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[3]), queue => 'c_q') \gset
SELECT is(pg_temp.counts('c_q'), 'depth 4, ready 4, scheduled 0, running 0, succeeded 8, failed 3, retried 3', 'ready: at once');
SELECT ok((SELECT oldest_ready_age BETWEEN '0' AND '1 min' FROM errand.stat_queues WHERE queue = 'c_q'), 'oldest_ready_age');
SELECT ok((SELECT paused FROM errand.stat_queues WHERE queue = 'c_q'), 'paused');
SELECT is((SELECT row(ready, scheduled, running)::text FROM errand._recount() WHERE queue = 'c_q'), '(4,0,0)', 'the tables say the same');
BEGIN;
SELECT errand.http_get(t.url('/ok'), queue => 'c_q') AS r \gset
ROLLBACK;
SELECT is(pg_temp.counts('c_q'), 'depth 4, ready 4, scheduled 0, running 0, succeeded 8, failed 3, retried 3', 'rolled back: not counted');
SELECT errand.resume_queue('c_q') \g /dev/null
SELECT is(errand.drain_queue('c_q', '30 s'), true, 'drain_queue: empty in time');
SELECT is(t.state($$SELECT errand.http_get(t.url('/ok'), queue => 'c_q')$$), '55000', 'drain_queue: takes no more');
SELECT is(t.state($$SELECT errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[2]), queue => 'c_q')$$), '55000',
    'drain_queue: nor many');
SELECT is(t.state($$SELECT errand.http_get(t.url('/ok'), queue => 'c_other')$$), 'none', 'drain_queue: others do');
SELECT errand.resume_queue('c_q') \g /dev/null
SELECT is(t.state($$SELECT errand.http_get(t.url('/ok'), queue => 'c_q')$$), 'none', 'resume_queue: takes them again');
CALL pg_temp.rest();
SELECT is(pg_temp.counts('c_q'), 'depth 0, ready 0, scheduled 0, running 0, succeeded 13, failed 3, retried 3', 'everything counted once');
SELECT ok((SELECT wait_p50_ms >= 0 AND wait_p95_ms >= wait_p50_ms AND run_p50_ms > 0 AND run_p95_ms >= run_p50_ms FROM errand.stat_queues WHERE queue = 'c_q'),
    'stat_queues: times');

-- max_depth
SELECT errand.define_queue('c_full', max_depth => 2) \g /dev/null
SELECT is(t.state($$SELECT errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[3]), queue => 'c_full')$$), '53400',
    'max_depth: three are too many');
SELECT count(*) AS n FROM errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[2]), queue => 'c_full',
    run_at => now() + interval '1 day') \gset
SELECT is(t.state($$SELECT errand.http_get(t.url('/ok'), queue => 'c_full')$$), '53400', 'max_depth: full');
SELECT errand.define_queue('c_full', max_depth => 3) \g /dev/null
SELECT is(t.state($$SELECT errand.http_get(t.url('/ok'), queue => 'c_full')$$), 'none', 'max_depth: raised');
-- what the open transaction has added counts, by queue
SELECT errand.define_queue('c_two', max_depth => 2), errand.define_queue('c_three', max_depth => 3) \g /dev/null
PREPARE two AS SELECT errand.http_get(t.url('/ok'), queue => 'c_two', run_at => now() + interval '1 day');
PREPARE three AS SELECT errand.http_get(t.url('/ok'), queue => 'c_three', run_at => now() + interval '1 day') AS three;
SELECT is(t.state($$SELECT errand.http_get(t.url('/ok'), queue => 'c_two', run_at => now() + interval '1 day') FROM generate_series(1, 3)$$), '53400',
    'max_depth: one statement with too many');
BEGIN;
EXECUTE two \g /dev/null
EXECUTE three \gset
SAVEPOINT before;
EXECUTE two \g /dev/null
EXECUTE three \g /dev/null
SELECT is(t.state('EXECUTE two'), '53400', 'max_depth: one transaction with too many');
SELECT is(t.state('EXECUTE three'), 'none', '... another queue has its own');
ROLLBACK TO before;
SELECT is(t.state('EXECUTE two'), 'none', '... what was rolled back to a savepoint does not count');
SELECT is(t.state('EXECUTE two'), '53400', '... what a subtransaction has added does');
SELECT is(t.state(format($$SELECT errand.submit('http', '{"url": "http://127.0.0.1/"}', queue => 'c_two', after => ARRAY[%s]::bigint[])$$, :three)), '53400',
    '... what waits for another task too');
SELECT is(t.state('EXECUTE three; EXECUTE three'), 'none', '... the other one is full');
SELECT is(t.state('EXECUTE three'), '53400', '... by now');
SELECT errand.cancel(:three) AS r \gset
SELECT is(t.state('EXECUTE three'), 'none', '... what was cancelled makes room');
SELECT errand.retry(:three) AS r \gset
SELECT is(t.state('EXECUTE three'), '53400', '... retry() is not refused, but counts');
COMMIT;
SELECT is((SELECT depth FROM errand.stat_queues WHERE queue = 'c_two'), 2::bigint, '... and is there after the commit');
SELECT is(t.state('EXECUTE two'), '53400', '... as full as before');
SELECT errand.purge_queue('c_two'), errand.purge_queue('c_three') \g /dev/null

SELECT errand.define_queue('c_full', max_running => 2, rate_limit => '9/s') \g /dev/null
SELECT errand.define_queue('c_full', max_running => -1, rate_limit => '', max_depth => -1) \g /dev/null
SELECT is((SELECT q::text FROM (SELECT max_running, rate_limit, max_depth FROM errand.queues WHERE queue = 'c_full') AS q), '(,,)',
    'define_queue: -1 and the empty rate take limits away');
SELECT is(t.state($$SELECT errand.http_get(t.url('/ok'), queue => 'c_full', run_at => now() + interval '1 day')$$), 'none', '... and no depth is too much');

-- the planner must not take a look for a day's work: from jit_above_cost on it compiles it, which takes seconds
CREATE FUNCTION pg_temp.cost(view regclass) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT * FROM ' || view INTO plan;
    RETURN plan -> 0 -> 'Plan' -> 'Total Cost';
END $$;
SELECT is((SELECT string_agg(c.oid::regclass || ': ' || pg_temp.cost(c.oid::regclass), ', ')
           FROM pg_class AS c WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind = 'v' AND pg_temp.cost(c.oid::regclass) >= 100000), NULL, 'no view costs what JIT is for');

-- types
SELECT errand.define_task('c_type', 'http', template => jsonb_build_object('url', t.url('/ok'))) \g /dev/null
SELECT array_agg(errand.submit('c_type', p, max_attempts => 2, backoff => 'constant', backoff_base => '1 ms')) AS ids
FROM unnest(ARRAY['{}', '{}', '{}', jsonb_build_object('url', t.url('/status/500'))]) AS p \gset
SELECT count(*) AS n FROM errand.gather(:'ids'::bigint[], true) \gset
SELECT errand.submit('c_type', run_at => now() + interval '1 day') AS id \gset
SELECT errand.cancel(:id) AS r \gset
CALL pg_temp.rest();
SELECT is((SELECT row(succeeded, failed, cancelled, attempts, success_rate)::text FROM errand.stat_tasks WHERE task = 'c_type'), '(3,1,1,5,0.75)', 'stat_tasks: counts');
SELECT ok((SELECT wait_p50_ms <= wait_p95_ms AND wait_p95_ms <= wait_p99_ms AND run_p50_ms <= run_p95_ms AND run_p95_ms <= run_p99_ms
    FROM errand.stat_tasks WHERE task = 'c_type'), 'stat_tasks: times');

-- hosts and workers
SELECT ok(t.until($$(SELECT requests > 0 AND running = 0 AND max_running > 0 AND circuit = 'closed' FROM errand.stat_hosts
    WHERE host = substr(current_setting('t.base'), 8))$$), 'stat_hosts: requests of a host and port');
SELECT ok(t.until($$(SELECT errors > 0 FROM errand.stat_hosts WHERE host = substr(current_setting('t.base'), 8))$$), 'stat_hosts: errors');
SELECT ok(t.until($$(SELECT row(w.kind, w.database, w.running, w.leader)::text FROM errand.stat_workers AS w) = row('worker', current_database(), 0, true)::text$$),
    'stat_workers: one, idle, the leader');
SELECT ok((SELECT w.succeeded > 10 AND w.failed > 1 AND w.settled >= w.succeeded + w.failed AND w.claimed >= w.settled FROM errand.stat_workers AS w),
    'stat_workers: counts');
SELECT ok((SELECT w.cpu_seconds >= 0 AND w.rss_bytes > 0 AND w.last_seen >= w.started_at FROM errand.stat_workers AS w), 'stat_workers: resources');
SELECT is((SELECT count(*)::int FROM pg_stat_activity AS a JOIN errand.stat_workers AS w USING (pid) WHERE a.backend_type = 'errand worker'), 1,
    'stat_workers: the process of pg_stat_activity');

-- health and version
SELECT is(errand.health() ->> 'status', 'pass', 'health');
SELECT is(errand.version(), (SELECT extversion FROM pg_extension WHERE extname = 'pg_errand'), 'version');
SELECT * FROM finish();
