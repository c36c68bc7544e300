-- A CSV file, worked on in batches of fifty lines by SQL tasks. Bad lines are
-- kept with their reason, and each batch says how far it is.
-- -v csv=FILE names another file, with columns station, day, celsius; -v step=SECONDS
-- is how long ten lines take.
\ir common.psql
\if :{?csv}
\else
\set csv examples/data/readings.csv
\endif
\if :{?step}
\else
\set step 0.05
\endif

DROP SCHEMA IF EXISTS example_08 CASCADE;
CREATE SCHEMA example_08;
CREATE TABLE example_08.line (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, station text, day text, celsius text);
CREATE TABLE example_08.reading (station text, day date, celsius numeric);
CREATE TABLE example_08.reject (n bigint, reason text);

-- \copy takes no variables, but a variable can hold all of it
\set load '\\copy example_08.line (station, day, celsius) FROM ' :'csv' ' (FORMAT csv, HEADER)'
:load

-- One batch: lines first to last, in one transaction with the end of its task.
CREATE FUNCTION example_08.load_batch(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    low bigint := args->'first';
    high bigint := args->'last';
    l record;
    good int := 0;
    bad int := 0;
BEGIN
    FOR l IN SELECT * FROM example_08.line WHERE n BETWEEN low AND high ORDER BY n LOOP
        BEGIN
            INSERT INTO example_08.reading VALUES (l.station, l.day::date, l.celsius::numeric);
            good := good + 1;
        EXCEPTION WHEN data_exception THEN
            INSERT INTO example_08.reject VALUES (l.n, SQLERRM);
            bad := bad + 1;
        END;
        IF (l.n - low + 1) % 10 = 0 THEN
            PERFORM errand.set_progress((l.n - low + 1)::float8 / (high - low + 1), 'line ' || l.n);
            PERFORM pg_sleep((args->>'step')::float8); -- so that there is something to watch
        END IF;
    END LOOP;
    RETURN jsonb_build_object('good', good, 'bad', bad);
END $$;

CREATE TEMP TABLE batch AS
SELECT first, errand.call('example_08.load_batch(jsonb)',
    jsonb_build_object('first', first, 'last', least(first + 49, (SELECT max(n) FROM example_08.line)),
        'step', :step),
    queue => 'example files') AS id
FROM generate_series(1, (SELECT max(n) FROM example_08.line), 50) AS first;

-- Watch: progress is there while a task runs.
CREATE TEMP TABLE seen (first bigint, progress float8);
DO $$
BEGIN
    COMMIT;
    WHILE EXISTS (SELECT FROM batch JOIN errand.tasks USING (id) WHERE finished_at IS NULL) LOOP
        INSERT INTO seen SELECT b.first, t.progress FROM batch AS b JOIN errand.tasks AS t USING (id)
        WHERE t.progress IS NOT NULL;
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT 'seen on the way: ' || string_agg(percent || ' %', ', ' ORDER BY percent) AS progress
FROM (SELECT DISTINCT round(progress * 100) AS percent FROM seen) AS s;

SELECT b.first, g.state, g.result->'good' AS good, g.result->'bad' AS bad
FROM errand.gather(ARRAY(SELECT id FROM batch ORDER BY first)) AS g JOIN batch AS b USING (id) ORDER BY g.ord;

SELECT (SELECT count(*) FROM batch) AS batches, (SELECT count(*) FROM example_08.line) AS lines,
    (SELECT count(*) FROM example_08.reading) AS stored, (SELECT count(*) FROM example_08.reject) AS rejected;
SELECT * FROM example_08.reject ORDER BY n;
SELECT station, count(*) AS days, round(avg(celsius), 1) AS mean FROM example_08.reading GROUP BY station ORDER BY station;

DROP SCHEMA example_08 CASCADE;
