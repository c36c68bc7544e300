-- Freeing: tasks whose parents are final.  Called by workers only
-- (bgworker/queue/free.c).
--
-- Freeing can be done again and again.  Children are locked in the order of
-- their ids and never waited for: one that a client or another worker holds
-- is told ('h') and tried again.  Whoever holds the child takes away what it
-- waited for and counts, so no decrement is lost.  It is done in the settle of
-- a parent, once more when a parent's end was heard, and for a new child when
-- its submit was heard: a submit and a settle do not see each other.

-- Function:   _free_pairs(parents, children, now)
-- Returns:    what became of the children: what = q (ready), s (its time is
--             ahead), C (a parent did not succeed); or h: held, try again
-- Tables:     deletes from dependency, later, task_key; writes later, ready, outcome, group_delta
CREATE FUNCTION errand._free_pairs(p_parents bigint[], p_children bigint[], p_now timestamptz)
RETURNS TABLE (id bigint, what "char", run smallint, attempt integer, priority smallint, place bigint, at timestamptz,
    queue text, type text, notify text, role oid, owner_oid oid, task_group bigint,
    kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_children bigint[] := ARRAY(SELECT DISTINCT u.id FROM unnest(p_children) AS u (id));
    v_mine bigint[];
    v_held bigint[];
BEGIN
    v_mine := ARRAY(SELECT l.id FROM errand.later AS l WHERE l.id = ANY (v_children) AND l.state = 'w'
                    ORDER BY l.id FOR UPDATE SKIP LOCKED);
    IF cardinality(v_mine) < cardinality(v_children) THEN
        v_held := ARRAY(SELECT l.id FROM errand.later AS l WHERE l.id = ANY (v_children) AND l.state = 'w'
                        EXCEPT SELECT u.id FROM unnest(v_mine) AS u (id));
        RETURN QUERY SELECT u.id, 'h'::"char", NULL::smallint, NULL::integer, NULL::smallint, NULL::bigint,
            NULL::timestamptz, NULL::text, NULL::text, NULL::text, NULL::oid, NULL::oid, NULL::bigint, NULL::"char" FROM unnest(v_held) AS u (id);
    END IF;
    -- No join of two of these sets: workers join by indexes only.
    RETURN QUERY
    WITH met AS (
        DELETE FROM errand.dependency AS d WHERE d.ctid = ANY (ARRAY(
            SELECT x.ctid
            FROM unnest(p_parents, p_children) AS u (parent_id, task_id)
            JOIN errand.dependency AS x ON x.parent_id = u.parent_id AND x.task_id = u.task_id
            WHERE NOT EXISTS (SELECT FROM unnest(v_held) AS h (id) WHERE h.id = u.task_id)
              AND (SELECT true FROM errand.outcome AS o WHERE o.id = u.parent_id)
            FOR UPDATE OF x SKIP LOCKED))
        RETURNING d.parent_id, d.task_id
    ), counted AS (
        SELECT m.task_id, count(*)::integer AS n, min(m.parent_id) FILTER (WHERE o.state <> 'S') AS spoilt
        FROM met AS m JOIN errand.outcome AS o ON o.id = m.parent_id GROUP BY m.task_id
    ), judged AS (
        SELECT l.id, l.run, l.attempt, l.role, l.priority, l.failures, l.queue, t.type, t.notify, t.run_at, t.owner_oid, t.task_group, t.kind::"char" AS kind,
            l.unmet - c.n AS unmet, c.spoilt,
            CASE WHEN c.spoilt IS NOT NULL AND NOT t.after_done THEN 'C' WHEN l.unmet > c.n THEN 'w'
                 WHEN t.run_at > p_now THEN 's' ELSE 'q' END::"char" AS what
        FROM counted AS c JOIN errand.later AS l ON l.id = c.task_id JOIN errand.task AS t ON t.id = l.id
        WHERE l.state = 'w' ORDER BY l.id
    ), child AS (
        SELECT j.*, CASE j.what WHEN 'q' THEN nextval('errand.task_id') END AS place FROM judged AS j
    ), gone AS (
        DELETE FROM errand.later AS l USING child AS c WHERE l.id = c.id AND c.what IN ('q', 'C')
    ), kept AS (
        UPDATE errand.later AS l SET state = c.what, unmet = CASE c.what WHEN 'w' THEN c.unmet END,
            due_at = CASE c.what WHEN 's' THEN c.run_at ELSE l.due_at END
        FROM child AS c WHERE l.id = c.id AND c.what IN ('w', 's')
    ), added AS (
        INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
        SELECT c.id, c.place, c.attempt, c.role, c.priority, c.failures, c.run, c.queue FROM child AS c WHERE c.what = 'q'
    ), ended AS (
        INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, sqlstate, error, cause)
        SELECT c.id, p_now, c.attempt, c.run, 'C', false, '57014',
            errand._spoilt_text(o.id, o.state, o.cause, o.error), coalesce(o.cause, o.id)
        FROM child AS c JOIN errand.outcome AS o ON o.id = c.spoilt WHERE c.what = 'C'
    ), unkeyed AS (
        DELETE FROM errand.task_key AS k USING child AS c WHERE k.id = c.id AND c.what = 'C'
    ), told AS (
        INSERT INTO errand.group_delta (group_id, cancelled)
        SELECT c.task_group, count(*) FROM child AS c WHERE c.what = 'C' AND c.task_group IS NOT NULL
        GROUP BY c.task_group
    )
    SELECT c.id, c.what, c.run, c.attempt, c.priority, c.place, c.run_at, c.queue, c.type, c.notify, c.role, c.owner_oid,
        c.task_group, c.kind
    FROM child AS c WHERE c.what <> 'w';
END $$;

-- Function:   _free(parents, after, now, limit)
-- Frees at most p_limit children of those parents that are final: of the i-th
-- parent those with ids above after[i].
-- Returns:    what _free_pairs() does; and l if it stopped at the limit: in the
--             place-th parent, at the child id
-- Tables:     reads dependency, outcome
CREATE FUNCTION errand._free(p_parents bigint[], p_after bigint[], p_now timestamptz, p_limit integer)
RETURNS TABLE (id bigint, what "char", run smallint, attempt integer, priority smallint, place bigint, at timestamptz,
    queue text, type text, notify text, role oid, owner_oid oid, task_group bigint,
    kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_parents bigint[];
    v_children bigint[];
    v_ords bigint[];
BEGIN
    SELECT array_agg(x.parent_id), array_agg(x.task_id), array_agg(x.ord) INTO v_parents, v_children, v_ords
    FROM (SELECT u.ord, d.parent_id, d.task_id
          FROM unnest(p_parents, p_after) WITH ORDINALITY AS u (id, after, ord)
          CROSS JOIN LATERAL (
              SELECT y.parent_id, y.task_id FROM errand.dependency AS y
              WHERE y.parent_id = u.id AND y.task_id > coalesce(u.after, 0)
              ORDER BY y.parent_id, y.task_id LIMIT p_limit) AS d
          WHERE (SELECT true FROM errand.outcome AS o WHERE o.id = u.id)
          LIMIT p_limit) AS x;
    IF v_children IS NULL THEN
        RETURN;
    END IF;
    IF cardinality(v_children) = p_limit THEN
        RETURN QUERY SELECT v_children[p_limit], 'l'::"char", NULL::smallint, NULL::integer, NULL::smallint,
            v_ords[p_limit], NULL::timestamptz, NULL::text, NULL::text, NULL::text, NULL::oid, NULL::oid, NULL::bigint, NULL::"char";
    END IF;
    RETURN QUERY SELECT f.* FROM errand._free_pairs(v_parents, v_children, p_now) AS f;
END $$;

-- Function:   _free_children(ids, now, limit)
-- Frees those of the tasks whose parents are final, for p_limit edges.
-- Returns:    what _free_pairs() does; h also where the limit left some
-- Tables:     locks later; reads edge, dependency, outcome
CREATE FUNCTION errand._free_children(p_ids bigint[], p_now timestamptz, p_limit integer)
RETURNS TABLE (id bigint, what "char", run smallint, attempt integer, priority smallint, place bigint, at timestamptz,
    queue text, type text, notify text, role oid, owner_oid oid, task_group bigint,
    kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_mine bigint[];
    v_parents bigint[];
    v_children bigint[];
BEGIN
    v_mine := ARRAY(SELECT l.id FROM errand.later AS l WHERE l.id = ANY (p_ids) AND l.state = 'w'
                    ORDER BY l.id FOR UPDATE SKIP LOCKED);
    SELECT array_agg(x.parent_id), array_agg(x.task_id) INTO v_parents, v_children
    FROM (SELECT d.parent_id, d.task_id
          FROM unnest(v_mine) AS u (id)
          CROSS JOIN LATERAL (SELECT e.parent_id FROM errand.edge AS e WHERE e.task_id = u.id OFFSET 0) AS e
          JOIN errand.dependency AS d ON d.parent_id = e.parent_id AND d.task_id = u.id
          WHERE (SELECT true FROM errand.outcome AS o WHERE o.id = e.parent_id)
          LIMIT p_limit) AS x;
    IF cardinality(v_children) = p_limit THEN
        v_mine := '{}'; -- there may be more: look at all of them again
    END IF;
    IF cardinality(v_mine) < cardinality(p_ids) THEN
        RETURN QUERY SELECT x.id, 'h'::"char", NULL::smallint, NULL::integer, NULL::smallint, NULL::bigint,
            NULL::timestamptz, NULL::text, NULL::text, NULL::text, NULL::oid, NULL::oid, NULL::bigint, NULL::"char"
        FROM (SELECT l.id FROM errand.later AS l WHERE l.id = ANY (p_ids) AND l.state = 'w'
              EXCEPT SELECT u.id FROM unnest(v_mine) AS u (id)) AS x;
    END IF;
    IF v_children IS NOT NULL THEN
        RETURN QUERY SELECT f.* FROM errand._free_pairs(v_parents, v_children, p_now) AS f WHERE f.what <> 'h';
    END IF;
END $$;

-- Function:   _unfreed(from, limit)
-- Looks at a page of what is not met, for children that nobody freed.
-- Returns:    where the page ends, NULL at the end of all; parents on it that
--             are final; whether there is anything at all on it
-- Tables:     reads dependency, outcome
CREATE FUNCTION errand._unfreed(p_from bigint, p_limit integer, OUT last bigint, OUT parents bigint[], OUT found boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT CASE WHEN count(*) = p_limit THEN max(x.parent_id) END,
        coalesce(array_agg(DISTINCT x.parent_id) FILTER (
            WHERE (SELECT true FROM errand.outcome AS o WHERE o.id = x.parent_id)), '{}'), count(*) > 0
    INTO last, parents, found
    FROM (SELECT d.parent_id FROM errand.dependency AS d WHERE d.parent_id > p_from
          ORDER BY d.parent_id, d.task_id LIMIT p_limit) AS x;
END $$;
