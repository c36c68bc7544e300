-- The columns that everyone relies on, in the promised order; more may follow.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset format unaligned
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'errand'::regnamespace AND c.relname IN ('tasks', 'attempts', 'queues', 'task_types', 'stat_queues',
    'stat_tasks', 'stat_workers', 'stat_hosts', 'http_response', 'task_detail')
GROUP BY c.relname ORDER BY c.relname COLLATE "C";

-- what functions return
SELECT proname, pg_get_function_result(oid) FROM pg_proc
WHERE pronamespace = 'errand'::regnamespace AND proname !~ '^_' ORDER BY proname COLLATE "C", pg_get_function_result(oid);

-- what they take: the names and defaults that callers use
SELECT proname, regexp_replace(pg_get_function_arguments(oid), '::[a-z ]+', '', 'g') AS arguments FROM pg_proc
WHERE pronamespace = 'errand'::regnamespace AND proname !~ '^_' ORDER BY proname COLLATE "C", pronargs;

-- a filter on states that are not final never reads history
CREATE FUNCTION pg_temp.reads(query text, relation text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ (' on ' || relation || ' ') THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT state, pg_temp.reads(format('SELECT id FROM errand.tasks WHERE state = %L', state), 'outcome') AS reads_history
FROM unnest(ARRAY['waiting', 'ready', 'scheduled', 'retrying', 'succeeded', 'failed', 'cancelled', 'unknown']) AS state;
SELECT pg_temp.reads($$SELECT id FROM errand.tasks WHERE state IN ('ready', 'scheduled', 'retrying')$$, 'outcome') AS reads_history;

-- settings
SELECT name, boot_val, unit, min_val, max_val, context FROM pg_settings
WHERE name LIKE 'errand.%' AND name <> 'errand.fault' ORDER BY name COLLATE "C";
\set VERBOSITY terse
ALTER SYSTEM SET errand.retention = 'soon';
ALTER SYSTEM SET errand.retention = 'succeeded=1x';
ALTER SYSTEM SET errand.allow_networks = '127.0.0.1/33';
ALTER SYSTEM SET errand.allow_networks = 'localhost';
ALTER SYSTEM SET errand.no_such_setting = 1;
SET errand.allow_networks = '0.0.0.0/0';
SET errand.retention = 'succeeded=1s';
