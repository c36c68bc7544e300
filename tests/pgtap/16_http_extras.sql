-- cache_ttl, paginate and store => 'chunks': what is taken, what is refused.
\ir common.psql
SELECT plan(56);

-- paginate: refused at submit
SELECT is(t.state(format('SELECT errand.http_get(t.url(''/ok''), paginate => %L)', p)), '22023', 'paginate: ' || p)
FROM unnest(ARRAY['[]', '1', '{}', '{"mode": null}', '{"mode": "pages"}', '{"mode": "link", "more": 1}', '{"mode": "next_url"}', '{"mode": "next_url", "path": "$["}',
    '{"mode": "next_url", "path": 1}', '{"mode": "next_url", "path": "$.a", "param": "p"}', '{"mode": "cursor", "path": "$.a"}', '{"mode": "cursor", "param": "p"}', '{"mode": "page"}',
    '{"mode": "page", "param": ""}', '{"mode": "offset", "param": "o"}', '{"mode": "offset", "param": "o", "size": 0}', '{"mode": "page", "param": "p", "size": 2}',
    '{"mode": "link", "path": "$.a"}', '{"mode": "link", "max_pages": 0}', '{"mode": "link", "max_pages": 1001}', '{"mode": "link", "max_pages": "2"}',
    '{"mode": "link", "delay": "soon"}', '{"mode": "link", "delay": "2 days"}', '{"mode": "link", "delay": "-1 s"}', '{"mode": "link", "delay": true}']) AS p;
SELECT is(t.state(format('SELECT errand.submit(''http'', jsonb_build_object(''url'', t.url(''/ok''), ''paginate'', %L::jsonb))', '{"mode": "x"}')), '22023', 'paginate: in a payload, too');
SELECT is(t.state($$SELECT errand.define_task('tap_pages', 'http', template => '{"paginate": {"mode": "next_url", "path": "$["}}')$$), '22023', 'paginate: in a template, too');
SELECT throws_ok($$SELECT errand.http_get(t.url('/ok'), paginate => '{"mode": "next_url", "path": "$["}')$$, '22023', NULL, 'paginate: a jsonpath that is none');

-- what cannot go together
SELECT is(t.state('SELECT errand.' || q), '22023', q)
FROM unnest(ARRAY['http_post(t.url(''/ok''), cache_ttl => ''1 s'')', 'http_get(t.url(''/ok''), form => ''{}'', cache_ttl => ''1 s'')', 'http_get(t.url(''/ok''), cache_ttl => ''0'')',
    'http_get(t.url(''/ok''), cache_ttl => ''10 years'')', 'http_get(t.url(''/ok''), cache_ttl => ''1 s'', store => ''chunks'')',
    'http_get(t.url(''/ok''), cache_ttl => ''1 s'', paginate => ''{"mode": "link"}'')', 'http_get(t.url(''/ok''), store => ''chunks'', paginate => ''{"mode": "link"}'')',
    'http_head(t.url(''/ok''), paginate => ''{"mode": "link"}'')', 'http_get(t.url(''/ok''), store => ''pieces'')', 'http_get(t.url(''/ok''), max_body_bytes => 1073741825, store => ''chunks'')']) AS q;
-- errand.max_response_bytes is the most, but for chunks
SELECT is(t.state('SELECT errand.' || q), s, q)
FROM (VALUES ('http_get(t.url(''/ok''), max_body_bytes => 1048577)', '22023'), ('http_get(t.url(''/ok''), max_body_bytes => 1048577, store => ''discard'')', '22023'),
      ('submit(''http'', jsonb_build_object(''url'', t.url(''/ok''), ''max_body_bytes'', 1048577))', '22023'), ('http_get(t.url(''/ok''), max_body_bytes => 1048576)', 'none'),
      ('http_get(t.url(''/ok''), max_body_bytes => 3000000, store => ''chunks'')', 'none'),
      ('define_task(''tap_size'', ''http'', template => ''{"max_body_bytes": 3000000}'')', 'none'), ('submit(''tap_size'', jsonb_build_object(''url'', t.url(''/ok'')))', '22023'),
      ('submit(''tap_size'', jsonb_build_object(''url'', t.url(''/ok''), ''store'', ''chunks''))', 'none')) AS c (q, s);
SELECT throws_like('SELECT errand.http_get(t.url(''/ok''), max_body_bytes => 1048577)', '%errand.max_response_bytes%', '... and the error names the setting');
SELECT is(t.state($$SELECT errand.define_task('tap_kept', 'http', cache_ttl => '-1 s')$$), '22023', 'define_task: cache_ttl is checked');

-- what is taken
SELECT errand.submit('http', jsonb_build_object('url', t.url('/pages/page/2'), 'paginate', '{"mode": "page", "param": "page", "max_pages": 5, "delay": 0}'::jsonb)) AS id \gset
SELECT errand.wait_for(:id) AS r \gset
SELECT is(:'r'::jsonb -> 'pages', '2', 'paginate: in a payload');
SELECT is(:'r'::jsonb #> '{body,1,items}', '[4, 5, 6]', 'paginate: the pages are an array');
SELECT errand.submit('http', jsonb_build_object('url', t.url('/etag/70'), 'cache_ttl', '1 h')) AS id \gset
SELECT errand.wait_for(:id) AS r \gset
SELECT errand.submit('http', jsonb_build_object('url', t.url('/etag/70'), 'cache_ttl', '1 h')) AS id \gset
SELECT is(errand.wait_for(:id) -> 'cached', 'true', 'cache_ttl: in a payload');
SELECT is((SELECT row(r.cached, r.status_code)::text FROM errand.response(:id) AS r), '(t,200)', 'cache_ttl: in the response');
SELECT is((SELECT t.result -> 'cached' FROM errand.task(:id) AS t), 'true', 'cache_ttl: in the task');
SELECT is(t.by('tap_mona', 'SELECT count(*) FROM errand.http_cache'), '42501', 'the cache is nobody''s to read');
SELECT is(t.state('SELECT * FROM errand.chunks(0)'), '42704', 'chunks: there is no such task');
SELECT is((SELECT count(*) FROM errand.chunks(:id)), 0::bigint, 'chunks: none of a body that was kept otherwise');
SELECT * FROM finish();
