-- The owner of a task is the role in force, and nothing that a caller can say.
\ir common.psql
SELECT plan(25);
CREATE FUNCTION pg_temp.owner(id text) RETURNS name LANGUAGE sql AS 'SELECT owner FROM errand.tasks AS t WHERE t.id = $1::bigint';
GRANT CREATE ON SCHEMA t TO tap_alice, tap_bob;

-- SET ROLE, SET SESSION AUTHORIZATION
SELECT is(pg_temp.owner(t.by('tap_alice', $$SELECT errand.http_get(t.url('/ok'))$$)), 'tap_alice', 'SET ROLE: the role');
SET SESSION AUTHORIZATION tap_bob;
SELECT errand.http_get(t.url('/ok')) AS id \gset
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.owner(:'id'), 'tap_bob', 'SET SESSION AUTHORIZATION: the role');
SELECT is(pg_temp.owner(errand.http_get(t.url('/ok'))::text), session_user, 'neither: oneself');

-- SECURITY DEFINER: the owner of the function, for all ways to submit
SELECT is(t.by('tap_bob', $$CREATE OR REPLACE FUNCTION t.wrapped(url text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
    AS 'SELECT errand.http_get(url)'$$), NULL, 'bob makes a wrapper');
SELECT is(t.by('tap_bob', $$CREATE OR REPLACE FUNCTION t.wrapped_many(url text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
    AS 'SELECT min(id) FROM errand.submit_many(''http'', ARRAY[jsonb_build_object(''url'', url)]) AS id'$$), NULL, 'and one for many');
SELECT is(pg_temp.owner(t.by('tap_alice', $$SELECT t.wrapped(t.url('/ok'))$$)), 'tap_bob', 'SECURITY DEFINER: whose function it is');
SELECT is(pg_temp.owner(t.by('tap_nick', $$SELECT t.wrapped(t.url('/ok'))$$)), 'tap_bob', 'SECURITY DEFINER: also for who has no level');
SELECT is(pg_temp.owner(t.by('tap_alice', $$SELECT t.wrapped_many(t.url('/ok'))$$)), 'tap_bob', 'SECURITY DEFINER: submit_many');
SELECT is(t.by('tap_alice', $$SELECT count(*) FROM errand.tasks AS x WHERE x.owner = 'tap_bob'$$), '0', 'SECURITY DEFINER: alice does not see them');
SELECT is(pg_temp.owner(t.wrapped(t.url('/ok'))::text), 'tap_bob', 'SECURITY DEFINER: called by the superuser, too');

-- no argument, option or setting names an owner
SELECT is(t.by('tap_alice', $$SELECT errand.submit('http', jsonb_build_object('url', t.url('/ok'), 'owner', 'postgres'))$$), '22023', 'owner: no option in a payload');
SELECT is(t.by('tap_alice', $$SELECT errand.submit_many('[{"task": "http", "payload": {"url": "http://errand.test/"}, "owner": "postgres"}]')$$), '22023',
    'owner: nor beside it');
SELECT is(t.by('tap_alice', $$SELECT errand._submit(10, 'postgres', 'http', 'http', 'default', 0::smallint, NULL, 3::smallint, 1000, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', now())$$), '42501', 'owner: the internal function is out of reach');
SELECT is(t.by('tap_alice', $$SELECT errand._submit_many(10, 'postgres', 'http', 'http', 'default', 0::smallint, NULL, 3::smallint, 1000, NULL, NULL, NULL, NULL, NULL,
    NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', now())$$), '42501', 'owner: and so is the other');

-- temporary objects of hers shadow nothing
SELECT is(t.by('tap_alice', $$CREATE TEMP VIEW pg_roles AS SELECT 10::oid AS oid, 'tap_alice'::name AS rolname, true AS rolsuper$$), NULL, 'alice shadows pg_roles');
SELECT is(t.by('tap_alice', $$CREATE TEMP TABLE access AS SELECT 'tap_alice'::text AS role, 'admin'::text AS level$$), NULL, 'alice shadows errand.access');
DISCARD PLANS;
SELECT is(t.by('tap_alice', $$SELECT count(*) FROM errand.tasks WHERE owner <> 'tap_alice'$$), '0', 'and still sees only her own');

-- code of hers that somebody else's maintenance runs is refused
SELECT is(t.by('tap_alice', $$CREATE TABLE t.hers (n integer)$$), NULL, 'alice has a table');
SELECT is(t.by('tap_alice', $$CREATE FUNCTION t.trap(n integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN
    IF current_setting(''t.armed'', true) = ''yes'' THEN
        PERFORM errand.http_get(''http://errand.test/trap'');
    END IF;
    RETURN n; END'$$), NULL, 'and an index expression that submits');
SELECT t.by('tap_alice', 'CREATE INDEX ON t.hers (t.trap(n))') AS r, t.by('tap_alice', 'INSERT INTO t.hers SELECT generate_series(1, 100)') AS r2,
    t.by('tap_alice', 'CREATE MATERIALIZED VIEW t.hers_too AS SELECT t.trap(n) AS n FROM t.hers') AS r3 \gset
SET t.armed = 'yes';
SELECT is(t.state('ANALYZE t.hers'), '42501', 'ANALYZE');
SELECT is(t.state('REINDEX TABLE t.hers'), '42501', 'REINDEX');
SELECT is(t.state('REFRESH MATERIALIZED VIEW t.hers_too'), '42501', 'REFRESH MATERIALIZED VIEW');
SELECT is((SELECT count(*)::int FROM errand.task WHERE payload ->> 'url' LIKE '%trap'), 0, 'nothing was submitted');
SELECT is(t.by('tap_alice', 'SELECT t.trap(1)'), '1', 'what alice runs herself is hers');
RESET t.armed;
SELECT is((SELECT string_agg(owner, ',') FROM errand.tasks JOIN errand.outcomes AS o USING (id) WHERE o.payload ->> 'url' LIKE '%trap'), 'tap_alice', 'and belongs to her');
DROP TABLE t.hers CASCADE;
DROP FUNCTION t.trap, t.wrapped, t.wrapped_many;
REVOKE CREATE ON SCHEMA t FROM tap_alice, tap_bob;
SELECT * FROM finish();
