-- Levels: who may call what, and who sees what.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
CREATE ROLE regress_errand_nobody;
CREATE ROLE regress_errand_submit;
CREATE ROLE regress_errand_monitor;
CREATE ROLE regress_errand_admin;
CREATE ROLE regress_errand_member IN ROLE regress_errand_monitor;
SELECT errand.grant_access('regress_errand_submit', 'submit');
SELECT errand.grant_access('regress_errand_monitor', 'monitor');
SELECT errand.grant_access('regress_errand_admin', 'admin');

-- functions, by level; what nobody may call is not listed
SELECT p.proname, string_agg(substr(r.rolname, 16), ' ' ORDER BY r.oid) AS callers
FROM pg_proc AS p JOIN pg_roles AS r ON r.rolname LIKE 'regress_errand_%' AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
WHERE p.pronamespace = 'errand'::regnamespace
GROUP BY p.oid, p.proname ORDER BY p.proname COLLATE "C", p.oid;

-- relations, by level: the views to read, nothing else
SELECT c.relname, string_agg(DISTINCT substr(r.rolname, 16) || ':' || v.privilege, ' ' ORDER BY substr(r.rolname, 16) || ':' || v.privilege) AS rights
FROM pg_class AS c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS v (privilege)
JOIN pg_roles AS r ON r.rolname LIKE 'regress_errand_%' AND has_table_privilege(r.oid, c.oid, v.privilege)
WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind IN ('r', 'v')
GROUP BY c.relname ORDER BY c.relname COLLATE "C";
SELECT rolname, has_schema_privilege(oid, 'errand', 'USAGE') AS usage, has_schema_privilege(oid, 'errand', 'CREATE') AS "create",
    has_sequence_privilege(oid, 'errand.task_id', 'USAGE') AS sequence
FROM pg_roles WHERE rolname LIKE 'regress_errand_%' ORDER BY rolname;

-- everyone's tasks; nothing commits
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT errand.http_get('http://errand.test/', key => 'super') AS super \gset
SET ROLE regress_errand_submit;
SELECT errand.http_get('http://errand.test/', key => 'submit') AS submit \gset
SELECT CASE WHEN owner = session_user THEN 'session' ELSE owner END AS owner, key FROM errand.tasks ORDER BY id;
SELECT errand.status(:super) AS status, (SELECT count(*) FROM errand.task(:super)) AS task, errand.cancel(:super) AS cancel, errand.retry(:super) AS retry,
    errand.reschedule(:super, now()) AS reschedule, errand.reprioritize(:super, 1) AS reprioritize;
SELECT errand.status(:submit) AS status, (SELECT count(*) FROM errand.task(:submit)) AS task, errand.reprioritize(:submit, 1) AS reprioritize,
    errand.cancel(:submit) AS cancel;
SET ROLE regress_errand_admin;
SELECT errand.http_get('http://errand.test/', key => 'admin') AS admin \gset
SELECT CASE WHEN owner = session_user THEN 'session' ELSE owner END AS owner, key FROM errand.tasks ORDER BY id;
SELECT errand.cancel(:super) AS cancel, errand.retry(:super) AS retry, errand.reprioritize(:super, 1) AS reprioritize;
SET ROLE regress_errand_monitor;
SELECT CASE WHEN owner = session_user THEN 'session' ELSE owner END AS owner, key FROM errand.tasks ORDER BY id;
\set VERBOSITY terse
SELECT errand.cancel(:super);
SELECT errand.http_get('http://errand.test/');
SET ROLE regress_errand_member;
SELECT CASE WHEN owner = session_user THEN 'session' ELSE owner END AS owner, key FROM errand.tasks ORDER BY id;
SET ROLE regress_errand_nobody;
SELECT * FROM errand.tasks;
SELECT errand.version();
ROLLBACK;
RESET ROLE;

-- a level replaces the one before
SELECT errand.grant_access('regress_errand_admin', 'monitor');
SELECT has_function_privilege('regress_errand_admin', 'errand.pause_all()', 'EXECUTE') AS pause_all,
    has_function_privilege('regress_errand_admin', 'errand.cancel(bigint, text)', 'EXECUTE') AS cancel,
    has_function_privilege('regress_errand_admin', 'errand.status(bigint)', 'EXECUTE') AS status;
SELECT level FROM errand.access WHERE role = 'regress_errand_admin';

-- what is refused
\set VERBOSITY default
SELECT errand.grant_access('regress_errand_nobody', 'everything');
\set VERBOSITY sqlstate
SELECT errand.grant_access('regress_errand_no_such_role', 'submit');
SELECT errand.grant_access('-', 'submit');
-- levels are given by superusers, not by admins
SELECT errand.grant_access('regress_errand_admin', 'admin');
SET ROLE regress_errand_admin;
SELECT errand.grant_access('regress_errand_nobody', 'submit');
SELECT errand.revoke_access('regress_errand_submit');
RESET ROLE;
\set VERBOSITY default

-- execute alone is not enough for what needs the level
GRANT EXECUTE ON FUNCTION errand.pause_all() TO regress_errand_submit;
SET ROLE regress_errand_submit;
SELECT errand.pause_all();
RESET ROLE;

-- taken back: nothing is left, and the roles can go
SELECT errand.revoke_access(r::regrole) FROM unnest(ARRAY['regress_errand_submit', 'regress_errand_monitor', 'regress_errand_admin']) AS r;
SELECT count(*) FROM errand.access;
SELECT count(*) FROM pg_shdepend AS d JOIN pg_roles AS r ON r.oid = d.refobjid AND d.refclassid = 'pg_authid'::regclass
WHERE r.rolname LIKE 'regress_errand_%' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
DROP ROLE regress_errand_nobody, regress_errand_submit, regress_errand_monitor, regress_errand_admin, regress_errand_member;
