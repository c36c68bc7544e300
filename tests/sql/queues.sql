-- Queues: limits, pauses, draining.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
\set base `echo http://127.0.0.1:$COUNT_PORT`
SELECT errand.wait_until_running();

-- defined queues; NULL leaves a thing as it is
SELECT * FROM errand.queues WHERE queue = 'default';
SELECT errand.define_queue('q_mail', 5, '50/s', 3, 'letters');
SELECT errand.define_queue('q_mail', max_running => 6);
SELECT * FROM errand.queues WHERE queue = 'q_mail';

-- a full queue takes no more
BEGIN;
SELECT count(*) FROM errand.submit_many('http', array_fill('{"url": "http://errand.test/"}'::jsonb, ARRAY[4]), queue => 'q_mail');
ROLLBACK;
BEGIN;
SELECT count(*) FROM errand.submit_many('http', array_fill('{"url": "http://errand.test/"}'::jsonb, ARRAY[3]), queue => 'q_mail');
ROLLBACK;
SELECT count(*) FROM errand.submit_many('http', array_fill('{"url": "http://errand.test/"}'::jsonb, ARRAY[2]), queue => 'q_mail',
    run_at => now() + interval '1 day');
SELECT depth, scheduled FROM errand.stat_queues WHERE queue = 'q_mail';
SELECT count(*) FROM errand.submit_many('http', array_fill('{"url": "http://errand.test/"}'::jsonb, ARRAY[2]), queue => 'q_mail');
SELECT bool_and(errand.cancel(id)) FROM errand.tasks WHERE queue = 'q_mail' AND state = 'scheduled';

-- a paused queue runs nothing, and goes on where it was
SELECT errand.define_queue('q_slow');
SELECT errand.pause_queue('q_slow');
-- the worker has read of it once it has worked on after it
SELECT errand.http_get(:'base' || '/ok') AS fence \gset
SELECT errand.wait_for(:fence) ->> 'status' AS status;
SELECT errand.http_get(:'base' || '/ok', queue => 'q_slow') AS id \gset
SELECT errand.http_get(:'base' || '/ok') AS fence \gset
SELECT errand.wait_for(:fence) ->> 'status' AS status;
SELECT errand.status(:id);
SELECT paused, ready, running, oldest_ready_age > '0' AS waits FROM errand.stat_queues WHERE queue = 'q_slow';
SELECT errand.resume_queue('q_slow');
SELECT errand.wait_for(:id) ->> 'status' AS status;
SELECT paused, depth, oldest_ready_age FROM errand.stat_queues WHERE queue = 'q_slow';

-- a queue without a row can be paused if it has ever had a task
SELECT errand.http_get(:'base' || '/ok', queue => 'q_wild') AS id \gset
SELECT errand.wait_for(:id) ->> 'status' AS status;
SELECT errand.pause_queue('q_wild');
SELECT queue, paused FROM errand.queues WHERE queue = 'q_wild';
SELECT errand.resume_queue('q_wild');

-- draining: refused, emptied, and open again
SELECT errand.http_get(:'base' || '/delay/50', queue => 'q_slow') AS id \gset
SELECT errand.drain_queue('q_slow', '30 s');
SELECT errand.status(:id);
SELECT draining FROM errand.queues WHERE queue = 'q_slow';
SELECT errand.http_get(:'base' || '/ok', queue => 'q_slow');
SELECT errand.resume_queue('q_slow');
SELECT errand.http_get(:'base' || '/ok', queue => 'q_slow') AS id \gset
SELECT errand.wait_for(:id) ->> 'status' AS status;
-- one that never empties
SELECT errand.http_get(:'base' || '/ok', queue => 'q_slow', run_at => now() + interval '1 day') AS id \gset
SELECT errand.drain_queue('q_slow', '100 ms');
SELECT errand.cancel(:id);
SELECT errand.drain_queue('q_slow', '30 s');
SELECT errand.resume_queue('q_slow');

-- everything paused
SELECT errand.pause_all();
DO $$
BEGIN
    WHILE errand.health() #>> '{checks,paused,status}' <> 'warn' LOOP
        ASSERT clock_timestamp() < statement_timestamp() + interval '20 s';
    END LOOP;
END $$;
SELECT errand.health() ->> 'status' AS status, errand.health() #>> '{checks,paused,output}' AS output;
SELECT errand.http_get(:'base' || '/ok') AS id \gset
\set VERBOSITY sqlstate
SELECT errand.wait_for(:id, '100 ms');
\set VERBOSITY default
SELECT set_config('t.id', :'id', false) \g /dev/null
DO $$
BEGIN
    WHILE errand.status(current_setting('t.id')::bigint) <> 'cancelled' LOOP
        ASSERT clock_timestamp() < statement_timestamp() + interval '20 s';
    END LOOP;
END $$;
SELECT errand.resume_all();
DO $$
BEGIN
    WHILE errand.health() ->> 'status' <> 'pass' LOOP
        ASSERT clock_timestamp() < statement_timestamp() + interval '20 s';
    END LOOP;
END $$;
SELECT errand.status(:id);
SELECT errand.http_get(:'base' || '/ok') AS id \gset
SELECT errand.wait_for(:id) ->> 'status' AS status;

-- what is refused
\set VERBOSITY terse
SELECT errand.define_queue(NULL);
SELECT errand.define_queue('');
SELECT errand.define_queue(repeat('q', 201));
SELECT errand.define_queue(E'a\rb');
SELECT errand.define_queue('q', max_running => 0);
SELECT errand.define_queue('q', max_depth => 0);
SELECT errand.define_queue('q', rate_limit => 'often');
SELECT errand.pause_queue('q_nowhere');
SELECT errand.resume_queue('q_nowhere');
SELECT errand.drain_queue('q_nowhere');
SELECT errand.drain_queue(NULL);
SELECT errand.drain_queue('q_slow', '-1 s');
