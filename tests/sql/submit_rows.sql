-- Most submits insert their rows without SQL (extension/submit_row.c); what
-- _submit() inserts, and all that a table's owner may add to it, must be the same.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET track_functions = 'pl';
CREATE FUNCTION public.rows_handler(jsonb) RETURNS void LANGUAGE sql AS '';
-- how often _submit() or _submit_many() was called: it grows within a transaction
CREATE FUNCTION pg_temp.by_sql() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(coalesce(pg_stat_get_xact_function_calls(p.oid), 0)) FROM pg_proc AS p WHERE p.proname IN ('_submit', '_submit_many')
$$;
CREATE FUNCTION pg_temp.pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TEMP TABLE way (n int, query text);
INSERT INTO way VALUES
    (1, $$http_get('http://errand.test/')$$),
    (2, $$submit('http', '{"url": "http://errand.test/"}', queue => 'mail', priority => -7, run_at => '2020-02-02',
        max_attempts => 9, backoff => 'linear', backoff_base => '1500 ms', backoff_factor => 1.5, backoff_max => '2 min',
        timeout => '5 s', tags => '{a,"b c",a}', delivery => 'at_most_once', notify => 'heard',
        traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        on_success => '{"task": "http", "payload": {"url": "http://errand.test/then"}}',
        on_failure => '{"task": "http", "payload": {"url": "http://errand.test/else"}}')$$),
    (3, $$http('http://errand.test/', method => 'POST', body => repeat('compresses well ', 1000))$$),
    (4, $$http('http://errand.test/', method => 'POST', body => (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n))$$),
    (5, $$call('public.rows_handler(jsonb)', '{"n": 1}')$$),
    (6, $$submit('rows_type', '{"params": {"q": 1}}')$$),
    (7, $$http_get('http://errand.test/', tags => '{}', after => '{}', run_at => '-infinity')$$),
    (8, $$submit_many('http', ARRAY['{"url": "http://errand.test/1"}', '{"url": "http://errand.test/2"}']::jsonb[], queue => 'mail',
        tags => '{many}', priority => 5)$$);

-- Nothing commits: no worker sees any of it.
BEGIN;
SELECT errand.define_task('rows_type', 'http', template => '{"url": "http://errand.test/"}', priority => 3, queue => 'q') \g /dev/null
CREATE TEMP TABLE made (n int, id bigint, by_sql boolean);
CREATE FUNCTION pg_temp.make() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_way record;
    v_id bigint;
    v_before bigint;
BEGIN
    FOR v_way IN SELECT n, query FROM way ORDER BY n LOOP
        v_before := pg_temp.by_sql();
        EXECUTE 'SELECT errand.' || v_way.query INTO v_id;
        INSERT INTO made VALUES (v_way.n, v_id, pg_temp.by_sql() > v_before);
    END LOOP;
END $$;
SELECT pg_temp.make();
CREATE TRIGGER rows_pass BEFORE INSERT ON errand.task FOR EACH ROW EXECUTE FUNCTION pg_temp.pass();
SELECT pg_temp.make();
SELECT by_sql, count(*), count(DISTINCT n) FROM made GROUP BY by_sql ORDER BY by_sql;
-- every column, and how it is stored
SELECT c.n, d.key, d.value AS direct, s.value AS by_sql
FROM made AS c JOIN errand.task AS dt ON dt.id = c.id AND NOT c.by_sql
JOIN made AS o ON o.n = c.n AND o.by_sql JOIN errand.task AS st ON st.id = o.id
CROSS JOIN jsonb_each(to_jsonb(dt)) AS d JOIN jsonb_each(to_jsonb(st)) AS s ON s.key = d.key
WHERE d.key NOT IN ('id', 'submitted_at') AND d.value <> s.value;
SELECT c.n, pg_column_size(dt), pg_column_size(st) FROM made AS c JOIN errand.task AS dt ON dt.id = c.id AND NOT c.by_sql
JOIN made AS o ON o.n = c.n AND o.by_sql JOIN errand.task AS st ON st.id = o.id
WHERE pg_column_size(dt) <> pg_column_size(st) OR pg_column_size(dt.payload) <> pg_column_size(st.payload)
    OR dt.submitted_at NOT BETWEEN now() AND clock_timestamp();
SELECT count(*), count(DISTINCT to_jsonb(r) - '{id,place}'::text[]) AS kinds, bool_and(r.place = r.id) AS placed
FROM made JOIN errand.ready AS r USING (id);
SELECT c.n, to_jsonb(d) AS direct, to_jsonb(s) AS by_sql FROM made AS c JOIN errand.ready AS d ON d.id = c.id AND NOT c.by_sql
JOIN made AS o ON o.n = c.n AND o.by_sql JOIN errand.ready AS s ON s.id = o.id
WHERE to_jsonb(d) - '{id,place}'::text[] <> to_jsonb(s) - '{id,place}'::text[];
DROP TRIGGER rows_pass ON errand.task;
TRUNCATE made;
SELECT pg_temp.make();
SELECT by_sql, count(*) FROM made GROUP BY by_sql;
ROLLBACK;

-- each payload has its own task and id, in its order
BEGIN;
CREATE TEMP TABLE url (n int, id bigint);
INSERT INTO url SELECT o.n, o.id FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', 'http://errand.test/' || n)
    FROM generate_series(1, 2500) AS n)) WITH ORDINALITY AS o (id, n);
SELECT count(*), count(*) FILTER (WHERE t.payload ->> 'url' = 'http://errand.test/' || u.n) AS in_order, count(r.id) AS ready
FROM url AS u JOIN errand.task AS t USING (id) LEFT JOIN errand.ready AS r USING (id);
SELECT count(*) FROM errand.submit_many('http', '{}');
ROLLBACK;

-- what is not ready at once, or has a key, a deadline or a group, goes by SQL
BEGIN;
SELECT pg_temp.by_sql() AS before \gset
SELECT errand.http_get('http://errand.test/', key => 'k') AS parent,
    errand.http_get('http://errand.test/', deadline => '1 h') > 0 AS d,
    errand.http_get('http://errand.test/', run_at => now() + interval '1 h') > 0 AS r,
    errand.http_get('http://errand.test/', task_group => errand.open_group('rows')) > 0 AS g \gset
SELECT errand.http_get('http://errand.test/', after => ARRAY[:parent]) > 0 AS after, pg_temp.by_sql() - :before AS by_sql;
ROLLBACK;

-- whatever is put on a table is heeded: by _submit(), or by the insert itself
CREATE FUNCTION pg_temp.after(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_answer text;
    v_before bigint := pg_temp.by_sql();
BEGIN
    BEGIN
        EXECUTE change;
        PERFORM errand.http_get('http://errand.test/'), errand.http_get('http://errand.test/');
        v_answer := CASE WHEN pg_temp.by_sql() > v_before THEN 'by SQL' ELSE 'directly' END;
        RAISE EXCEPTION USING ERRCODE = 'UE001';
    EXCEPTION WHEN SQLSTATE 'UE001' THEN
        RETURN v_answer;
    WHEN OTHERS THEN
        RETURN SQLSTATE;
    END;
END $$;
BEGIN;
DELETE FROM errand.task; -- what earlier tests left would be refused by the changes
SELECT change, pg_temp.after(change) FROM (VALUES
    (1, 'SELECT 1'),
    (2, 'CREATE TRIGGER t AFTER INSERT ON errand.ready FOR EACH ROW EXECUTE FUNCTION pg_temp.pass()'),
    (3, 'CREATE RULE r AS ON INSERT TO errand.task DO ALSO NOTIFY x'),
    (4, 'ALTER TABLE errand.ready ENABLE ROW LEVEL SECURITY'),
    (5, 'ALTER TABLE errand.task ADD extra int DEFAULT 7'),
    (6, 'ALTER TABLE errand.task RENAME notify TO notified'),
    (7, 'ALTER TABLE errand.ready RENAME TO unready'),
    (8, 'ALTER TABLE errand.task OWNER TO pg_monitor'),
    (9, 'ALTER TABLE errand.task ADD CHECK (priority > 0) NOT VALID'),
    (10, 'ALTER TABLE errand.ready ADD CHECK (run > 1) NOT VALID'),
    (11, $c$CREATE UNIQUE INDEX ON errand.task ((payload ->> 'url'))$c$),
    (12, $c$SELECT errand.http_get('http://errand.test/'), setval('errand.task_id', last_value - 1) FROM errand.task_id$c$),
    (13, 'ALTER TABLE errand.task ALTER run_at SET NOT NULL'),
    (14, $c$SET transaction_read_only = on$c$),
    (15, 'ALTER TABLE errand.task ADD extra int; ALTER TABLE errand.task DROP extra')) AS c (n, change) ORDER BY n;
ROLLBACK;

-- another installation in the same session
BEGIN;
SELECT errand.http_get('http://errand.test/') > 0 AS submitted;
DROP EXTENSION pg_errand;
CREATE EXTENSION pg_errand;
SELECT pg_temp.after('SELECT 1'), errand.http_get('http://errand.test/') > 0 AS submitted;
SELECT count(*) FROM errand.task JOIN errand.ready USING (id);
ROLLBACK;
BEGIN;
SELECT pg_temp.after('SELECT 1');
ROLLBACK;
DROP FUNCTION public.rows_handler(jsonb);
