-- Claiming, settling and reaping, call by call; nothing of it commits.
\ir common.psql
BEGIN;
SELECT plan(51);
-- what other tests left would show, too
DELETE FROM errand.ready;
DELETE FROM errand.later;
DELETE FROM errand.deadline;
DELETE FROM errand.outcome;
DELETE FROM errand.attempt;
DELETE FROM errand.task_key;
DELETE FROM errand.task;
CREATE FUNCTION pg_temp.put(key text, queue text DEFAULT 'default', priority integer DEFAULT 0, run_at timestamptz DEFAULT NULL, deadline interval DEFAULT NULL,
    delivery text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
    SELECT errand.http_get('http://errand.test/', key => $1, queue => $2, priority => $3, run_at => $4, deadline => $5, delivery => $6)
$$;
CREATE FUNCTION pg_temp.id(key text) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM errand.task AS t WHERE t.key = $1';
CREATE FUNCTION pg_temp.claim(token bigint, capacity integer, floor bigint DEFAULT 0, most integer DEFAULT 100) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(c.key || ':' || c.attempt, ' ' ORDER BY c.queue, c.priority DESC, c.place)
    FROM (SELECT array_agg(queue ORDER BY n) AS q, array_agg(priority ORDER BY n) AS p FROM errand._pairs() WITH ORDINALITY AS x (queue, priority, role, n)) AS pairs,
        errand._claim(token, 5, 6, '2020-01-01', 7, pairs.q, pairs.p, array_fill(floor, ARRAY[cardinality(pairs.q)]),
            array_fill(most, ARRAY[cardinality(pairs.q)]), capacity, '2030-01-01') AS c
$$;
CREATE FUNCTION pg_temp.states(keys text DEFAULT '%') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(key || ' ' || state || ' ' || attempt, ', ' ORDER BY key) FROM errand.tasks WHERE key LIKE keys
$$;

-- which pairs there are, and in what order tasks are taken
SELECT pg_temp.put('a1'), pg_temp.put('a2'), pg_temp.put('a3', priority => 5), pg_temp.put('b1', 'b'), pg_temp.put('b2', 'b', -3), pg_temp.put('b3', 'b', 5) \g /dev/null
SELECT results_eq('SELECT queue, priority FROM errand._pairs()', $$VALUES ('b', 5::smallint), ('b', 0::smallint), ('b', (-3)::smallint), ('default', 5::smallint), ('default', 0::smallint)$$, '_pairs: each queue and priority');
SELECT is(pg_temp.claim(1, 2), 'b3:1 b1:1', '_claim: as many as there is capacity, pair by pair');
SELECT is(pg_temp.claim(2, 100, most => 1), 'b2:1 a3:1 a1:1', '_claim: so many of each pair');
SELECT is((SELECT row(token, worker, epoch, server_start = '2020-01-01', pid, claimed_at = '2030-01-01', cardinality(ids), attempts, suspects)::text
    FROM errand.lease WHERE token = 1), '(1,5,6,t,7,t,2,"{1,1}",)', '_claim: the lease says whose, and what');
SELECT is(pg_temp.states(), 'a1 running 1, a2 ready 0, a3 running 1, b1 running 1, b2 running 1, b3 running 1', '_claim: seen as running');
SELECT is(pg_temp.claim(3, 100, pg_temp.id('a2')), NULL, '_claim: nothing behind a position');
SELECT is((SELECT count(*)::int FROM errand.lease WHERE token = 3), 0, '_claim: and no lease');
SELECT is(pg_temp.claim(3, 100, pg_temp.id('a2') - 1), 'a2:1', '_claim: the rest');
SELECT is((SELECT count(*)::int FROM errand._pairs()), 0, '_pairs: none left');
SELECT is((SELECT row(ready, scheduled, running)::text FROM errand._recount() WHERE queue = 'b'), '(0,0,3)', '_recount: what leases hold');

-- the fence, and final states
SELECT is(errand._lease_lock('{3,99,1}'), '{1,3}', '_lease_lock: those that exist');
SELECT errand._settle(ARRAY[pg_temp.id('a2'), pg_temp.id('b1')], '{1,1}', '{1,1}', '{S,F}', ARRAY[now(), now()], ARRAY[now(), now()], 7, '{200,500}', '{f,f}',
    '{NULL,38000}', '{NULL,"went wrong"}', '{application/json,NULL}', ARRAY[E'A: 1\r\nB: 2\r\n'::bytea, NULL], ARRAY['{"a": 1}'::bytea, NULL], '{NULL,NULL}',
    '{1000,NULL}', '{2000,NULL}', '{3000,NULL}', '{4000,NULL}', '{5500,NULL}') \g /dev/null
SELECT is(pg_temp.states(), 'a1 running 1, a2 succeeded 1, a3 running 1, b1 failed 1, b2 running 1, b3 running 1', '_settle: final');
SELECT is(errand.result(pg_temp.id('a2')), '{"status": 200, "headers": {"a": "1", "b": "2"}, "body": {"a": 1}}', '_settle: with the answer');
SELECT is((SELECT timings FROM errand.attempts WHERE task_id = pg_temp.id('a2')),
    '{"dns_ms": 1.000, "connect_ms": 2.000, "tls_ms": 3.000, "wait_ms": 4.000, "transfer_ms": 5.500}', '_settle: and where the time went');
SELECT is(t.state(format('SELECT errand._settle(ARRAY[%s], ''{1}'', ''{1}'', ''{S}'', NULL, ARRAY[now()], 7, NULL, ''{f}'', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL)', pg_temp.id('a2'))), '23505', '_settle: recorded once is a constraint');
SELECT errand._release_side(ARRAY[pg_temp.id('a2')], NULL, NULL), errand._lease_drop('{3}') \g /dev/null
SELECT is((SELECT count(*)::int FROM errand.task_key WHERE key = 'a2'), 0, '_release_side: the key is free');
SELECT is((SELECT count(*)::int FROM errand.lease WHERE token = 3), 0, '_lease_drop');

-- runs that are not over: retried, parked, released, interrupted
SELECT is(errand._requeue(ARRAY[pg_temp.id('b3'), pg_temp.id('a1'), pg_temp.id('a3'), pg_temp.id('b2')], '{1,1,1,1}', '{1,1,1,1}', '{1,0,0,0}', '{5,0,5,-3}', '{b,default,default,b}',
    '{r,s,q,I}', ARRAY[now() + interval '1 h', now() + interval '1 h', NULL, NULL], NULL, ARRAY[now(), now(), now(), now()], 7, '{503,NULL,NULL,NULL}', '{f,f,f,f}',
    '{38000,NULL,NULL,57P01}', '{busy,NULL,NULL,stopped}', NULL, NULL, NULL, NULL, NULL),
    ARRAY[0, 0, pg_temp.id('a3'), pg_temp.id('b2')], '_requeue: the places of those that are ready again');
SELECT is(pg_temp.states(), 'a1 scheduled 0, a2 succeeded 1, a3 ready 0, b1 failed 1, b2 ready 1, b3 retrying 1', '_requeue: attempts of parked and released ones are not used');
SELECT is((SELECT error FROM errand.tasks WHERE key = 'b3'), 'busy', '_requeue: why it is retried');
SELECT is((SELECT string_agg(t.key || ' ' || a.state, ', ' ORDER BY t.key) FROM errand.attempts AS a JOIN errand.task AS t ON t.id = a.task_id
    WHERE t.key IN ('a1', 'a3', 'b2', 'b3')), 'b2 interrupted, b3 failed', '_requeue: attempts that were made');
SELECT is((SELECT failures FROM errand.later WHERE id = pg_temp.id('b3')), 1::smallint, '_requeue: failures are counted');
SELECT errand._lease_drop('{1,2}') \g /dev/null

-- due, in the order of their times, behind what is ready
SELECT is((SELECT string_agg(t.key || ' ' || d.state::text, ', ' ORDER BY d.place) FROM errand._due(now() + interval '2 h', 10) AS d JOIN errand.task AS t USING (id)), 'a1 s, b3 r',
    '_due: what moved');
SELECT ok((SELECT bool_and(place > pg_temp.id('b3')) FROM errand.ready WHERE id IN (pg_temp.id('a1'), pg_temp.id('b3'))), '_due: to the end of their queues');
SELECT is((SELECT count(*)::int FROM errand._due(now() + interval '2 h', 10)), 0, '_due: once');
SELECT is(pg_temp.claim(4, 100), 'b3:2 b2:2 a3:1 a1:1', '_claim: with the next attempt''s number');
SELECT errand._lease_drop('{4}') \g /dev/null
DELETE FROM errand.task;

-- deadlines
SELECT pg_temp.put('d1', deadline => '1 h'), pg_temp.put('d2', run_at => now() + interval '1 day', deadline => '2 h'), pg_temp.put('d3', deadline => '3 h'),
    pg_temp.put('d4', 'd', deadline => '1 h'), pg_temp.put('d5') \g /dev/null
SELECT is(pg_temp.claim(5, 1), 'd4:1', 'one of them runs');
SELECT ok((SELECT errand._next_due(now()) BETWEEN now() + interval '59 min' AND now() + interval '61 min'), '_next_due: the first deadline');
SELECT is((SELECT count(*)::int FROM errand._expire(now(), 10)), 0, '_expire: none yet');
SELECT is((SELECT string_agg(t.key || ' ' || e.state::text, ', ' ORDER BY t.key) FROM errand._expire(now() + interval '150 min', 10) AS e JOIN errand.task AS t USING (id)),
    'd1 q, d2 s, d4 x', '_expire: those that wait, and those that run, for a cancel');
SELECT is(pg_temp.states('d%'), 'd1 failed 0, d2 failed 0, d3 ready 0, d4 running 1, d5 ready 0', '_expire: failed');
SELECT is((SELECT row(sqlstate, error, timed_out)::text FROM errand.outcomes WHERE id = pg_temp.id('d1')), '(57014,"deadline exceeded",t)', '_expire: says why');
SELECT is((SELECT count(*)::int FROM errand.task_key WHERE key IN ('d1', 'd2')), 0, '_expire: their keys are free');
SELECT errand._lease_drop('{5}') \g /dev/null

-- requests to stop what does not run (any more)
INSERT INTO errand.cancel_request SELECT id, now(), 'by ' || key FROM errand.task WHERE key IN ('d1', 'd3', 'd4');
SELECT is((SELECT string_agg(t.key, ', ' ORDER BY t.key) FROM errand._cancel_requests() AS c JOIN errand.task AS t USING (id)), 'd3, d4', '_cancel_requests: not of final ones');
SELECT is((SELECT string_agg(t.key || ' ' || c."from"::text, ', ') FROM errand._cancel_waiting(now()) AS c JOIN errand.task AS t USING (id)), 'd3 q', '_cancel_waiting: those that wait');
SELECT is((SELECT row(state, error)::text FROM errand.tasks WHERE key = 'd3'), '(cancelled,"by d3")', '_cancel_waiting: cancelled');
SELECT is((SELECT count(*)::int FROM errand.cancel_request), 1, '_cancel_waiting: answered');

-- reaping: what was lost, and where it goes
SELECT pg_temp.put('r' || n, 'r', delivery => CASE WHEN n > 4 THEN 'at_most_once' END) FROM generate_series(1, 6) AS n \g /dev/null
DELETE FROM errand.ready WHERE queue <> 'r';
SELECT is(pg_temp.claim(6, 100), 'r1:1 r2:1 r3:1 r4:1 r5:1 r6:1', 'six run');
SELECT errand._mark_sent(ARRAY[pg_temp.id('r5')], '{1}') \g /dev/null
SELECT is((SELECT count(*)::int FROM errand._reap_take('{5}', 6, '2020-01-01', 10)), 0, '_reap_take: not of a worker that lives');
SAVEPOINT s;
SELECT is((SELECT how FROM errand._reap_take('{1}', 6, '2020-01-01', 10)), 'left', '_reap_take: of one that left');
ROLLBACK TO s;
SELECT is((SELECT how FROM errand._reap_take('{5}', 1, '2020-01-01', 10)), 'crash', '_reap_take: after a crash');
ROLLBACK TO s;
SELECT is((SELECT how FROM errand._reap_take('{5}', 1, '2021-01-01', 10)), 'restart', '_reap_take: after a restart');
ROLLBACK TO s;
CREATE TEMP TABLE gone AS SELECT * FROM errand._reap_take('{1}', 6, '2020-01-01', 10);
SELECT is((SELECT string_agg(t.key || ' ' || l.attempt || ' ' || l.falls || ' ' || l.restarts || ' ' || l.marked, ', ' ORDER BY t.key)
    FROM gone, errand._reap_lost(gone.ids, gone.attempts, gone.failures, gone.runs) AS l JOIN errand.task AS t USING (id)),
    'r1 1 0 0 false, r2 1 0 0 false, r3 1 0 0 false, r4 1 0 0 false, r5 1 0 0 true, r6 1 0 0 false', '_reap_lost: what nobody settled');
SELECT errand._reap_return((SELECT array_agg(pg_temp.id('r' || n) ORDER BY n) FROM generate_series(1, 5) AS n), '{1,1,1,1,1}', '{0,0,0,0,0}', '{1,1,1,1,1}', '{q,p,p,F,U}',
    '{0,1,1,0,0}', '{0,0,0,0,0}', '57P02', 'the server fell', 7, now(), now()) \g /dev/null
SELECT is(pg_temp.states('r%'), 'r1 ready 1, r2 ready 1, r3 ready 1, r4 failed 1, r5 unknown 1', '_reap_return: ready again, apart, failed, unknown');
SELECT is((SELECT string_agg(key || ': ' || error, ', ' ORDER BY key) FROM errand.tasks WHERE key IN ('r1', 'r2', 'r4')),
    'r2: in flight when the server crashed, waits to run apart, r4: crashed the server, twice while it ran alone', '_reap_return: said so');
SELECT is((SELECT string_agg(t.key || ' ' || a.state, ', ' ORDER BY t.key) FROM errand.attempts AS a JOIN errand.task AS t ON t.id = a.task_id WHERE t.key LIKE 'r%'),
    'r1 lost, r2 lost, r3 lost, r4 failed, r5 unknown', '_reap_return: attempts');
SELECT is((SELECT string_agg(t.key || ' ' || c.attempt, ', ' ORDER BY t.key) FROM errand._claim_suspects(7, 5, 6, '2020-01-01', 7, 10, now()) AS c JOIN errand.task AS t USING (id)),
    'r2 2, r3 2', '_claim_suspects: a whole group');
SELECT is((SELECT string_agg(t.key || ' ' || l.falls, ', ' ORDER BY t.key) FROM errand.lease AS x, errand._reap_lost(x.ids, x.attempts, x.failures, x.runs) AS l
    JOIN errand.task AS t USING (id) WHERE x.token = 7), 'r2 1, r3 1', '_reap_lost: falls are counted');

-- what a worker asks again and again does not walk through what has ended, planned
-- as workers plan (process.c), while little had ended and much was asked
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL plan_cache_mode = force_generic_plan;
UPDATE pg_class SET reltuples = 10, relpages = 1 WHERE oid = 'errand.outcome'::regclass;
UPDATE pg_class SET reltuples = 100000, relpages = 1 WHERE oid IN ('errand.cancel_request'::regclass, 'errand.source_piece'::regclass);
DISCARD PLANS;
SELECT errand._cancel_requests(), errand._cancel_waiting(now()), errand._sources_mend(now()) \g /dev/null
INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out) SELECT -n, now(), 1, 1, 'S', false FROM generate_series(1, 2000) AS n;
CREATE FUNCTION pg_temp.walked(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_stat_get_xact_tuples_returned('errand.outcome_pkey'::regclass) + pg_stat_get_xact_tuples_returned('errand.outcome'::regclass);
BEGIN
    EXECUTE query;
    RETURN pg_stat_get_xact_tuples_returned('errand.outcome_pkey'::regclass) + pg_stat_get_xact_tuples_returned('errand.outcome'::regclass) - before;
END $$;
SELECT cmp_ok(pg_temp.walked(q), '<', 50::bigint, 'by id only: ' || q)
FROM unnest('{"SELECT errand._cancel_requests()","SELECT errand._cancel_waiting(now())","SELECT errand._sources_mend(now())"}'::text[]) AS q;
SELECT * FROM finish();
ROLLBACK;
