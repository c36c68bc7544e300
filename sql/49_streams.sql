-- WebSocket sources, for `errand stream` (bgworker/stream.c, bgworker/sources/).
--
-- The seam: sql/ of sources owns errand.source (what was defined) and
-- _stream_batch(source, items, now), which puts a batch of messages into the
-- source's transform stage, returns the tasks that it submitted, and raises if
-- it cannot.  This file owns what a connection knows of itself.

-- One small row a stream; written by the stream process only, with each batch
-- and at each change of the connection.
CREATE TABLE errand.stream_state (
    source       text        NOT NULL COLLATE "C",
    connected_at timestamptz,
    last_message timestamptz,
    next_try     timestamptz,
    messages     bigint      NOT NULL DEFAULT 0,
    malformed    bigint      NOT NULL DEFAULT 0,
    dropped      bigint      NOT NULL DEFAULT 0,
    gaps         bigint      NOT NULL DEFAULT 0,
    missed       numeric     NOT NULL DEFAULT 0,
    connects     bigint      NOT NULL DEFAULT 0,
    failures     integer     NOT NULL DEFAULT 0,
    sequence     numeric,
    gap          text,
    error        text,
    PRIMARY KEY (source)
);
ALTER TABLE errand.stream_state SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Function:   _streams()
-- Returns:    the WebSocket sources that were started; mark changes with
--             whatever was defined of them.  payload is read like that of an HTTP
--             task (url, headers, auth; the frames to send first are its body)
-- Tables:     reads source
CREATE FUNCTION errand._streams()
RETURNS TABLE (name text, mark bigint, payload jsonb, ping_ms bigint, idle_ms bigint, batch_rows integer, batch_ms bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.name, hashtextextended(s::text, 0),
        jsonb_strip_nulls(jsonb_build_object('url', s.url, 'headers', s.headers, 'auth', s.auth))
        || CASE WHEN cardinality(s.subscribe) > 0 THEN jsonb_build_object('json', to_jsonb(s.subscribe)) ELSE '{}' END,
        coalesce(extract(epoch FROM s.ping_interval) * 1000, 0)::bigint,
        coalesce(extract(epoch FROM s.idle_timeout) * 1000, 30000)::bigint,
        coalesce(s.batch_rows, 100), coalesce(extract(epoch FROM s.batch_interval) * 1000, 1000)::bigint
    FROM errand.source AS s
    JOIN pg_roles AS r ON r.oid = s.owner_oid AND r.rolname = s.owner
    WHERE s.kind = 'websocket' AND s.started
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

-- Function:   _stream_parse(frame)
-- Returns:    the message as jsonb, or why it is none
-- Raises:     what passes with time
CREATE FUNCTION errand._stream_parse(p_frame bytea, OUT item jsonb, OUT problem text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_sqlstate text;
    v_detail text;
BEGIN
    item := convert_from(p_frame, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL;
    IF errand._transient(v_sqlstate) THEN
        RAISE;
    END IF;
    problem := SQLERRM || coalesce(': ' || nullif(v_detail, ''), '');
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

-- Function:   _stream_frames(source, frames, marks, dropped, now)
-- Takes in what a connection received, in order; dropped were let go before.
-- What is no JSON goes to the rejects with the reason, the rest goes on.
-- Returns:    the tasks that were submitted for it
-- Tables:     reads source; writes stream_state; as _stream_batch(), _source_reject()
CREATE FUNCTION errand._stream_frames(p_source text, p_frames bytea[], p_marks "char"[], p_dropped bigint, p_now timestamptz)
RETURNS SETOF errand._spec_result
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_path text;
    v_items jsonb[];
    v_marks "char"[] := p_marks;
    v_problems text[];
    v_state errand.stream_state;
BEGIN
    SELECT s.sequence INTO v_path FROM errand.source AS s WHERE s.name = p_source FOR SHARE;
    IF NOT FOUND THEN
        RETURN; -- dropped meanwhile
    END IF;
    BEGIN
        SELECT array_agg(convert_from(u.frame, 'UTF8')::jsonb ORDER BY u.n) INTO v_items
        FROM unnest(p_frames) WITH ORDINALITY AS u (frame, n);
    EXCEPTION WHEN OTHERS THEN
        SELECT array_agg(p.item ORDER BY u.n) FILTER (WHERE p.problem IS NULL),
            array_agg(u.mark ORDER BY u.n) FILTER (WHERE p.problem IS NULL),
            array_agg(p.problem ORDER BY u.n)
        INTO v_items, v_marks, v_problems
        FROM unnest(p_frames, p_marks) WITH ORDINALITY AS u (frame, mark, n)
        CROSS JOIN LATERAL errand._stream_parse(u.frame) AS p;
        FOR i IN 1 .. cardinality(p_frames) LOOP
            CONTINUE WHEN v_problems[i] IS NULL;
            PERFORM errand._source_reject(p_source, v_problems[i], p_frames[i], p_now);
        END LOOP;
    END;
    INSERT INTO errand.stream_state AS t (source) VALUES (p_source) ON CONFLICT (source) DO UPDATE SET source = excluded.source
    RETURNING t.* INTO v_state;
    IF v_path IS NOT NULL THEN
        v_state := errand._stream_follow(v_state, v_path, v_items, v_marks);
    END IF;
    UPDATE errand.stream_state AS t SET last_message = p_now, messages = t.messages + cardinality(p_frames),
        malformed = t.malformed + cardinality(p_frames) - coalesce(cardinality(v_items), 0),
        dropped = t.dropped + p_dropped, gaps = v_state.gaps, missed = v_state.missed, gap = v_state.gap, sequence = v_state.sequence
    WHERE t.source = p_source;
    IF v_items IS NOT NULL THEN
        RETURN QUERY SELECT b.* FROM errand._stream_batch(p_source, v_items, p_now) AS b;
    END IF;
END $$;

-- Function:   _stream_told(source, connected, next, connects, failures, error, dropped)
-- Records what became of a connection; connects and dropped are added.
-- Tables:     writes stream_state
CREATE FUNCTION errand._stream_told(p_source text, p_connected timestamptz, p_next timestamptz, p_connects bigint,
    p_failures integer, p_error text, p_dropped bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.stream_state AS t (source, connected_at, next_try, connects, failures, error, dropped)
    SELECT s.name, p_connected, p_next, p_connects, p_failures, p_error, p_dropped FROM errand.source AS s WHERE s.name = p_source
    ON CONFLICT (source) DO UPDATE SET connected_at = excluded.connected_at, next_try = excluded.next_try,
        connects = t.connects + excluded.connects, failures = excluded.failures, error = excluded.error,
        dropped = t.dropped + excluded.dropped;
END $$;
