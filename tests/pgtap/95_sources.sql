-- Sources: wrong definitions and what is said of them, whose they are, a day of
-- schedule in virtual time, streams' batches; and the query cache.
\ir common.psql
BEGIN;
SELECT no_plan();
-- no source of this file may run by itself
SELECT errand.pause_all() \g /dev/null
CREATE TABLE public.t95 (id bigint PRIMARY KEY, name text NOT NULL DEFAULT 'none', at timestamptz, gen bigint GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE public.t95_keyless (id bigint);
CREATE TABLE public.t95_strict (id bigint, must text NOT NULL);
CREATE FUNCTION public.f95(jsonb) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION public.f95_wrong(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
GRANT SELECT, INSERT ON public.t95 TO tap_bob;

CREATE FUNCTION pg_temp.refused(options text, kind text DEFAULT 'rest', url text DEFAULT 'http://errand.test/x') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE format('SELECT errand.define_source(%L, %L, %L, %s)', 's95', kind, url, options);
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || CASE WHEN SQLERRM ~ E'\n' THEN '(not one line)' ELSE SQLERRM END || CASE WHEN coalesce(hint, '') = '' THEN ' (no hint)' ELSE '' END;
END $$;

-- wrong definitions: one line each, with a hint
SELECT is(pg_temp.refused('target => ''t95''', 'soap'), '22023 there is no kind of source "soap"', 'kind');
SELECT matches(pg_temp.refused('target => ''t95''', 'rest', 'ftp://errand.test/'), '^22023 [^(]*$', 'scheme');
SELECT matches(pg_temp.refused('target => ''t95''', 'rest', 'http://a:b@errand.test/'), '^22023 [^(]*$', 'userinfo in the URL');
SELECT is(pg_temp.refused('every => ''1 h'''), '22023 a source needs a target', 'no target');
SELECT is(pg_temp.refused('target => ''t95'', every => ''1 ms'''), '22023 "every" is out of range: 00:00:00.001', 'too often');
SELECT is(pg_temp.refused('target => ''t95'', every => ''1 h'', cron => ''@hourly'''), '22023 a source has either "every" or "cron"', 'every and cron');
SELECT is(pg_temp.refused('target => ''t95'', cron => ''61 * * * *'''), '22023 "61 * * * *" is not a schedule', 'cron');
SELECT is(pg_temp.refused('target => ''t95'', cron => ''0 0 30 2 *'''), '22023 "0 0 30 2 *" is never due', 'never due');
SELECT is(pg_temp.refused('target => ''t95'', items => ''data['''), '22023 "items" is no jsonpath: "data["', 'items');
SELECT is(pg_temp.refused('target => ''t95'', item_key => ''$.('''), '22023 "item_key" is no jsonpath: "$.("', 'item_key');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''{"nome": "$.name"}'''), '42703 table public.t95 has no column "nome"', 'no such column');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''{"id": "$.id", "gen": "$.gen"}'''), '22023 column "gen" is generated', 'a generated column');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''{"id": "$.("}'''), '22023 column "id" is no jsonpath: "$.("', 'the path of a column');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''{"id": 5}'''), '22023 column "id" of "columns" is no jsonpath', 'a number for a path');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''{"id": {"path": "$.id", "epoch": "ms"}}'''), '22023 column "id" of type bigint holds no time', 'an epoch for a number');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''[1]'''), '22023 "columns" must be an object', 'columns');
SELECT is(pg_temp.refused('target => ''t95_strict'', columns => ''{"id": "$.id"}'''), '22023 "columns" has no value for must, which may not be NULL', 'a column that must have a value');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''{"id": "$.id"}'', transform => ''f95(jsonb)'''), '22023 a source has either "columns" or "transform"', 'both');
SELECT is(pg_temp.refused('target => ''t95'', transform => ''f95_wrong(text)'''), '22023 public.f95_wrong(text) cannot transform items', 'transform');
SELECT is(pg_temp.refused('target => ''t95'', on_conflict => ''merge'''), '22023 "on_conflict" is not valid: "merge"', 'on_conflict');
SELECT is(pg_temp.refused('target => ''t95_keyless'', on_conflict => ''ignore'''), '22023 table public.t95_keyless has no primary or unique key of columns that have values', 'on_conflict without a key');
SELECT is(pg_temp.refused('target => ''t95'', columns => ''{"name": "$.name"}'', on_conflict => ''update'''), '22023 "columns" has no value for id, which may not be NULL', 'a key without a value');
SELECT is(pg_temp.refused('target => ''t95'', paginate => ''{"mode": "forward"}'''), '22023 "mode" of "paginate" is not valid', 'paginate');
SELECT is(pg_temp.refused('target => ''t95'', paginate => ''{"mode": "cursor", "path": "$.next"}'''), '22023 "paginate" with mode "cursor" needs "param"', 'paginate without its param');
SELECT is(pg_temp.refused('target => ''t95'', cursor => ''{"path": "$.id"}'''), '22023 "cursor" needs "path" and "param"', 'cursor');
SELECT is(pg_temp.refused('target => ''t95'', cursor => ''{"path": "$.id", "param": "p", "what": 1}'''), '22023 "cursor" has no "what"', 'cursor with a strange key');
SELECT is(pg_temp.refused('target => ''t95'', fetch_workers => 0'), '22023 "fetch_workers" is out of range: 0', 'workers');
SELECT matches(pg_temp.refused('target => ''t95'', headers => ''{"Host": "x"}'''), '^22023 [^(]*$', 'headers that may not be set');
SELECT is(pg_temp.refused('target => ''t95'', subscribe => ARRAY[''{}''::jsonb]'), '22023 a source of kind rest has no "subscribe"', 'subscribe of a rest source');
SELECT is(pg_temp.refused('target => ''t95'', paginate => ''{"mode": "link"}''', 'feed'), '22023 a feed is one page, and is fetched with GET', 'pages of a feed');
SELECT is(pg_temp.refused('target => ''t95'', every => ''1 s''', 'websocket', 'wss://errand.test/'), '22023 a source of kind websocket has no "every"', 'an interval of a stream');
SELECT is(pg_temp.refused('target => ''t95''', 'websocket', 'https://errand.test/'), '22023 the URL of a stream begins with wss:// or ws://', 'the URL of a stream');
SELECT is(pg_temp.refused('target => ''errand.sources'''), '22023 errand.sources cannot be a target', 'our own relations');
SELECT is(pg_temp.refused('target => ''pg_class'''), '22023 pg_catalog.pg_class cannot be a target', 'catalogs');
SELECT matches(pg_temp.refused('target => ''t95'', params => ''{"k": "secret://none"}'', paginate => ''{"mode": "link"}'''), '^(22023|42704) [^(]*$', 'a secret in addresses of pages');
SELECT is(t.state('SELECT errand.define_source(repeat(''x'', 201), ''rest'', ''http://errand.test/'', target => ''t95'')'), '22023', 'a name that is too long');
SELECT is(t.state('SELECT errand.define_source(NULL, ''rest'', ''http://errand.test/'', target => ''t95'')'), '22023', 'no name');
SELECT is(t.state('SELECT errand.start_source(''none95'')'), '42704', 'start_source: none');
SELECT is(t.state('SELECT errand.run_source_now(''none95'')'), '42704', 'run_source_now: none');
SELECT is(t.state('SELECT errand.test_source(''none95'')'), '42704', 'test_source: none');
SELECT is(errand.drop_source('none95'), false, 'drop_source: none');
SELECT is((SELECT count(*) FROM errand.sources WHERE name = 's95'), 0::bigint, 'none of that is there');

-- whose they are; roles of tests may not log in, which PostgreSQL before 17 needs for executors
ALTER ROLE tap_alice LOGIN; ALTER ROLE tap_bob LOGIN; ALTER ROLE tap_adam LOGIN;
SELECT is(t.by('tap_alice', 'SELECT errand.define_source(''a95'', ''rest'', ''http://errand.test/'', target => ''t95'')'), '42501', 'a table that is not hers');
GRANT SELECT, INSERT ON public.t95 TO tap_alice;
SELECT is(t.by('tap_alice', 'SELECT errand.define_source(''a95'', ''rest'', ''http://errand.test/'', target => ''t95'')'), '', 'with rights on it');
SELECT is(t.by('tap_alice', 'SELECT errand.define_source(''a95u'', ''rest'', ''http://errand.test/'', target => ''t95'', on_conflict => ''update'')'), '42501', 'to update needs more of them');
SELECT is(t.by('tap_bob', 'SELECT errand.define_source(''a95'', ''rest'', ''http://errand.test/'', target => ''t95'')'), '42501', 'a name that another has');
SELECT is(t.by('tap_bob', 'SELECT count(*)::text FROM errand.sources'), '0', 'others do not see it');
SELECT is(t.by('tap_bob', 'SELECT count(*)::text FROM errand.stat_stages'), '0', '... nor its stages');
SELECT is(t.by('tap_alice', 'SELECT state FROM errand.sources'), 'stopped', 'she does');
SELECT is(t.by('tap_mona', 'SELECT state FROM errand.stat_sources WHERE source = ''a95'''), 'stopped', 'monitor does');
SELECT is(t.by('tap_bob', 'SELECT errand.start_source(''a95'')'), '42704', 'others do not start it');
SELECT is(t.by('tap_mona', 'SELECT errand.start_source(''a95'')'), '42501', 'monitor may not');
SELECT is(t.by('tap_adam', 'SELECT errand.start_source(''a95'')'), '', 'admin may');
SELECT is(t.by('tap_adam', 'SELECT errand.test_source(''a95'')'), '42501', '... but not run what is hers');
SELECT is(t.by('tap_adam', 'SELECT errand.define_source(''a95'', ''rest'', ''http://errand.test/'', target => ''t95'')'), '42501', '... nor take it over');
SELECT is(t.by('tap_bob', 'SELECT errand.drop_source(''a95'')'), 'false', 'others do not drop it');
SELECT is(t.by('tap_nick', 'SELECT errand.define_source(''n95'', ''rest'', ''http://errand.test/'', target => ''t95'')'), '42501', 'without a level nothing');
SELECT is(t.by('tap_alice', 'SELECT errand._source_end(1, ''{}'', ''{}'', now())::text'), '42501', 'internal functions are nobody''s');
SELECT is(t.by('tap_alice', 'SELECT errand.submit(''source'', ''{}'')::text'), '42704', 'a stage''s task cannot be submitted');
SELECT is(t.by('tap_adam', 'SELECT errand.define_task(''forged'', ''source'')'), '22023', '... nor a type of it defined');
SELECT is(t.by('tap_alice', 'SELECT errand.drop_source(''a95'')::text'), 'true', 'she drops it');

-- ---- a day in virtual time ----

SELECT errand.define_source('tick95', 'rest', 'http://errand.test/', every => '10 min', target => 't95', on_conflict => 'update', columns => '{"id": "$.id"}') \g /dev/null
SELECT errand.define_source('cron95', 'rest', 'http://errand.test/', cron => '30 * * * *', target => 't95', on_conflict => 'update', columns => '{"id": "$.id"}') \g /dev/null
SELECT errand.start_source('tick95'), errand.start_source('cron95') \g /dev/null
CREATE TEMP TABLE ran95 (source text, at timestamptz, failed boolean);
-- what worker and executors do with the open runs, at a time of our choice
CREATE FUNCTION pg_temp.work95(at timestamptz, fails boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p record;
    plan jsonb;
    result jsonb;
BEGIN
    FOR p IN SELECT x.task, s.name FROM errand.source_piece AS x JOIN errand.source_run AS r ON r.id = x.run JOIN errand.source AS s ON s.id = r.source
        WHERE x.stage = 'f' AND s.name IN ('tick95', 'cron95') LOOP
        INSERT INTO ran95 VALUES (p.name, at, fails);
        INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, status_code, sqlstate, error, body)
        SELECT p.task, at, 1, 1, CASE WHEN fails THEN 'F' ELSE 'S' END::"char", false, CASE WHEN fails THEN 500 ELSE 200 END, CASE WHEN fails THEN '38000' END,
            CASE WHEN fails THEN 'HTTP status 500' END, '[{"id": 1}, {"id": "x"}]';
        PERFORM errand._sources_settled(ARRAY[p.task], at);
    END LOOP;
    LOOP
        SELECT x.task INTO p FROM errand.source_piece AS x JOIN errand.source_run AS r ON r.id = x.run WHERE x.stage <> 'f' AND x.task IS NOT NULL LIMIT 1;
        EXIT WHEN NOT FOUND;
        plan := errand._source_begin(p.task, at);
        result := CASE WHEN plan ? 'rows' THEN errand._source_insert(plan, 'public') ELSE errand._source_map(plan, 'public') END;
        PERFORM errand._source_end(p.task, plan, result, at);
    END LOOP;
END $$;
DO $$
DECLARE
    v_at timestamptz := now();
BEGIN
    WHILE v_at < now() + interval '24 h' LOOP
        PERFORM errand._sources_fire(v_at, 100);
        PERFORM pg_temp.work95(v_at + interval '1 s', v_at BETWEEN now() + interval '6 h' AND now() + interval '9 h');
        v_at := v_at + interval '5 s';
    END LOOP;
END $$;
SELECT ok((SELECT count(*) FROM ran95 WHERE source = 'tick95' AND at < now() + interval '6 h') BETWEEN 36 AND 37, 'every 10 min: six an hour, no drift');
SELECT ok((SELECT min(at) FROM ran95 WHERE source = 'tick95') < now() + interval '2 s', 'it begins at once');
SELECT ok((SELECT min(r.at - r.before) >= interval '8 min 55 s' AND max(r.at - r.before) <= interval '11 min 5 s'
    FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM ran95 WHERE source = 'tick95' AND at < now() + interval '6 h') AS r), 'evenly, but for the jitter');
SELECT ok((SELECT count(DISTINCT date_trunc('second', at - (SELECT min(at) FROM ran95 WHERE source = 'tick95')) - interval '10 min' * round(extract(epoch FROM at - (SELECT min(at) FROM ran95 WHERE source = 'tick95')) / 600)) > 5
    FROM ran95 WHERE source = 'tick95' AND at < now() + interval '6 h'), 'with jitter');
SELECT ok((SELECT max(r.at - r.before) <= interval '15 min 10 s' FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM ran95 WHERE source = 'tick95') AS r), 'a failing one backs off to 15 minutes at most');
SELECT ok((SELECT count(*) FROM ran95 WHERE source = 'tick95' AND failed) BETWEEN 15 AND 25, '... and never gives up');
SELECT ok((SELECT min(at) FROM ran95 WHERE source = 'tick95' AND at > now() + interval '9 h 5 s') < now() + interval '9 h 16 min', '... it is back soon');
SELECT ok((SELECT count(*) FROM ran95 WHERE source = 'tick95' AND at > now() + interval '10 h') BETWEEN 83 AND 85, '... and as before');
SELECT ok((SELECT count(*) FROM ran95 WHERE source = 'cron95' AND NOT failed) BETWEEN 20 AND 23, 'cron: every hour');
SELECT is((SELECT count(*) FROM ran95 WHERE source = 'cron95' AND NOT failed AND at > now() + interval '10 h' AND extract(minute FROM at) NOT IN (30, 31)), 0::bigint, '... at its minute');
SELECT is((SELECT state FROM errand.stat_sources WHERE source = 'tick95'), 'idle', 'all is well');
SELECT is((SELECT items_rejected = runs - (SELECT count(*) FROM ran95 WHERE source = 'tick95' AND failed) FROM errand.stat_sources WHERE source = 'tick95'), true, 'each good run had its bad item');
SELECT is((SELECT count(*) FROM errand.rejects WHERE source = 'tick95'), 1::bigint, '... which is kept once');

-- ---- batches of a stream ----

SELECT errand.define_source('stream95', 'websocket', 'wss://errand.test/ws', subscribe => ARRAY['{"op": "sub"}'::jsonb], sequence => '$.seq', ping_interval => '10 s', idle_timeout => '30 s',
    batch_rows => 100, batch_interval => '200 ms', items => '$[*]', columns => '{"id": "$.id", "at": {"path": "$.ts", "epoch": "ms"}}', target => 't95', on_conflict => 'update') \g /dev/null
SELECT is((SELECT options FROM errand.sources WHERE name = 'stream95'), '{"subscribe": [{"op": "sub"}], "sequence": "$.seq", "ping_interval": "00:00:10", "idle_timeout": "00:00:30", "batch_rows": "100", "batch_interval": "00:00:00.2"}'::jsonb, 'a stream keeps its options');
SELECT is(errand._stream_batch('nobody95', ARRAY['{"id": 1}']::jsonb[], now()), NULL, 'no such stream: no batch is taken');
SELECT is(t.state('SELECT errand.run_source_now(''stream95'')'), '55000', 'a stream is not run');
SELECT is(t.state('SELECT errand.test_source(''stream95'')'), '55000', '... nor tested');
SELECT errand.start_source('stream95') \g /dev/null
SELECT is(errand._stream_batch('stream95', ARRAY['{"id": 501, "ts": 1700000000000}', '{"id": 502}', '{"id": 501, "ts": 1700000001000}']::jsonb[], now()), 1::bigint, 'a batch is taken');
SELECT is(errand._stream_batch('stream95', ARRAY['{"id": 503}', '{"id": null}']::jsonb[], now()), 2::bigint, '... and another: two are open');
SELECT pg_temp.work95(now(), false) \g /dev/null
SELECT is((SELECT string_agg(id || ' ' || coalesce(extract(epoch FROM at)::bigint::text, '-'), ', ' ORDER BY id) FROM public.t95 WHERE id > 500), '501 1700000001, 502 -, 503 -', 'their rows are stored, the later one of a key wins');
SELECT is((SELECT items_stored || ' ' || items_rejected || ' ' || items_duplicate FROM errand.stat_sources WHERE source = 'stream95'), '3 1 1', '... and counted');
SELECT is((SELECT sum(jsonb_array_length(items)) FROM errand.source_items WHERE source = 'stream95'), 3::bigint, '... and told to watchers');
SELECT is((SELECT count(*) FROM errand.source_piece), 0::bigint, 'nothing is left to do');

-- ---- back-pressure ----

SELECT errand.define_source('press95', 'rest', 'http://errand.test/', target => 't95', transform_workers => 1, store_workers => 1, paginate => '{"mode": "page", "param": "p", "max_pages": 100}') \g /dev/null
SELECT errand.run_source_now('press95') AS run \gset
DO $$
DECLARE
    p record;
BEGIN
    -- pages come as fast as they are asked for, and nobody transforms
    FOR i IN 1..20 LOOP
        SELECT x.task, x.page INTO p FROM errand.source_piece AS x WHERE x.stage = 'f' AND x.task IS NOT NULL;
        EXIT WHEN NOT FOUND;
        INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, status_code, body, result)
        SELECT p.task, now(), 1, 1, 'S', false, 200, convert_to(format('[{"id": %s}]', 1000 + i), 'UTF8'), jsonb_build_object('next', jsonb_build_object('value', (i + 1)::text));
        PERFORM errand._sources_settled(ARRAY[p.task], now());
    END LOOP;
END $$;
SELECT is((SELECT count(*) FILTER (WHERE stage = 't') || ' ' || count(*) FILTER (WHERE stage = 'f' AND task IS NULL) FROM errand.source_piece WHERE run = :run), '2 1', 'pages wait to be fetched until there is room for them');
SELECT pg_temp.work95(now(), false) \g /dev/null
SELECT is((SELECT count(*) FROM errand.source_piece WHERE run = :run AND stage = 'f' AND task IS NOT NULL), 1::bigint, '... then the next one is fetched');

-- ---- the query cache ----

CREATE TABLE public.c95 (a integer);
INSERT INTO public.c95 VALUES (1), (2);
GRANT SELECT ON public.c95 TO tap_alice;
SELECT is(errand.cached('k', '1 min', 'SELECT count(*) FROM c95'), '[{"count": 2}]'::jsonb, 'rows, as objects');
INSERT INTO public.c95 VALUES (3);
SELECT is(errand.cached('k', '1 min', 'SELECT count(*) FROM c95'), '[{"count": 2}]'::jsonb, '... kept');
SELECT is(errand.cached('k', '0', 'SELECT count(*) FROM c95'), '[{"count": 3}]'::jsonb, '... no longer than the ttl');
SELECT is(errand.cached('j', '1 min', 'SELECT jsonb_agg(a ORDER BY a) FROM c95'), '[1, 2, 3]'::jsonb, 'a value of type jsonb, as it is');
SELECT is(t.by('tap_alice', 'SELECT errand.cached(''k'', ''1 h'', ''SELECT current_user AS who, count(*) FROM public.c95'')::text'), '[{"who": "tap_alice", "count": 3}]', 'each role computes its own');
SELECT is(t.by('tap_bob', 'SELECT errand.cached(''k'', ''1 h'', ''SELECT count(*) FROM public.c95'')::text'), '42501', '... with its own rights');
SELECT is(t.by('tap_alice', 'SELECT count(*)::text FROM errand.query_cache'), '42501', 'what is kept is nobody''s to read');
SELECT is(t.state('SELECT errand.cached(''w'', ''1 min'', ''DELETE FROM c95 RETURNING 1'')'), '25006', 'only a SELECT');
SELECT is(t.state(format('SELECT errand.cached(''w'', ''1 min'', %L)', q)), s, q)
FROM (VALUES ('delete from c95', '25006'), ('INSERT INTO c95 VALUES (1)', '25006'), ('WITH x AS (DELETE FROM c95 RETURNING a) SELECT a FROM x', '25006'),
      ('SELECT a INTO d95 FROM c95', '25006'), ('SELECT 1; DELETE FROM c95', '25006'), ('SELECT 1; SELECT 2', '22023'), ('', '22023'), ('SHOW port', '22023'),
      ('SELECT a FRM c95 AS', '42601'), ('VALUES (1)', 'none'), ('WITH x AS (SELECT 1 AS a) TABLE x', 'none'), ('SELECT 1 -- the end', 'none')) AS c (q, s);
SELECT throws_like('SELECT errand.cached(''w'', ''-1 min'', ''SELECT 1'')', '%ttl is out of range', 'an error names the ttl');
CREATE FUNCTION public.w95() RETURNS integer LANGUAGE sql AS 'INSERT INTO c95 VALUES (9) RETURNING 1';
SELECT is(t.state('SELECT errand.cached(''w'', ''1 min'', ''SELECT w95()'')'), '25006', '... that does not write');
SELECT is(t.state('SELECT errand.cached(NULL, ''1 min'', ''SELECT 1'')'), '22023', 'NULL');
SELECT is(t.state('SELECT errand.cached(''n'', ''-1 min'', ''SELECT 1'')'), '22023', 'a negative ttl');
SELECT is(t.by('tap_mona', 'SELECT (hits + misses > 0)::text FROM errand.stat_cache'), 'true', 'errand.stat_cache');

SELECT * FROM finish();
ROLLBACK;
