-- wait(), as_completed(), race(), run().
\ir common.psql
SELECT plan(70);

SELECT errand.http_get(t.url('/ok')) AS a \gset
SELECT errand.wait_for(:a) AS r \gset
SELECT errand.http_get(t.url('/ok')) AS b \gset
SELECT errand.wait_for(:b) AS r \gset
SELECT errand.http_get(t.url('/status/410')) AS bad \gset
SELECT count(*) AS r FROM errand.gather(ARRAY[:bad], true) \gset
SELECT errand.http_get(t.url('/ok'), run_at => now() + interval '1 day') AS later \gset
SELECT errand.http_get(t.url('/ok'), run_at => now() + interval '1 day') AS cut \gset
SELECT errand.cancel(:cut) AS r \gset

-- wait
SELECT results_eq(format('SELECT * FROM errand.wait(ARRAY[%s, %s])', :b, :a),
    format('VALUES (%s::bigint, true, ''succeeded''), (%s, true, ''succeeded'')', :b, :a), 'wait: a row each, in the order given');
SELECT results_eq(format('SELECT * FROM errand.wait(ARRAY[%s, %s], ''FIRST_COMPLETED'')', :later, :a),
    format('VALUES (%s::bigint, false, ''scheduled''), (%s, true, ''succeeded'')', :later, :a), 'wait: FIRST_COMPLETED');
SELECT results_eq(format('SELECT * FROM errand.wait(ARRAY[%s, %s, %s], ''FIRST_EXCEPTION'')', :later, :a, :bad),
    format('VALUES (%s::bigint, false, ''scheduled''), (%s, true, ''succeeded''), (%s, true, ''failed'')', :later, :a, :bad), 'wait: FIRST_EXCEPTION');
SELECT results_eq(format('SELECT done FROM errand.wait(ARRAY[%s, %s], ''FIRST_EXCEPTION'')', :a, :cut), 'VALUES (true), (true)', 'wait: FIRST_EXCEPTION without one is ALL_COMPLETED');
SELECT clock_timestamp() AS since \gset
SELECT is((SELECT string_agg(done::text, ' ') FROM errand.wait(ARRAY[:a, :cut, :later], 'FIRST_EXCEPTION', '100 ms')), 'true true false', 'wait: a cancelled task raises nothing');
SELECT ok(clock_timestamp() - :'since' >= interval '100 ms', 'wait: so it waited on');
SELECT is((SELECT string_agg(done || ' ' || state, ' ') FROM errand.wait(ARRAY[:later], timeout => '50 ms')), 'false scheduled', 'wait: its timeout is no error');
SELECT is((SELECT done FROM errand.wait(ARRAY[:later], timeout => '0')), false, 'wait: a look without waiting');
SELECT is(errand.status(:later), 'scheduled', 'wait: cancels nothing');
SELECT is((SELECT count(*)::int FROM errand.wait(ARRAY[:a, :a, :b, :a])), 2, 'wait: each id once');
SELECT results_eq(format('SELECT * FROM errand.wait(ARRAY[-1, %s])', :a), format('VALUES (-1::bigint, true, NULL), (%s, true, ''succeeded'')', :a), 'wait: one that is not there is done, without a state');
SELECT is((SELECT count(*)::int FROM errand.wait('{}')), 0, 'wait: for nothing');
SELECT is((SELECT count(*)::int FROM errand.wait(NULL)), 0, 'wait: for NULL');
SELECT is((SELECT count(*)::int FROM errand.wait(ARRAY[:a]::int[])), 1, 'wait: integers will do');
SELECT is(t.state(format('SELECT * FROM errand.wait(ARRAY[%s, NULL])', :a)), '22004', 'wait: an id that is NULL');
SELECT throws_ok(format('SELECT * FROM errand.wait(ARRAY[%s], ''first'')', :a), '22023', 'unknown return_when "first"', 'wait: no such return_when');
SELECT is(t.state(format('SELECT * FROM errand.wait(ARRAY[%s], NULL)', :a)), '22023', 'wait: return_when NULL');
SELECT is(t.state(format('SELECT * FROM errand.wait(ARRAY[%s], timeout => ''-1 s'')', :a)), '22023', 'wait: a negative timeout');
SELECT is(t.by('tap_bob', format('SELECT state FROM errand.wait(ARRAY[%s])', :a)), NULL, 'wait: another''s task is not there');
SELECT errand.http_get(t.url('/delay/80')) AS slow \gset
SELECT is((SELECT state FROM errand.wait(ARRAY[:slow])), 'succeeded', 'wait: waits');

-- as_completed
SELECT results_eq(format('SELECT id, state, result ->> ''status'', error FROM errand.as_completed(ARRAY[%s, %s, %s])', :bad, :b, :a),
    format('VALUES (%s::bigint, ''succeeded'', ''200'', NULL), (%s, ''succeeded'', ''200'', NULL), (%s, ''failed'', NULL, ''HTTP status 410'')', :a, :b, :bad),
    'as_completed: those that are final, by time');
SELECT errand.http_get(t.url('/delay/60')) AS quick \gset
SELECT errand.http_get(t.url('/delay/60'), after => ARRAY[:quick]) AS slow \gset
SELECT results_eq(format('SELECT id FROM errand.as_completed(ARRAY[%s, %s, %s])', :slow, :quick, :a),
    format('VALUES (%s::bigint), (%s), (%s)', :a, :quick, :slow), 'as_completed: as each finishes');
SELECT results_eq(format('SELECT (c).id FROM (SELECT errand.as_completed(ARRAY[%s, %s]) AS c OFFSET 0) AS x', :b, :a),
    format('VALUES (%s::bigint), (%s)', :a, :b), 'as_completed: in the select list');
SELECT results_eq(format('SELECT id, state, result, error FROM errand.as_completed(ARRAY[-1, %s]) ORDER BY id', :cut),
    format('VALUES (-1::bigint, NULL, NULL::jsonb, ''there is no such task''), (%s, ''cancelled'', NULL, ''cancelled by user'')', :cut), 'as_completed: cancelled, or not there');
SELECT is((SELECT count(*)::int FROM errand.as_completed(ARRAY[:a, :b, :a])), 2, 'as_completed: each id once');
SELECT is((SELECT count(*)::int FROM errand.as_completed('{}')), 0, 'as_completed: of nothing');
SELECT is((SELECT count(*)::int FROM errand.as_completed(NULL)), 0, 'as_completed: of NULL');
SELECT is((SELECT count(*)::int FROM errand.as_completed(ARRAY[:a]::int[])), 1, 'as_completed: integers will do');
SELECT is(t.state(format('SELECT * FROM errand.as_completed(ARRAY[%s, NULL])', :a)), '22004', 'as_completed: an id that is NULL');
SELECT is(t.state(format('SELECT * FROM errand.as_completed(ARRAY[%s, %s], ''60 ms'')', :a, :later)), '57014', 'as_completed: timed out');
SELECT is(t.state(format('SELECT * FROM errand.as_completed(ARRAY[%s], ''-1 s'')', :a)), '22023', 'as_completed: a negative timeout');
SELECT is(errand.status(:later), 'scheduled', 'as_completed: cancels nothing');

-- race
SELECT errand.http_get(t.url('/hang'), timeout => '1 h') AS hang \gset
SELECT errand.http_get(t.url('/delay/60')) AS quick \gset
SELECT results_eq(format('SELECT id, result ->> ''status'' FROM errand.race(ARRAY[%s, %s, %s])', :hang, :quick, :bad), format('VALUES (%s::bigint, ''200'')', :quick), 'race: the first that succeeds');
SELECT is((SELECT state || ' ' || error FROM errand.gather(ARRAY[:hang], true)), 'cancelled cancelled: another one won the race', 'race: the others are asked to stop');
SELECT results_eq(format('SELECT id FROM errand.race(ARRAY[%s, %s])', :b, :a), format('VALUES (%s::bigint)', :a), 'race: of two that have succeeded, the earlier');
SELECT is(t.state(format('SELECT * FROM errand.race(ARRAY[%s, %s])', :cut, :bad)), '57014', 'race: the last one''s error if none succeeds');
SELECT throws_ok(format('SELECT * FROM errand.race(ARRAY[%s])', :bad), '38000', 'HTTP status 410', 'race: an HTTP error');
SELECT is(t.state('SELECT * FROM errand.race(ARRAY[-1])'), '42704', 'race: no such task');
SELECT is((SELECT id FROM errand.race(ARRAY[-1, :a])), :a::bigint, 'race: one that is not there does not win');
SELECT is((SELECT count(*)::int FROM errand.race('{}')), 0, 'race: of nothing');
SELECT is((SELECT count(*)::int FROM errand.race(NULL)), 0, 'race: of NULL');
SELECT is((SELECT count(*)::int FROM errand.race(ARRAY[:a, :a]::int[])), 1, 'race: integers will do, twice');
SELECT is(t.state(format('SELECT * FROM errand.race(ARRAY[%s, NULL])', :a)), '22004', 'race: an id that is NULL');
SELECT is(t.state(format('SELECT * FROM errand.race(ARRAY[%s, %s], ''60 ms'')', :bad, :later)), '57014', 'race: timed out');
SELECT is(t.state(format('SELECT * FROM errand.race(ARRAY[%s], ''-1 s'')', :a)), '22023', 'race: a negative timeout');
SELECT is(errand.status(:later), 'scheduled', 'race: a timeout cancels nothing');
SELECT errand.http_get(t.url('/ok'), run_at => now() + interval '1 day') AS other \gset
SELECT is(t.by('tap_mona', format('SELECT id FROM errand.race(ARRAY[%s, %s])', :a, :other)), :'a', 'race: somebody who only looks');
SELECT errand.http_get(t.url('/ok')) AS fence \gset
SELECT errand.wait_for(:fence) AS r \gset
SELECT is(errand.status(:other), 'scheduled', 'race: cancels nobody else''s tasks');

-- what this transaction submitted
BEGIN;
SELECT errand.http_get(t.url('/ok')) AS mine \gset
SELECT is(t.state(format(q, :mine, :a)), '55000', 'this very transaction''s: ' || q) FROM unnest(ARRAY['SELECT * FROM errand.wait(ARRAY[%s, %s])',
    'SELECT * FROM errand.as_completed(ARRAY[%s, %s])', 'SELECT errand.as_completed(ARRAY[%s, %s])', 'SELECT * FROM errand.race(ARRAY[%s, %s])']) AS q;
ROLLBACK;

-- statement_timeout
SET statement_timeout = '1 s';
SELECT is(t.state(format('SELECT * FROM errand.wait(ARRAY[%s])', :later)), '57014', 'wait: obeys statement_timeout');
SELECT is(t.state(format('SELECT * FROM errand.as_completed(ARRAY[%s])', :later)), '57014', 'as_completed: obeys statement_timeout');
SELECT is(t.state(format('SELECT * FROM errand.race(ARRAY[%s])', :later)), '57014', 'race: obeys statement_timeout');
RESET statement_timeout;

-- a wait that ended with an error somebody caught, then another
SELECT is((SELECT count(*)::int FROM errand.wait(ARRAY[:a])), 1, 'and the next wait works');

-- run
CALL errand.run('http', jsonb_build_object('url', t.url('/delay/60'))) \gset r_
SELECT is(:'r_result'::jsonb -> 'body', '{"delay_ms": 60}', 'run: gives the result');
DO $$
DECLARE
    answer jsonb;
BEGIN
    CALL errand.run('http', jsonb_build_object('url', t.url('/ok')), answer);
    PERFORM set_config('t.answer', answer ->> 'status', false);
END $$;
SELECT is(current_setting('t.answer'), '200', 'run: within a block');
\set ON_ERROR_STOP 0
BEGIN;
CALL errand.run('http', jsonb_build_object('url', t.url('/ok')));
ROLLBACK;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '2D000', 'run: not inside a transaction');
SELECT is(t.state($$CALL errand.run('http', '{"url": "http://127.0.0.1/"}')$$), '2D000', 'run: nor inside a function');
CALL errand.run('http', jsonb_build_object('url', t.url('/status/404')));
SELECT is(:'LAST_ERROR_SQLSTATE' || ' ' || :'LAST_ERROR_MESSAGE', '38000 HTTP status 404', 'run: raises the task''s error');
CALL errand.run('http', '{"nosuch": 1}');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'run: the payload is that of submit()');
SELECT coalesce(max(id), 0) AS before FROM errand.tasks \gset
CALL errand.run('http', jsonb_build_object('url', t.url('/hang')), timeout => '80 ms');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'run: timed out');
SELECT is((SELECT string_agg(g.state, ' ') FROM errand.tasks AS t, errand.gather(ARRAY[t.id], true) AS g WHERE t.id > :before), 'cancelled', 'run: the task was asked to stop');
CALL errand.run('tap_no_such_type');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '42704', 'run: no such type');
CALL errand.run(NULL);
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'run: no type');
SELECT max(id) AS before FROM errand.tasks \gset
CALL errand.run('http', jsonb_build_object('url', t.url('/ok')), timeout => '-1 s');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'run: a negative timeout');
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE id > :before), 0, 'run: which submits nothing');
SET ROLE tap_mona;
CALL errand.run('http', '{}');
\set state :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT is(:'state'::text, '42501', 'run: needs the level submit');
SET ROLE tap_alice;
CALL errand.run('http', jsonb_build_object('url', 'http://127.0.0.1:' || regexp_replace(t.url('/ok'), '.*:(\d+)/.*', '\1') || '/ok')) \gset r_
RESET ROLE;
SELECT is(:'r_result'::jsonb ->> 'status', '200', 'run: for whoever may submit');
\set ON_ERROR_STOP 1
SELECT count(errand.cancel(id)) AS r FROM unnest(ARRAY[:later, :other]) AS id \gset
-- the files after this one count alice's tasks
SELECT count(*) AS r FROM errand.gather(ARRAY(SELECT id FROM errand.tasks WHERE owner = 'tap_alice'), true) \gset
SELECT errand.purge('{"owner": "tap_alice"}') AS r \gset
SELECT * FROM finish();
