-- Steering over a filter.  Called by extension/steer_where.c as the
-- extension's owner, after it has looked up who asks.

-- Function:   _filter_bad(what, hint)
-- Raises:     22023
CREATE FUNCTION errand._filter_bad(p_what text, p_hint text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', p_what USING ERRCODE = '22023', HINT = p_hint;
END $$;

-- Function:   _filter_check(filter, purpose)
-- Raises:     22023 unless it is an object of known keys without nulls; for a
--             purge also if it is empty
CREATE FUNCTION errand._filter_check(p_filter jsonb, p_purpose text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_keys CONSTANT text[] := ARRAY['state', 'queue', 'task', 'kind', 'owner', 'key', 'tag', 'task_group', 'min_id',
        'max_id', 'older_than', 'newer_than', 'since', 'until', 'min_run_ms', 'error', 'q'];
    v_key text;
BEGIN
    IF p_filter IS NULL OR jsonb_typeof(p_filter) <> 'object' THEN
        PERFORM errand._filter_bad('the filter must be a JSON object', 'Such as {"state": ["failed"], "queue": "mail"}.');
    END IF;
    FOR v_key IN SELECT k.key FROM jsonb_object_keys(p_filter) AS k (key) WHERE k.key <> ALL (c_keys) LOOP
        PERFORM errand._filter_bad(format('unknown key "%s" in the filter', left(v_key, 100)),
            format('The keys are %s.', array_to_string(c_keys, ', ')));
    END LOOP;
    FOR v_key IN SELECT e.key FROM jsonb_each(p_filter) AS e WHERE jsonb_typeof(e.value) = 'null' LOOP
        PERFORM errand._filter_bad(format('"%s" of the filter is null', v_key), 'Leave the key out, or give a value.');
    END LOOP;
    IF p_purpose = 'purge' AND p_filter = '{}' THEN
        PERFORM errand._filter_bad('an empty filter would remove everything',
            'Say what to remove, such as {"state": ["succeeded", "failed", "cancelled", "unknown"]}.');
    END IF;
END $$;

-- Function:   _filter_texts(filter, key)
-- Returns:    the texts that the key names, one or an array; NULL if it is not there
CREATE FUNCTION errand._filter_texts(p_filter jsonb, p_key text)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_value jsonb := p_filter -> p_key;
BEGIN
    IF v_value IS NULL THEN
        RETURN NULL;
    ELSIF jsonb_typeof(v_value) <> 'array' THEN
        v_value := jsonb_build_array(v_value);
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(v_value) AS e (value) WHERE jsonb_typeof(e.value) <> 'string') THEN
        PERFORM errand._filter_bad(format('"%s" of the filter is not valid', p_key), 'It is a string or an array of strings.');
    END IF;
    RETURN ARRAY(SELECT e.value FROM jsonb_array_elements_text(v_value) AS e (value));
END $$;

-- Function:   _filter_id(filter, key)
-- Returns:    a whole number; NULL if the key is not there
CREATE FUNCTION errand._filter_id(p_filter jsonb, p_key text)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(p_filter -> p_key) NOT IN ('number', 'string') THEN
        RAISE invalid_text_representation;
    END IF;
    RETURN (p_filter ->> p_key)::bigint;
EXCEPTION WHEN data_exception THEN
    PERFORM errand._filter_bad(format('"%s" of the filter is not valid', p_key), 'It is a whole number.');
END $$;

-- Function:   _filter_age(filter, key)
-- Returns:    an interval; NULL if the key is not there
CREATE FUNCTION errand._filter_age(p_filter jsonb, p_key text)
RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_age interval;
BEGIN
    IF jsonb_typeof(p_filter -> p_key) <> 'string' THEN
        RAISE invalid_text_representation;
    END IF;
    v_age := (p_filter ->> p_key)::interval;
    IF v_age NOT BETWEEN interval '0' AND interval '1000 years' THEN
        RAISE invalid_text_representation;
    END IF;
    RETURN v_age;
EXCEPTION WHEN data_exception THEN
    PERFORM errand._filter_bad(format('"%s" of the filter is not valid', p_key), 'It is an interval such as "7 days".');
END $$;

-- Function:   _filter_states(filter, purpose)
-- Returns:    the states that the filter names and the purpose can touch;
--             without a name: what waits or runs, what failed, what is final
CREATE FUNCTION errand._filter_states(p_filter jsonb, p_purpose text)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_live CONSTANT text[] := ARRAY['waiting', 'scheduled', 'ready', 'running', 'retrying'];
    c_final CONSTANT text[] := ARRAY['succeeded', 'failed', 'cancelled', 'unknown'];
    v_named text[] := errand._filter_texts(p_filter, 'state');
    v_possible text[] := CASE p_purpose WHEN 'cancel' THEN c_live WHEN 'retry' THEN c_final || 'retrying'::text ELSE c_final END;
BEGIN
    IF NOT p_filter ? 'state' THEN
        RETURN CASE p_purpose WHEN 'retry' THEN ARRAY['failed'] ELSE v_possible END;
    ELSIF NOT v_named <@ (c_live || c_final) THEN
        PERFORM errand._filter_bad('the filter names a state that there is not',
            format('The states are %s.', array_to_string(c_live || c_final, ', ')));
    END IF;
    RETURN ARRAY(SELECT s.state FROM unnest(v_named) AS s (state) WHERE s.state = ANY (v_possible));
END $$;

-- Function:   _where(filter, purpose, caller, all, now)   purpose: cancel, retry, purge
-- Returns:    the ids that it means, ascending, of the caller's tasks or of all
-- Tables:     reads the view tasks (as the extension's owner: all), task
-- The statement is put together of fixed parts, so that it is planned for
-- what was asked: live states never read history.
CREATE FUNCTION errand._where(p_filter jsonb, p_purpose text, p_caller oid, p_all boolean, p_now timestamptz)
RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ids bigint[];
    v_query text := 'SELECT array_agg(t.id ORDER BY t.id) FROM errand.tasks AS t WHERE t.state = ANY ($1)';
BEGIN
    PERFORM errand._filter_check(p_filter, p_purpose);
    SELECT v_query || coalesce(string_agg(c.condition, '' ORDER BY c.key), '') INTO v_query
    FROM (VALUES ('queue', ' AND t.queue = ANY ($2)'), ('task', ' AND t.task = ANY ($3)'), ('kind', ' AND t.kind = ANY ($4)'),
            ('owner', ' AND t.owner = ANY ($5::name[])'), ('key', ' AND t.key = ANY ($6)'), ('tag', ' AND t.tags && $7'),
            ('task_group', ' AND t.task_group = $8'), ('min_id', ' AND t.id >= $9'), ('max_id', ' AND t.id <= $10'),
            ('older_than', ' AND t.submitted_at < $11'), ('newer_than', ' AND t.submitted_at >= $12'),
            ('error', ' AND strpos(t.error, $13) > 0'),
            ('since', ' AND t.submitted_at >= $15'), ('until', ' AND t.submitted_at < $16'),
            ('min_run_ms', ' AND t.finished_at - t.started_at >= $17 * interval ''1 ms'''),
            ('q', ' AND (t.id::text = $18 OR strpos(lower(t.task), $18) > 0 OR strpos(lower(t.key), $18) > 0 OR strpos(lower(t.error), $18) > 0)')
        ) AS c (key, condition)
    WHERE p_filter ? c.key;
    IF NOT p_all THEN
        v_query := v_query || ' AND EXISTS (SELECT FROM errand.task AS k WHERE k.id = t.id AND k.owner_oid = $14)';
    END IF;
    IF jsonb_typeof(p_filter -> 'error') <> 'string' THEN
        PERFORM errand._filter_bad('"error" of the filter is not valid', 'It is a part of the error''s text.');
    END IF;
    EXECUTE v_query INTO v_ids
    USING errand._filter_states(p_filter, p_purpose), errand._filter_texts(p_filter, 'queue'), errand._filter_texts(p_filter, 'task'),
        errand._filter_texts(p_filter, 'kind'), errand._filter_texts(p_filter, 'owner'), errand._filter_texts(p_filter, 'key'),
        errand._filter_texts(p_filter, 'tag'), errand._filter_id(p_filter, 'task_group'), errand._filter_id(p_filter, 'min_id'),
        errand._filter_id(p_filter, 'max_id'), p_now - errand._filter_age(p_filter, 'older_than'),
        p_now - errand._filter_age(p_filter, 'newer_than'), p_filter ->> 'error', p_caller, errand._arg_time(p_filter, 'since'),
        errand._arg_time(p_filter, 'until'), errand._filter_id(p_filter, 'min_run_ms'), lower(errand._arg_text(p_filter, 'q'));
    RETURN coalesce(v_ids, '{}');
END $$;

-- Function:   _purge(ids)
-- Removes those that are final; one that somebody retries meanwhile stays.
-- Returns:    how many went
-- Tables:     deletes from outcome, and what _forget() does
CREATE FUNCTION errand._purge(p_ids bigint[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_gone bigint[];
BEGIN
    WITH gone AS (
        DELETE FROM errand.outcome AS o WHERE o.id = ANY (ARRAY(
            SELECT x.id FROM errand.outcome AS x WHERE x.id = ANY (p_ids) ORDER BY x.id FOR UPDATE))
        RETURNING o.id
    )
    SELECT coalesce(array_agg(g.id), '{}') INTO v_gone FROM gone AS g;
    PERFORM errand._forget(v_gone);
    RETURN cardinality(v_gone);
END $$;
