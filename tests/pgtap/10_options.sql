-- Options of submitting functions, by their effect on a real request.
\ir common.psql
SELECT plan(37);

-- priority: of what waits together the higher one starts first
SELECT errand.define_queue('o_order') \g /dev/null
SELECT errand.pause_queue('o_order') \g /dev/null
SELECT errand.http_get(t.url('/ok')) AS fence \gset
SELECT errand.wait_for(:fence) AS r \gset
SELECT errand.http_get(t.url('/ok'), queue => 'o_order', priority => -5) AS low \gset
SELECT errand.http_get(t.url('/ok'), queue => 'o_order') AS middle \gset
SELECT errand.http_get(t.url('/ok'), queue => 'o_order', priority => 5) AS high \gset
SELECT errand.resume_queue('o_order') \g /dev/null
SELECT count(*) AS n FROM errand.gather(ARRAY[:low, :middle, :high]) \gset
SELECT is((SELECT array_agg(id ORDER BY started_at, priority DESC) FROM errand.tasks WHERE id IN (:low, :middle, :high)),
    ARRAY[:high, :middle, :low]::bigint[], 'higher priority starts first');

-- run_at
SELECT errand.http_get(t.url('/ok'), run_at => clock_timestamp() + interval '150 ms') AS id \gset
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'run_at: it runs');
SELECT ok((SELECT started_at >= run_at FROM errand.tasks WHERE id = :id), 'run_at: not before');
SELECT ok((SELECT started_at < run_at + interval '4900 ms' FROM errand.tasks WHERE id = :id), 'run_at: nor long after');

-- max_attempts
SELECT errand.http_get(t.url('/status/500'), max_attempts => 4, backoff => 'constant', backoff_base => '1 ms') AS id \gset
SELECT is((SELECT state FROM errand.gather(ARRAY[:id], true)), 'failed', 'max_attempts: fails in the end');
SELECT is(t.attempts(:id), '1 failed, 2 failed, 3 failed, 4 failed', 'max_attempts: after so many');
SELECT errand.http_get(t.url('/status/500'), max_attempts => 1) AS id \gset
SELECT is((SELECT state FROM errand.gather(ARRAY[:id], true)), 'failed', 'max_attempts 1: fails at once');
SELECT is(t.attempts(:id), '1 failed', 'max_attempts 1: one attempt');

-- backoff: what the wait before the next attempt is made of
CREATE FUNCTION pg_temp.pause(id bigint) RETURNS interval LANGUAGE sql AS $$
    SELECT t.run_at - a.finished_at FROM errand.tasks AS t JOIN errand.attempts AS a ON a.task_id = t.id AND a.attempt = t.attempt WHERE t.id = $1
$$;
SELECT errand.http_get(t.url('/status/503'), max_attempts => 9, backoff => 'constant', backoff_base => '1 h', backoff_factor => 5) AS c \gset
SELECT errand.http_get(t.url('/status/503'), max_attempts => 9, backoff => 'linear', backoff_base => '1 h', backoff_max => '1 day') AS l \gset
SELECT errand.http_get(t.url('/status/503'), max_attempts => 9, backoff => 'exponential', backoff_base => '1 h', backoff_factor => 3, backoff_max => '1 day') AS e \gset
SELECT errand.http_get(t.url('/status/503'), max_attempts => 9, backoff => 'constant', backoff_base => '1 h', backoff_max => '1 min') AS m \gset
SELECT ok(t.until($$(SELECT count(*) = 4 FROM errand.tasks WHERE state = 'retrying')$$), 'all four wait for another attempt');
SELECT ok(pg_temp.pause(:c) BETWEEN '53 min' AND '67 min', 'constant: the base');
SELECT ok(pg_temp.pause(:l) BETWEEN '53 min' AND '67 min', 'linear: the base at first');
SELECT ok(pg_temp.pause(:e) <= '1 h', 'exponential: at most the base at first');
SELECT ok(pg_temp.pause(:m) <= '1 min 1 s', 'backoff_max: no longer');
SELECT bool_and(errand.retry(id)) AS r FROM unnest(ARRAY[:c, :l, :e]) AS id \gset
SELECT ok(t.until($$(SELECT count(*) = 3 FROM errand.tasks WHERE state = 'retrying' AND attempt = 2)$$), 'and again');
SELECT ok(pg_temp.pause(:c) BETWEEN '53 min' AND '67 min', 'constant: the base again');
SELECT ok(pg_temp.pause(:l) BETWEEN '107 min' AND '133 min', 'linear: twice the base');
SELECT ok(pg_temp.pause(:e) <= '3 h', 'exponential: at most base times factor');
SELECT bool_and(errand.cancel(id)) AS r FROM unnest(ARRAY[:c, :l, :e, :m]) AS id \gset

-- timeout, in both spellings
SELECT errand.http_get(t.url('/hang'), timeout => '60 ms', max_attempts => 1) AS a \gset
SELECT errand.http_get(t.url('/hang'), timeout_milliseconds => 60, max_attempts => 1) AS b \gset
SELECT count(*) AS n FROM errand.gather(ARRAY[:a, :b], true) \gset
SELECT is((SELECT sqlstate FROM errand.task(:a)), '57014', 'timeout: SQLSTATE');
SELECT ok((SELECT timed_out FROM errand.response(:a)) AND (SELECT timed_out FROM errand.response(:b)), 'timeout: said so');
SELECT ok((SELECT finished_at - started_at BETWEEN '50 ms' AND '10 s' FROM errand.tasks WHERE id = :b), 'timeout: about when it was to');

-- deadline: over all attempts
SELECT errand.http_get(t.url('/status/503'), deadline => '100 ms', backoff => 'constant', backoff_base => '10 min') AS id \gset
SELECT is((SELECT state FROM errand.gather(ARRAY[:id], true)), 'failed', 'deadline: no attempt is planned beyond it');

-- key
SELECT errand.http_get(t.url('/echo'), key => 'o-1') AS id \gset
SELECT is(t.header(errand.wait_for(:id), 'Idempotency-Key'), '"o-1"', 'key: sent as a quoted Idempotency-Key');
SELECT isnt(errand.http_get(t.url('/ok'), key => 'o-1'), :id::bigint, 'key: free once its task is final');
SELECT errand.http_get(t.url('/flaky/1'), backoff => 'constant', backoff_base => '1 ms') AS id \gset
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'without a key: all attempts carry the same one');

-- delivery
SELECT errand.http_get(t.url('/reset'), delivery => 'at_most_once') AS id \gset
SELECT is((SELECT state FROM errand.gather(ARRAY[:id], true)), 'unknown', 'at_most_once: no answer came, nobody knows');
SELECT is(t.attempts(:id), '1 unknown', 'at_most_once: never sent again');
SELECT errand.http_get(t.url('/status/503'), delivery => 'at_most_once') AS id \gset
SELECT is((SELECT state FROM errand.gather(ARRAY[:id], true)), 'failed', 'at_most_once: an answer is an answer');
SELECT errand.http_get('http://127.0.0.1:1/', delivery => 'at_most_once', max_attempts => 2, backoff => 'constant', backoff_base => '1 ms') AS id \gset
SELECT is((SELECT state FROM errand.gather(ARRAY[:id], true)), 'failed', 'at_most_once: not connected, so not sent');
SELECT is(t.attempts(:id), '1 failed, 2 failed', 'at_most_once: and tried again');
SELECT is((SELECT count(*)::int FROM errand.mark), 0, 'at_most_once: marks are gone');

-- tags, task and queue show; submit_many keeps the order
SELECT array_agg(id ORDER BY n) AS ids FROM errand.submit_many('http',
    ARRAY(SELECT jsonb_build_object('url', t.url('/echo'), 'params', jsonb_build_object('n', n)) FROM generate_series(1, 20) AS n),
    tags => '{bulk}', queue => 'o_bulk') WITH ORDINALITY AS s (id, n) \gset
SELECT is((SELECT array_agg(result #>> '{body,target}' ORDER BY ord) FROM errand.gather(:'ids'::bigint[])),
    ARRAY(SELECT '/echo?n=' || n FROM generate_series(1, 20) AS n), 'submit_many: ids in the order of the payloads');
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE queue = 'o_bulk' AND tags = '{bulk}' AND task = 'http'), 20, 'submit_many: options hold for all');
SELECT array_agg(id ORDER BY n) AS ids FROM errand.submit_many(jsonb_build_array(
    jsonb_build_object('task', 'http', 'payload', jsonb_build_object('url', t.url('/status/201'))),
    jsonb_build_object('task', 'http', 'payload', jsonb_build_object('url', t.url('/status/202')), 'tags', '["one"]'::jsonb))) WITH ORDINALITY AS s (id, n) \gset
SELECT is((SELECT array_agg(result ->> 'status' ORDER BY ord) FROM errand.gather(:'ids'::bigint[])), '{201,202}', 'submit_many(tasks): in order');
SELECT is((SELECT tags FROM errand.tasks WHERE id = (:'ids'::bigint[])[2]), '{one}', 'submit_many(tasks): options of their own');

-- many in one transaction, some of them taken back
BEGIN;
SELECT count(*) AS n FROM errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[1000]), queue => 'o_big') \gset
SAVEPOINT s;
SELECT count(*) AS n FROM errand.submit_many('http', array_fill(jsonb_build_object('url', t.url('/ok')), ARRAY[1000]), queue => 'o_big') \gset
ROLLBACK TO s;
COMMIT;
SELECT is((SELECT count(*)::int FROM errand.gather(ARRAY(SELECT id FROM errand.tasks WHERE queue = 'o_big')) WHERE state = 'succeeded'), 1000,
    'a thousand tasks of one transaction, without those of a rolled back savepoint');
SELECT ok(t.until($$(SELECT depth + running = 0 AND succeeded >= 1000 FROM errand.stat_queues WHERE queue = 'o_big')$$), 'and nothing is left');
SELECT is((SELECT succeeded FROM errand.stat_queues WHERE queue = 'o_big'), 1000::bigint, 'counted once each');
SELECT * FROM finish();
