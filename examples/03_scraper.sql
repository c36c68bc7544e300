-- The titles of fifteen pages. One is missing, one is too slow for the timeout:
-- failures are kept beside the titles. -v timeout='5 s' is more patient.
\ir common.psql
\if :{?timeout}
\else
\set timeout '1 s'
\endif
SELECT clock_timestamp() AS began \gset

CREATE TEMP TABLE page (id bigint PRIMARY KEY, url text, title text, error text);
INSERT INTO page (id, url)
SELECT errand.http_get(url, timeout => :'timeout', max_attempts => 1), url
FROM generate_series(1, 15) AS n, LATERAL (SELECT :'web' || '/pages/' || n || '.html' AS url) AS u;

-- each page as it comes
UPDATE page SET title = errand.html_title(c.result->>'body'), error = c.error
FROM errand.as_completed(ARRAY(SELECT id FROM page)) AS c WHERE page.id = c.id;

SELECT url, title, error FROM page ORDER BY id;
SELECT count(*) AS total, count(title) AS succeeded, count(error) AS failed,
    round(extract(epoch FROM clock_timestamp() - :'began'), 2) AS seconds
FROM page;
