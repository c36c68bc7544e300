-- Options of submit() and its kin: where each of them lands, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
-- Nothing commits: no worker sees any of it.
BEGIN;
-- what earlier tests left would show, too
DELETE FROM errand.outcome;
DELETE FROM errand.attempt;
DELETE FROM errand.task;
\set ON_ERROR_ROLLBACK on

-- defaults
SELECT errand.submit('http', '{"url": "http://errand.test/"}') > 0 AS submitted;
SELECT state, task, kind, queue, priority, attempt, max_attempts, submitted_at >= now() AS fresh, run_at, started_at,
    finished_at, owner = current_user AS mine, key, task_group, tags, progress, error
FROM errand.tasks;
SELECT timeout_ms, backoff, backoff_base_ms, backoff_factor, backoff_max_ms, at_most_once, deadline, notify, traceparent, payload
FROM errand.task;
DELETE FROM errand.task;

-- every option
SELECT errand.submit('http', '{"url": "http://errand.test/"}', queue => 'mail', priority => 7, run_at => now() + interval '1 day',
    max_attempts => 9, backoff => 'linear', backoff_base => '1500 ms', backoff_factor => 1.5, backoff_max => '2 min',
    timeout => '5 s', deadline => '2 days', key => 'k1', tags => '{a,b}', delivery => 'at_most_once', notify => 'heard',
    traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01') > 0 AS submitted;
SELECT state, queue, priority, max_attempts, run_at = now() + interval '1 day' AS run_at, key, tags FROM errand.tasks;
SELECT timeout_ms, backoff IS NOT NULL AS backoff, backoff_base_ms, backoff_factor, backoff_max_ms, at_most_once,
    deadline > now() + interval '47 hours' AS deadline, notify, traceparent
FROM errand.task;
SELECT queue, key FROM errand.task_key;
SELECT count(*) FROM errand.deadline;
DELETE FROM errand.task;

-- the same options from within a payload; an argument wins
SELECT errand.submit('http', '{"url": "http://errand.test/", "queue": "q", "priority": 3, "max_attempts": 4, "timeout": "2 s",
    "tags": ["x"], "delivery": "at_most_once", "connect_timeout": "3 s", "success_codes": [200, 400], "body": {"a": 1}}',
    priority => 5) > 0 AS submitted;
SELECT queue, priority, max_attempts, tags FROM errand.tasks;
SELECT timeout_ms, at_most_once, payload FROM errand.task;
DELETE FROM errand.task;

-- a time that has passed, or -infinity, means now
SELECT errand.submit('http', '{"url": "http://errand.test/"}', run_at => now() - interval '1 day', key => 'past') > 0
    AND errand.submit('http', '{"url": "http://errand.test/"}', run_at => '-infinity', key => 'ever') > 0 AS submitted;
SELECT key, state FROM errand.tasks ORDER BY key;
DELETE FROM errand.task;

-- a key submits once a queue
SELECT errand.http_get('http://errand.test/1', key => 'same') AS first \gset
SELECT errand.http_get('http://errand.test/2', key => 'same') = :first AS same,
    errand.http_get('http://errand.test/3', key => 'same', queue => 'other') = :first AS other_queue,
    errand.http_get('http://errand.test/4', key => 'Same') = :first AS other_key;
SELECT queue, key, count(*) FROM errand.tasks GROUP BY queue, key ORDER BY queue, key;
DELETE FROM errand.task;

-- many, in order
SELECT array_agg(id ORDER BY n) AS ids
FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', 'http://errand.test/' || n) FROM generate_series(1, 50) AS n),
    priority => 2) WITH ORDINALITY AS s (id, n) \gset
SELECT count(*), bool_and(t.payload ->> 'url' = 'http://errand.test/' || n) AS in_order, min(t.priority) AS priority
FROM unnest(:'ids'::bigint[]) WITH ORDINALITY AS s (id, n) JOIN errand.task AS t USING (id);
SELECT array_agg(id ORDER BY n) AS ids
FROM errand.submit_many('[{"task": "http", "payload": {"url": "http://errand.test/a"}, "queue": "one", "priority": 1},
    {"task": "http", "payload": {"url": "http://errand.test/b", "queue": "two"}}]') WITH ORDINALITY AS s (id, n) \gset
SELECT t.type, t.queue, t.priority, t.payload ->> 'url' AS url
FROM unnest(:'ids'::bigint[]) WITH ORDINALITY AS s (id, n) JOIN errand.task AS t USING (id) ORDER BY n;
SELECT count(*) FROM errand.submit_many('http', '{}');
SELECT count(*) FROM errand.submit_many('http', NULL);
SELECT count(*) FROM errand.submit_many('[]');
SELECT count(*) FROM errand.submit_many('http', '{"{\"url\": \"http://errand.test/\"}"}', run_at => now() + interval '1 h',
    deadline => '1 day', tags => '{t}', delivery => 'at_most_once', notify => 'n');
SELECT state, tags FROM errand.tasks WHERE state = 'scheduled';

-- a submit that rolls back leaves nothing
DELETE FROM errand.task;
SAVEPOINT s;
SELECT errand.http_get('http://errand.test/') > 0 AS submitted;
ROLLBACK TO s;
SELECT count(*) FROM errand.tasks;

-- what is refused, with its hint
SELECT errand.submit('nope', '{}');
SELECT errand.submit('http', '{}');
SELECT errand.submit('http', '{"url": "http://errand.test/"}', backoff => 'quadratic');
SELECT errand.submit('http', '{"url": "http://errand.test/"}', timeout => '8 days');
SELECT errand.submit('http', '{"url": "http://errand.test/", "colour": "red"}');
SELECT errand.submit_many('http', '{"{\"url\": \"http://errand.test/\", \"priority\": 3}"}');
SELECT errand.submit_many('[{"task": "http", "url": "http://errand.test/"}]');

-- and with its SQLSTATE
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT errand.' || statement;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT pg_temp.refusal(s) AS sqlstate, s AS statement
FROM unnest(ARRAY[
    $$submit(NULL, '{"url": "http://errand.test/"}')$$,
    $$submit('http', NULL)$$,
    $$submit('http', '[]')$$,
    $$submit('http', '"http://errand.test/"')$$,
    $$submit('http', '{"url": null}')$$,
    $$submit('http', '{"url": 1}')$$,
    $$submit('sql', '{}')$$,
    $$http_get(NULL)$$,
    $$http_get('http://errand.test/', priority => 32767)$$,
    $$http_get('http://errand.test/', priority => 32768)$$,
    $$http_get('http://errand.test/', priority => -32768)$$,
    $$http_get('http://errand.test/', priority => -32769)$$,
    $$http_get('http://errand.test/', max_attempts => 1)$$,
    $$http_get('http://errand.test/', max_attempts => 0)$$,
    $$http_get('http://errand.test/', max_attempts => 10001)$$,
    $$http_get('http://errand.test/', timeout => '0')$$,
    $$http_get('http://errand.test/', timeout => '-1 s')$$,
    $$http_get('http://errand.test/', timeout => '7 days')$$,
    $$http_get('http://errand.test/', timeout_milliseconds => 1)$$,
    $$http_get('http://errand.test/', timeout_milliseconds => 0)$$,
    $$http_get('http://errand.test/', connect_timeout => '0')$$,
    $$http_get('http://errand.test/', deadline => '0')$$,
    $$http_get('http://errand.test/', deadline => '-1 s')$$,
    $$http_get('http://errand.test/', run_at => 'infinity')$$,
    $$http_get('http://errand.test/', backoff => 'constant')$$,
    $$http_get('http://errand.test/', backoff_base => '0')$$,
    $$http_get('http://errand.test/', backoff_factor => 0.9)$$,
    $$http_get('http://errand.test/', backoff_factor => 100)$$,
    $$http_get('http://errand.test/', backoff_factor => 101)$$,
    $$http_get('http://errand.test/', backoff_factor => 'NaN')$$,
    $$http_get('http://errand.test/', backoff_max => '-1 h')$$,
    $$http_get('http://errand.test/', key => '')$$,
    $$http_get('http://errand.test/', key => repeat('k', 255))$$,
    $$http_get('http://errand.test/', key => repeat('k', 256))$$,
    $$http_get('http://errand.test/', key => E'a\nb')$$,
    $$http_get('http://errand.test/', delivery => 'exactly_once')$$,
    $$http_get('http://errand.test/', notify => '')$$,
    $$http_get('http://errand.test/', notify => repeat('n', 63))$$,
    $$http_get('http://errand.test/', notify => repeat('n', 64))$$,
    $$http_get('http://errand.test/', tags => '{a,NULL}')$$,
    $$http_get('http://errand.test/', queue => '')$$,
    $$http_get('http://errand.test/', queue => repeat('q', 200))$$,
    $$http_get('http://errand.test/', queue => repeat('q', 201))$$,
    $$http_get('http://errand.test/', queue => repeat('ü', 200))$$,
    $$http_get('http://errand.test/', queue => E'a\tb')$$,
    $$http_get('http://errand.test/', traceparent => '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01')$$,
    $$http_get('http://errand.test/', traceparent => '00-00000000000000000000000000000000-00f067aa0ba902b7-01')$$,
    $$http_get('http://errand.test/', follow_redirects => 20)$$,
    $$http_get('http://errand.test/', follow_redirects => 21)$$,
    $$http_get('http://errand.test/', follow_redirects => -1)$$,
    $$http_get('http://errand.test/', max_body_bytes => -1)$$,
    $$http_get('http://errand.test/', success_codes => '[200,)')$$,
    $$http_get('http://errand.test/', success_codes => 'empty')$$,
    $$http_get('http://errand.test/', success_codes => '[1,2)')$$,
    $$http_get('http://errand.test/', store => 'somewhere')$$,
    $$http_get('http://errand.test/', store => 'discard')$$,
    $$http('http://errand.test/', body => 'a', body_bytes => 'b')$$,
    $$http('http://errand.test/', body => 'a', form => '{"a": 1}')$$,
    $$submit_many('http', ARRAY[NULL]::jsonb[])$$,
    $$submit_many('http', ARRAY['{"url": "http://errand.test/"}', '{}']::jsonb[])$$,
    $$submit_many(NULL, ARRAY['{}']::jsonb[])$$,
    $$submit_many(NULL::jsonb)$$,
    $$submit_many('{}'::jsonb)$$,
    $$submit_many('[1]'::jsonb)$$,
    $$submit_many('[{"payload": {"url": "http://errand.test/"}}]'::jsonb)$$,
    $$submit_many('[{"task": "nope"}]'::jsonb)$$,
    $$submit_many('[{"task": "http", "payload": {"url": "http://errand.test/"}, "prority": 1}]'::jsonb)$$,
    $$submit('http', '{"url": "http://errand.test/", "payload": {}}')$$,
    $$submit('http', '{"url": "http://errand.test/", "tags": "a"}')$$,
    $$submit('http', '{"url": "http://errand.test/", "timeout": [1]}')$$
]) AS s;
ROLLBACK;
