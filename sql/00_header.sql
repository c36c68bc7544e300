-- pg_errand: the install script, made by concatenating sql/*.sql in reading order.
-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_errand" to load this file. \quit

-- House rules: every name is schema-qualified or comes from pg_catalog; every
-- function sets search_path; internal functions begin with an underscore and
-- are granted to nobody; a function that reads time takes it as an argument.

-- A schema that somebody else prepared is not moved into: its owner could add
-- functions of the names that we call.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_namespace AS n JOIN pg_catalog.pg_roles AS r ON r.oid = n.nspowner
        WHERE n.nspname = 'errand' AND NOT r.rolsuper)
    OR EXISTS (
        SELECT FROM pg_catalog.pg_namespace AS n
        WHERE n.nspname = 'errand' AND (
            EXISTS (SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = n.oid)
            OR EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid)
            OR EXISTS (SELECT FROM pg_catalog.pg_type AS t WHERE t.typnamespace = n.oid)
            OR EXISTS (SELECT FROM pg_catalog.pg_operator AS o WHERE o.oprnamespace = n.oid)))
    THEN
        RAISE EXCEPTION 'the schema "errand" is not empty, or belongs to a role that is no superuser'
            USING ERRCODE = '42501', HINT = 'Look into it, then drop or rename it, and create the extension again.';
    END IF;
END $$;
