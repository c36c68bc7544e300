-- What each level may call and touch, and that nobody else may anything.
\ir common.psql
SELECT plan(64);

-- nobody: nothing at all
SELECT is(t.by('tap_nick', q), '42501', 'no level: ' || q) FROM unnest(ARRAY[
    'SELECT errand.version()', 'SELECT errand.health()', 'SELECT count(*) FROM errand.tasks', 'SELECT errand.status(1)',
    'SELECT errand.http_get(''http://errand.test/'')', 'SELECT errand.grant_access(''tap_nick'', ''admin'')']) AS q;

-- monitor: looks, and nothing else
SELECT is(t.by('tap_mona', q), '42501', 'monitor: ' || q) FROM unnest(ARRAY[
    'SELECT errand.http_get(''http://errand.test/'')', 'SELECT errand.submit(''http'', ''{}'')', 'SELECT errand.submit_many(''[]'')',
    'SELECT errand.cancel(1)', 'SELECT errand.retry(1)', 'SELECT errand.reschedule(1, now())', 'SELECT errand.reprioritize(1, 1)',
    'SELECT errand.pause_all()', 'SELECT errand.define_queue(''q'')', 'SELECT errand.wake()']) AS q;
SELECT isnt(t.by('tap_mona', q), '42501', 'monitor: ' || q) FROM unnest(ARRAY[
    'SELECT errand.version()', 'SELECT errand.health() ->> ''status''', 'SELECT count(*) FROM errand.tasks', 'SELECT count(*) FROM errand.stat_workers']) AS q;

-- submit: no administration
SELECT is(t.by('tap_alice', q), '42501', 'submit: ' || q) FROM unnest(ARRAY[
    'SELECT errand.pause_all()', 'SELECT errand.resume_all()', 'SELECT errand.pause_queue(''default'')', 'SELECT errand.resume_queue(''default'')',
    'SELECT errand.drain_queue(''default'', ''1 ms'')', 'SELECT errand.define_queue(''q'')', 'SELECT errand.define_task(''x'', ''http'')',
    'SELECT errand.drop_task(''x'')', 'SELECT errand.worker_restart()', 'SELECT errand.grant_access(''tap_alice'', ''admin'')',
    'SELECT errand.revoke_access(''tap_bob'')']) AS q;

-- EXECUTE by mistake does not help where the level is asked for
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA errand TO tap_nick;
GRANT USAGE ON SCHEMA errand TO tap_nick;
SELECT is(t.by('tap_nick', q), '42501', 'EXECUTE without the level: ' || q) FROM unnest(ARRAY[
    'SELECT errand.pause_all()', 'SELECT errand.resume_all()', 'SELECT errand.pause_queue(''default'')', 'SELECT errand.resume_queue(''default'')',
    'SELECT errand.drain_queue(''default'', ''1 ms'')', 'SELECT errand.define_queue(''q'')', 'SELECT errand.define_task(''x'', ''http'')',
    'SELECT errand.drop_task(''x'')', 'SELECT errand.worker_restart()']) AS q;
SELECT is(t.by('tap_nick', 'SELECT errand._cancel(1, 10, true, NULL, now())'), '42501', 'EXECUTE on internal functions: the tables are not theirs');
SELECT is(t.by('tap_nick', 'SELECT errand.grant_access(''tap_nick'', ''admin'')'), '42501', 'EXECUTE on grant_access: cannot grant what it has not');
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA errand FROM tap_nick;
REVOKE ALL ON SCHEMA errand FROM tap_nick;

-- internal functions: none but those that views and reading functions need
SELECT is((SELECT string_agg(p.proname || '/' || r.rolname, ', ') FROM pg_proc AS p, pg_roles AS r
    WHERE p.pronamespace = 'errand'::regnamespace AND p.proname ~ '^_' AND r.rolname LIKE 'tap\_%' AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
      AND (r.rolname = 'tap_nick' OR p.proname NOT IN ('_sees_all', '_text', '_json', '_headers', '_http_result', '_look', '_group_look', '_counters', '_hosts', '_host_limits', '_workers',
        '_oldest', '_progress', '_progress_text', '_source_queue', '_cached_counts') AND p.proname !~ '^_(api|arg)(_|$)'
        -- the API's, which read by the views and _page() and _rows(), which ask who calls
        AND p.proname NOT IN ('_iso', '_ms', '_mask', '_mask_all', '_mask_text', '_secret_name', '_bounded', '_page', '_rows', '_page_filter', '_task_json', '_tasks_json', '_csv', '_tasks_csv',
        '_follow_up_json', '_sql_text', '_attempts_json', '_result_json', '_group_json', '_task_gone', '_brief_json', '_fingerprint', '_queue_rows', '_schedule_rows',
        '_failures', '_level', '_counts', '_snapshot_filter', '_history_rows', '_history', '_rollup_now', '_hist', '_stats', '_graph_walk', '_graph_layers', '_done',
        '_steered', '_may_all', '_body_ids', '_steer_filter', '_change_number', '_change_text', '_source_rows', '_source_snapshot', '_source_minutes', '_source_details', '_source_views', '_view_plain', '_view_within', '_view_rows', '_history_of', '_history_range', '_cached_read'))), NULL, 'internal functions are granted to nobody');
-- nor does any of those that are granted run with somebody else's rights
SELECT is((SELECT string_agg(p.proname, ', ') FROM pg_proc AS p WHERE p.pronamespace = 'errand'::regnamespace AND p.prosecdef
    AND p.proname NOT IN ('_sees_all', '_oldest')), NULL, 'none of the API''s functions is SECURITY DEFINER');

SELECT is((SELECT string_agg(c.relname || '/' || r.rolname || '/' || v, ', ') FROM pg_class AS c, pg_roles AS r,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS v
    WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind = 'r' AND r.rolname LIKE 'tap\_%' AND has_table_privilege(r.oid, c.oid, v)), NULL,
    'tables are granted to nobody');
SELECT is((SELECT string_agg(c.relname || '/' || r.rolname || '/' || v, ', ') FROM pg_class AS c, pg_roles AS r,
        unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS v
    WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind = 'v' AND r.rolname LIKE 'tap\_%' AND has_table_privilege(r.oid, c.oid, v)), NULL,
    'views can only be read');
SELECT is((SELECT count(*)::int FROM pg_class AS c, pg_roles AS r WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind = 'v' AND c.relname <> 'runs'
    AND r.rolname IN ('tap_alice', 'tap_mona', 'tap_adam') AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')), 0, 'every view can be read by every level');

-- and in deed
CREATE SCHEMA IF NOT EXISTS tap_own;
GRANT ALL ON SCHEMA tap_own TO tap_adam;
CREATE OR REPLACE FUNCTION tap_own.noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
GRANT EXECUTE ON FUNCTION tap_own.noop() TO tap_adam;
SELECT is(t.by('tap_adam', q), '42501', 'admin: ' || q) FROM unnest(ARRAY[
    'SELECT count(*) FROM errand.task', 'SELECT secret FROM errand.instance', 'SELECT count(*) FROM errand.runs', 'SELECT nextval(''errand.task_id'')',
    'INSERT INTO errand.cancel_request VALUES (1, now())', 'INSERT INTO errand.access VALUES (''tap_nick'', ''admin'')',
    'DELETE FROM errand.outcome', 'UPDATE errand.queue SET paused = true', 'TRUNCATE errand.task',
    'CREATE TRIGGER x BEFORE INSERT ON errand.task FOR EACH STATEMENT EXECUTE FUNCTION tap_own.noop()',
    'CREATE RULE x AS ON INSERT TO errand.task DO NOTHING', 'CREATE INDEX ON errand.task (owner)',
    'CREATE TABLE tap_own.x (id bigint REFERENCES errand.task)', 'CREATE TABLE errand.x ()', 'CREATE FUNCTION errand.x() RETURNS int LANGUAGE sql AS ''SELECT 1''',
    'SELECT errand.grant_access(''tap_nick'', ''submit'')']) AS q;
SELECT is(t.by('tap_adam', 'SELECT errand._submit_many(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)'),
    '42501', 'admin: internal functions');
DROP SCHEMA tap_own CASCADE;
SELECT * FROM finish();
