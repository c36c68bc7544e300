-- Sources: what is fetched again and again, transformed and stored.
--
--   source         written by clients only: define, start, stop, drop
--   source_state   written by the engine only, when a run begins and ends
--   source_run     one row a run; the engine updates it while the run is open
--   source_piece   insert/delete  what is left to do of open runs: a page to
--                                 fetch, items to transform, rows to store
--   source_news    insert/delete  rows that were stored of late, for watchers
--   reject         bad items, each once
--
-- A run is tasks in the queues source:NAME:fetch, :transform and :store.  A
-- piece goes with the task that did it, in that task's own transaction; the
-- last one ends the run, so that rows, cursor and counts commit together.
-- Who ends a piece holds its run's row.  Clients never lock a row of an open
-- run, nor that of its source_state: nothing here waits for a client.

CREATE TABLE errand.source (
    id                bigint      NOT NULL DEFAULT nextval('errand.task_id'),
    name              text        NOT NULL COLLATE "C",
    owner_oid         oid         NOT NULL,
    owner             text        NOT NULL COLLATE "C",
    kind              text        NOT NULL CHECK (kind IN ('rest', 'feed', 'websocket')),
    enabled           boolean     NOT NULL DEFAULT false,
    enabled_at        timestamptz,
    defined_at        timestamptz NOT NULL,
    url               text        NOT NULL,
    every             interval,
    cron              text,
    timezone          text        NOT NULL,
    target            text        NOT NULL,
    fetch_workers     integer     NOT NULL,
    transform_workers integer     NOT NULL,
    store_workers     integer     NOT NULL,
    timeout_ms        integer     NOT NULL,
    request           jsonb       NOT NULL,
    options           jsonb       NOT NULL,
    description       text,
    PRIMARY KEY (id),
    UNIQUE (name)
);

CREATE TABLE errand.source_state (
    source          bigint NOT NULL,
    planned_for     timestamptz,
    next_base       timestamptz,
    next_run        timestamptz,
    last_run        timestamptz,
    last_success    timestamptz,
    degraded_since  timestamptz,
    failures        integer NOT NULL DEFAULT 0,
    runs            bigint  NOT NULL DEFAULT 0,
    items_stored    bigint  NOT NULL DEFAULT 0,
    items_rejected  bigint  NOT NULL DEFAULT 0,
    items_duplicate bigint  NOT NULL DEFAULT 0,
    runs_stored     bigint  NOT NULL DEFAULT 0,
    runs_same       bigint  NOT NULL DEFAULT 0,
    runs_failed     bigint  NOT NULL DEFAULT 0,
    sqlstate        text,
    error           text,
    cursor          jsonb,
    validators      jsonb,
    PRIMARY KEY (source)
);
ALTER TABLE errand.source_state SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- The id is that of the task that fetches the first page.
CREATE TABLE errand.source_run (
    id              bigint      NOT NULL,
    source          bigint      NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    wait_until      timestamptz,
    pages           integer     NOT NULL DEFAULT 0,
    unchanged       integer     NOT NULL DEFAULT 0,
    items           bigint      NOT NULL DEFAULT 0,
    stored          bigint      NOT NULL DEFAULT 0,
    rejected        bigint      NOT NULL DEFAULT 0,
    duplicate       bigint      NOT NULL DEFAULT 0,
    state           "char"      NOT NULL CHECK (state IN ('x', 'S', 'N', 'F')),
    stream          boolean     NOT NULL DEFAULT false,
    sqlstate        text,
    error           text,
    page_hash       text,
    cursor          jsonb,
    seen            text[],
    validators      jsonb,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX source_run_open ON errand.source_run (source) WHERE finished_at IS NULL AND NOT stream;
CREATE INDEX source_run_source ON errand.source_run (source, id);
ALTER TABLE errand.source_run SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- task is NULL while the next stage has enough to do: then the piece is held back.
CREATE TABLE errand.source_piece (
    id     bigint  NOT NULL DEFAULT nextval('errand.task_id'),
    run    bigint  NOT NULL,
    task   bigint,
    answer bigint,
    page   integer NOT NULL,
    stage  "char"  NOT NULL CHECK (stage IN ('f', 't', 's')),
    data   jsonb,
    PRIMARY KEY (id)
);
CREATE INDEX source_piece_run ON errand.source_piece (run);
CREATE UNIQUE INDEX source_piece_task ON errand.source_piece (task);
ALTER TABLE errand.source_piece SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE errand.source_news (
    id     bigint      NOT NULL DEFAULT nextval('errand.task_id'),
    source bigint      NOT NULL,
    run    bigint      NOT NULL,
    at     timestamptz NOT NULL,
    items  jsonb       NOT NULL,
    PRIMARY KEY (source, id)
);

CREATE TABLE errand.reject (
    id       bigint      NOT NULL DEFAULT nextval('errand.task_id'),
    source   bigint      NOT NULL,
    run      bigint      NOT NULL,
    at       timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    times    bigint      NOT NULL DEFAULT 1,
    stage    text        NOT NULL,
    sqlstate text,
    reason   text        NOT NULL,
    item_key text,
    item     jsonb,
    raw      text,
    hash     bytea       NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (source, hash)
);

SELECT pg_catalog.pg_extension_config_dump('errand.source', '');
SELECT pg_catalog.pg_extension_config_dump('errand.source_state', '');
SELECT pg_catalog.pg_extension_config_dump('errand.source_run', '');
SELECT pg_catalog.pg_extension_config_dump('errand.source_piece', '');
SELECT pg_catalog.pg_extension_config_dump('errand.source_news', '');
SELECT pg_catalog.pg_extension_config_dump('errand.reject', '');

-- Function:   _announce(id, queue, type, priority, run_at, role, owner)
-- Tells of a task that was inserted: at the commit of the transaction.
CREATE FUNCTION errand._announce(p_id bigint, p_queue text, p_type text, p_priority integer, p_run_at timestamptz, p_role oid, p_owner oid)
RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_announce_task';

-- Function:   _announce_source(name, what, id, owner)
-- what: 'rows' (id is that of source_news), 'look' (there is something for the
-- leader to do), or the state that the source has now.
CREATE FUNCTION errand._announce_source(p_name text, p_what text, p_id bigint, p_owner oid)
RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_announce_source';

-- Function:   _source_queue(name, stage)
-- Returns:    the name of the stage's queue; of long names not all fits
CREATE FUNCTION errand._source_queue(p_name text, p_stage text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN 'source:' || CASE WHEN length(p_name) <= 180 THEN p_name ELSE left(p_name, 150) || '~' || left(md5(p_name), 16) END
        || ':' || p_stage;
END $$;

-- Function:   _source_stage(letter)
CREATE FUNCTION errand._source_stage(p_stage "char")
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE p_stage WHEN 'f' THEN 'fetch' WHEN 't' THEN 'transform' ELSE 'store' END;
END $$;

-- Function:   _source_key(request)
-- Returns:    what the validators of a page go by
CREATE FUNCTION errand._source_key(p_request jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN md5(jsonb_build_array(p_request -> 'url', p_request -> 'params', p_request -> 'page_value')::text);
END $$;

-- Function:   _source_request(source, cursor, page)
-- A page is {} for the first one, else {"value": ...} of the parameter that
-- counts, or {"url": ..., "away": true if it is on another host}: there goes
-- nothing that could be a credential.
-- Returns:    the payload of the task that fetches it, without conditions
CREATE FUNCTION errand._source_request(p_source errand.source, p_cursor jsonb, p_page jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v jsonb := p_source.request || '{"success_codes": [200, 305], "one_page": true}';
    v_param text := p_source.options #>> '{cursor,param}';
    v_value jsonb := coalesce(p_cursor -> 'value', p_source.options #> '{cursor,start}');
BEGIN
    IF NOT v ? 'follow_redirects' THEN
        v := v || '{"follow_redirects": 5}';
    END IF;
    IF p_page ? 'url' THEN
        v := (v - 'params') || jsonb_build_object('url', p_page -> 'url');
        IF (p_page ->> 'away')::boolean THEN
            v := (v - ARRAY['auth', 'cookies']) || jsonb_build_object('headers', (
                SELECT coalesce(jsonb_object_agg(h.key, h.value), '{}') FROM jsonb_each(coalesce(v -> 'headers', '{}')) AS h
                WHERE lower(h.key) IN ('accept', 'accept-language', 'user-agent', 'content-type')));
        END IF;
        RETURN v;
    END IF;
    IF v_param IS NOT NULL AND v_value IS NOT NULL THEN
        v := v || jsonb_build_object('params', coalesce(v -> 'params', '{}') || jsonb_build_object(v_param, v_value));
    END IF;
    RETURN v || CASE WHEN p_page ? 'value' THEN jsonb_build_object('page_value', p_page -> 'value') ELSE '{}' END;
END $$;

-- Function:   _source_conditions(request, validators)
-- Returns:    the request, asking whether the page has changed if we know one
CREATE FUNCTION errand._source_conditions(p_request jsonb, p_validators jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_known jsonb := p_validators -> errand._source_key(p_request);
BEGIN
    IF v_known IS NULL OR coalesce(p_request ->> 'method', 'GET') <> 'GET' OR p_request ?| ARRAY['json', 'body'] THEN
        RETURN p_request;
    END IF;
    RETURN p_request || jsonb_build_object('headers', jsonb_strip_nulls(jsonb_build_object(
        'If-None-Match', v_known -> 'etag', 'If-Modified-Since', v_known -> 'modified')) || coalesce(p_request -> 'headers', '{}'));
END $$;

-- Function:   _source_task(source, stage, payload, run_at, now)
-- Returns:    the id of a new task of a stage: the event loop fetches, an
--             executor of the source's owner does the rest
-- Tables:     as _submit()
CREATE FUNCTION errand._source_task(p_source errand.source, p_stage "char", p_payload jsonb, p_run_at timestamptz, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_stage text := errand._source_stage(p_stage);
    v_queue text := errand._source_queue(p_source.name, v_stage);
    v_role oid := CASE p_stage WHEN 'f' THEN 0 ELSE p_source.owner_oid END;
    v_id bigint;
BEGIN
    v_id := errand._submit(
        p_owner_oid => p_source.owner_oid, p_owner => p_source.owner, p_type => 'source ' || v_stage,
        p_kind => CASE p_stage WHEN 'f' THEN 'http' ELSE 'source' END, p_queue => v_queue, p_priority => 0::smallint,
        p_run_at => p_run_at, p_max_attempts => (CASE p_stage WHEN 'f' THEN 1 ELSE 3 END)::smallint,
        p_timeout_ms => CASE p_stage WHEN 'f' THEN p_source.timeout_ms ELSE 300000 END, p_backoff => NULL, p_base_ms => NULL,
        p_factor => NULL, p_max_ms => NULL, p_deadline => NULL, p_key => NULL, p_tags => NULL, p_at_most_once => false,
        p_notify => NULL, p_traceparent => NULL, p_on_success => NULL, p_on_failure => NULL, p_after => NULL,
        p_after_done => NULL, p_unmet => NULL, p_spoilt => NULL, p_task_group => NULL, p_payload => p_payload, p_now => p_now,
        p_role => v_role);
    PERFORM errand._announce(v_id, v_queue, 'source ' || v_stage, 0, CASE WHEN p_run_at > p_now THEN p_run_at END, v_role,
        p_source.owner_oid);
    RETURN v_id;
END $$;

-- Function:   _source_fetch(source, cursor, validators, page, run_at, now)
-- Returns:    the id of a task that fetches a page
CREATE FUNCTION errand._source_fetch(p_source errand.source, p_cursor jsonb, p_validators jsonb, p_page jsonb,
    p_run_at timestamptz, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN errand._source_task(p_source, 'f',
        errand._source_conditions(errand._source_request(p_source, p_cursor, p_page), p_validators), p_run_at, p_now);
END $$;

-- Function:   _source_known(source, validators)
-- Returns:    the validators, if they are of the definition in force: another
--             one may store what the last one did not
CREATE FUNCTION errand._source_known(p_source errand.source, p_validators jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN p_validators -> 'defined' = to_jsonb(p_source.defined_at) THEN p_validators END;
END $$;

-- Function:   _source_run_begin(source, state, now)
-- Begins a run with its first page; the caller holds the state's row, and no
-- run of the source is open.
-- Returns:    its id
-- Tables:     writes source_run, source_piece, source_state; as _submit()
CREATE FUNCTION errand._source_run_begin(p_source errand.source, p_state errand.source_state, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_run bigint := errand._source_fetch(p_source, p_state.cursor, errand._source_known(p_source, p_state.validators), '{}', NULL, p_now);
BEGIN
    INSERT INTO errand.source_run (id, source, started_at, state, cursor, validators)
    VALUES (v_run, p_source.id, p_now, 'x', p_state.cursor, jsonb_build_object('defined', p_source.defined_at));
    INSERT INTO errand.source_piece (run, task, page, stage, data) VALUES (v_run, v_run, 1, 'f', '{}');
    UPDATE errand.source_state AS s SET last_run = p_now, runs = s.runs + 1 WHERE s.source = p_source.id;
    RETURN v_run;
END $$;

-- Function:   _source_jitter(source, at, span)
-- Returns:    a part of the span that looks like chance and is the same each time
CREATE FUNCTION errand._source_jitter(p_source bigint, p_at timestamptz, p_span interval)
RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN p_span * ((hashint8extended(p_source, extract(epoch FROM p_at)::bigint) & 65535) / 65536.0);
END $$;

-- Function:   _source_grid(source, base, now)
-- Times of a source lie on a grid, so that jitter does not add up.
-- Returns:    the next time of the grid after now; base: the last one, or NULL
CREATE FUNCTION errand._source_grid(p_source errand.source, p_base timestamptz, p_now timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_step double precision;
BEGIN
    IF p_source.cron IS NOT NULL THEN
        RETURN errand._next_run(p_source.cron, p_source.timezone, greatest(p_now, p_base));
    END IF;
    v_step := extract(epoch FROM p_source.every);
    RETURN p_base + greatest(1, floor(extract(epoch FROM p_now - p_base) / v_step) + 1) * p_source.every;
END $$;

-- Function:   _source_backoff(source, failures, now)
-- Returns:    how long to wait after so many failures in a row: from ten seconds
--             (or its interval, if that is shorter) doubled up to 15 minutes
CREATE FUNCTION errand._source_backoff(p_source errand.source, p_failures integer, p_now timestamptz)
RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_wait interval := least(interval '15 min',
        least(coalesce(p_source.every, interval '10 s'), interval '10 s') * power(2, least(greatest(p_failures, 1), 12)));
BEGIN
    RETURN v_wait * 0.9 + errand._source_jitter(p_source.id, p_now, v_wait * 0.1);
END $$;

-- Function:   _source_count(name, items, stored, rejected, duplicate, now)
-- Counts a source's items by the minute, for its history.
-- Tables:     writes rollup
CREATE FUNCTION errand._source_count(p_name text, p_items bigint, p_stored bigint, p_rejected bigint, p_duplicate bigint, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_items + p_stored + p_rejected + p_duplicate > 0 THEN
        PERFORM errand._rollup(date_trunc('minute', p_now), 's', p_name, p_items, p_stored, p_rejected, p_duplicate, 0, 0, 0, '{}', '{}', p_now);
    END IF;
END $$;

-- Function:   _source_run_end(run, now)
-- Ends a run that has no piece left; the caller holds its row.  Cursor,
-- validators and counts move here, in the transaction of the last rows.  The
-- validators stay as they were if storing failed, or rejected everything: the
-- next answer must not say that nothing has changed.
-- Tables:     updates source_run, source_state; writes rollup
CREATE FUNCTION errand._source_run_end(p_run errand.source_run, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source;
    v_state errand.source_state;
    v_good boolean := p_run.error IS NULL;
    v_same boolean := v_good AND p_run.pages > 0 AND p_run.unchanged = p_run.pages;
    v_keep boolean := v_good AND (p_run.rejected = 0 OR p_run.stored + p_run.duplicate > 0);
    v_next timestamptz;
    -- That a batch was stored does not mean that its stream's connection is well.
    v_cut boolean := p_run.stream AND EXISTS (SELECT FROM errand.stream_state AS t WHERE t.source = p_run.source AND t.troubled);
BEGIN
    UPDATE errand.source_run AS r SET finished_at = p_now, seen = NULL, validators = NULL, cursor = NULL,
        state = CASE WHEN NOT v_good THEN 'F' WHEN v_same THEN 'N' ELSE 'S' END
    WHERE r.id = p_run.id;
    SELECT x.* INTO s FROM errand.source AS x WHERE x.id = p_run.source;
    SELECT x.* INTO v_state FROM errand.source_state AS x WHERE x.source = p_run.source FOR UPDATE;
    IF s.id IS NULL OR v_state.source IS NULL THEN
        RETURN;
    END IF;
    v_next := CASE WHEN v_good THEN v_state.next_base + errand._source_jitter(s.id, v_state.next_base,
                                        least(coalesce(s.every, '0') * 0.1, interval '30 s'))
                   ELSE p_now + errand._source_backoff(s, v_state.failures + 1, p_now) END;
    UPDATE errand.source_state AS x SET
        items_stored = x.items_stored + p_run.stored, items_rejected = x.items_rejected + p_run.rejected,
        items_duplicate = x.items_duplicate + p_run.duplicate,
        runs_stored = x.runs_stored + (v_good AND NOT v_same)::integer, runs_same = x.runs_same + v_same::integer,
        runs_failed = x.runs_failed + (NOT v_good)::integer,
        last_success = CASE WHEN v_good THEN p_now ELSE x.last_success END,
        failures = CASE WHEN v_good THEN 0 ELSE x.failures + 1 END,
        degraded_since = CASE WHEN NOT v_good THEN coalesce(x.degraded_since, p_now) WHEN v_cut THEN x.degraded_since END,
        error = CASE WHEN v_good AND v_cut THEN x.error ELSE p_run.error END,
        sqlstate = CASE WHEN v_good AND v_cut THEN x.sqlstate ELSE p_run.sqlstate END,
        cursor = CASE WHEN v_good THEN p_run.cursor ELSE x.cursor END,
        validators = CASE WHEN v_keep AND NOT p_run.stream THEN p_run.validators WHEN v_keep THEN x.validators END,
        last_run = CASE WHEN p_run.stream THEN p_run.started_at ELSE x.last_run END,
        next_run = CASE WHEN NOT p_run.stream THEN greatest(v_next, p_run.wait_until) END
    WHERE x.source = p_run.source;
    PERFORM errand._source_count(s.name, p_run.items, p_run.stored, p_run.rejected, p_run.duplicate, p_now);
    IF v_good AND v_state.degraded_since IS NOT NULL AND NOT v_cut THEN
        PERFORM errand._announce_source(s.name, CASE WHEN s.enabled THEN 'idle' ELSE 'stopped' END, p_run.id, s.owner_oid);
    ELSIF NOT v_good AND v_state.degraded_since IS NULL THEN
        PERFORM errand._announce_source(s.name, 'degraded', p_run.id, s.owner_oid);
    ELSIF NOT p_run.stream THEN
        PERFORM errand._announce_source(s.name, 'look', p_run.id, s.owner_oid);
    END IF;
END $$;

-- Function:   _source_advance(run, now)
-- Sets going what was held back, as far as the next stage has room for it, and
-- ends the run when nothing is left.  The caller holds its row.
-- Tables:     reads and writes source_piece; as _submit(), _source_run_end()
CREATE FUNCTION errand._source_advance(p_run bigint, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r errand.source_run;
    s errand.source;
    p errand.source_piece;
    v_transform bigint;
    v_store bigint;
    v_held bigint;
    v_all bigint;
    v_state errand.source_state;
BEGIN
    SELECT x.* INTO r FROM errand.source_run AS x WHERE x.id = p_run;
    SELECT x.* INTO s FROM errand.source AS x WHERE x.id = r.source;
    SELECT x.* INTO v_state FROM errand.source_state AS x WHERE x.source = r.source;
    IF r.error IS NOT NULL THEN
        DELETE FROM errand.source_piece AS x WHERE x.run = p_run AND x.stage = 'f' AND x.task IS NULL;
    END IF;
    SELECT count(*) FILTER (WHERE x.stage = 't' AND x.task IS NOT NULL), count(*) FILTER (WHERE x.stage = 's'),
        count(*) FILTER (WHERE x.task IS NULL), count(*)
    INTO v_transform, v_store, v_held, v_all FROM errand.source_piece AS x WHERE x.run = p_run;
    IF v_all = 0 THEN
        PERFORM errand._source_run_end(r, p_now);
        RETURN;
    ELSIF v_held = 0 THEN
        RETURN;
    END IF;
    FOR p IN SELECT x.* FROM errand.source_piece AS x WHERE x.run = p_run AND x.task IS NULL ORDER BY x.stage DESC, x.page LOOP
        IF p.stage = 't' AND v_transform < 2 * s.transform_workers AND v_store < 4 * s.store_workers THEN
            v_transform := v_transform + 1;
            UPDATE errand.source_piece AS x SET task = errand._source_task(s, 't',
                jsonb_build_object('source', s.name, 'run', r.id, 'page', p.page), NULL, p_now) WHERE x.id = p.id;
        ELSIF p.stage = 'f' AND v_transform < 2 * s.transform_workers AND v_store < 4 * s.store_workers THEN
            UPDATE errand.source_piece AS x SET task = errand._source_fetch(s, v_state.cursor, errand._source_known(s, v_state.validators), p.data,
                CASE WHEN s.options #>> '{paginate,delay}' IS NOT NULL
                     THEN p_now + (s.options #>> '{paginate,delay}')::interval END, p_now) WHERE x.id = p.id;
        END IF;
    END LOOP;
END $$;

-- Function:   _source_fail(run, sqlstate, error)
-- The run fails when what is left of it is done; the first error counts.
-- Tables:     updates source_run
CREATE FUNCTION errand._source_fail(p_run bigint, p_sqlstate text, p_error text)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE errand.source_run AS r SET error = coalesce(r.error, left(p_error, 2000)), sqlstate = coalesce(r.sqlstate, p_sqlstate)
    WHERE r.id = p_run;
END $$;

-- Function:   _source_wait(headers, status, now)
-- Returns:    until when the server asks to be left alone, or its answer is
--             fresh: Retry-After, max-age, up to an hour; NULL: says nothing
CREATE FUNCTION errand._source_wait(p_headers jsonb, p_status integer, p_now timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_control text := lower(p_headers ->> 'cache-control');
    v_seconds text;
BEGIN
    IF p_status IN (429, 503) THEN
        v_seconds := p_headers ->> 'retry-after';
        IF v_seconds ~ '[a-zA-Z]' THEN
            RETURN least((v_seconds)::timestamptz, p_now + interval '1 h');
        END IF;
    ELSIF v_control !~ 'no-(cache|store)' THEN
        v_seconds := substring(v_control FROM 'max-age\s*=\s*"?(\d+)');
    END IF;
    IF v_seconds ~ '^\s*\d{1,9}\s*$' THEN
        RETURN p_now + least(v_seconds::integer, 3600) * interval '1 s';
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- Function:   _source_validators(request, headers, next, before)
-- Returns:    {key: {etag, modified, next}} of a page that came, or that was
--             said to be as before
CREATE FUNCTION errand._source_validators(p_request jsonb, p_headers jsonb, p_next jsonb, p_before jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_key text := errand._source_key(p_request);
    v_etag text := p_headers ->> 'etag';
    v_modified text := p_headers ->> 'last-modified';
BEGIN
    IF p_before ? v_key THEN
        RETURN jsonb_build_object(v_key, p_before -> v_key);
    END IF;
    v_etag := CASE WHEN v_etag ~ '^[\x20-\x7e]+$' AND length(v_etag) <= 1000 THEN v_etag END;
    v_modified := CASE WHEN v_modified ~ '^[\x20-\x7e]+$' AND length(v_modified) <= 100 THEN v_modified END;
    IF v_etag IS NULL AND v_modified IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN jsonb_build_object(v_key, jsonb_strip_nulls(jsonb_build_object('etag', v_etag, 'modified', v_modified, 'next', p_next)));
END $$;

-- Function:   _source_fetched(source, run, piece, outcome, now)
-- A page came: its items are to be transformed, and the next page to be fetched.
-- The caller holds the run's row.
-- Tables:     reads task, source_state; updates source_run; writes source_piece
CREATE FUNCTION errand._source_fetched(p_source errand.source, p_run errand.source_run, p_piece errand.source_piece,
    p_outcome errand.outcome, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_headers jsonb := coalesce(errand._headers(p_outcome.head), '{}');
    v_request jsonb := (SELECT t.payload FROM errand.task AS t WHERE t.id = p_outcome.id);
    v_same boolean := p_outcome.status_code = 304;
    v_known jsonb := CASE WHEN v_same THEN (SELECT x.validators FROM errand.source_state AS x WHERE x.source = p_source.id) END;
    v_next jsonb := CASE WHEN v_same THEN v_known -> errand._source_key(v_request) -> 'next'
                         ELSE p_outcome.result -> 'next' END;
    v_hash text := CASE WHEN NOT v_same THEN md5(p_outcome.body) END;
    v_empty boolean := coalesce((p_outcome.result ->> 'empty')::boolean, false)
        OR (NOT v_same AND p_piece.page > 1 AND v_hash = p_run.page_hash);
    v_most integer := coalesce((p_source.options #>> '{paginate,max_pages}')::integer, 10);
BEGIN
    IF NOT v_same AND NOT (p_outcome.status_code BETWEEN 200 AND 299) THEN
        PERFORM errand._source_fail(p_run.id, '38000', format('HTTP status %s', p_outcome.status_code));
        RETURN;
    END IF;
    IF v_empty OR p_piece.page >= v_most OR md5(v_next::text) = ANY (p_run.seen) THEN
        v_next := NULL;
    END IF;
    UPDATE errand.source_run AS r SET pages = r.pages + 1, unchanged = r.unchanged + v_same::integer,
        page_hash = coalesce(v_hash, r.page_hash),
        seen = CASE WHEN v_next IS NULL THEN r.seen ELSE r.seen || md5(v_next::text) END,
        validators = coalesce(r.validators, '{}') || errand._source_validators(v_request, v_headers, v_next, v_known),
        wait_until = coalesce(r.wait_until, errand._source_wait(v_headers, p_outcome.status_code, p_now))
    WHERE r.id = p_run.id;
    IF NOT v_same AND NOT (v_empty AND p_piece.page > 1) THEN
        INSERT INTO errand.source_piece (run, answer, page, stage) VALUES (p_run.id, p_outcome.id, p_piece.page, 't');
    END IF;
    IF v_next IS NOT NULL THEN
        INSERT INTO errand.source_piece (run, page, stage, data) VALUES (p_run.id, p_piece.page + 1, 'f', v_next);
    END IF;
END $$;

-- Function:   _sources_settled(ids, now)
-- What follows tasks of sources that are final now, in the transaction that
-- records so.  Ids of other tasks do no harm.
-- Tables:     reads outcome, source; deletes from source_piece; as _source_advance()
CREATE FUNCTION errand._sources_settled(p_ids bigint[], p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p errand.source_piece;
    r errand.source_run;
    s errand.source;
    o errand.outcome;
BEGIN
    FOR p IN SELECT x.* FROM errand.source_piece AS x WHERE x.task = ANY (p_ids) ORDER BY x.run, x.id LOOP
        SELECT x.* INTO r FROM errand.source_run AS x WHERE x.id = p.run FOR UPDATE;
        SELECT x.* INTO s FROM errand.source AS x WHERE x.id = r.source;
        SELECT x.* INTO o FROM errand.outcome AS x WHERE x.id = p.task;
        DELETE FROM errand.source_piece AS x WHERE x.id = p.id;
        IF NOT FOUND OR s.id IS NULL OR o.id IS NULL THEN
            CONTINUE;
        ELSIF o.state <> 'S' THEN
            PERFORM errand._source_fail(r.id, o.sqlstate, regexp_replace(coalesce(o.error, 'cancelled'), '^page 1: ',
                CASE WHEN p.page > 1 THEN format('page %s: ', p.page) ELSE '' END));
            IF p.stage = 'f' THEN
                UPDATE errand.source_run AS x SET wait_until = greatest(x.wait_until,
                    errand._source_wait(errand._headers(o.head), o.status_code, p_now)) WHERE x.id = r.id AND o.head IS NOT NULL;
            END IF;
        ELSIF p.stage = 'f' THEN
            PERFORM errand._source_fetched(s, r, p, o, p_now);
        END IF;
        PERFORM errand._source_advance(r.id, p_now);
    END LOOP;
END $$;

-- Function:   _source_due(source, state, now)
-- Moves the times of a source that was started or redefined, or whose time has
-- come.
-- Returns:    whether it is due now
-- Tables:     updates source_state
CREATE FUNCTION errand._source_due(p_source errand.source, p_state errand.source_state, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_fresh timestamptz := greatest(p_source.enabled_at, p_source.defined_at);
    v_base timestamptz := p_state.next_base;
    v_due boolean := p_state.next_run <= p_now;
BEGIN
    IF p_state.planned_for IS DISTINCT FROM v_fresh THEN
        -- With an interval it begins at once, with a cron expression at its time.
        v_base := CASE WHEN p_source.cron IS NULL THEN p_now ELSE errand._source_grid(p_source, v_fresh, v_fresh) END;
        v_due := v_base <= p_now;
    ELSIF NOT v_due THEN
        RETURN false;
    END IF;
    IF v_due AND v_base <= p_now THEN -- else it tries again before its time
        v_base := errand._source_grid(p_source, v_base, p_now);
    END IF;
    UPDATE errand.source_state AS x SET planned_for = v_fresh, next_base = v_base, next_run = v_base
    WHERE x.source = p_source.id;
    RETURN v_due;
END $$;

-- Function:   _source_obstacle(source)
-- Returns:    why it cannot run, or NULL
CREATE FUNCTION errand._source_obstacle(p_source errand.source)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM pg_roles AS r WHERE r.oid = p_source.owner_oid AND r.rolname = p_source.owner;
    IF NOT FOUND THEN
        RETURN format('role changed: the role "%s" was dropped or renamed', p_source.owner);
    END IF;
    RETURN NULL;
END $$;

-- Function:   _sources_fire(now, limit)
-- Begins a run of each started source that is due and has none open; one that
-- a client holds is left for the next time.
-- Returns:    how many began
-- Tables:     reads source; as _source_due(), _source_run_begin()
CREATE FUNCTION errand._sources_fire(p_now timestamptz, p_limit integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source;
    v_state errand.source_state;
    v_began integer := 0;
    v_obstacle text;
BEGIN
    FOR s IN
        SELECT x.* FROM errand.source AS x JOIN errand.source_state AS y ON y.source = x.id
        WHERE x.enabled AND x.kind <> 'websocket'
          AND (y.next_run <= p_now OR y.planned_for IS DISTINCT FROM greatest(x.enabled_at, x.defined_at))
          AND NOT EXISTS (SELECT FROM errand.source_run AS r WHERE r.source = x.id AND r.finished_at IS NULL AND NOT r.stream)
        ORDER BY y.next_run, x.id LIMIT p_limit
    LOOP
        SELECT x.* INTO v_state FROM errand.source_state AS x WHERE x.source = s.id FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND OR NOT errand._source_due(s, v_state, p_now)
            OR EXISTS (SELECT FROM errand.source_run AS r WHERE r.source = s.id AND r.finished_at IS NULL AND NOT r.stream);
        v_obstacle := errand._source_obstacle(s);
        IF v_obstacle IS NOT NULL THEN
            UPDATE errand.source_state AS x SET error = v_obstacle, sqlstate = '42501', failures = x.failures + 1,
                degraded_since = coalesce(x.degraded_since, p_now), next_run = p_now + errand._source_backoff(s, x.failures + 1, p_now)
            WHERE x.source = s.id;
            CONTINUE;
        END IF;
        PERFORM errand._source_run_begin(s, v_state, p_now);
        v_began := v_began + 1;
    END LOOP;
    RETURN v_began;
END $$;

-- Function:   _sources_mend(now)
-- Pieces whose task ended where no settle of ours saw it, and open runs without
-- pieces; what is left of dropped sources; the oldest of what is kept for a look.
-- Tables:     as _sources_settled(); deletes from source_run, source_state, source_piece, source_news, reject
CREATE FUNCTION errand._sources_mend(p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ids bigint[] := ARRAY(
        SELECT p.task FROM errand.source_piece AS p
        WHERE (SELECT true FROM errand.outcome AS o WHERE o.id = p.task) -- no join: it may walk through all outcomes
          AND EXISTS (SELECT FROM errand.source_run AS r WHERE r.id = p.run FOR UPDATE SKIP LOCKED) LIMIT 100);
    v_run bigint;
    v_source bigint;
BEGIN
    IF cardinality(v_ids) > 0 THEN
        PERFORM errand._sources_settled(v_ids, p_now);
    END IF;
    FOR v_run IN
        SELECT r.id FROM errand.source_run AS r WHERE r.finished_at IS NULL
          AND NOT EXISTS (SELECT FROM errand.source_piece AS p WHERE p.run = r.id) LIMIT 100 FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM errand._source_advance(v_run, p_now);
    END LOOP;
    FOR v_source IN
        SELECT x.source FROM errand.source_state AS x
        WHERE NOT EXISTS (SELECT FROM errand.source AS s WHERE s.id = x.source) LIMIT 10 FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM errand.source_piece AS p USING errand.source_run AS r WHERE r.id = p.run AND r.source = v_source;
        DELETE FROM errand.source_run AS r WHERE r.source = v_source;
        DELETE FROM errand.source_news AS n WHERE n.source = v_source;
        DELETE FROM errand.reject AS j WHERE j.source = v_source;
        DELETE FROM errand.stream_state AS t WHERE t.source = v_source;
        DELETE FROM errand.source_state AS x WHERE x.source = v_source;
    END LOOP;
END $$;

-- Function:   _sources_next(now)
-- Returns:    when the next source is due; soon, if one is due that a client holds
-- Tables:     reads source, source_state, source_run
CREATE FUNCTION errand._sources_next(p_now timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT min(CASE WHEN y.planned_for IS DISTINCT FROM greatest(x.enabled_at, x.defined_at) OR y.next_run <= p_now
                        THEN p_now + interval '50 ms' ELSE y.next_run END)
        FROM errand.source AS x JOIN errand.source_state AS y ON y.source = x.id
        WHERE x.enabled AND x.kind <> 'websocket'
          AND NOT EXISTS (SELECT FROM errand.source_run AS r WHERE r.source = x.id AND r.finished_at IS NULL AND NOT r.stream));
END $$;

-- Function:   _sources_tend(now)
-- All that the leader does for sources.
-- Returns:    when to look again, NULL: when something changes
CREATE FUNCTION errand._sources_tend(p_now timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM errand.source_state LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM errand._sources_mend(p_now);
    PERFORM errand._sources_fire(p_now, 100);
    RETURN errand._sources_next(p_now);
END $$;

-- Function:   _sources_trim(now)
-- The oldest of what is kept for a look: of runs the last hundred of a source,
-- of news ten minutes, of rejects ten thousand of a source.
-- Tables:     deletes from source_run, source_news, reject
CREATE FUNCTION errand._sources_trim(p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_source bigint;
BEGIN
    PERFORM errand._cached_trim(p_now);
    FOR v_source IN SELECT x.source FROM errand.source_state AS x LOOP
        DELETE FROM errand.source_run AS r WHERE r.source = v_source AND r.finished_at IS NOT NULL AND r.id < (
            SELECT y.id FROM errand.source_run AS y WHERE y.source = v_source ORDER BY y.id DESC OFFSET 100 LIMIT 1);
        DELETE FROM errand.source_news AS n WHERE n.source = v_source AND n.at < p_now - interval '10 min' AND n.id < (
            SELECT y.id FROM errand.source_news AS y WHERE y.source = v_source ORDER BY y.id DESC OFFSET 20 LIMIT 1);
        DELETE FROM errand.reject AS j WHERE j.source = v_source AND j.id < (
            SELECT y.id FROM errand.reject AS y WHERE y.source = v_source ORDER BY y.id DESC OFFSET 10000 LIMIT 1);
    END LOOP;
END $$;
