-- Groups of tasks.

CREATE FUNCTION errand.open_group(name text, fail_fast boolean DEFAULT true, on_success jsonb DEFAULT NULL,
    on_failure jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_open_group';

CREATE FUNCTION errand.close_group(id bigint) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_close_group';

CREATE FUNCTION errand.cancel_group(id bigint, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_cancel_group';

CREATE FUNCTION errand.wait_group(id bigint, timeout interval DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_wait_group';

-- Function:   _group_look(id)
-- Returns:    w: some of its tasks are not final; S: all succeeded; F: not all
--             did; NULL: there is no such group, or the caller cannot see it.
--             wait_group() calls it with the latest snapshot
CREATE FUNCTION errand._group_look(p_id bigint) RETURNS "char"
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT CASE WHEN g.pending > 0 THEN 'w' WHEN g.total > g.succeeded THEN 'F' ELSE 'S' END::"char"
            FROM errand.task_groups AS g WHERE g.id = p_id);
END $$;
