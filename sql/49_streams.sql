-- WebSocket sources, for `errand stream` (bgworker/stream.c, bgworker/sources/).
--
-- 48_sources.sql owns what was defined, and _stream_batch(), which puts a batch
-- of messages into the source's transform stage.  This file owns what a
-- connection knows of itself.

-- One small row a stream; written by the stream process only, with each batch
-- and at each change of the connection.
CREATE TABLE errand.stream_state (
    source       bigint      NOT NULL,
    connected_at timestamptz,
    last_message timestamptz,
    next_try     timestamptz,
    messages     bigint      NOT NULL DEFAULT 0,
    malformed    bigint      NOT NULL DEFAULT 0,
    dropped      bigint      NOT NULL DEFAULT 0,
    connects     bigint      NOT NULL DEFAULT 0,
    gaps         bigint      NOT NULL DEFAULT 0,
    failures     integer     NOT NULL DEFAULT 0,
    troubled     boolean     NOT NULL DEFAULT false,
    missed       numeric     NOT NULL DEFAULT 0,
    sequence     numeric,
    gap          text,
    error        text,
    PRIMARY KEY (source)
);
ALTER TABLE errand.stream_state SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
SELECT pg_catalog.pg_extension_config_dump('errand.stream_state', '');

-- Function:   _streams_wanted()
-- Returns:    whether a WebSocket source is started
-- Tables:     reads source
CREATE FUNCTION errand._streams_wanted()
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM errand.source AS s WHERE s.kind = 'websocket' AND s.enabled);
END $$;

-- Function:   _stream_ms(text, default)
-- Returns:    an interval as milliseconds, at least 0
CREATE FUNCTION errand._stream_ms(p_interval text, p_default bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN greatest(0, coalesce(extract(epoch FROM p_interval::interval) * 1000, p_default))::bigint;
END $$;

-- Function:   _streams()
-- Returns:    the WebSocket sources that are started; mark changes with whatever
--             was defined of them.  payload is read like that of an HTTP task:
--             url, headers, auth; the messages to send first are its body
-- Tables:     reads source
CREATE FUNCTION errand._streams()
RETURNS TABLE (name text, mark bigint, payload jsonb, ping_ms bigint, idle_ms bigint, batch_rows integer, batch_ms bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.name, hashtextextended(s::text, 0),
        s.request || CASE WHEN jsonb_array_length(coalesce(s.options -> 'subscribe', '[]')) > 0
                THEN jsonb_build_object('json', s.options -> 'subscribe') ELSE '{}' END,
        errand._stream_ms(s.options ->> 'ping_interval', i.idle / 3), i.idle,
        coalesce((s.options ->> 'batch_rows')::integer, 100), errand._stream_ms(s.options ->> 'batch_interval', 1000)
    FROM errand.source AS s
    JOIN pg_roles AS r ON r.oid = s.owner_oid AND r.rolname = s.owner
    CROSS JOIN LATERAL (SELECT errand._stream_ms(s.options ->> 'idle_timeout', 30000) AS idle) AS i
    WHERE s.kind = 'websocket' AND s.enabled
    ORDER BY s.name;
END $$;

-- Function:   _stream_secrets(source, names)
-- Returns:    for the i-th name the value that the source's owner may use: its
--             own, else the shared one; no row if there is none
-- Tables:     reads secret, source
CREATE FUNCTION errand._stream_secrets(p_source text, p_names text[])
RETURNS TABLE (item integer, value text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT u.ord::integer, s.value
    FROM errand.source AS o
    CROSS JOIN unnest(p_names) WITH ORDINALITY AS u (name, ord)
    CROSS JOIN LATERAL (
        SELECT x.value FROM errand.secret AS x
        WHERE x.name = u.name AND (x.shared OR (x.owner_oid = o.owner_oid AND x.owner = o.owner))
        ORDER BY x.shared LIMIT 1) AS s
    WHERE o.name = p_source;
END $$;

-- Function:   _stream_parse(frame, mark)
-- Returns:    the message as jsonb; or why it is none, and what it looks like
-- Raises:     what passes with time
CREATE FUNCTION errand._stream_parse(p_frame bytea, p_mark "char", OUT item jsonb, OUT code text, OUT problem text, OUT raw text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_detail text;
BEGIN
    raw := encode(p_frame, 'escape');
    IF p_mark = 'o' THEN
        code := '54000';
        problem := 'the message is larger than errand.max_response_bytes';
        RETURN;
    END IF;
    raw := convert_from(p_frame, 'UTF8');
    item := raw::jsonb;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL;
    IF errand._transient(code) THEN
        RAISE;
    END IF;
    problem := SQLERRM || coalesce(': ' || nullif(v_detail, ''), '');
END $$;

-- Function:   _stream_parse_all(frames, marks)
-- Returns:    all of them as jsonb, in order; NULL if one of them is none
CREATE FUNCTION errand._stream_parse_all(p_frames bytea[], p_marks "char"[])
RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_sqlstate text;
BEGIN
    IF 'o' = ANY (p_marks) THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT convert_from(u.frame, 'UTF8')::jsonb FROM unnest(p_frames) WITH ORDINALITY AS u (frame, n) ORDER BY u.n);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE;
    IF errand._transient(v_sqlstate) THEN
        RAISE;
    END IF;
    RETURN NULL;
END $$;

-- Function:   _stream_follow(state, path, items, marks)
-- Follows the sequence numbers in a batch.  A mark is c on the first message of
-- a connection, where numbers may begin anew, and d where some were dropped
-- here, which is counted as that.
-- Returns:    the state with sequence, gaps, missed and gap moved on
CREATE FUNCTION errand._stream_follow(p_state errand.stream_state, p_path text, p_items jsonb[], p_marks "char"[])
RETURNS errand.stream_state
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v errand.stream_state := p_state;
    v_mark "char";
    v_number text;
    v_next numeric;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(p_items), 0) LOOP
        v_mark := p_marks[i];
        FOR v_number IN SELECT j #>> '{}' FROM jsonb_path_query(p_items[i], p_path::jsonpath, '{}', true) AS j LOOP
            CONTINUE WHEN v_number !~ '^[0-9]{1,40}$';
            v_next := v_number::numeric;
            IF v.sequence IS NOT NULL AND v_mark <> 'd' AND v_next > v.sequence + 1 THEN
                v.gaps := v.gaps + 1;
                v.missed := v.missed + v_next - v.sequence - 1;
                v.gap := format('%s missing after %s', v_next - v.sequence - 1, v.sequence);
            END IF;
            IF v.sequence IS NULL OR v_mark <> '' OR v_next > v.sequence THEN
                v.sequence := v_next;
            END IF;
            v_mark := '';
        END LOOP;
    END LOOP;
    RETURN v;
END $$;

-- Function:   _stream_spoilt(source, frames, marks, now)
-- Takes in a batch in which not all is JSON: what is none goes to the rejects
-- with the reason.
-- Returns:    the others as they are wanted by _stream_follow()
-- Tables:     updates source_state; writes rollup; as _source_reject()
CREATE FUNCTION errand._stream_spoilt(p_source errand.source, p_frames bytea[], p_marks "char"[], p_now timestamptz,
    OUT items jsonb[], OUT marks "char"[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p record;
BEGIN
    FOR i IN 1 .. cardinality(p_frames) LOOP
        p := errand._stream_parse(p_frames[i], p_marks[i]);
        IF p.problem IS NULL THEN
            items := items || p.item;
            marks := marks || p_marks[i];
        ELSE
            PERFORM errand._source_reject(p_source, 0, 'fetch',
                jsonb_build_array(jsonb_build_object('sqlstate', p.code, 'reason', p.problem)), left(p.raw, 8000), p_now);
        END IF;
    END LOOP;
    UPDATE errand.source_state AS x SET items_rejected = x.items_rejected + cardinality(p_frames) - coalesce(cardinality(items), 0)
    WHERE x.source = p_source.id;
    PERFORM errand._source_count(p_source.name, 0, 0, cardinality(p_frames) - coalesce(cardinality(items), 0), 0, p_now);
END $$;

-- Function:   _stream_frames(source, frames, marks, dropped, most, now)
-- Takes in what a connection received, in order; dropped were let go before.  A
-- mark o says that only the beginning of a message was kept.
-- Returns:    false, with nothing done, while that many batches of the source
--             are not stored yet
-- Tables:     reads source, source_run; writes stream_state; as _stream_batch(), _stream_spoilt()
CREATE FUNCTION errand._stream_frames(p_source text, p_frames bytea[], p_marks "char"[], p_dropped bigint, p_most integer, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source;
    v_state errand.stream_state;
    v_items jsonb[] := errand._stream_parse_all(p_frames, p_marks);
    v_marks "char"[] := p_marks;
BEGIN
    SELECT x.* INTO s FROM errand.source AS x WHERE x.name = p_source;
    IF NOT FOUND THEN
        RETURN true; -- dropped meanwhile
    ELSIF (SELECT count(*) FROM errand.source_run AS r WHERE r.source = s.id AND r.finished_at IS NULL) >= p_most THEN
        RETURN false;
    END IF;
    INSERT INTO errand.stream_state AS t (source) VALUES (s.id) ON CONFLICT (source) DO UPDATE SET source = excluded.source
    RETURNING t.* INTO v_state;
    IF v_items IS NULL THEN
        SELECT x.items, x.marks INTO v_items, v_marks FROM errand._stream_spoilt(s, p_frames, p_marks, p_now) AS x;
    END IF;
    IF s.options ? 'sequence' THEN
        v_state := errand._stream_follow(v_state, s.options ->> 'sequence', v_items, v_marks);
    END IF;
    UPDATE errand.stream_state AS t SET last_message = p_now, messages = t.messages + cardinality(p_frames),
        malformed = t.malformed + cardinality(p_frames) - coalesce(cardinality(v_items), 0),
        dropped = t.dropped + p_dropped, gaps = v_state.gaps, missed = v_state.missed, gap = v_state.gap, sequence = v_state.sequence
    WHERE t.source = s.id;
    IF v_items IS NOT NULL THEN
        PERFORM errand._stream_batch(p_source, v_items, p_now);
    END IF;
    RETURN true;
END $$;

-- Function:   _stream_told(source, connected, next, connects, failures, error, dropped, troubled, sqlstate, now)
-- Records what became of a connection; connects and dropped are added.  Unless
-- troubled is NULL the source is degraded or well from now on; a change is told.
-- Tables:     reads source; writes stream_state, source_state
CREATE FUNCTION errand._stream_told(p_source text, p_connected timestamptz, p_next timestamptz, p_connects bigint,
    p_failures integer, p_error text, p_dropped bigint, p_troubled boolean, p_sqlstate text, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint;
    v_owner oid;
    v_before boolean;
BEGIN
    SELECT s.id, s.owner_oid INTO v_id, v_owner FROM errand.source AS s WHERE s.name = p_source;
    IF v_id IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO errand.stream_state AS t (source, connected_at, next_try, connects, failures, troubled, error, dropped)
    VALUES (v_id, p_connected, p_next, p_connects, p_failures, coalesce(p_troubled, false), p_error, p_dropped)
    ON CONFLICT (source) DO UPDATE SET connected_at = excluded.connected_at, next_try = excluded.next_try,
        connects = t.connects + excluded.connects, failures = excluded.failures, error = excluded.error,
        troubled = coalesce(p_troubled, t.troubled), dropped = t.dropped + excluded.dropped;
    IF p_troubled IS NULL THEN
        RETURN;
    END IF;
    SELECT x.degraded_since IS NOT NULL INTO v_before FROM errand.source_state AS x WHERE x.source = v_id FOR UPDATE;
    UPDATE errand.source_state AS x SET degraded_since = CASE WHEN p_troubled THEN coalesce(x.degraded_since, p_now) END,
        error = CASE WHEN p_troubled THEN p_error END, sqlstate = CASE WHEN p_troubled THEN p_sqlstate END
    WHERE x.source = v_id AND (p_troubled OR v_before);
    IF v_before <> p_troubled THEN
        PERFORM errand._announce_source(p_source, CASE WHEN p_troubled THEN 'degraded' ELSE 'running' END, v_id, v_owner);
    END IF;
END $$;
