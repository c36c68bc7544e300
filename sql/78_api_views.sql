-- Views over what a source fills: found by what they read, shown to whom may.
--
-- What a view calls runs with the rights of who looks at it, and within the
-- relay, which nobody's function may get hold of.  So a view is read only if all
-- that it calls is PostgreSQL's own; a materialized view calls nothing.

-- Function:   _source_views(name)
-- name: NULL: all sources that the role may see.
-- Returns:    the views that read from a source's table, also by way of other
--             views, and that the role may SELECT from; at most 12 a source
CREATE FUNCTION errand._source_views(p_name text)
RETURNS TABLE (source text, view oid, name text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE reads (source, oid) AS (
        SELECT s.name, c.oid FROM errand.sources AS s
        CROSS JOIN LATERAL parse_ident(s.target) AS t (part)
        JOIN pg_namespace AS n ON n.nspname = t.part[1]
        JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.part[2]
        WHERE p_name IS NULL OR s.name = p_name
        UNION
        SELECT x.source, r.ev_class FROM reads AS x
        JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = x.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite AS r ON r.oid = d.objid AND r.ev_type = '1' -- what SELECT does, not what INSERT does instead
    ), found AS (
        SELECT x.source, c.oid, format('%I.%I', n.nspname, c.relname) AS name,
            row_number() OVER (PARTITION BY x.source ORDER BY n.nspname, c.relname) AS place
        FROM reads AS x JOIN pg_class AS c ON c.oid = x.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'errand'
          AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
    SELECT f.source, f.oid, f.name FROM found AS f WHERE f.place <= 12 ORDER BY f.source, f.place;
END $$;

-- Function:   _view_plain(view)
-- What is not PostgreSQL's own is in pg_depend; of what is, that which acts, or
-- runs a query that it is given, is volatile or has to do with XML.  Expressions of indexes,
-- constraints, statistics and policies may be computed when a table is only read.
-- Returns:    whether reading it runs no function of anybody's
CREATE FUNCTION errand._view_plain(p_view oid)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN NOT EXISTS (
        WITH RECURSIVE beneath (oid) AS (
            SELECT p_view
            UNION
            SELECT x.oid FROM beneath AS b CROSS JOIN LATERAL (
                SELECT d.refobjid FROM pg_class AS c JOIN pg_rewrite AS r ON r.ev_class = c.oid
                JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
                WHERE c.oid = b.oid AND c.relkind = 'v'
                UNION ALL
                SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = b.oid) AS x (oid))
        SELECT FROM beneath AS b JOIN pg_class AS c USING (oid)
        WHERE c.relkind NOT IN ('v', 'm', 'r', 'p') OR c.relrowsecurity
           OR c.relkind = 'v' AND EXISTS (SELECT FROM pg_rewrite AS r JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                WHERE r.ev_class = c.oid AND d.refclassid NOT IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_collation'::regclass))
           OR c.relkind = 'v' AND EXISTS (SELECT FROM pg_rewrite AS r CROSS JOIN LATERAL regexp_matches(r.ev_action::text, ':funcid (\d+)', 'g') AS m (part)
                JOIN pg_proc AS p ON p.oid = m.part[1]::oid
                WHERE r.ev_class = c.oid AND (p.proname ~ '_to_xml' OR p.provolatile = 'v' AND p.proname NOT IN ('random', 'clock_timestamp')))
           OR EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
           OR EXISTS (SELECT FROM pg_depend AS o JOIN pg_depend AS d ON d.classid = o.classid AND d.objid = o.objid AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
                WHERE o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid
                  AND o.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_statistic_ext'::regclass))
           -- types that may have casts of anybody's
           OR EXISTS (SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND t.oid >= 16384
                  AND NOT CASE t.typtype WHEN 'b' THEN t.typelem < 16384 WHEN 'd' THEN t.typbasetype < 16384
                      WHEN 'e' THEN NOT EXISTS (SELECT FROM pg_cast AS k WHERE k.castsource = t.oid) ELSE false END));
END $$;

-- Function:   _view_read(view)   called by _view_within() only
-- Returns:    {columns: [{name, type}], rows: [[text]]}: the first ten rows, at
--             most twelve columns, 200 characters each; types are number, time, text
-- Raises:     0A000 if it is not plain; what the view raises
CREATE FUNCTION errand._view_read(p_view oid)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    SET intervalstyle = postgres SET datestyle = 'ISO, YMD' AS $$
DECLARE
    v_columns jsonb;
    v_list text;
    v_from text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = p_view);
    v_rows jsonb;
BEGIN
    PERFORM set_config('transaction_read_only', 'on', true); -- until the end of this subtransaction, as in _cached_compute()
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p_view AND c.relkind = 'v') THEN
        EXECUTE 'LOCK TABLE ' || v_from || ' IN ACCESS SHARE MODE'; -- it stays what it is found to be
    END IF;
    IF NOT errand._view_plain(p_view) THEN
        RAISE EXCEPTION 'the view calls a function, or reads something, that may run what is not PostgreSQL''s own'
            USING ERRCODE = '0A000', HINT = 'A materialized view may: it calls nothing when it is read.';
    END IF;
    SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', a.type) ORDER BY a.attnum),
        -- format() writes a value by its type's own output: a cast to text could be anybody's function
        string_agg(format(CASE a.type WHEN 'time' THEN 'errand._iso(x.%1$I)' ELSE 'CASE num_nulls(x.%1$I) WHEN 0 THEN left(format(''%%s'', x.%1$I), 200) END' END,
            a.attname), ', ' ORDER BY a.attnum)
    INTO v_columns, v_list FROM (
        SELECT b.attname, b.attnum, CASE WHEN y.base IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float4'::regtype, 'float8'::regtype) THEN 'number'
            WHEN b.atttypid = 'timestamptz'::regtype THEN 'time' ELSE 'text' END AS type
        FROM pg_attribute AS b JOIN pg_type AS t ON t.oid = b.atttypid
        CROSS JOIN LATERAL (SELECT coalesce(nullif(t.typbasetype, 0), t.oid)) AS y (base)
        WHERE b.attrelid = p_view AND b.attnum > 0 AND NOT b.attisdropped ORDER BY b.attnum LIMIT 12) AS a;
    EXECUTE format('SELECT coalesce(jsonb_agg(jsonb_build_array(%s)), ''[]'') FROM (SELECT * FROM %s LIMIT 10) AS x', v_list, v_from) INTO v_rows;
    RETURN jsonb_build_object('columns', coalesce(v_columns, '[]'), 'rows', v_rows);
EXCEPTION WHEN assert_failure THEN
    RAISE;
END $$;

-- Function:   _view_within(view, ms)
-- Returns:    _view_read(view), as the caller
-- Raises:     57014 if it takes longer than that; what the view raises
CREATE FUNCTION errand._view_within(p_view oid, p_ms integer)
RETURNS jsonb
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_view_within';

-- Function:   _view_rows(view)
-- Returns:    what _view_read() returns, or {error, sqlstate, hint}; with how
--             long it took.  The relay waits meanwhile, so that is not long.
CREATE FUNCTION errand._view_rows(p_view oid)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_began timestamptz := clock_timestamp();
    v_answer jsonb;
    v_hint text;
BEGIN
    BEGIN
        v_answer := errand._view_within(p_view, 500);
    EXCEPTION
        WHEN query_canceled THEN
            v_answer := jsonb_build_object('sqlstate', SQLSTATE, 'error', 'The view takes longer than half a second.', 'hint', 'A materialized view is read at once.');
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS v_hint = PG_EXCEPTION_HINT;
            v_answer := jsonb_strip_nulls(jsonb_build_object('sqlstate', SQLSTATE, 'error', left(SQLERRM, 500), 'hint', nullif(left(v_hint, 500), '')));
    END;
    RETURN v_answer || jsonb_build_object('took_ms', errand._ms(clock_timestamp() - v_began));
END $$;

-- Function:   _api_source_view(args, now)
-- args: name, of the source, and view, as the source's row names it.
-- Returns:    the view's first rows; everybody of a role shares them for a second
-- Raises:     42704 if there is no such view that the role may read
CREATE FUNCTION errand._api_source_view(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_source text := errand._arg_need(p_args, 'name');
    v_name text := errand._arg_need(p_args, 'view');
    v record;
BEGIN
    PERFORM errand._arg_known(p_args, 'name', 'view');
    SELECT x.* INTO v FROM errand._source_views(v_source) AS x WHERE x.name = v_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no view "%" over the source "%"', left(v_name, 200), left(v_source, 200)
            USING ERRCODE = '42704', HINT = 'It must read from the source''s table, and your role SELECT from it.';
    END IF;
    RETURN errand._cached_read(format('dashboard: view %s %s', v.view, errand._level()), interval '1 s', format('SELECT errand._view_rows(%s)', v.view));
END $$;

COMMENT ON FUNCTION errand._source_views IS 'internal: views over what a source fills.';
COMMENT ON FUNCTION errand._view_plain IS 'internal: whether a view calls nothing of anybody''s.';
COMMENT ON FUNCTION errand._view_read IS 'internal: the first rows of a view.';
COMMENT ON FUNCTION errand._view_within IS 'internal: the first rows of a view, in time.';
COMMENT ON FUNCTION errand._view_rows IS 'internal: the first rows of a view, or its error.';
COMMENT ON FUNCTION errand._api_source_view IS 'internal: the route source_view.';
