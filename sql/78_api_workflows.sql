-- Routes that show what ties tasks together: groups, and graphs of dependencies.

-- Function:   _api_workflows(args, now)
-- Returns:    task groups, newest first
CREATE FUNCTION errand._api_workflows(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_limit integer := errand._arg_int(p_args, 'limit', 50, 1, 200);
    v_after bigint := errand._arg_int(p_args, 'after', 9223372036854775807, 1, 9223372036854775807);
    v_state text := errand._arg_text(p_args, 'state');
    v_ids bigint[];
BEGIN
    PERFORM errand._arg_known(p_args, 'after', 'limit', 'state');
    IF v_state NOT IN ('open', 'closed', 'failed', 'succeeded') THEN
        PERFORM errand._arg_bad('"state" is not valid', 'The states of a group are open, closed, failed and succeeded.');
    END IF;
    v_ids := ARRAY(SELECT g.id FROM errand.task_groups AS g WHERE g.id < v_after AND (v_state IS NULL OR g.state = v_state)
                   ORDER BY g.id DESC LIMIT v_limit + 1);
    RETURN jsonb_build_object(
        'workflows', (SELECT coalesce(jsonb_agg(errand._group_json(u.id) ORDER BY u.id DESC), '[]') FROM unnest(v_ids[1:v_limit]) AS u (id)),
        'next', CASE WHEN cardinality(v_ids) > v_limit THEN v_ids[v_limit]::text END);
END $$;

-- Function:   _graph_walk(ids, most)
-- Returns:    these tasks and all they are tied to, one step after another, at most so many
CREATE FUNCTION errand._graph_walk(p_ids bigint[], p_most integer)
RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_seen bigint[] := p_ids[1:p_most];
    v_edge bigint[] := v_seen;
BEGIN
    WHILE cardinality(v_edge) > 0 AND cardinality(v_seen) < p_most LOOP
        v_edge := ARRAY(
            SELECT DISTINCT x.id
            FROM (SELECT d.parent_id AS id FROM errand.dependencies AS d WHERE d.task_id = ANY (v_edge)
                  UNION ALL
                  (SELECT d.task_id FROM errand.dependencies AS d WHERE d.parent_id = ANY (v_edge) LIMIT 10 * p_most)) AS x
            WHERE x.id <> ALL (v_seen) ORDER BY x.id LIMIT p_most - cardinality(v_seen));
        v_seen := v_seen || v_edge;
    END LOOP;
    RETURN v_seen;
END $$;

-- Function:   _graph_layers(ids, parents, children)
-- Returns:    of each id how many tasks stand before it on its longest way from the top
CREATE FUNCTION errand._graph_layers(p_ids bigint[], p_parents bigint[], p_children bigint[])
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_layers integer[] := array_fill(0, ARRAY[greatest(cardinality(p_ids), 1)]);
    v_moved boolean := true;
    v_round integer := 0;
    v_from integer;
    v_to integer;
BEGIN
    -- Dependencies have no circles: a task waits for earlier ones only.
    WHILE v_moved AND v_round < cardinality(p_ids) LOOP
        v_moved := false;
        v_round := v_round + 1;
        FOR i IN 1..coalesce(cardinality(p_parents), 0) LOOP
            v_from := array_position(p_ids, p_parents[i]);
            v_to := array_position(p_ids, p_children[i]);
            IF v_layers[v_to] <= v_layers[v_from] THEN
                v_layers[v_to] := v_layers[v_from] + 1;
                v_moved := true;
            END IF;
        END LOOP;
    END LOOP;
    RETURN v_layers;
END $$;

-- Function:   _api_workflow(args, now)
-- id: of a task, or group:ID of a group.
-- Returns:    the graph around it: at most 200 tasks in layers, and the edges among them
CREATE FUNCTION errand._api_workflow(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    c_most CONSTANT integer := 200;
    v_text text := errand._arg_need(p_args, 'id');
    v_id bigint := errand._arg_id(jsonb_build_object('id', regexp_replace(v_text, '^group:', '')));
    v_group jsonb;
    v_ids bigint[];
    v_parents bigint[];
    v_children bigint[];
    v_layers integer[];
BEGIN
    PERFORM errand._arg_known(p_args, 'id');
    IF v_text LIKE 'group:%' THEN
        v_group := errand._group_json(v_id);
        IF v_group IS NULL THEN
            RAISE EXCEPTION 'there is no task group %', v_id
                USING ERRCODE = '42704', HINT = 'It is not there any more, or not yours.';
        END IF;
        v_ids := (SELECT p.ids FROM errand._page(jsonb_build_object('group', v_id), NULL, c_most) AS p);
    ELSE
        PERFORM FROM errand.tasks AS t WHERE t.id = v_id;
        IF NOT FOUND THEN
            PERFORM errand._task_gone(v_id);
        END IF;
        v_ids := ARRAY[v_id];
    END IF;
    v_ids := ARRAY(SELECT u.id FROM unnest(errand._graph_walk(v_ids, c_most)) AS u (id) ORDER BY u.id);
    SELECT array_agg(d.parent_id ORDER BY d.task_id, d.parent_id), array_agg(d.task_id ORDER BY d.task_id, d.parent_id)
    INTO v_parents, v_children
    FROM errand.dependencies AS d WHERE d.task_id = ANY (v_ids) AND d.parent_id = ANY (v_ids);
    v_layers := errand._graph_layers(v_ids, v_parents, v_children);
    RETURN jsonb_build_object('root', CASE WHEN v_group IS NULL THEN v_id END, 'group', v_group,
        'nodes', (SELECT coalesce(jsonb_agg(n.value || jsonb_build_object('layer', v_layers[array_position(v_ids, (n.value ->> 'id')::bigint)])
                      ORDER BY (n.value ->> 'id')::bigint), '[]') FROM jsonb_array_elements(errand._tasks_json(v_ids)) AS n (value)),
        'edges', (SELECT coalesce(jsonb_agg(jsonb_build_object('from', e.parent, 'to', e.child)), '[]')
                  FROM unnest(v_parents, v_children) AS e (parent, child)),
        'truncated', cardinality(v_ids) >= c_most);
END $$;
