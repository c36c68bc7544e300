-- What Python does with decorators, a task type does: how often to try, how long
-- to wait, how urgent it is, are said once, and hold for all its tasks.
-- -v pause=... shortens the two seconds between two attempts.
\ir common.psql
\if :{?pause}
\else
\set pause '2 s'
\endif

DROP SCHEMA IF EXISTS example_06 CASCADE;
CREATE SCHEMA example_06;
-- Fails twice, then works. An attempt that fails is rolled back, so the number
-- of the attempt is what it can go by.
CREATE FUNCTION example_06.report(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    attempt int := (SELECT t.attempt FROM errand.tasks AS t WHERE t.id = errand.current_task());
BEGIN
    IF attempt < 3 THEN
        RAISE EXCEPTION 'not ready at attempt %', attempt;
    END IF;
    RETURN jsonb_build_object('customer', args->'customer', 'attempt', attempt);
END $$;

SELECT errand.define_task('example report', 'sql', handler => 'example_06.report(jsonb)',
    max_attempts => 3, backoff => 'constant', backoff_base => :'pause', -- @retry(3, pause)
    timeout => '30 s',                                                  -- @timeout(30)
    priority => 5,                                                      -- @priority(5)
    log_execution => true, measure_performance => true,                 -- @log, @measure
    description => 'a report that is not always ready') \g /dev/null
SELECT name, max_attempts, backoff, backoff_base, timeout, priority, log_execution, measure_performance
FROM errand.task_types WHERE name = 'example report';

SELECT errand.submit('example report', '{"customer": 17}') AS id \gset
SELECT errand.wait_for(:id) AS result;

-- What happened, attempt by attempt,
SELECT attempt, state, error,
    round(extract(epoch FROM started_at - lag(finished_at) OVER (ORDER BY attempt)), 1) AS seconds_after_the_last
FROM errand.attempts WHERE task_id = :id ORDER BY attempt;
-- in the server's log, two lines each, since log_execution is on (errand: {"event":"start",...}),
-- and how this type does, over all its tasks.
SELECT task, succeeded, failed, attempts, success_rate, round(run_p50_ms::numeric, 1) AS run_p50_ms
FROM errand.stat_tasks WHERE task = 'example report';

SELECT errand.drop_task('example report') \g /dev/null
DROP SCHEMA example_06 CASCADE;
