-- Waiting for many, steering many, and what else users call.

CREATE FUNCTION errand.wait(ids bigint[], return_when text DEFAULT 'ALL_COMPLETED', timeout interval DEFAULT NULL)
RETURNS TABLE (id bigint, done boolean, state text)
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_wait';

CREATE FUNCTION errand.as_completed(ids bigint[], timeout interval DEFAULT NULL)
RETURNS TABLE (id bigint, state text, result jsonb, error text)
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_as_completed';

CREATE FUNCTION errand.race(ids bigint[], timeout interval DEFAULT NULL)
RETURNS TABLE (id bigint, result jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_race';

-- Without a SET clause, which would forbid its COMMIT; it calls nothing by a
-- name that search_path could lead astray.
CREATE PROCEDURE errand.run(task text, payload jsonb DEFAULT '{}', INOUT result jsonb DEFAULT NULL,
    timeout interval DEFAULT '30 s')
LANGUAGE c AS 'MODULE_PATHNAME', 'errand_run';

CREATE FUNCTION errand.cancel_where(filter jsonb, dry_run boolean DEFAULT false) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_cancel_where';

CREATE FUNCTION errand.retry_where(filter jsonb, dry_run boolean DEFAULT false) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_retry_where';

CREATE FUNCTION errand.purge(filter jsonb) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_purge';

CREATE FUNCTION errand.purge_queue(name text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_purge_queue';

CREATE FUNCTION errand.stat_reset() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_stat_reset';

CREATE FUNCTION errand.html_title(html text) RETURNS text
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_html_title_sql';

-- Runs with the rights of the role in force, as any submit: not SECURITY DEFINER.
CREATE FUNCTION errand.task_on_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_kind text;
    v_change jsonb;
BEGIN
    IF TG_WHEN <> 'AFTER' OR TG_LEVEL <> 'ROW' THEN
        RAISE EXCEPTION 'errand.task_on_change() must be fired AFTER, FOR EACH ROW'
            USING ERRCODE = '39P01', HINT = 'CREATE TRIGGER … AFTER INSERT OR UPDATE OR DELETE ON … FOR EACH ROW EXECUTE FUNCTION errand.task_on_change(''task_name'').';
    ELSIF TG_NARGS NOT IN (1, 2) THEN
        RAISE EXCEPTION 'errand.task_on_change() takes the name of a task type, and perhaps of a queue'
            USING ERRCODE = '22023', HINT = 'Such as EXECUTE FUNCTION errand.task_on_change(''task_name'', ''queue_name'').';
    END IF;
    SELECT t.kind INTO v_kind FROM errand.task_types AS t WHERE t.name = TG_ARGV[0];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task type "%"', TG_ARGV[0]
            USING ERRCODE = '42704', HINT = 'Define it with errand.define_task(). SELECT * FROM errand.task_types lists them.';
    END IF;
    v_change := jsonb_build_object('op', TG_OP, 'schema', TG_TABLE_SCHEMA, 'table', TG_TABLE_NAME,
        'old', CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, 'new', CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    -- An HTTP payload says how to request: the change is its body.
    PERFORM errand.submit(TG_ARGV[0], CASE v_kind WHEN 'http' THEN jsonb_build_object('body', v_change) ELSE v_change END,
        queue => TG_ARGV[1]);
    RETURN NULL;
END $$;

-- Function:   _needs_executor(ids)
-- Returns:    whether one of these tasks is a SQL task that is not final
-- Tables:     reads task, outcome
CREATE FUNCTION errand._needs_executor(p_ids bigint[])
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM errand.task AS t WHERE t.id = ANY (p_ids) AND t.role <> 0
                   AND NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = t.id));
END $$;
