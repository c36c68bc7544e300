-- cancel_where(), retry_where(), purge(), purge_queue(): filters, rights, errors.
\ir common.psql
SELECT plan(95);

CREATE FUNCTION pg_temp.later(queue text, options text DEFAULT '') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    EXECUTE format('SELECT errand.http_get(t.url(''/ok''), queue => %L, run_at => now() + interval ''1 day''%s)', queue, options) INTO id;
    RETURN id;
END $$;
CREATE FUNCTION pg_temp.hint(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE query;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END $$;

-- bad filters
SELECT is(t.state(format('SELECT errand.%s(%L)', f, v)), '22023', f || ': ' || v)
FROM unnest(ARRAY['cancel_where', 'retry_where', 'purge']) AS f,
    unnest(ARRAY['[]', '1', '{"nosuch": 1}', '{"queue": null}', '{"state": "done"}', '{"state": 1}', '{"queue": [1]}', '{"min_id": "x"}', '{"max_id": 1.5}',
        '{"older_than": "soon"}', '{"newer_than": 1}', '{"older_than": "-1 s"}', '{"error": ["x"]}']) AS v;
SELECT is(t.state('SELECT errand.cancel_where(NULL)'), '22023', 'NULL is no filter');
SELECT matches(pg_temp.hint('SELECT errand.cancel_where(''{"nosuch": 1}'')'), 'state, queue, task, kind, owner, key, tag, task_group, min_id, max_id, older_than, newer_than, since, until, min_run_ms, error, q', 'the hint lists the keys');
SELECT is(t.state('SELECT errand.purge(''{}'')'), '22023', 'purge: an empty filter');
SELECT matches(pg_temp.hint('SELECT errand.purge(''{}'')'), '\{"state": \[', 'purge: the hint shows one');

-- what each key means
SELECT errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', t.url('/ok')) FROM generate_series(1, 5)), queue => 'w_1', run_at => now() + interval '1 day') AS r \g /dev/null
SELECT pg_temp.later('w_2', ', key => ''w-key'', tags => ARRAY[''red'', ''blue'']') AS keyed \gset
SELECT pg_temp.later('w_2', ', tags => ARRAY[''blue'']') AS tagged \gset
SELECT is(errand.cancel_where(f::jsonb, true), n::bigint, 'finds ' || f) FROM (VALUES
    ('{"queue": "w_1"}', 5), ('{"queue": ["w_1", "w_2"]}', 7), ('{"queue": "w_2", "tag": "blue"}', 2), ('{"queue": "w_2", "tag": ["red", "green"]}', 1),
    ('{"key": "w-key"}', 1), ('{"queue": "w_1", "state": "scheduled"}', 5), ('{"queue": "w_1", "state": ["ready", "failed"]}', 0), ('{"queue": "w_1", "state": []}', 0),
    ('{"queue": "w_1", "task": "http", "kind": "http"}', 5), ('{"queue": "w_1", "task": "other"}', 0), ('{"queue": "w_1", "owner": "postgres"}', 5),
    ('{"queue": "w_1", "owner": "tap_bob"}', 0), ('{"queue": "w_1", "newer_than": "1 hour"}', 5), ('{"queue": "w_1", "older_than": "1 hour"}', 0),
    ('{"queue": "w_1", "older_than": "0"}', 5), ('{"queue": "w_1", "task_group": 1}', 0), ('{"queue": "w_1", "error": "x"}', 0)) AS v (f, n);
SELECT is(errand.cancel_where(jsonb_build_object('min_id', :keyed, 'max_id', :tagged, 'queue', 'w_2'), true), 2::bigint, 'finds ids from and to');
SELECT is(errand.cancel_where(jsonb_build_object('min_id', :keyed + 1, 'queue', 'w_2'), true), 1::bigint, 'finds ids from');

-- cancel_where
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE queue = 'w_1' AND state = 'scheduled'), 5, 'a dry run does nothing');
SELECT is(t.by('tap_bob', 'SELECT errand.cancel_where(''{"queue": "w_1"}'')'), '0', 'cancel_where: not those of others');
BEGIN;
SELECT is(errand.cancel_where('{"queue": "w_1"}'), 5::bigint, 'cancel_where: how many');
ROLLBACK;
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE queue = 'w_1' AND state = 'scheduled'), 5, 'cancel_where: gone with ROLLBACK');
SELECT is(t.by('tap_adam', 'SELECT errand.cancel_where(''{"queue": "w_1"}'')'), '5', 'cancel_where: an admin cancels all');
SELECT is((SELECT string_agg(DISTINCT state || ' ' || error, ',') FROM errand.tasks WHERE queue = 'w_1'), 'cancelled cancelled by user', 'cancel_where: they are cancelled');
SELECT is((SELECT row(depth, scheduled)::text FROM errand.stat_queues WHERE queue = 'w_1'), '(0,0)', 'cancel_where: and counted');
SELECT is(errand.cancel_where('{"queue": "w_1"}'), 0::bigint, 'cancel_where: final ones are left alone');
SELECT errand.http_get(t.url('/hang'), queue => 'w_3') AS hang \gset
SELECT ok(t.until(format('errand.status(%s) = ''running''', :hang)), 'one that runs');
SELECT is(errand.cancel_where('{"queue": "w_3"}'), 1::bigint, 'cancel_where: is asked to stop');
SELECT is((SELECT state FROM errand.gather(ARRAY[:hang], true)), 'cancelled', 'cancel_where: and does');

-- retry_where
SELECT errand.http_get(t.url('/status/410'), queue => 'w_4') AS bad \gset
SELECT errand.http_get(t.url('/ok'), queue => 'w_4') AS good \gset
SELECT count(*) AS r FROM errand.gather(ARRAY[:bad, :good], true) \gset
SELECT errand.define_queue('w_4') \g /dev/null
SELECT errand.pause_queue('w_4') \g /dev/null
SELECT errand.http_get(t.url('/ok')) AS fence \gset
SELECT errand.wait_for(:fence) AS r \gset
SELECT is(errand.retry_where('{"queue": "w_4", "error": "410"}', true), 1::bigint, 'retry_where: a dry run');
SELECT is(t.by('tap_bob', 'SELECT errand.retry_where(''{"queue": "w_4"}'')'), '0', 'retry_where: not those of others');
SELECT is(errand.retry_where('{"queue": "w_4"}'), 1::bigint, 'retry_where: failed ones');
SELECT is(errand.status(:bad) || ' ' || errand.status(:good), 'ready succeeded', 'retry_where: and no others');
SELECT is(errand.retry_where('{"queue": "w_4", "state": "succeeded"}'), 1::bigint, 'retry_where: unless they are named');
SELECT is(errand.status(:good), 'ready', 'retry_where: runs again');

-- purge_queue
SELECT is(t.by('tap_alice', 'SELECT errand.purge_queue(''w_4'')'), '42501', 'purge_queue: needs level admin');
SELECT is(t.state('SELECT errand.purge_queue(''w_no_such'')'), '42704', 'purge_queue: no such queue');
SELECT is(t.state('SELECT errand.purge_queue(NULL)'), '22023', 'purge_queue: no name');
SELECT is(errand.purge_queue('w_4'), 2::bigint, 'purge_queue: cancels what waits');
SELECT is((SELECT error FROM errand.tasks WHERE id = :good), 'the queue was purged', 'purge_queue: and says why');
SELECT errand.resume_queue('w_4') \g /dev/null

-- purge
SELECT is(t.by('tap_bob', 'SELECT errand.purge(''{"queue": "w_1"}'')'), '0', 'purge: not those of others');
SELECT is(errand.purge('{"queue": "w_2"}'), 0::bigint, 'purge: final ones only');
SELECT is(errand.purge('{"queue": ["w_1", "w_4"]}'), 7::bigint, 'purge: how many');
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE queue IN ('w_1', 'w_4')), 0, 'purge: they are gone');
SELECT is((SELECT count(*)::int FROM errand.task WHERE id IN (:bad, :good)) + (SELECT count(*)::int FROM errand.outcome WHERE id IN (:bad, :good))
    + (SELECT count(*)::int FROM errand.attempt WHERE task_id IN (:bad, :good)), 0, 'purge: with outcomes and attempts');
SELECT set_config('role', 'tap_bob', false) AS r \gset
SELECT errand.http_get('http://127.0.0.1:1/', queue => 'w_5', max_attempts => 1) AS bobs \gset
SELECT errand.cancel(:bobs) AS r \gset
RESET ROLE;
SELECT count(*) AS r FROM errand.gather(ARRAY[:bobs], true) \gset
SELECT is(t.by('tap_bob', 'SELECT errand.purge(''{"queue": "w_5"}'')'), '1', 'purge: one''s own');
SELECT is(t.by('tap_mona', q), '42501', 'monitor: ' || q) FROM unnest(ARRAY['SELECT errand.cancel_where(''{}'')', 'SELECT errand.retry_where(''{}'')',
    'SELECT errand.purge(''{"queue": "x"}'')', 'SELECT errand.purge_queue(''default'')', 'SELECT errand.stat_reset()']) AS q;
SELECT errand.cancel_where('{"queue": "w_2"}') AS r \gset
SELECT * FROM finish();
