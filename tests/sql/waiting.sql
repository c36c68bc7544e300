-- wait_for() and gather(): results, errors, timeouts.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
\set VERBOSITY sqlstate
\set base `echo http://127.0.0.1:$COUNT_PORT`
SELECT errand.wait_until_running();

-- a result, at once and once more
SELECT errand.http_get(:'base' || '/status/202') AS id \gset
SELECT errand.wait_for(:id) -> 'body' AS body;
SELECT errand.wait_for(:id) -> 'body' AS body;
SELECT errand.result(:id) -> 'body' AS body;

-- the task's own error
SELECT errand.http_get(:'base' || '/status/404') AS id \gset
SELECT errand.wait_for(:id);
SELECT errand.result(:id);

-- no such task; no task at all
SELECT errand.wait_for(-1);
SELECT errand.wait_for(NULL);
SELECT errand.result(-1);
SELECT errand.result(NULL);
SELECT count(*) FROM errand.response(-1);
SELECT count(*) FROM errand.task(-1);

-- not final yet
SELECT errand.http_get(:'base' || '/ok', run_at => now() + interval '1 day') AS later \gset
SELECT errand.result(:later);
SELECT count(*) FROM errand.response(:later);

-- in time or not at all: it is asked to stop
SELECT errand.http_get(:'base' || '/hang') AS id \gset
SELECT errand.wait_for(:id, '50 ms');
SELECT state FROM errand.gather(ARRAY[:id], true);
SELECT errand.wait_for(:later, '0');
SELECT errand.wait_for(:later, '-1 s');

-- one that this transaction submitted can never end; one that it cancelled has
BEGIN;
SELECT errand.http_get(:'base' || '/ok') AS id \gset
SELECT errand.wait_for(:id, NULL);
ROLLBACK;
BEGIN;
SELECT errand.http_get(:'base' || '/ok') AS id \gset
SELECT * FROM errand.gather(ARRAY[:id]);
ROLLBACK;
SELECT errand.http_get(:'base' || '/ok', run_at => now() + interval '1 day') AS later \gset
BEGIN;
SELECT errand.cancel(:later, 'changed my mind');
\set VERBOSITY terse
SELECT errand.wait_for(:later);
ROLLBACK;
\set VERBOSITY sqlstate
SELECT errand.status(:later);

-- REPEATABLE READ waits by the latest snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) > 0 AS snapshot FROM pg_class;
\set other `psql -XAtq -d :'DBNAME' -c "SELECT errand.http_get('http://127.0.0.1:$COUNT_PORT/status/203')"`
SELECT errand.status(:other) AS not_in_this_snapshot;
SELECT errand.wait_for(:other) -> 'body' AS body;
SELECT state, result -> 'body' AS body FROM errand.gather(ARRAY[:other]);
COMMIT;

-- gathering: in the order given, twice if asked twice
SELECT errand.http_get(:'base' || '/delay/60') AS slow \gset
SELECT errand.http_get(:'base' || '/ok') AS fast \gset
SELECT errand.http_get(:'base' || '/status/404') AS bad \gset
SELECT ord, id = :slow AS slow, id = :fast AS fast, state, result ->> 'status' AS status, error
FROM errand.gather(ARRAY[:slow, :fast, :slow]);
SELECT ord, state, result ->> 'status' AS status, error FROM errand.gather(ARRAY[:bad, -1, :fast], true);
-- the first failure is raised, while others still run
SELECT errand.http_get(:'base' || '/hang') AS hang \gset
SELECT * FROM errand.gather(ARRAY[:hang, :bad]);
SELECT * FROM errand.gather(ARRAY[:fast, -1]);
SELECT * FROM errand.gather(ARRAY[:fast, NULL]);
SELECT count(*) FROM errand.gather('{}');
SELECT count(*) FROM errand.gather(NULL);
-- in time or not at all; nothing is cancelled
SELECT * FROM errand.gather(ARRAY[:hang, :fast], timeout => '50 ms');
SELECT * FROM errand.gather(ARRAY[:hang], true, '50 ms');
SELECT errand.status(:hang) IN ('ready', 'running') AS goes_on;
SELECT errand.cancel(:hang, 'enough');
SELECT state, error FROM errand.gather(ARRAY[:hang], true);

-- interrupted like any statement
SELECT errand.http_get(:'base' || '/hang') AS hang \gset
SET statement_timeout = '50 ms';
SELECT errand.wait_for(:hang);
SELECT * FROM errand.gather(ARRAY[:hang]);
RESET statement_timeout;
SELECT errand.cancel(:hang);
SELECT state, error FROM errand.gather(ARRAY[:hang], true);

-- in a function that catches the error
\set VERBOSITY terse
DO $$
BEGIN
    PERFORM errand.wait_for(-1);
EXCEPTION WHEN undefined_object THEN
    RAISE INFO 'caught %', SQLSTATE;
END $$;
