-- Routes that look: the overview, queues, sources, schedules, workers, hosts,
-- and what a new subscription is told.

-- Function:   _fingerprint(error)
-- Returns:    the error without what differs between two of the same kind:
--             URLs, what is quoted, ids, numbers
CREATE FUNCTION errand._fingerprint(p_error text)
RETURNS text
LANGUAGE c STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_fingerprint_sql';

-- Function:   _queue_rows(now)
-- Returns:    every queue that the caller may know of, with its last 30 minutes
CREATE FUNCTION errand._queue_rows(p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN (
        WITH spark AS (
            SELECT h.name, array_agg(h.finished ORDER BY h.minute) AS finished, array_agg(h.ago ORDER BY h.minute) AS ago
            FROM (SELECT r.name, r.minute, r.succeeded + r.failed + r.cancelled AS finished,
                      (extract(epoch FROM date_trunc('minute', p_now) - r.minute) / 60)::integer AS ago
                  FROM errand.stat_history AS r WHERE r.kind = 'queue' AND r.minute > p_now - interval '30 min') AS h
            WHERE h.ago BETWEEN 1 AND 29 GROUP BY h.name
        )
        SELECT coalesce(jsonb_agg(jsonb_build_object('queue', s.queue, 'paused', s.paused, 'draining', q.draining, 'max_running', q.max_running,
            'rate_limit', q.rate_limit, 'max_depth', q.max_depth, 'description', q.description, 'depth', s.depth, 'ready', s.ready,
            'scheduled', s.scheduled, 'waiting', s.waiting, 'running', s.running, 'oldest_ready_age_ms', errand._ms(s.oldest_ready_age),
            'succeeded', s.succeeded, 'failed', s.failed, 'retried', s.retried, 'wait_p50_ms', s.wait_p50_ms, 'wait_p95_ms', s.wait_p95_ms,
            'run_p50_ms', s.run_p50_ms, 'run_p95_ms', s.run_p95_ms,
            'spark', (SELECT jsonb_agg(CASE WHEN m.ago = 0 THEN coalesce(n.succeeded + n.failed + n.cancelled, 0)
                          ELSE coalesce(k.finished[array_position(k.ago, m.ago)], 0) END ORDER BY m.ago DESC)
                      FROM generate_series(0, 29) AS m (ago))) ORDER BY s.queue), '[]')
        FROM errand.stat_queues AS s JOIN errand.queues AS q ON q.queue = s.queue
        LEFT JOIN spark AS k ON k.name = s.queue LEFT JOIN errand._rollup_now('q') AS n ON n.name = s.queue);
END $$;

-- Function:   _api_queues(args, now)
CREATE FUNCTION errand._api_queues(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_known(p_args);
    RETURN jsonb_build_object('queues', errand._queue_rows(p_now));
END $$;

-- Function:   _schedule_rows(most)
-- Returns:    schedules, those that are due next first
CREATE FUNCTION errand._schedule_rows(p_most integer)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'cron', s.cron, 'timezone', s.timezone, 'task', s.task, 'queue', s.queue,
            'paused', s.paused, 'last_run', errand._iso(s.last_run), 'next_run', errand._iso(s.next_run), 'last_state', s.last_state,
            'last_task', s.last_task, 'overlap', s.overlap, 'runs', s.runs, 'skipped', s.skipped, 'skip_reason', s.skip_reason,
            'owner', s.owner, 'defined_at', errand._iso(s.defined_at)) ORDER BY s.next_run, s.name), '[]')
        FROM (SELECT x.* FROM errand.schedules AS x ORDER BY x.next_run, x.name LIMIT p_most) AS s);
END $$;

-- Function:   _api_schedules(args, now)
CREATE FUNCTION errand._api_schedules(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_known(p_args);
    RETURN jsonb_build_object('schedules', errand._schedule_rows(1000));
END $$;

-- Function:   _api_workers(args, now)
CREATE FUNCTION errand._api_workers(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_known(p_args);
    RETURN jsonb_build_object('workers', (
        SELECT coalesce(jsonb_agg(to_jsonb(w) || jsonb_build_object('started_at', errand._iso(w.started_at),
            'last_seen', errand._iso(w.last_seen)) ORDER BY w.started_at, w.pid), '[]') FROM errand.stat_workers AS w));
END $$;

-- Function:   _api_hosts(args, now)
CREATE FUNCTION errand._api_hosts(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_known(p_args);
    RETURN jsonb_build_object('hosts', (
        SELECT coalesce(jsonb_agg(to_jsonb(h) || jsonb_build_object('held_until', errand._iso(h.held_until)) ORDER BY h.host), '[]')
        FROM errand.stat_hosts AS h));
END $$;

-- Function:   _failures()
-- Returns:    the newest thousand failures, grouped by their fingerprint, at most ten groups
CREATE FUNCTION errand._failures()
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ids bigint[] := (SELECT p.ids FROM errand._page('{"states": ["F"]}', NULL, 1000) AS p);
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('error', errand._mask_text(left(g.error, 500)), 'fingerprint', g.fingerprint, 'count', g.n,
            'last_id', g.last_id, 'last_at', errand._iso(g.last_at), 'task', g.task, 'queue', g.queue) ORDER BY g.last_id DESC), '[]')
        FROM (SELECT f.fingerprint, count(*) AS n, max(f.id) AS last_id, max(f.finished_at) AS last_at,
                  (array_agg(f.error ORDER BY f.id DESC))[1] AS error, (array_agg(f.task ORDER BY f.id DESC))[1] AS task,
                  (array_agg(f.queue ORDER BY f.id DESC))[1] AS queue
              FROM (SELECT t.id, t.error, t.task, t.queue, t.finished_at, errand._fingerprint(coalesce(t.error, '')) AS fingerprint
                    FROM unnest(errand._rows(v_ids)) AS t WHERE t.state = 'failed') AS f
              GROUP BY f.fingerprint ORDER BY max(f.id) DESC LIMIT 10) AS g);
END $$;

-- Function:   _level()
-- Returns:    the highest level that the current role, or its token, has; NULL if none
CREATE FUNCTION errand._level()
RETURNS text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_level_name_sql';

-- Function:   _api_overview(args, now)
CREATE FUNCTION errand._api_overview(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_health jsonb := errand.health();
    v_stats jsonb;
    v_recent record;
    v_pid integer;
    v_kinds jsonb;
BEGIN
    PERFORM errand._arg_known(p_args);
    v_stats := errand._stats();
    SELECT sum(x.succeeded) AS succeeded, sum(x.failed) AS failed, sum(x.cancelled) AS cancelled, min(x.since) AS since INTO v_recent
    FROM (SELECT r.succeeded, r.failed, r.cancelled, r.minute AS since FROM errand.stat_history AS r
          WHERE r.kind = 'all' AND r.name = '' AND r.minute > p_now - interval '5 min'
          UNION ALL
          SELECT n.succeeded, n.failed, n.cancelled, n.since FROM errand._rollup_now('a') AS n) AS x;
    SELECT max(w.pid) FILTER (WHERE w.leader), jsonb_object_agg(w.kind, w.n) INTO v_pid, v_kinds
    FROM (SELECT x.kind, x.leader, max(x.pid) AS pid, count(*) OVER (PARTITION BY x.kind) AS n
          FROM errand.stat_workers AS x GROUP BY x.kind, x.leader, x.pid) AS w;
    RETURN jsonb_build_object('at', errand._iso(p_now), 'database', current_database(), 'version', errand.version(),
        'pg_version', current_setting('server_version'), 'role', current_user, 'level', errand._level(),
        'status', v_health -> 'status', 'checks', v_health -> 'checks', 'paused', v_stats -> 'paused',
        'workers', coalesce(v_kinds -> 'worker', '0'), 'executors', coalesce(v_kinds -> 'executor', '0'), 'leader_pid', v_pid,
        'relay', jsonb_build_object('clients', v_stats -> 'clients', 'notify', v_stats -> 'notify'),
        'counts', v_stats -> 'counts', 'rates', v_stats -> 'rates',
        'throughput_per_s', round((coalesce(v_recent.succeeded + v_recent.failed + v_recent.cancelled, 0)
            / greatest(1, extract(epoch FROM p_now - greatest(v_recent.since, p_now - interval '6 min'))))::numeric, 2),
        'failure_rate', coalesce(round(v_recent.failed / nullif(v_recent.succeeded + v_recent.failed, 0), 4), 0),
        'oldest_ready_age_ms', v_stats -> 'oldest_ready_age_ms', 'running', v_stats -> 'running', 'slots', v_stats -> 'slots',
        'queues', errand._queue_rows(p_now), 'sources', errand._api_sources('{}', p_now) -> 'sources', 'failures', errand._cached_read('dashboard: failures', interval '2 s', 'SELECT errand._failures()'),
        'schedules_next', errand._schedule_rows(5));
END $$;

-- Function:   _counts(queue, group)
-- Returns:    how many tasks are in each state: of a queue, of a group, or of all
CREATE FUNCTION errand._counts(p_queue text, p_group bigint)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_group IS NOT NULL THEN
        RETURN (SELECT jsonb_build_object('total', g.total, 'pending', g.pending, 'succeeded', g.succeeded, 'failed', g.failed,
                    'cancelled', g.cancelled) FROM errand.task_groups AS g WHERE g.id = p_group);
    ELSIF p_queue IS NOT NULL THEN
        RETURN (SELECT jsonb_build_object('waiting', coalesce(sum(c.waiting), 0), 'scheduled', coalesce(sum(c.scheduled - c.retrying), 0),
                    'ready', coalesce(sum(c.ready), 0), 'running', coalesce(sum(c.running), 0), 'retrying', coalesce(sum(c.retrying), 0),
                    'succeeded', coalesce(sum(c.succeeded - c.retaken[1]), 0), 'failed', coalesce(sum(c.failed - c.unknown - c.retaken[2]), 0),
                    'cancelled', coalesce(sum(c.cancelled - c.retaken[4]), 0), 'unknown', coalesce(sum(c.unknown - c.retaken[3]), 0))
                FROM errand._counters('q') AS c WHERE c.name = p_queue);
    ELSIF errand._sees_all(current_user) THEN
        RETURN errand._stats() -> 'counts';
    END IF;
    -- Its own tasks that are not final; nobody keeps count of a role's history.
    RETURN (SELECT jsonb_object_agg(s.state, coalesce(n.n, 0)) FROM unnest(ARRAY['waiting', 'scheduled', 'ready', 'running', 'retrying']) AS s (state)
            LEFT JOIN (SELECT t.state, count(*) AS n FROM errand.tasks AS t
                       WHERE t.state IN ('waiting', 'scheduled', 'ready', 'running', 'retrying') GROUP BY t.state) AS n ON n.state = s.state);
END $$;

-- Function:   _snapshot_filter(filter)
-- Returns:    what a filter of a subscription means in a list: queue, task,
--             kind, owner, tag, key, group, state (one or an array)
CREATE FUNCTION errand._snapshot_filter(p_filter jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_filter IS NULL OR p_filter = 'null' THEN
        RETURN '{}';
    END IF;
    PERFORM errand._arg_known(p_filter, 'queue', 'task', 'kind', 'owner', 'tag', 'key', 'group', 'state', 'id');
    RETURN errand._page_filter(p_filter - 'id');
END $$;

-- Function:   _api_snapshot(args, now)
-- args: channel, and the subscription's filter.
-- Returns:    {"data": what the subscription begins with}
-- Raises:     42704, 42501 if the role may not follow the channel
CREATE FUNCTION errand._api_snapshot(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_channel text := errand._arg_need(p_args, 'channel');
    v_what text := split_part(v_channel, ':', 1);
    v_name text := nullif(substr(v_channel, length(v_what) + 2), '');
    v_filter jsonb;
    v_data jsonb;
    v_task errand.tasks;
BEGIN
    PERFORM errand._arg_known(p_args, 'channel', 'filter');
    v_filter := errand._snapshot_filter(p_args -> 'filter');
    IF v_channel = 'stats' THEN
        RETURN jsonb_build_object('data', errand._stats());
    ELSIF v_what = 'notify' AND v_name IS NOT NULL THEN
        RETURN '{"data": {}}';
    ELSIF v_what = 'task' THEN
        SELECT t.* INTO v_task FROM errand.tasks AS t WHERE t.id = errand._arg_id(jsonb_build_object('id', v_name));
        IF NOT FOUND THEN
            PERFORM errand._task_gone(errand._arg_id(jsonb_build_object('id', v_name)));
        END IF;
        RETURN jsonb_build_object('data', errand._task_json(v_task));
    ELSIF v_what = 'source' AND v_name IS NOT NULL THEN
        RETURN jsonb_build_object('data', errand._source_snapshot(v_name));
    ELSIF v_what = 'queue' AND v_name IS NOT NULL THEN
        v_filter := v_filter || jsonb_build_object('queue', v_name);
        v_data := jsonb_build_object('counts', errand._counts(v_name, NULL));
    ELSIF v_what = 'group' THEN
        v_data := errand._group_json(errand._arg_id(jsonb_build_object('id', v_name)));
        IF v_data IS NULL THEN
            RAISE EXCEPTION 'there is no task group %', v_name
                USING ERRCODE = '42704', HINT = 'It is not there any more, or not yours.';
        END IF;
        v_filter := v_filter || jsonb_build_object('group', v_name);
        v_data := jsonb_build_object('counts', v_data -> 'counts', 'group', v_data);
    ELSIF v_channel = 'tasks' THEN
        v_data := jsonb_build_object('counts', errand._counts(NULL, NULL));
    ELSE
        RAISE EXCEPTION 'there is no channel "%"', left(v_channel, 200)
            USING ERRCODE = '42704', HINT = 'Channels are tasks, task:ID, queue:NAME, group:ID, stats, source:NAME, notify:CHANNEL.';
    END IF;
    RETURN jsonb_build_object('data', v_data || jsonb_build_object('tasks',
        errand._tasks_json((SELECT p.ids FROM errand._page(v_filter, NULL, 100) AS p))));
END $$;
