-- Views over what sources fill: which are found, who sees them, what they cost.
\ir common.psql
BEGIN;
SELECT no_plan();
CREATE ROLE t99_owner LOGIN;
CREATE ROLE t99_other;
SELECT errand.grant_access('t99_owner', 'submit') \g /dev/null
GRANT tap_mona TO t99_other;
CREATE SCHEMA t99;
GRANT USAGE, CREATE ON SCHEMA t99 TO t99_owner, t99_other, tap_mona;
GRANT USAGE ON SCHEMA t99 TO tap_adam;
SET ROLE t99_owner;
CREATE TABLE t99.item (id bigint PRIMARY KEY, name text, price numeric, at timestamptz, seen interval, tags text[], note text);
GRANT SELECT ON t99.item TO t99_other, tap_mona;
SELECT errand.define_source('s99', 'rest', 'https://errand.test/', target => 't99.item', on_conflict => 'ignore') \g /dev/null
INSERT INTO t99.item SELECT n, 'item ' || n, n * 1000.25, '2026-01-02T03:04:05Z', '90 min', ARRAY['a', 'b'], repeat('é', 300) FROM generate_series(1, 30) AS n;
INSERT INTO t99.item (id) VALUES (31);
CREATE VIEW t99.a_owned AS SELECT * FROM t99.item ORDER BY id DESC;
CREATE VIEW t99.elsewhere AS SELECT 1 AS one;
CREATE VIEW t99.m_hidden AS SELECT id FROM t99.item;
GRANT SELECT ON t99.a_owned TO tap_mona, tap_adam;
RESET ROLE;
CREATE VIEW t99.b_over AS SELECT id, price FROM t99.a_owned ORDER BY id DESC LIMIT 2;
CREATE VIEW t99.c_raises AS SELECT id / 0 AS broken FROM t99.item;
CREATE VIEW t99.d_slow AS SELECT count(*) FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b, t99.item;
CREATE VIEW t99."e ""; DROP TABLE x; %s --" AS SELECT id AS "<b>%1$s"" '", name AS "__proto__" FROM t99.item WHERE id = 1;
CREATE SEQUENCE t99.counter;
GRANT USAGE ON SEQUENCE t99.counter TO tap_mona;
CREATE VIEW t99.f_writes AS SELECT nextval('t99.counter') AS n FROM t99.item;
CREATE MATERIALIZED VIEW t99.g_kept AS SELECT count(*) AS n, sum(price) AS sum, 'NaN'::numeric AS nan, 1e300::float8 AS large FROM t99.item;
CREATE VIEW t99.h_wide AS SELECT i.*, i.id AS a, i.id AS b, i.id AS c, i.id AS d, i.id AS e, i.id AS f FROM t99.item AS i;
CREATE VIEW t99.i_into AS SELECT 1::bigint AS id;
CREATE RULE i_into AS ON INSERT TO t99.i_into DO INSTEAD INSERT INTO t99.item (id) VALUES (new.id);
CREATE VIEW t99.j_errand AS SELECT (SELECT count(*) FROM errand.sources) AS sources, count(*) FROM t99.item;
CREATE FUNCTION t99.evil() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'evil ran as %', current_user; END $$;
SELECT format('GRANT SELECT ON t99.%I TO tap_mona', relname) FROM pg_class
    WHERE relnamespace = 't99'::regnamespace AND relkind IN ('v', 'm') AND relowner <> 't99_owner'::regrole \gexec
SET ROLE t99_other;
CREATE VIEW t99.k_other AS SELECT t99.evil() FROM t99.item;
GRANT SELECT ON t99.k_other TO PUBLIC;
SET ROLE tap_mona;
CREATE VIEW t99.l_mine AS SELECT id FROM t99.item WHERE id = 7;
RESET ROLE;
CREATE TEMP VIEW n_temp AS SELECT id FROM t99.item;
CREATE FUNCTION t.nap(seconds float8) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_end timestamptz := clock_timestamp() + seconds * interval '1 s';
BEGIN
    WHILE clock_timestamp() < v_end LOOP END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION pg_temp.views(who name) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(v ->> 'view', ' ' ORDER BY n)
    FROM jsonb_array_elements(t.by(who, 'SELECT errand._api(''sources'', ''{"source": "s99"}'', now())')::jsonb #> '{sources,0,views}') WITH ORDINALITY AS x (v, n) $$;
-- a view as a role sees it; an error's SQLSTATE
CREATE FUNCTION pg_temp.view(who name, name text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer text := t.by(who, format('SELECT errand._api(''source_view'', %L, now())', jsonb_build_object('name', 's99', 'view', name)));
BEGIN
    RETURN CASE WHEN answer ~ '^\{' THEN answer::jsonb ELSE to_jsonb(answer) END;
END $$;
GRANT EXECUTE ON FUNCTION pg_temp.views, pg_temp.view TO PUBLIC;

-- which are found
\set all 't99."e ""; DROP TABLE x; %s --" t99.a_owned t99.b_over t99.c_raises t99.d_slow t99.f_writes t99.g_kept t99.h_wide t99.j_errand t99.k_other t99.l_mine'
SELECT is(pg_temp.views('tap_mona'), :'all', 'views over the table, also by way of a view; no rule, nothing temporary, nothing without SELECT');
SELECT is(pg_temp.views('tap_adam'), 't99.a_owned t99.k_other', 'another role: those that it may SELECT from');
SELECT is(pg_temp.views('t99_owner'), 't99.a_owned t99.k_other t99.m_hidden', 'the owner: his');
SELECT is(pg_temp.views('tap_alice'), NULL, 'a role that does not see the source sees nothing');
SELECT is(pg_temp.view('tap_alice', 't99.k_other'), '"42704"', '... nor does it read one');
SELECT is(pg_temp.view('tap_adam', v), '"42704"', 'without SELECT it is not there: ' || v) FROM unnest(ARRAY['t99.m_hidden', 't99.l_mine', 't99.g_kept']) AS v;
SELECT is(pg_temp.view('tap_mona', v), '"42704"', 'no view of this source: ' || v)
    FROM unnest(ARRAY['t99.elsewhere', 't99.item', 't99.i_into', 'pg_catalog.pg_roles', 'a_owned', 't99.a_owned; SELECT 1']) AS v;
SELECT is(t.by('tap_mona', $$SELECT errand._api('source_view', '{"name": "s99"}', now())$$), '22023', 'the view must be named');
SELECT is(t.by('tap_mona', $$SELECT errand._api('source_view', '{"name": "s99", "view": "t99.b_over", "rows": 1000}', now())$$), '22023', 'no other arguments');
REVOKE USAGE ON SCHEMA t99 FROM tap_adam;
SELECT is(pg_temp.views('tap_adam'), NULL, 'without USAGE on the schema there is none');
GRANT USAGE ON SCHEMA t99 TO tap_adam;
COMMENT ON VIEW t99.b_over IS '<b>two</b>';
SELECT is(t.by('tap_mona', $$SELECT errand._api('sources', '{}', now())$$)::jsonb #>> '{sources,0,views,2,description}', '<b>two</b>', 'a comment describes it, in the list of all, too');

-- what it runs: nothing of anybody's
SELECT is(pg_temp.view(who, 't99.k_other') ->> 'sqlstate', '0A000', 'a view that calls a function of somebody''s is not read: ' || who)
    FROM unnest(ARRAY['tap_mona', 'tap_adam', 't99_owner', current_user]) AS who;
SELECT matches(pg_temp.view('tap_adam', 't99.k_other') ->> 'hint', 'materialized', '... and says what to do');
SELECT is(pg_temp.view('tap_adam', 't99.a_owned') #>> '{rows,0,0}', '31', 'a plain view of another role');
SELECT is(pg_temp.view('tap_mona', 't99.l_mine') -> 'rows', '[["7"]]', 'one''s own');
CREATE FUNCTION pg_temp.plain(query text, more text DEFAULT '') RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    answer boolean;
BEGIN
    EXECUTE 'CREATE VIEW t99.try AS ' || query;
    EXECUTE more;
    answer := errand._view_plain('t99.try'::regclass);
    RAISE EXCEPTION USING ERRCODE = CASE WHEN answer THEN 'T0001' ELSE 'T0000' END;
EXCEPTION WHEN SQLSTATE 'T0001' OR SQLSTATE 'T0000' THEN
    RETURN SQLSTATE = 'T0001';
END $$;
CREATE FUNCTION t99.pure(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE TYPE t99.mood AS ENUM ('good');
CREATE FUNCTION t99.mood_json(t99.mood) RETURNS json LANGUAGE sql AS 'SELECT NULL::json';
SELECT ok(pg_temp.plain(q, m), 'plain: ' || coalesce(nullif(m, ''), q)) FROM (VALUES
    ('SELECT count(*), max(round(price, 1)), now(), clock_timestamp(), string_agg(name, '','' ORDER BY id) FROM t99.item GROUP BY note HAVING count(*) > 0', ''),
    ('SELECT *, avg(price) OVER (ORDER BY id), lag(id) OVER (ORDER BY id) FROM t99.b_over', ''),
    ('SELECT id FROM t99.item', 'CREATE INDEX ON t99.item (lower(name)) WHERE id > 0'),
    ('SELECT id FROM t99.item', 'ALTER TABLE t99.item ADD mood t99.mood')) AS x (q, m);
SELECT ok(NOT pg_temp.plain(q, m), 'not plain: ' || coalesce(nullif(m, ''), q)) FROM (VALUES
    ('SELECT t99.pure(id) FROM t99.item', ''), ('SELECT * FROM t99.k_other', ''), ('SELECT (SELECT 1 WHERE t99.pure(1) > 0) FROM t99.item', ''),
    ('SELECT id FROM t99.item ORDER BY t99.pure(id)', ''), ('SELECT query_to_xml(''SELECT 1'', true, true, '''') FROM t99.item', ''),
    ('SELECT table_to_xml(''t99.item'', true, true, '''') FROM t99.item', ''), ('SELECT set_config(''x.y'', ''1'', false) FROM t99.item', ''),
    ('SELECT pg_advisory_lock(1) IS NULL FROM t99.item', ''), ('SELECT nextval(''t99.counter'') FROM t99.item', ''), ('SELECT NULL::t99.mood FROM t99.item', ''),
    ('SELECT id FROM t99.item', 'CREATE INDEX ON t99.item (t99.pure(1))'), ('SELECT id FROM t99.item', 'CREATE INDEX ON t99.item (id) WHERE t99.pure(id) > 0'),
    ('SELECT id FROM t99.item', 'ALTER TABLE t99.item ADD CHECK (t99.pure(1) = 1)'), ('SELECT id FROM t99.item', 'CREATE STATISTICS t99.s ON t99.pure(id), name FROM t99.item'),
    ('SELECT id FROM t99.item', 'ALTER TABLE t99.item ENABLE ROW LEVEL SECURITY'),
    ('SELECT id FROM t99.item', 'CREATE TABLE t99.child (CHECK (t99.pure(1) = 1)) INHERITS (t99.item)'),
    ('SELECT id FROM t99.item', 'ALTER TABLE t99.item ADD mood t99.mood; CREATE CAST (t99.mood AS json) WITH FUNCTION t99.mood_json(t99.mood)')) AS x (q, m);
SELECT CASE WHEN current_setting('server_version_num')::int >= 150000 THEN 'ALTER VIEW t99.b_over SET (security_invoker = on); REVOKE SELECT ON t99.a_owned FROM tap_mona' ELSE 'SELECT 1' END \gexec
SELECT CASE WHEN current_setting('server_version_num')::int < 150000 THEN pass('no security_invoker here')
    ELSE is(pg_temp.view('tap_mona', 't99.b_over') ->> 'sqlstate', '42501', 'security_invoker: what is beneath must be the role''s to read') END;
SELECT CASE WHEN current_setting('server_version_num')::int >= 150000 THEN 'ALTER VIEW t99.b_over SET (security_invoker = off)' ELSE 'SELECT 1' END \gexec
SELECT ok(t.until($$(pg_temp.view('tap_mona', 't99.b_over') ? 'rows')$$), 'what was found is kept for a second');

-- what is in it
SELECT pg_temp.view('tap_mona', 't99.b_over') AS over \gset
SELECT is(:'over'::jsonb -> 'columns', '[{"name": "id", "type": "number"}, {"name": "price", "type": "number"}]', 'columns');
SELECT is(:'over'::jsonb -> 'rows', '[["31", null], ["30", "30007.50"]]', 'numbers as SQL writes them, in the view''s order; NULL');
SELECT ok((:'over'::jsonb ->> 'took_ms')::float8 BETWEEN 0 AND 500, 'how long it took');
SELECT pg_temp.view('t99_owner', 't99.a_owned') AS owned \gset
SELECT is(jsonb_array_length(:'owned'::jsonb -> 'rows'), 10, 'ten rows');
SELECT is(:'owned'::jsonb #>> '{rows,1,3}', errand._iso('2026-01-02T03:04:05Z'), 'times as everywhere');
SELECT is((:'owned'::jsonb -> 'rows' -> 1) - 3, jsonb_build_array('30', 'item 30', '30007.50', '01:30:00', '{a,b}', repeat('é', 200)), 'other types as text, long ones cut');
SELECT is((SELECT string_agg(c ->> 'type', ' ') FROM jsonb_array_elements(:'owned'::jsonb -> 'columns') AS c), 'number text number time text text text', 'types');
SELECT is(jsonb_array_length(pg_temp.view('tap_mona', 't99.h_wide') -> 'columns'), 12, 'twelve columns');
SELECT is(pg_temp.view('tap_mona', 't99.g_kept') #> '{rows,0}', '["31", "465116.25", "NaN", "1e+300"]', 'a materialized view');
SELECT is(pg_temp.view('tap_mona', 't99."e ""; DROP TABLE x; %s --"') - 'took_ms',
    '{"columns": [{"name": "<b>%1$s\" ''", "type": "number"}, {"name": "__proto__", "type": "text"}], "rows": [["1", "item 1"]]}', 'a hostile name is a name');

-- what goes wrong
SELECT is(pg_temp.view('tap_mona', 't99.c_raises') - 'took_ms', '{"error": "division by zero", "sqlstate": "22012"}', 'a view that raises says so');
SELECT is(pg_temp.view('tap_mona', 't99.f_writes') ->> 'sqlstate', '0A000', 'nothing is written');
SELECT pg_temp.view('tap_mona', 't99.d_slow') AS slow \gset
SELECT is(:'slow'::jsonb ->> 'sqlstate', '57014', 'one that is slow is stopped');
SELECT ok((:'slow'::jsonb ->> 'took_ms')::float8 BETWEEN 490 AND 5000, '... soon');
SELECT is(:'slow'::jsonb ->> 'error', 'The view takes longer than half a second.', '... and says so');

-- the statement's own timeout is neither put off nor left short
SET statement_timeout = '200ms';
SELECT is(t.by('tap_mona', $$SELECT errand._view_within('t99.d_slow'::regclass, 60000)$$), '57014', 'a shorter timeout of the statement counts');
SET statement_timeout = '3s';
SELECT ok(errand._view_rows('t99.d_slow'::regclass) ? 'error' AND t.nap(1), 'after a view the statement goes on');
SELECT is(t.state($$SELECT errand._view_rows('t99.d_slow'::regclass), t.nap(20)$$), '57014', '... until its own timeout');
RESET statement_timeout;
SELECT ok(errand._view_rows('t99.l_mine'::regclass) ? 'rows' AND t.nap(0.7), 'without one it has none afterwards');

-- as many as there are, twelve are listed
SELECT format('CREATE VIEW t99.z%s AS SELECT id FROM t99.item; GRANT SELECT ON t99.z%s TO tap_mona', n, n) FROM generate_series(1, 20) AS n \gexec
SELECT is(cardinality(string_to_array(pg_temp.views('tap_mona'), ' t99.')), 12, 'at most twelve views');
DROP TABLE t99.item CASCADE;
SELECT is(pg_temp.views('tap_mona'), NULL, 'without the table there are none');
SELECT * FROM finish();
ROLLBACK;
