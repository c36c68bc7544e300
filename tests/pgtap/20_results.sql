-- result(), response() and task(): what they show of all kinds of answers.
\ir common.psql
SELECT plan(36);

-- JSON, text, bytes, nothing
SELECT errand.http_get(t.url('/status/201')) AS json \gset
SELECT errand.http_get(t.url('/ok')) AS text \gset
SELECT errand.http_get(t.url('/bytes/300')) AS bytes \gset
SELECT errand.http_get(t.url('/status/204')) AS empty \gset
SELECT errand.http_get(t.url('/repeat')) AS repeated \gset
SELECT errand.http_get(t.url('/ok'), store => 'discard') AS discarded \gset
SELECT errand.http_get(t.web('/gzip')) AS gzip \gset
SELECT errand.http_get(t.url('/status/418')) AS failed \gset
SELECT errand.http_get(t.url('/bytes/1000'), max_body_bytes => 999) AS large \gset
SELECT errand.http_get(t.url('/bytes/1000'), max_body_bytes => 1000) AS fits \gset
SELECT errand.http_get('http://127.0.0.1:1/', max_attempts => 1) AS refused \gset
SELECT errand.http_get('http://192.168.77.77/', max_attempts => 5) AS forbidden \gset
SELECT count(*) AS n FROM errand.gather(ARRAY[:json, :text, :bytes, :empty, :repeated, :discarded, :gzip, :failed, :large, :fits, :refused, :forbidden], true) \gset

SELECT is(errand.result(:json), '{"status": 201, "headers": {"content-type": "application/json", "content-length": "16"}, "body": {"status": 201}}',
    'result: status, headers, body as JSON');
SELECT is(errand.result(:text) -> 'body', '"ok\n"', 'result: body as text');
SELECT ok(NOT errand.result(:text) ? 'encoding', 'result: text has no encoding');
SELECT is(errand.result(:bytes) ->> 'encoding', 'base64', 'result: bytes in base64');
SELECT is(length(decode(errand.result(:bytes) ->> 'body', 'base64')), 300, 'result: all of them, without line breaks');
SELECT is(errand.result(:bytes) ->> 'body', translate(errand.result(:bytes) ->> 'body', E'\n', ''), 'result: base64 in one line');
SELECT is(errand.result(:repeated) -> 'headers' -> 'set-cookie', '["a=1", "b=2"]', 'result: a repeated header is an array, in order');
SELECT is(errand.result(:repeated) -> 'headers' -> 'content-type', '"application/json"', 'result: any other a string');
SELECT is(errand.result(:discarded) -> 'body', 'null', 'result: a discarded body is null');
SELECT is(errand.result(:discarded) -> 'headers' -> 'content-length', '"3"', 'result: its headers are kept');
SELECT is(errand.result(:gzip) -> 'body' ->> 'filler', repeat('x', length(errand.result(:gzip) -> 'body' ->> 'filler')), 'result: unpacked');
SELECT cmp_ok(length(errand.result(:gzip) -> 'body' ->> 'filler'), '>', 60000, 'result: all of it');

SELECT is((SELECT row(r.status_code, r.content_type, r.content, r.body, r.timed_out, r.error_msg)::text FROM errand.response(:text) AS r),
    row(200, 'text/plain', E'ok\n', '\x6f6b0a'::bytea, false, NULL::text)::text, 'response: text');
SELECT is((SELECT content FROM errand.response(:bytes)), NULL, 'response: bytes are no content');
SELECT is((SELECT length(body) FROM errand.response(:bytes)), 300, 'response: but a body');
SELECT is((SELECT headers FROM errand.response(:repeated)), errand.result(:repeated) -> 'headers', 'response: headers as in the result');
SELECT is((SELECT id FROM errand.response(:text)), :text::bigint, 'response: id');
SELECT is((SELECT created FROM errand.response(:text)), (SELECT finished_at FROM errand.tasks WHERE id = :text), 'response: created when it was final');

-- failed ones
SELECT is(t.state(format('SELECT errand.result(%s)', :failed)), '38000', 'result: raises what the remote side said');
SELECT throws_ok(format('SELECT errand.result(%s)', :failed), '38000', 'HTTP status 418', 'result: in these words');
SELECT is((SELECT row(status_code, content, error_msg)::text FROM errand.response(:failed)), row(418, E'{"status": 418}\n', 'HTTP status 418')::text,
    'response: shows the answer of a failed one');
SELECT is((SELECT result -> 'body' FROM errand.task(:failed)), '{"status": 418}', 'task: likewise');
SELECT is(t.state(format('SELECT errand.result(%s)', :large)), '54000', 'max_body_bytes: more is refused');
SELECT is(errand.result(:fits) ->> 'status', '200', 'max_body_bytes: as much is not');
SELECT is(t.state(format('SELECT errand.result(%s)', :refused)), '08006', 'no connection: 08006');
SELECT is((SELECT row(status_code, timed_out)::text FROM errand.response(:refused)), row(NULL::int, false)::text, 'no connection: no status');
SELECT is(t.state(format('SELECT errand.result(%s)', :forbidden)), '42501', 'egress policy: 42501');
SELECT matches((SELECT error_msg FROM errand.response(:forbidden)), 'add 192\.168\.77\.77/32:80 to errand\.allow_networks', 'egress policy: says what to add');
SELECT is(t.attempts(:forbidden), '1 failed', 'egress policy: not tried again');

-- task(): everything in one row
SELECT 'r-' || gen_random_uuid() AS key \gset
SELECT errand.http_get(t.url('/flaky/1'), key => :'key', tags => '{x,y}', priority => 3, backoff => 'constant', backoff_base => '1 ms') AS id \gset
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'a task of two attempts');
SELECT is((SELECT row(x.state, x.task, x.kind, x.queue, x.priority, x.attempt, x.max_attempts, x.owner, x.key, x.tags, x.error, x.sqlstate)::text
        FROM errand.task(:id) AS x),
    row('succeeded', 'http', 'http', 'default', 3, 2, 3, current_user, :'key', '{x,y}'::text[], NULL::text, NULL::text)::text, 'task: as in errand.tasks');
SELECT is((SELECT payload ->> 'url' FROM errand.task(:id)), t.url('/flaky/1'), 'task: payload');
SELECT is((SELECT result FROM errand.task(:id)), errand.result(:id), 'task: result');
SELECT is((SELECT jsonb_agg(a -> 'attempt' || (a -> 'state') || (a -> 'status_code')) FROM errand.task(:id) AS x, jsonb_array_elements(x.attempts) AS a),
    '[[1, "failed", 503], [2, "succeeded", 200]]', 'task: attempts in order');
SELECT ok((SELECT bool_and(a.timings ?& ARRAY['dns_ms', 'connect_ms', 'tls_ms', 'wait_ms', 'transfer_ms'] AND a.worker > 0
        AND a.finished_at >= a.started_at) FROM errand.attempts AS a WHERE a.task_id = :id), 'attempts: where the time went');
SELECT is((SELECT count(*)::int FROM errand.task(-1)), 0, 'task: no row if there is none');
SELECT * FROM finish();
