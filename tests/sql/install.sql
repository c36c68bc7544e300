-- What CREATE EXTENSION makes, and what it refuses to move into.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
DROP EXTENSION pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never

-- DROP EXTENSION leaves nothing but the empty schema
SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'errand'::regnamespace;

-- a schema that belongs to somebody else, or has something in it, is refused
CREATE ROLE regress_errand_mallory;
ALTER SCHEMA errand OWNER TO regress_errand_mallory;
CREATE EXTENSION pg_errand;
ALTER SCHEMA errand OWNER TO CURRENT_USER;
CREATE FUNCTION errand._may(oid, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE EXTENSION pg_errand;
DROP FUNCTION errand._may(oid, varchar);
CREATE TYPE errand.task AS (id bigint);
\set VERBOSITY sqlstate
CREATE EXTENSION pg_errand;
DROP TYPE errand.task;
\set VERBOSITY default

-- default privileges of whoever installs it open nothing
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_errand_mallory;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO regress_errand_mallory;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO regress_errand_mallory;
CREATE EXTENSION pg_errand;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM regress_errand_mallory;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM regress_errand_mallory;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM regress_errand_mallory;
SELECT errand.wait_until_running();
SELECT errand.version() = (SELECT extversion FROM pg_extension WHERE extname = 'pg_errand') AS same_version;

-- the functions a user calls, and the views
SELECT proname FROM pg_proc WHERE pronamespace = 'errand'::regnamespace AND proname !~ '^_' ORDER BY proname COLLATE "C";
SELECT relname FROM pg_class WHERE relnamespace = 'errand'::regnamespace AND relkind = 'v' ORDER BY relname COLLATE "C";

-- From here on each query finds nothing, or something is wrong.

-- rights of anybody but the owner: relations and sequences, functions, schema, types of our own
SELECT c.relname, a.grantee, a.privilege_type
FROM pg_class AS c, aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'errand'::regnamespace AND a.grantee <> c.relowner;
SELECT p.proname, a.grantee, a.privilege_type
FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
WHERE p.pronamespace = 'errand'::regnamespace AND a.grantee <> p.proowner;
SELECT a.grantee, a.privilege_type
FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
WHERE n.nspname = 'errand' AND a.grantee <> n.nspowner;
SELECT t.typname, a.privilege_type
FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind = 'c',
    aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) AS a
WHERE t.typnamespace = 'errand'::regnamespace AND a.grantee <> t.typowner;

-- functions without the one search_path that cannot be shadowed; run() commits, which a SET clause forbids
SELECT proname, proconfig FROM pg_proc
WHERE pronamespace = 'errand'::regnamespace
  AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) AND NOT (prokind = 'p' AND proname = 'run') AND prokind <> 'a';

-- SECURITY DEFINER where nobody expects it
SELECT proname FROM pg_proc
WHERE pronamespace = 'errand'::regnamespace AND prosecdef AND proname NOT IN ('_sees_all', '_oldest');

-- views that carry their rights without a security barrier
SELECT relname FROM pg_class
WHERE relnamespace = 'errand'::regnamespace AND relkind = 'v' AND relname <> 'runs'
  AND NOT coalesce(reloptions @> ARRAY['security_barrier=true'], false);

-- columns of reg* types, which pg_upgrade refuses
SELECT c.relname, a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind IN ('r', 'p') AND t.typname LIKE 'reg%';

-- triggers, rules and foreign keys on our tables
SELECT tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'errand'::regnamespace;
SELECT rulename FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind = 'r';
SELECT conname FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
WHERE c.relnamespace = 'errand'::regnamespace AND k.contype = 'f';

-- tables and sequences whose rows pg_dump would forget; what belongs to a running server may be forgotten,
-- and secrets must be
SELECT c.relname FROM pg_class AS c, pg_extension AS e
WHERE e.extname = 'pg_errand' AND c.relnamespace = 'errand'::regnamespace AND c.relkind IN ('r', 'S')
  AND c.oid <> ALL (e.extconfig) AND c.relname NOT IN ('cancel_request', 'secret', 'http_cache');

-- tables without a primary key
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('cancel_request', 'group_delta')
  AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary);

-- objects without a comment
SELECT proname FROM pg_proc WHERE pronamespace = 'errand'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL;
SELECT relname FROM pg_class
WHERE relnamespace = 'errand'::regnamespace AND relkind IN ('r', 'v', 'S') AND obj_description(oid, 'pg_class') IS NULL;
SELECT t.typname FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
WHERE t.typnamespace = 'errand'::regnamespace AND c.relkind = 'c' AND obj_description(t.oid, 'pg_type') IS NULL;
SELECT c.relname, a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind IN ('r', 'v', 'c') AND a.attnum > 0 AND NOT a.attisdropped
  AND col_description(c.oid, a.attnum) IS NULL;
SELECT nspname FROM pg_namespace WHERE nspname = 'errand' AND obj_description(oid, 'pg_namespace') IS NULL;

-- comments on internal functions that do not say so, and public ones that do
SELECT proname FROM pg_proc
WHERE pronamespace = 'errand'::regnamespace AND (proname ~ '^_') <> (obj_description(oid, 'pg_proc') LIKE 'internal: %');
-- public functions whose comment has no example
SELECT proname FROM pg_proc
WHERE pronamespace = 'errand'::regnamespace AND proname !~ '^_' AND obj_description(oid, 'pg_proc') NOT LIKE '%Example: %';

-- settings without a description
SELECT name FROM pg_settings WHERE name LIKE 'errand.%' AND short_desc = '';

DROP ROLE regress_errand_mallory;
