-- Fetch, transform, store: three queues with three places each. Each item has a
-- task in each stage, and the next stage waits for it with `after`.
-- -v out=DIRECTORY says where the JSON files go.
\ir common.psql
\if :{?out}
\else
\set out `mktemp -d`
\endif

DROP SCHEMA IF EXISTS example_05 CASCADE;
CREATE SCHEMA example_05;
CREATE TABLE example_05.city (id int PRIMARY KEY, name text, people int);

-- Both read what their parent returned: parent_results() is keyed by its id.
CREATE FUNCTION example_05.transform(args jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', p.value->'body'->'id', 'name', upper(p.value->'body'->>'city'),
        'people', p.value->'body'->'people')
    FROM jsonb_each(errand.parent_results()) AS p
$$;
CREATE FUNCTION example_05.store(args jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO example_05.city
    SELECT c.* FROM jsonb_each(errand.parent_results()) AS p, jsonb_populate_record(NULL::example_05.city, p.value) AS c
$$;

SELECT errand.define_queue('example ' || stage, max_running => 3)
FROM unnest(ARRAY['fetch', 'transform', 'store']) AS stage \g /dev/null

-- Cities 1 to 5 are there, 6 is not: its later stages are cancelled.
CREATE TEMP TABLE item AS
WITH fetched AS MATERIALIZED (
    SELECT n, errand.http_get(:'web' || '/static/city' || n || '.json', queue => 'example fetch') AS fetching
    FROM generate_series(1, 6) AS n),
transformed AS MATERIALIZED (
    SELECT *, errand.call('example_05.transform(jsonb)', after => ARRAY[fetching], queue => 'example transform') AS transforming
    FROM fetched)
SELECT *, errand.call('example_05.store(jsonb)', after => ARRAY[transforming], queue => 'example store') AS storing
FROM transformed;

SELECT count(*) AS waited_for FROM errand.gather(ARRAY(SELECT storing FROM item), return_exceptions => true) \g /dev/null

CREATE TEMP TABLE stage AS
SELECT s.stage, count(*) AS tasks, count(*) FILTER (WHERE t.state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE t.state = 'failed') AS failed, count(*) FILTER (WHERE t.state = 'cancelled') AS cancelled,
    round((count(*) FILTER (WHERE t.state = 'succeeded')
        / extract(epoch FROM max(t.finished_at) - min(t.started_at)))::numeric, 1) AS per_second,
    min(t.error) AS error
FROM item, LATERAL (VALUES (1, 'fetch', fetching), (2, 'transform', transforming), (3, 'store', storing)) AS s (ord, stage, id)
JOIN errand.tasks AS t ON t.id = s.id
GROUP BY s.ord, s.stage ORDER BY s.ord;
SELECT * FROM stage;
SELECT * FROM example_05.city ORDER BY id;

-- The same as JSON files.
\set cities_file :out/cities.json
\set stages_file :out/stages.json
\pset format unaligned
\pset tuples_only on
SELECT jsonb_pretty(jsonb_agg(to_jsonb(c) ORDER BY c.id)) FROM example_05.city AS c \g :cities_file
SELECT jsonb_pretty(jsonb_agg(to_jsonb(s))) FROM stage AS s \g :stages_file
\pset tuples_only off
\pset format aligned
\echo written: :cities_file :stages_file

DROP SCHEMA example_05 CASCADE;
