-- Nothing to PUBLIC: functions are executable by everyone unless told otherwise.
REVOKE ALL ON ALL ROUTINES IN SCHEMA errand FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA errand FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA errand FROM PUBLIC;
REVOKE ALL ON SCHEMA errand FROM PUBLIC;
REVOKE ALL ON TYPE errand.http_response, errand.task_detail, errand._looked, errand._spec_result FROM PUBLIC;

-- Nor what default privileges of the installing role handed out.
DO $$
DECLARE
    v_role name;
BEGIN
    FOR v_role IN
        SELECT DISTINCT r.rolname
        FROM (SELECT c.relowner AS owner, c.relacl AS acl FROM pg_catalog.pg_class AS c WHERE c.relnamespace = 'errand'::regnamespace
              UNION ALL
              SELECT p.proowner, p.proacl FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = 'errand'::regnamespace
              UNION ALL
              SELECT n.nspowner, n.nspacl FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'errand') AS o
        CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) AS a
        JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
        WHERE a.grantee <> o.owner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON ALL TABLES IN SCHEMA errand FROM %I', v_role);
        EXECUTE pg_catalog.format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA errand FROM %I', v_role);
        EXECUTE pg_catalog.format('REVOKE ALL ON ALL ROUTINES IN SCHEMA errand FROM %I', v_role);
        EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA errand FROM %I', v_role);
    END LOOP;
END $$;
