-- Task types: what a submit takes over, and what define_task() refuses.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
BEGIN;
\set ON_ERROR_ROLLBACK on

SELECT name, kind, description FROM errand.task_types;

-- what is not said at submit, the type says
SELECT errand.define_task('greet', 'http', template => '{"url": "http://errand.test/", "method": "PUT", "headers": {"A": "1", "B": "2"},
        "params": {"p": 1}, "timeout_milliseconds": null, "connect_timeout": "3 s", "body": {"from": "template"}}',
    queue => 'mail', priority => 4, max_attempts => 6, backoff => 'constant', backoff_base => '2 s', backoff_factor => 3, backoff_max => '1 min',
    timeout => '7 s', rate_limit => '50/s', max_running => 5, cache_ttl => '1 h', unique_key => '$.id', log_execution => true,
    measure_performance => false, description => 'says hello');
\x on
SELECT * FROM errand.task_types WHERE name = 'greet';
\x off
SELECT errand.submit('greet') AS id \gset
SELECT state, task, kind, queue, priority, max_attempts FROM errand.tasks WHERE id = :id;
SELECT timeout_ms, backoff IS NOT NULL AS backoff, backoff_base_ms, backoff_factor, backoff_max_ms, payload FROM errand.task WHERE id = :id;
-- arguments and payload win, headers and params key by key; a body replaces the template's
SELECT errand.submit('greet', '{"headers": {"B": "3"}, "params": {"q": 2}, "body": "text", "method": "POST"}', queue => 'other', priority => 1,
    max_attempts => 2, timeout => '9 s') AS id \gset
SELECT queue, priority, max_attempts FROM errand.tasks WHERE id = :id;
SELECT timeout_ms, payload FROM errand.task WHERE id = :id;
SELECT id FROM errand.submit_many('greet', ARRAY['{}']::jsonb[]) AS id \gset
SELECT queue, priority FROM errand.tasks WHERE id = :id;

-- redefining resets what is not given; its tasks stay what they are
SELECT errand.define_task('greet', 'http', template => '{"url": "http://errand.test/2"}');
SELECT queue, priority, max_attempts, template, description FROM errand.task_types WHERE name = 'greet';
SELECT errand.submit('greet') AS id \gset
SELECT queue, priority, max_attempts FROM errand.tasks WHERE id = :id;

-- dropping
SELECT errand.drop_task('greet');
SELECT errand.submit('greet');
SELECT errand.drop_task('greet');
SELECT count(*), count(DISTINCT task) FROM errand.tasks WHERE task = 'greet';

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT errand.' || statement;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT s AS statement, pg_temp.refusal(s) AS verdict
FROM unnest(ARRAY[
    $$define_task(NULL, 'http')$$,
    $$define_task('', 'http')$$,
    $$define_task(repeat('t', 200), 'http')$$,
    $$define_task(repeat('t', 201), 'http')$$,
    $$define_task(E'a\nb', 'http')$$,
    $$define_task('http', 'http')$$,
    $$define_task('sql', 'http')$$,
    $$define_task('email', 'http')$$,
    $$define_task('t', NULL)$$,
    $$define_task('t', 'carrier pigeon')$$,
    $$define_task('t', 'http', handler => 'now()')$$,
    $$define_task('t', 'http', template => '[]')$$,
    $$define_task('t', 'http', template => '{"url": "ftp://errand.test/"}')$$,
    $$define_task('t', 'http', template => '{"colour": "red"}')$$,
    $$define_task('t', 'http', template => '{"headers": {"Host": "a"}}')$$,
    $$define_task('t', 'http', template => '{"priority": 1}')$$,
    $$define_task('t', 'http', template => '{"success_codes": [200, 400]}')$$,
    $$define_task('t', 'http', template => '{"success_codes": "[200,400)"}')$$,
    $$define_task('t', 'http', queue => '')$$,
    $$define_task('t', 'http', priority => 32768)$$,
    $$define_task('t', 'http', max_attempts => 0)$$,
    $$define_task('t', 'http', max_attempts => 10001)$$,
    $$define_task('t', 'http', backoff => 'quadratic')$$,
    $$define_task('t', 'http', backoff_base => '-1 s')$$,
    $$define_task('t', 'http', backoff_factor => 0.5)$$,
    $$define_task('t', 'http', backoff_max => '0')$$,
    $$define_task('t', 'http', timeout => '-1 s')$$,
    $$define_task('t', 'http', max_running => 0)$$,
    $$define_task('t', 'http', rate_limit => '50')$$,
    $$define_task('t', 'http', rate_limit => '-1/s')$$,
    $$define_task('t', 'http', rate_limit => '1000/h')$$,
    $$drop_task('http')$$,
    $$drop_task(E'a\nb')$$
]) AS s;
ROLLBACK;
