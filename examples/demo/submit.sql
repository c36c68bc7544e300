-- Some five thousand tasks for the demo. The variables are the base URLs of
-- its servers; each queue groups one kind, for the summary.
BEGIN;

-- a handler for SQL tasks: the names in the answers that it waited for
CREATE FUNCTION demo_names(a jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(r.value #>> '{body,name}' ORDER BY r.key) FROM jsonb_each(errand.parent_results()) AS r
$$;

-- one kilobyte of JSON each, from nginx
SELECT count(errand.http_get(:'web' || '/static/1k.json', queue => 'files'))
FROM generate_series(1, 4000);

-- an API with parameters
SELECT count(errand.http_get(:'web' || '/api/items', params => jsonb_build_object('page', n % 5 + 1), queue => 'api'))
FROM generate_series(1, 400) AS n;

SELECT count(errand.http_post(:'web' || '/api/echo', body => jsonb_build_object('n', n), queue => 'api'))
FROM generate_series(1, 100) AS n;

-- redirects are followed when asked for
SELECT count(errand.http_get(:'web' || '/redirect', follow_redirects => 3, queue => 'redirects'))
FROM generate_series(1, 100);

-- answers that take from 0.1 to 2 seconds, all at once
SELECT count(errand.http_get(:'delay' || '/delay/' || n * 20, queue => 'slow'))
FROM generate_series(5, 100) AS n;

-- out of service at the first attempt, fine at the second
SELECT count(errand.http_get(:'flaky' || '/flaky/1', backoff_base => '300 ms', queue => 'flaky'))
FROM generate_series(1, 160);

-- fifty a second, then 429 with Retry-After
SELECT count(errand.http_get(:'limit' || '/', max_attempts => 30, backoff_base => '200 ms', queue => 'rate limited'))
FROM generate_series(1, 80);

-- 404: failed at once. 503 for ever: failed after the last attempt
SELECT count(errand.http_get(:'fail' || '/404', queue => 'failing'))
FROM generate_series(1, 32);

SELECT count(errand.http_get(:'fail' || '/', backoff_base => '200 ms', queue => 'failing'))
FROM generate_series(1, 32);

COMMIT;
