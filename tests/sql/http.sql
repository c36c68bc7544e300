-- Real requests: what the server sees, and what comes back.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
\set base `echo http://127.0.0.1:$COUNT_PORT`
SELECT errand.wait_until_running();
-- one header of what /echo tells, as the server saw it
CREATE FUNCTION pg_temp.header(result jsonb, name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(h ->> 1) FROM jsonb_array_elements(result -> 'body' -> 'headers') AS h WHERE lower(h ->> 0) = lower(name)
$$;

-- methods, parameters, headers, cookies, auth
SELECT errand.http(:'base' || '/echo?a=1#fragment', 'PROPFIND', params => '{"b": "x y&z", "c": ["1", 2]}',
    headers => '{"X-One": "1", "X-Two": ["2", "3"], "X-None": null}', cookies => '{"sid": "42"}', auth => '{"basic": ["user", "pa:ss"]}',
    traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01') AS id \gset
SELECT errand.wait_for(:id) AS r \gset
SELECT :'r'::jsonb ->> 'status' AS status, :'r'::jsonb #>> '{body,method}' AS method, :'r'::jsonb #>> '{body,target}' AS target;
SELECT n AS name, pg_temp.header(:'r', n) AS value
FROM unnest(ARRAY['X-One', 'X-Two', 'X-None', 'Cookie', 'Authorization', 'traceparent', 'X-Errand-Attempt', 'Accept', 'Content-Type']) AS n;
SELECT pg_temp.header(:'r', 'X-Errand-Task') = to_jsonb(ARRAY[:'id']) AS own_id,
    pg_temp.header(:'r', 'Idempotency-Key') ->> 0 ~ '^"[0-9a-f-]{36}"$' AS random_key;

-- bodies
SELECT array_agg(id ORDER BY n) AS ids FROM unnest(ARRAY[
    errand.http(:'base' || '/echo', 'POST', body => 'plain'),
    errand.http_post(:'base' || '/echo', '{"b": [1, 2]}'),
    errand.http_put(:'base' || '/echo', '"x"', headers => '{"Content-Type": "application/x-mine"}'),
    errand.http_patch(:'base' || '/echo', body_bytes => '\x00ff0d0a'),
    errand.http_delete(:'base' || '/echo'),
    errand.http_post(:'base' || '/echo', form => '{"a": "1 2", "b": ["x", "y&z"]}'),
    errand.http_get(:'base' || '/echo', auth => '{"bearer": "t0k"}', key => 'my "key"')]) WITH ORDINALITY AS s (id, n) \gset
SELECT result #>> '{body,method}' AS method, decode(result #>> '{body,body}', 'base64') AS body, pg_temp.header(result, 'Content-Type') AS content_type,
    pg_temp.header(result, 'Authorization') AS auth,
    CASE WHEN ord = 7 THEN pg_temp.header(result, 'Idempotency-Key') END AS key
FROM errand.gather(:'ids'::bigint[]) ORDER BY ord;

-- what comes back: JSON, text, bytes, nothing, repeated headers
SELECT array_agg(id ORDER BY n) AS ids FROM unnest(ARRAY[
    errand.http_get(:'base' || '/status/201'), errand.http_get(:'base' || '/ok'), errand.http_get(:'base' || '/bytes/5'),
    errand.http_get(:'base' || '/status/204'), errand.http_head(:'base' || '/ok'), errand.http_get(:'base' || '/repeat'),
    errand.http_get(:'base' || '/ok', store => 'discard')]) WITH ORDINALITY AS s (id, n) \gset
SELECT ord, state, result FROM errand.gather(:'ids'::bigint[]) ORDER BY ord;
SELECT r.status_code, r.content_type, r.content, r.body, r.timed_out, r.error_msg, r.created IS NOT NULL AS created
FROM unnest(:'ids'::bigint[]) WITH ORDINALITY AS u (id, n), errand.response(u.id) AS r ORDER BY n;

-- statuses that fail, retry, or count as success
SELECT array_agg(id ORDER BY n) AS ids FROM unnest(ARRAY[
    errand.http_get(:'base' || '/status/404'), errand.http_get(:'base' || '/status/404', success_codes => '[200,500)'),
    errand.http_get(:'base' || '/status/200', success_codes => '[201,202)'), errand.http_get(:'base' || '/status/503', max_attempts => 1),
    errand.http_get(:'base' || '/flaky/2', backoff => 'constant', backoff_base => '1 ms'),
    errand.http_get(:'base' || '/status/500', max_attempts => 2, backoff => 'constant', backoff_base => '1 ms')]) WITH ORDINALITY AS s (id, n) \gset
SELECT ord, state, error FROM errand.gather(:'ids'::bigint[], true) ORDER BY ord;
SELECT n, a.attempt, a.state, a.status_code, a.sqlstate, a.error
FROM unnest(:'ids'::bigint[]) WITH ORDINALITY AS u (id, n) JOIN errand.attempts AS a ON a.task_id = u.id ORDER BY n, a.attempt;

-- redirects: off unless asked for, counted, credentials stay behind
SELECT array_agg(id ORDER BY n) AS ids FROM unnest(ARRAY[
    errand.http_get(:'base' || '/redirect/2'), errand.http_get(:'base' || '/redirect/2', follow_redirects => 2),
    errand.http_get(:'base' || '/redirect/3', follow_redirects => 2)]) WITH ORDINALITY AS s (id, n) \gset
SELECT ord, state, result ->> 'status' AS status, result #>> '{body,name}' AS name, error FROM errand.gather(:'ids'::bigint[], true) ORDER BY ord;

-- what goes wrong on the way
SELECT array_agg(id ORDER BY n) AS ids FROM unnest(ARRAY[
    errand.http_get(:'base' || '/hang', timeout => '50 ms', max_attempts => 1), errand.http_get(:'base' || '/reset', max_attempts => 1),
    errand.http_get(:'base' || '/half', max_attempts => 1), errand.http_get(:'base' || '/bytes/100', max_body_bytes => 99),
    errand.http_get('http://127.0.0.1:1/', max_attempts => 1), errand.http_get('http://10.0.0.1/', max_attempts => 3)]) WITH ORDINALITY AS s (id, n) \gset
SELECT ord, state FROM errand.gather(:'ids'::bigint[], true) ORDER BY ord;
SELECT n, t.attempt, t.sqlstate, r.timed_out, r.status_code
FROM unnest(:'ids'::bigint[]) WITH ORDINALITY AS u (id, n), errand.task(u.id) AS t, errand.response(u.id) AS r ORDER BY n;
SELECT error_msg FROM errand.response((:'ids'::bigint[])[6]);
