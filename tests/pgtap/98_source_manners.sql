-- How sources behave towards servers: who they say they are, what they ask for
-- again, when they come back, how much they take.
\ir common.psql
SELECT no_plan();
DROP TABLE IF EXISTS public.t97;
CREATE TABLE public.t97 (target text, headers jsonb);
CREATE FUNCTION pg_temp.run97(name text) RETURNS bigint LANGUAGE sql AS 'SELECT errand.run_source_now(name)';
SELECT errand.define_source('m97', 'rest', t.url('/echo'), params => '{"q": "a b", "n": 5}', headers => '{"X-Mine": "yes"}', target => 't97', every => '1 h',
    items => '$', columns => '{"target": "$.target", "headers": "$.headers"}') \g /dev/null
SELECT pg_temp.run97('m97') AS run \gset
SELECT ok(t.until(format('(SELECT state FROM errand.source_runs WHERE id = %s) = ''succeeded''', :run)), 'a run');
CREATE FUNCTION pg_temp.header97(name text) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(h ->> 1, '' | '') FROM public.t97, jsonb_array_elements(headers) AS h WHERE lower(h ->> 0) = lower(name)';
SELECT is(pg_temp.header97('User-Agent'), 'pg_errand/' || errand.version(), 'who asks');
SELECT is(pg_temp.header97('X-Mine'), 'yes', 'its headers');
SELECT matches((SELECT target FROM public.t97), '^/echo\?(n=5&q=a(%20|\+)b|q=a(%20|\+)b&n=5)$', 'its params');

SELECT errand.define_source('big97', 'rest', t.url('/since/1000?limit=1000'), items => '$.items[*]', columns => '{"target": "$.name"}', target => 't97', max_bytes => 2000) \g /dev/null
SELECT pg_temp.run97('big97') AS run \gset
SELECT ok(t.until(format('(SELECT state FROM errand.source_runs WHERE id = %s) = ''failed''', :run)), 'no more than it may take');
SELECT matches((SELECT error FROM errand.stat_sources WHERE source = 'big97'), '2000 bytes', '... and it says so');
SELECT errand.define_source('post97', 'rest', t.url('/echo'), method => 'POST', body => '{"a": [1, 2]}', items => '$', columns => '{"target": "$.length", "headers": "$.headers"}', target => 't97') \g /dev/null
TRUNCATE public.t97;
SELECT pg_temp.run97('post97') AS run \gset
SELECT ok(t.until(format('(SELECT state FROM errand.source_runs WHERE id = %s) = ''succeeded''', :run)), 'POST');
SELECT is((SELECT target FROM public.t97), length('{"a": [1, 2]}')::text, '... with its body');
SELECT is(pg_temp.header97('Content-Type'), 'application/json', '... as JSON');
SELECT errand.define_source('to97', 'rest', t.url('/redirect/3'), items => '$', columns => '{"target": "$.name"}', target => 't97') \g /dev/null
SELECT pg_temp.run97('to97') AS run \gset
SELECT ok(t.until(format('(SELECT state FROM errand.source_runs WHERE id = %s) = ''succeeded''', :run)), 'redirects are followed');

-- what answers say of when to come back
CREATE FUNCTION pg_temp.wait97(headers jsonb, status integer) RETURNS interval LANGUAGE sql AS
    'SELECT errand._source_wait(headers, status, ''2026-01-01 12:00 UTC'') - timestamptz ''2026-01-01 12:00 UTC''';
SELECT is(pg_temp.wait97('{"retry-after": "120"}', 429), interval '2 min', 'Retry-After');
SELECT is(pg_temp.wait97('{"retry-after": "120"}', 503), interval '2 min', '... with a 503');
SELECT is(pg_temp.wait97('{"retry-after": "Thu, 01 Jan 2026 12:05:00 GMT"}', 503), interval '5 min', '... as a date');
SELECT is(pg_temp.wait97('{"retry-after": "99999"}', 429), interval '1 h', '... an hour at most');
SELECT is(pg_temp.wait97('{"retry-after": "soon"}', 429), NULL, '... or nonsense');
SELECT is(pg_temp.wait97('{"retry-after": "120"}', 200), NULL, '... of a good answer');
SELECT is(pg_temp.wait97('{"cache-control": "public, max-age=90"}', 200), interval '90 s', 'Cache-Control');
SELECT is(pg_temp.wait97('{"cache-control": "max-age=90000"}', 304), interval '1 h', '... an hour at most');
SELECT is(pg_temp.wait97('{"cache-control": "no-cache, max-age=90"}', 200), NULL, '... no-cache');
SELECT is(pg_temp.wait97('{}', 200), NULL, '... or none');
SELECT errand.drop_source(name) FROM errand.sources WHERE name LIKE '%97' \g /dev/null
SELECT * FROM finish();
