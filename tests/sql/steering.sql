-- cancel(), retry(), reschedule(), reprioritize(): what they return, and what becomes of the task.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
\set VERBOSITY sqlstate
\set base `echo http://127.0.0.1:$COUNT_PORT`
SELECT errand.wait_until_running();
-- looks at a task until it is in a state
CREATE FUNCTION pg_temp.until(id bigint, state text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    WHILE errand.status(id) IS DISTINCT FROM state LOOP
        ASSERT clock_timestamp() < statement_timestamp() + interval '30 s', errand.status(id);
    END LOOP;
    RETURN state;
END $$;

-- one that waits
SELECT errand.http_get(:'base' || '/ok', run_at => now() + interval '1 day', key => 'steered') AS id \gset
SELECT errand.reprioritize(:id, 9), errand.reschedule(:id, now() + interval '2 days');
SELECT state, priority, run_at > now() + interval '1 day' AS later FROM errand.tasks WHERE id = :id;
SELECT errand.retry(:id) AS waits;
SELECT errand.cancel(:id, 'no need');
SELECT state, attempt, error, started_at, finished_at IS NOT NULL AS finished FROM errand.tasks WHERE id = :id;
SELECT errand.cancel(:id) AS again, errand.reprioritize(:id, 1) AS reprioritize, errand.reschedule(:id, now()) AS reschedule;
SELECT status_code, timed_out, error_msg FROM errand.response(:id);
SELECT count(*) FROM errand.attempts WHERE task_id = :id;
-- its key is free again
SELECT errand.http_get(:'base' || '/ok', key => 'steered', run_at => now() + interval '1 day') AS other \gset
SELECT :other <> :id AS new_task, errand.cancel(:other);
SELECT error FROM errand.tasks WHERE id = :other;

-- due at once: a time that has passed
SELECT errand.http_get(:'base' || '/ok', run_at => now() + interval '1 day') AS id \gset
SELECT errand.reschedule(:id, now() - interval '1 day');
SELECT errand.wait_for(:id) ->> 'status' AS status;

-- one that runs: cut off, and once more
SELECT errand.http_get(:'base' || '/hang') AS id \gset
SELECT pg_temp.until(:id, 'running');
SELECT errand.retry(:id) AS retry, errand.reprioritize(:id, 1) AS reprioritize, errand.reschedule(:id, now()) AS reschedule;
SELECT errand.cancel(:id, 'cut off');
SELECT state, error FROM errand.gather(ARRAY[:id], true);
SELECT attempt, state, sqlstate, error FROM errand.attempts WHERE task_id = :id;

-- retry: the next attempt's number, all attempts again, another key
SELECT errand.http_get(:'base' || '/status/500', max_attempts => 2, backoff => 'constant', backoff_base => '1 ms', key => 'again') AS id \gset
SELECT state FROM errand.gather(ARRAY[:id], true);
SELECT errand.retry(:id);
SELECT state FROM errand.gather(ARRAY[:id], true);
SELECT attempt, state, status_code FROM errand.attempts WHERE task_id = :id ORDER BY attempt;
SELECT attempt, max_attempts FROM errand.tasks WHERE id = :id;
SELECT errand.http_get(:'base' || '/echo', key => 'run') AS id \gset
SELECT errand.wait_for(:id) AS first \gset
SELECT errand.retry(:id);
SELECT errand.wait_for(:id) AS second \gset
SELECT h.value FROM jsonb_array_elements(:'first'::jsonb #> '{body,headers}') AS h WHERE h.value ->> 0 ~ 'Idempotency|Attempt'
UNION ALL
SELECT h.value FROM jsonb_array_elements(:'second'::jsonb #> '{body,headers}') AS h WHERE h.value ->> 0 ~ 'Idempotency|Attempt';

-- one between two attempts: retried at once, or stopped
SELECT errand.http_get(:'base' || '/flaky/1', backoff => 'constant', backoff_base => '1 day') AS id \gset
SELECT pg_temp.until(:id, 'retrying');
SELECT state, attempt, error, run_at > now() AS later FROM errand.tasks WHERE id = :id;
SELECT errand.reprioritize(:id, 3);
SELECT state, priority FROM errand.tasks WHERE id = :id;
SELECT errand.retry(:id);
SELECT errand.wait_for(:id) ->> 'status' AS status;
SELECT attempt FROM errand.tasks WHERE id = :id;

-- a deadline that passes while it waits
SELECT errand.http_get(:'base' || '/ok', run_at => now() + interval '1 day', deadline => '50 ms') AS id \gset
SELECT state, error FROM errand.gather(ARRAY[:id], true);
SELECT errand.wait_for(:id);
SELECT timed_out FROM errand.response(:id);
-- and while it runs
SELECT errand.http_get(:'base' || '/hang', deadline => '50 ms') AS id \gset
SELECT state, error FROM errand.gather(ARRAY[:id], true);
SELECT attempt, state, sqlstate FROM errand.attempts WHERE task_id = :id;

-- effects come with COMMIT, and go with ROLLBACK
SELECT errand.http_get(:'base' || '/ok', run_at => now() + interval '1 day') AS id \gset
BEGIN;
SELECT errand.cancel(:id);
SELECT errand.status(:id);
ROLLBACK;
SELECT errand.status(:id);
BEGIN;
SAVEPOINT s;
SELECT errand.cancel(:id);
ROLLBACK TO s;
SELECT errand.reschedule(:id, now());
COMMIT;
SELECT errand.wait_for(:id) ->> 'status' AS status;

-- nothing, and nonsense
SELECT errand.cancel(-1), errand.retry(-1), errand.reschedule(-1, now()), errand.reprioritize(-1, 1);
SELECT errand.cancel(NULL), errand.retry(NULL), errand.reschedule(NULL, now()), errand.reschedule(:id, NULL), errand.reprioritize(NULL, 1),
    errand.reprioritize(:id, NULL);
SELECT errand.reprioritize(:id, 32768);
SELECT errand.reprioritize(:id, -32769);
SELECT errand.reschedule(:id, 'infinity');
SELECT errand.reschedule(:id, '-infinity');

-- the workers: restarted, and woken
SELECT errand.worker_restart();
SELECT errand.wait_until_running();
SELECT errand.wake();
SELECT errand.http_get(:'base' || '/ok') AS id \gset
SELECT errand.wait_for(:id) ->> 'status' AS status;
