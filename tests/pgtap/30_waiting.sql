-- wait_for() and gather().
\ir common.psql
SELECT plan(35);

-- wait_for; one of three, because the machine may stand still in the others
CREATE TEMP TABLE took (seconds interval);
CREATE PROCEDURE pg_temp.take_time() LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
    since timestamptz;
BEGIN
    FOR i IN 1..3 LOOP
        id := errand.http_get(t.url('/delay/80'));
        COMMIT;
        since := clock_timestamp();
        PERFORM errand.wait_for(id);
        INSERT INTO took VALUES (clock_timestamp() - since);
        COMMIT;
    END LOOP;
END $$;
CALL pg_temp.take_time();
SELECT ok((SELECT min(seconds) FROM took) < interval '4 s', 'wait_for: is woken, and does not just look now and then');
SELECT errand.http_get(t.url('/delay/80')) AS id \gset
SELECT is(errand.wait_for(:id) -> 'body', '{"delay_ms": 80}', 'wait_for: waits for the result');
SELECT is(errand.wait_for(:id) -> 'body', '{"delay_ms": 80}', 'wait_for: of one that is final already');
SELECT is(errand.wait_for(:id), errand.result(:id), 'wait_for: it is the result');
SELECT is(errand.wait_for(NULL), NULL, 'wait_for: NULL for NULL');
SELECT is(t.state('SELECT errand.wait_for(-1)'), '42704', 'wait_for: no such task');
SELECT errand.http_get(t.url('/status/410')) AS gone \gset
SELECT throws_ok(format('SELECT errand.wait_for(%s)', :gone), '38000', 'HTTP status 410', 'wait_for: raises the error of the task');
SELECT is(t.state(format('SELECT errand.wait_for(%s, ''-1 s'')', :id)), '22023', 'wait_for: a negative timeout');


-- however many tasks there are, a look reads those that are waited for
BEGIN;
CREATE FUNCTION pg_temp.rows_read() RETURNS int LANGUAGE sql AS $$
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_user_tables WHERE relid IN ('errand.task'::regclass, 'errand.outcome'::regclass) $$;
SELECT pg_temp.rows_read() AS before \gset
SELECT errand.gather(ARRAY[:id]) \g /dev/null
SELECT cmp_ok(pg_temp.rows_read() - :before, '<', 9, 'gather: reads no other tasks');
ROLLBACK;

-- its timeout cancels
SELECT errand.http_get(t.url('/hang')) AS hang \gset
SELECT is(t.state(format('SELECT errand.wait_for(%s, ''60 ms'')', :hang)), '57014', 'wait_for: timed out');
SELECT is((SELECT state FROM errand.gather(ARRAY[:hang], true)), 'cancelled', 'wait_for: the task was asked to stop');
SELECT matches((SELECT error FROM errand.tasks WHERE id = :hang), 'gave up', 'wait_for: and says why');
SELECT errand.http_get(t.url('/ok'), run_at => now() + interval '1 day') AS later \gset
SELECT is(t.state(format('SELECT errand.wait_for(%s, ''0'')', :later)), '57014', 'wait_for: of one that is not due');
SELECT is((SELECT state FROM errand.gather(ARRAY[:later], true)), 'cancelled', 'wait_for: is cancelled likewise');

-- a statement's own limits
SELECT errand.http_get(t.url('/hang'), timeout => '1 h') AS hang \gset
SET statement_timeout = '1 s';
SELECT is(t.state(format('SELECT errand.wait_for(%s)', :hang)), '57014', 'wait_for: obeys statement_timeout');
RESET statement_timeout;
SELECT ok(errand.status(:hang) IN ('ready', 'running'), 'which cancels nothing');

-- what this transaction submitted
BEGIN;
SELECT errand.http_get(t.url('/ok')) AS mine \gset
SELECT is(t.state(format('SELECT errand.wait_for(%s)', :mine)), '55000', 'wait_for: of this very transaction''s');
SELECT is(t.state(format('SELECT * FROM errand.gather(ARRAY[%s])', :mine)), '55000', 'gather: of this very transaction''s');
COMMIT;
SELECT is(errand.wait_for(:mine) ->> 'status', '200', 'and after COMMIT it can be waited for');

-- gather
SELECT errand.http_get(t.url('/delay/60')) AS slow \gset
SELECT errand.http_get(t.url('/ok')) AS fast \gset
SELECT results_eq(format('SELECT ord, id, state, result ->> ''status'', error FROM errand.gather(ARRAY[%s, %s, %1$s])', :slow, :fast),
    format('VALUES (1, %s::bigint, ''succeeded'', ''200'', NULL::text), (2, %s, ''succeeded'', ''200'', NULL), (3, %1$s, ''succeeded'', ''200'', NULL)', :slow, :fast),
    'gather: a row each, in the order given');
SELECT results_eq(format('SELECT ord, state, error FROM errand.gather(ARRAY[%s, -1, %s], return_exceptions => true)', :gone, :fast),
    'VALUES (1, ''failed'', ''HTTP status 410''), (2, NULL, ''there is no such task''), (3, ''succeeded'', NULL)', 'gather: failures are rows if asked for');
SELECT is(t.state(format('SELECT * FROM errand.gather(ARRAY[%s, %s])', :hang, :gone)), '38000', 'gather: raises the first failure while others run');
SELECT is(t.state(format('SELECT * FROM errand.gather(ARRAY[%s, -1])', :fast)), '42704', 'gather: no such task');
SELECT is(t.state(format('SELECT * FROM errand.gather(ARRAY[%s, NULL])', :fast)), '22004', 'gather: an id that is NULL');
SELECT is((SELECT count(*)::int FROM errand.gather('{}')), 0, 'gather: of nothing');
SELECT is((SELECT count(*)::int FROM errand.gather(NULL)), 0, 'gather: of NULL');
SELECT is((SELECT count(*)::int FROM errand.gather(ARRAY[:fast]::int[])), 1, 'gather: integers will do');
SELECT is(t.state(format('SELECT * FROM errand.gather(ARRAY[%s], timeout => ''60 ms'')', :hang)), '57014', 'gather: timed out');
SELECT is(t.state(format('SELECT * FROM errand.gather(ARRAY[%s], true, ''60 ms'')', :hang)), '57014', 'gather: so with return_exceptions');
SELECT ok(errand.status(:hang) IN ('ready', 'running'), 'gather: cancels nothing');
SELECT is(t.state(format('SELECT * FROM errand.gather(ARRAY[%s], true, ''-1 s'')', :fast)), '22023', 'gather: a negative timeout');
SELECT errand.cancel(:hang) AS r \gset

-- many, with more ids than a filter has bits
SELECT array_agg(id) AS ids FROM errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[1500])) AS id \gset
SELECT is((SELECT count(*)::int FROM errand.gather(:'ids'::bigint[]) WHERE state = 'succeeded'), 1500, 'gather: 1500 at once');

-- one that is retried while it is waited for ends with its last attempt
SELECT errand.http_get(t.url('/flaky/2'), backoff => 'constant', backoff_base => '20 ms') AS id \gset
SELECT is(errand.wait_for(:id) -> 'body', '{"status": 200}', 'wait_for: through retries');

-- in a transaction that has a snapshot already
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) AS n FROM errand.tasks \gset
SELECT errand.status(:fast) AS s \gset
\set other `psql -XAtq -d :'DBNAME' -c "SELECT errand.http_get('http://127.0.0.1:$COUNT_PORT/status/203')"`
SELECT is(errand.wait_for(:other) ->> 'status', '203', 'wait_for: by the latest snapshot under REPEATABLE READ');
SELECT is((SELECT state FROM errand.gather(ARRAY[:other])), 'succeeded', 'gather: likewise');
COMMIT;
SELECT * FROM finish();
