-- Fetch a list of addresses, and tell of each as it completes.
\ir common.psql

CREATE TEMP TABLE job AS
SELECT url, errand.http_get(url, max_attempts => 1) AS id
FROM unnest(ARRAY['/slow/1', '/static/1k.json', '/missing', '/static/64k.json', '/slow/2', '/api/users/42',
    '/pages/1.html', '/ok', '/redirect', '/slow/3']) AS path, LATERAL (SELECT :'web' || path AS url) AS u;

SELECT array_agg(id) AS ids, count(*) AS total FROM job \gset

-- In the select list as_completed() hands out a row at a time, and FETCH_COUNT
-- makes psql (up to 16) show it while the others still run.
\set FETCH_COUNT 1
SELECT row_number() OVER () || '/' || :total AS done, (SELECT url FROM job WHERE job.id = (c).id) AS url,
    (c).result->>'status' AS status, (c).result->'headers'->>'content-length' AS length, (c).error
FROM (SELECT errand.as_completed(:'ids') AS c OFFSET 0) AS completed;
\unset FETCH_COUNT

SELECT count(*) AS total, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE state = 'failed') AS failed
FROM errand.tasks WHERE id = ANY (:'ids');
