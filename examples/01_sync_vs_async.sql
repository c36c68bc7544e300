-- Ten addresses one after another, then all at once. One of them is missing.
\ir common.psql

CREATE TEMP TABLE address AS
SELECT n, :'web' || CASE n WHEN 7 THEN '/missing' ELSE '/slow/' || n END AS url
FROM generate_series(1, 10) AS n;
CREATE TEMP TABLE answer (way text, url text, state text, error text);
CREATE TEMP TABLE took (way text, seconds numeric);

-- One after another: submit, commit, wait; then the next.
DO $$
DECLARE
    began timestamptz := clock_timestamp();
    a record;
    task bigint;
BEGIN
    FOR a IN SELECT * FROM address ORDER BY n LOOP
        task := errand.http_get(a.url);
        COMMIT;                     -- a worker sees the task from here on
        BEGIN
            PERFORM errand.wait_for(task);
            INSERT INTO answer VALUES ('one by one', a.url, 'succeeded', NULL);
        EXCEPTION WHEN OTHERS THEN  -- wait_for() raises the error of the task
            INSERT INTO answer VALUES ('one by one', a.url, 'failed', SQLERRM);
        END;
    END LOOP;
    INSERT INTO took VALUES ('one by one', extract(epoch FROM clock_timestamp() - began));
END $$;

-- All at once: submit all, commit, then wait for all. With return_exceptions
-- an error is a row like any other.
DO $$
DECLARE
    began timestamptz := clock_timestamp();
    urls text[] := (SELECT array_agg(url ORDER BY n) FROM address);
    ids bigint[] := (SELECT array_agg(errand.http_get(url) ORDER BY n) FROM address);
BEGIN
    COMMIT;
    INSERT INTO answer SELECT 'at once', urls[g.ord], g.state, g.error
    FROM errand.gather(ids, return_exceptions => true) AS g;
    INSERT INTO took VALUES ('at once', extract(epoch FROM clock_timestamp() - began));
END $$;

SELECT way, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE state = 'failed') AS failed, min(error) AS error, round(min(seconds), 2) AS seconds
FROM answer JOIN took USING (way) GROUP BY way ORDER BY way DESC;

SELECT 'all at once was ' || round(a.seconds / b.seconds, 1) || ' times as fast' AS speed_up
FROM took AS a, took AS b WHERE a.way = 'one by one' AND b.way = 'at once';
