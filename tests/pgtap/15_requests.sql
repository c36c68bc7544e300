-- Every function that submits a request, and every part of one, as the server sees it.
\ir common.psql
SELECT plan(43);
CREATE FUNCTION pg_temp.body(r jsonb) RETURNS text LANGUAGE sql AS $$ SELECT encode(decode(r #>> '{body,body}', 'base64'), 'escape') $$;

-- methods
SELECT ARRAY[errand.http_get(t.url('/echo')), errand.http_head(t.url('/ok')), errand.http_post(t.url('/echo'), '1'), errand.http_put(t.url('/echo'), '2'),
    errand.http_patch(t.url('/echo'), '3'), errand.http_delete(t.url('/echo')), errand.http(t.url('/echo')), errand.http(t.url('/echo'), 'OPTIONS'),
    errand.submit('http', jsonb_build_object('url', t.url('/echo'), 'method', 'REPORT')), errand.http_post(t.url('/echo'))] AS ids \gset
SELECT is((SELECT array_agg(result #>> '{body,method}' ORDER BY ord) FROM errand.gather(:'ids'::bigint[])),
    '{GET,NULL,POST,PUT,PATCH,DELETE,GET,OPTIONS,REPORT,POST}', 'methods');
SELECT is((SELECT result ->> 'body' FROM errand.gather((:'ids'::bigint[])[2:2])), '', 'http_head: no body comes back');
SELECT is((SELECT array_agg(pg_temp.body(result) ORDER BY ord) FROM errand.gather((:'ids'::bigint[])[3:6])), '{1,2,3,""}', 'bodies go along');

-- bodies
SELECT ARRAY[errand.http(t.url('/echo'), 'POST', body => 'text ü'), errand.http_post(t.url('/echo'), '{"a": [1, null]}'), errand.http_post(t.url('/echo'), body_bytes => '\x00ff'),
    errand.http_post(t.url('/echo'), form => '{"a": "1 +", "b": ["x", 2, true]}'), errand.http(t.url('/echo'), 'POST', body => ''),
    errand.http(t.url('/echo'), 'PUT', headers => '{"content-type": "application/xml"}', body => '<a/>'),
    errand.submit('http', jsonb_build_object('url', t.url('/echo'), 'method', 'POST', 'body', '{"b": 2}'::jsonb)),
    errand.submit('http', jsonb_build_object('url', t.url('/echo'), 'method', 'POST', 'body_base64', 'AAH/'))] AS ids \gset
SELECT array_agg(result ORDER BY ord) AS r FROM errand.gather(:'ids'::bigint[]) \gset
SELECT is(decode((:'r'::jsonb[])[1] #>> '{body,body}', 'base64'), convert_to('text ü', 'UTF8'), 'body: text, as UTF-8');
SELECT is(t.header((:'r'::jsonb[])[1], 'Content-Type'), 'text/plain; charset=utf-8', 'body: is text');
SELECT is(pg_temp.body((:'r'::jsonb[])[2])::jsonb, '{"a": [1, null]}', 'body: JSON');
SELECT is(t.header((:'r'::jsonb[])[2], 'Content-Type'), 'application/json', 'body: says so');
SELECT is(decode((:'r'::jsonb[])[3] #>> '{body,body}', 'base64'), '\x00ff'::bytea, 'body_bytes: any bytes');
SELECT is(t.header((:'r'::jsonb[])[3], 'Content-Type'), 'application/octet-stream', 'body_bytes: says so');
SELECT is(pg_temp.body((:'r'::jsonb[])[4]), 'a=1%20%2B&b=x&b=2&b=true', 'form: encoded');
SELECT is(t.header((:'r'::jsonb[])[4], 'Content-Type'), 'application/x-www-form-urlencoded', 'form: says so');
SELECT is((:'r'::jsonb[])[5] #> '{body,length}', '0', 'body: empty');
SELECT is(t.header((:'r'::jsonb[])[6], 'Content-Type'), 'application/xml', 'body: a type of one''s own');
SELECT is(pg_temp.body((:'r'::jsonb[])[7])::jsonb, '{"b": 2}', 'submit: a JSON body in the payload');
SELECT is(decode((:'r'::jsonb[])[8] #>> '{body,body}', 'base64'), '\x0001ff'::bytea, 'submit: bytes in the payload');

-- parameters, headers, cookies, auth, trace context
SELECT errand.http_get(t.url('/echo?x=1#frag'), '{"a b": "ü&=", "n": [1, 2], "none": null}', '{"X-A": "1", "X-B": ["2", "3"], "X-C": null, "X-D": 4.5, "X-E": true, "User-Agent": "mine"}',
    auth => '{"basic": ["me", "it: is"]}', cookies => '{"a": "1", "b": 2}', traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', key => 'q "1" \ ü') AS id \gset
SELECT errand.wait_for(:id) AS r \gset
SELECT is(:'r'::jsonb #>> '{body,target}', '/echo?x=1&n=1&n=2&a%20b=%C3%BC%26%3D', 'params: encoded, behind what the URL has; no fragment');
SELECT is(t.header(:'r', h), v, 'header ' || h) FROM (VALUES ('X-A', '1'), ('X-B', '2 | 3'), ('X-C', NULL), ('X-D', '4.5'), ('X-E', 'true'), ('User-Agent', 'mine'),
    ('Authorization', 'Basic ' || encode('me:it: is', 'base64')), ('Cookie', 'a=1; b=2'), ('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
    ('Idempotency-Key', '"q \"1\" \\ %C3%BC"'), ('X-Errand-Attempt', '1')) AS x (h, v);
SELECT is(t.header(:'r', 'X-Errand-Task'), :'id', 'header X-Errand-Task');
SELECT errand.http_get(t.url('/echo'), auth => '{"bearer": "abc"}') AS id \gset
SELECT is(t.header(errand.wait_for(:id), 'Authorization'), 'Bearer abc', 'auth: bearer');

-- redirects
SELECT ARRAY[errand.http_get(t.url('/redirect/3'), follow_redirects => 3), errand.http_get(t.url('/redirect/3'), follow_redirects => 2), errand.http_get(t.url('/redirect/1'))] AS ids \gset
SELECT is((SELECT array_agg(state ORDER BY ord) FROM errand.gather(:'ids'::bigint[], true)), '{succeeded,failed,failed}', 'follow_redirects: as many as said, none by default');
SELECT is((SELECT status_code FROM errand.response((:'ids'::bigint[])[3])), 302, 'follow_redirects: what came is kept');
SELECT errand.http_get(t.url('/to/http://192.168.77.77/'), follow_redirects => 5) AS id \gset
SELECT is(t.state(format('SELECT errand.wait_for(%s)', :id)), '42501', 'follow_redirects: never to where the policy forbids');
SELECT errand.http_get(t.web('/redirect-away'), follow_redirects => 1, auth => '{"bearer": "secret"}', cookies => '{"a": "b"}') AS id \gset
SELECT is(errand.wait_for(:id) -> 'body', '{"authorization": "", "cookie": ""}', 'follow_redirects: credentials stay behind at another host');

-- successes and failures
SELECT ARRAY[errand.http_get(t.url('/status/404'), success_codes => '[200,500)'), errand.http_get(t.url('/status/200'), success_codes => '[300,400)'),
    errand.http_get(t.url('/status/299')), errand.http_get(t.url('/status/300'))] AS ids \gset
SELECT is((SELECT array_agg(state ORDER BY ord) FROM errand.gather(:'ids'::bigint[], true)), '{succeeded,failed,succeeded,failed}', 'success_codes: 200 to 299 by default');
SELECT ARRAY[errand.http_get(t.url('/drop'), max_attempts => 1), errand.http_get(t.url('/half'), max_attempts => 1), errand.http_get(t.url('/reset'), max_attempts => 1),
    errand.http_get(t.url('/bighead'), max_attempts => 1)] AS ids \gset
SELECT is((SELECT array_agg(DISTINCT state) FROM errand.gather(:'ids'::bigint[], true)), '{failed}', 'answers that are cut off, or too large, are none');
SELECT ARRAY[errand.http_get(t.url('/status/400')), errand.http_get(t.url('/status/408'), max_attempts => 2, backoff => 'constant', backoff_base => '1 ms'),
    errand.http_get(t.url('/status/425'), max_attempts => 2, backoff => 'constant', backoff_base => '1 ms'),
    errand.http_get(t.url('/status/501')), errand.http_get(t.url('/status/502'), max_attempts => 2, backoff => 'constant', backoff_base => '1 ms')] AS ids \gset
SELECT count(*) AS n FROM errand.gather(:'ids'::bigint[], true) \gset
SELECT is((SELECT array_agg(attempt ORDER BY id) FROM errand.tasks WHERE id = ANY (:'ids')), '{1,2,2,1,2}', 'retried: 408, 425, 5xx; not what can never succeed');

-- a type of one's own
SELECT errand.define_task('echo', 'http', template => jsonb_build_object('url', t.url('/echo'), 'headers', '{"X-From": "type"}'::jsonb, 'timeout_milliseconds', NULL),
    max_attempts => 1, queue => 'echoes', timeout => '3 s') \g /dev/null
SELECT errand.submit('echo', '{"params": {"n": 1}, "headers": {"X-More": "payload"}}') AS id \gset
SELECT errand.wait_for(:id) AS r \gset
SELECT is(row(:'r'::jsonb #>> '{body,target}', t.header(:'r', 'X-From'), t.header(:'r', 'X-More'))::text, '(/echo?n=1,type,payload)', 'define_task: the payload over the template');
SELECT is((SELECT row(task, kind, queue, max_attempts)::text FROM errand.tasks WHERE id = :id), '(echo,http,echoes,1)', 'define_task: its options');
SELECT errand.drop_task('echo') \g /dev/null
SELECT is(t.state('SELECT errand.submit(''echo'')'), '42704', 'drop_task: is no more');

-- workers: restarted, and woken
SELECT pid AS before FROM errand.stat_workers \gset
SELECT is(errand.worker_restart(), true, 'worker_restart');
SELECT errand.wait_until_running('20 s') \g /dev/null
SELECT errand.http_get(t.url('/ok')) AS id \gset
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'and it runs again');
SELECT isnt((SELECT pid FROM errand.stat_workers), :before, 'in another process');
SELECT is(t.state('SELECT errand.wake()'), 'none', 'wake');
SELECT * FROM finish();
