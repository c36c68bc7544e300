-- Schedules.  Defined by extension/schedule.c, fired by the leader
-- (bgworker/queue/schedules.c): a run and the next time commit together.

CREATE TABLE errand.schedule (
    name        text        NOT NULL COLLATE "C",
    owner_oid   oid         NOT NULL,
    owner       text        NOT NULL COLLATE "C",
    cron        text        NOT NULL,
    timezone    text        NOT NULL,
    overlap     boolean     NOT NULL,
    paused      boolean     NOT NULL DEFAULT false,
    defined_at  timestamptz NOT NULL,
    next_run    timestamptz,
    last_run    timestamptz,
    last_due    timestamptz,
    last_task   bigint,
    runs        bigint      NOT NULL DEFAULT 0,
    skipped     bigint      NOT NULL DEFAULT 0,
    skip_reason text,
    spec        jsonb       NOT NULL,
    PRIMARY KEY (name)
);

-- What was fired: a time comes once, whatever clocks do.
CREATE TABLE errand.schedule_run (
    schedule text        NOT NULL COLLATE "C",
    due_at   timestamptz NOT NULL,
    task     bigint,
    PRIMARY KEY (schedule, due_at)
);
CREATE INDEX schedule_run_task ON errand.schedule_run (task);
SELECT pg_catalog.pg_extension_config_dump('errand.schedule', '');
SELECT pg_catalog.pg_extension_config_dump('errand.schedule_run', '');

-- Function:   _next_run(cron, timezone, after)
-- Returns:    the first time after that one at which it is due; NULL: none
-- Raises:     22023 if either cannot be used
CREATE FUNCTION errand._next_run(p_cron text, p_timezone text, p_after timestamptz)
RETURNS timestamptz
LANGUAGE c STRICT STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_next_run';

-- Function:   _schedule_define(name, cron, timezone, overlap, spec, next, now)
-- Redefining replaces; what ran, and a pause, stay.  A time that has come
-- already and was not fired yet stays, too, if cron and zone are the same.
-- Returns:    false if another role has a schedule of this name
-- Tables:     writes schedule
CREATE FUNCTION errand._schedule_define(p_name text, p_cron text, p_timezone text, p_overlap boolean, p_spec jsonb,
    p_next timestamptz, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.schedule AS s (name, owner_oid, owner, cron, timezone, overlap, defined_at, next_run, spec)
    VALUES (p_name, (p_spec ->> 'owner_oid')::oid, p_spec ->> 'owner', p_cron, p_timezone, p_overlap, p_now, p_next, p_spec)
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, cron = excluded.cron, timezone = excluded.timezone,
        overlap = excluded.overlap, defined_at = excluded.defined_at, spec = excluded.spec, skip_reason = NULL,
        next_run = CASE WHEN s.cron = excluded.cron AND s.timezone = excluded.timezone AND NOT s.paused
                        THEN least(s.next_run, excluded.next_run) ELSE excluded.next_run END
    WHERE s.owner_oid = excluded.owner_oid;
    RETURN FOUND;
END $$;

-- Function:   _schedule_drop(name, caller, all)
-- Returns:    whether there was one that the caller may touch
-- Tables:     deletes from schedule, schedule_run, outbox
CREATE FUNCTION errand._schedule_drop(p_name text, p_caller oid, p_all boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.schedule AS s WHERE s.name = p_name AND (p_all OR s.owner_oid = p_caller);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM errand.schedule_run AS r WHERE r.schedule = p_name;
    DELETE FROM errand.outbox AS b WHERE b.schedule = p_name;
    RETURN true;
END $$;

-- Function:   _schedule_set(name, caller, all, paused, now)
-- Resuming makes up for nothing: the next time is the next one from now on.
-- Returns:    whether there is one that the caller may touch
-- Tables:     updates schedule
CREATE FUNCTION errand._schedule_set(p_name text, p_caller oid, p_all boolean, p_paused boolean, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE errand.schedule AS s SET paused = p_paused,
        next_run = CASE WHEN s.paused AND NOT p_paused THEN errand._next_run(s.cron, s.timezone, p_now) ELSE s.next_run END
    WHERE s.name = p_name AND (p_all OR s.owner_oid = p_caller);
    RETURN FOUND;
END $$;

-- Function:   _schedule_obstacle(schedule, spec, now)
-- Returns:    why it is not its turn to run, or NULL
-- Raises:     55000, 53400 if its queue drains or is full
-- Tables:     reads task, outcome, outbox, task_types, queue
CREATE FUNCTION errand._schedule_obstacle(p_schedule errand.schedule, p_spec jsonb)
RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_queue text := p_spec ->> 'queue';
BEGIN
    IF NOT p_schedule.overlap AND (
        EXISTS (SELECT FROM errand.outbox AS b WHERE b.schedule = p_schedule.name)
        OR (EXISTS (SELECT FROM errand.task AS t WHERE t.id = p_schedule.last_task)
            AND NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = p_schedule.last_task))) THEN
        RETURN format('its last run, task %s, was not over', p_schedule.last_task);
    END IF;
    PERFORM errand._queue_check(v_queue,
        coalesce((SELECT (c.ready + c.scheduled + c.waiting)::bigint FROM errand._counters('q') AS c WHERE c.name = v_queue), 0), 1);
    RETURN errand._spec_problem(p_spec);
END $$;

-- Function:   _schedule_fire(schedule, now)
-- One run of a schedule that is due, or a note why there is none; in either
-- case its next time, counted from now: what was missed is made up by this one
-- run.  A time that was fired already, by a clock that went back, is passed over.
-- Tables:     writes schedule_run, schedule; as _submit(), or writes outbox
CREATE FUNCTION errand._schedule_fire(p_schedule errand.schedule, p_now timestamptz)
RETURNS errand._spec_result
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v errand._spec_result;
    v_due timestamptz := p_schedule.next_run;
    v_next timestamptz;
    v_spec jsonb := p_schedule.spec || jsonb_build_object('owner_oid', p_schedule.owner_oid::bigint, 'owner', p_schedule.owner,
        'run_at', to_jsonb(v_due));
    v_sqlstate text;
BEGIN
    -- What is wrong with one schedule does not stop the others.
    BEGIN
        v_next := errand._next_run(p_schedule.cron, p_schedule.timezone, greatest(p_now, v_due));
        v.problem := errand._schedule_obstacle(p_schedule, v_spec);
        IF v.problem IS NULL THEN
            INSERT INTO errand.schedule_run (schedule, due_at) VALUES (p_schedule.name, v_due) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                v.problem := format('it ran at %s already', v_due);
            ELSIF v_spec ? 'key' THEN
                INSERT INTO errand.outbox (at, schedule, due_at, spec) VALUES (p_now, p_schedule.name, v_due, v_spec);
                v.boxed := true;
            ELSE
                v := errand._submit_spec(v_spec, p_now);
                UPDATE errand.schedule_run AS r SET task = v.id WHERE r.schedule = p_schedule.name AND r.due_at = v_due;
            END IF;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE;
        IF errand._transient(v_sqlstate) AND v_sqlstate NOT IN ('53400', '55000') THEN
            RAISE;
        END IF;
        v := NULL;
        v.problem := SQLERRM;
    END;
    UPDATE errand.schedule AS s SET next_run = v_next, last_task = coalesce(v.id, s.last_task),
        last_run = CASE WHEN v.problem IS NULL THEN p_now ELSE s.last_run END,
        last_due = CASE WHEN v.problem IS NULL THEN v_due ELSE s.last_due END,
        runs = s.runs + (v.problem IS NULL)::integer, skipped = s.skipped + (v.problem IS NOT NULL)::integer,
        skip_reason = v.problem
    WHERE s.name = p_schedule.name;
    RETURN v;
END $$;

-- Function:   _schedules_fire(now, limit)
-- Fires schedules that are due; one that a client holds is left for the next time.
-- Returns:    a row for each
-- Tables:     reads schedule; as _schedule_fire()
CREATE FUNCTION errand._schedules_fire(p_now timestamptz, p_limit integer)
RETURNS SETOF errand._spec_result
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_schedule errand.schedule;
BEGIN
    FOR v_schedule IN
        SELECT s.* FROM errand.schedule AS s WHERE s.next_run <= p_now AND NOT s.paused
        ORDER BY s.next_run, s.name LIMIT p_limit FOR UPDATE SKIP LOCKED
    LOOP
        RETURN NEXT errand._schedule_fire(v_schedule, p_now);
    END LOOP;
END $$;

-- Function:   _schedules_next(now)
-- Returns:    when to look again: at the next schedule's time, soon if one that
--             is due is held by a client, in a second if the outbox has something
-- Tables:     reads schedule, outbox
CREATE FUNCTION errand._schedules_next(p_now timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN least((SELECT min(s.next_run) FROM errand.schedule AS s WHERE s.next_run > p_now AND NOT s.paused),
                 (SELECT p_now + interval '50 ms' FROM errand.schedule AS s WHERE s.next_run <= p_now AND NOT s.paused LIMIT 1),
                 (SELECT p_now + interval '1 s' FROM errand.outbox LIMIT 1));
END $$;
