-- A diamond: b and c wait for a, d waits for both. At the end a notification,
-- and a follow-up that runs only if d succeeded. -v heard=SECONDS listens for longer.
--
--          b: name
--        /         \
--   a: user         d: greeting -> follow-up
--        \         /
--          c: active
\ir common.psql
\if :{?heard}
\else
\set heard 1
\endif

DROP SCHEMA IF EXISTS example_07 CASCADE;
CREATE SCHEMA example_07;
CREATE TABLE example_07.told (task bigint, state text, result jsonb);

-- parent_results() has the results of the tasks that this one waited for, by id.
CREATE FUNCTION example_07.field(args jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(args->>'field', p.value->'body'->(args->>'field'))
    FROM jsonb_each(errand.parent_results()) AS p
$$;
CREATE FUNCTION example_07.greeting(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    parts jsonb := errand.parent_results();
    name text := parts->(args->>'b')->>'name';
    active boolean := parts->(args->>'c')->'active';
BEGIN
    RETURN jsonb_build_object('greeting', 'Hello ' || name || CASE WHEN active THEN '!' ELSE '?' END, 'parents', args);
END $$;
CREATE FUNCTION example_07.tell(args jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO example_07.told VALUES ((args->>'task')::bigint, args->>'state', args->'result')
$$;

LISTEN example_workflow;
BEGIN;
SELECT errand.http_get(:'web' || '/api/users/42') AS a \gset
SELECT errand.call('example_07.field(jsonb)', '{"field": "name"}', after => ARRAY[:a]) AS b \gset
SELECT errand.call('example_07.field(jsonb)', '{"field": "active"}', after => ARRAY[:a]) AS c \gset
SELECT errand.call('example_07.greeting(jsonb)', jsonb_build_object('b', :b, 'c', :c), after => ARRAY[:b, :c],
    notify => 'example_workflow',
    on_success => '{"call": "example_07.tell(jsonb)", "tags": ["example told"]}') AS d \gset
COMMIT;

SELECT errand.wait_for(:d)->>'greeting' AS result;

-- The order they ran in: none before those that it waits for.
SELECT n.name, t.state, row_number() OVER (ORDER BY t.started_at) AS place,
    (SELECT bool_and(p.finished_at <= t.started_at) FROM errand.dependencies AS e JOIN errand.tasks AS p ON p.id = e.parent_id
     WHERE e.task_id = t.id) AS after_its_parents
FROM (VALUES ('a', :a), ('b', :b), ('c', :c), ('d', :d)) AS n (name, id) JOIN errand.tasks AS t USING (id) ORDER BY n.name;

-- The follow-up came into being in the transaction that ended d.
SELECT errand.wait_for(max(id)) FROM errand.tasks WHERE tags = '{example told}' AND id > :d \g /dev/null
SELECT state, result->>'greeting' AS greeting FROM example_07.told WHERE task = :d;

-- Notifications come a moment after; psql shows them after its next statement.
SELECT pg_sleep(:heard) \g /dev/null
UNLISTEN example_workflow;
DROP SCHEMA example_07 CASCADE;
