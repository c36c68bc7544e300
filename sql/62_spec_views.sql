-- What users see of schedules and follow-ups: their own; monitor and admin see all.

CREATE VIEW errand.schedules WITH (security_barrier) AS
SELECT s.name, s.cron, s.timezone, s.spec ->> 'type' AS task, s.paused, s.last_run,
    CASE WHEN NOT s.paused THEN s.next_run END AS next_run,
    (SELECT t.state FROM errand.tasks AS t WHERE t.id = s.last_task) AS last_state, s.last_task, s.overlap, s.runs, s.skipped,
    s.skip_reason, s.spec ->> 'queue' AS queue, s.owner::name AS owner, s.defined_at
FROM errand.schedule AS s
WHERE s.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.follow_ups WITH (security_barrier) AS
SELECT f.parent AS task_id, f.run::integer AS run, f.child AS follow_up, f.at, f.error
FROM errand.follow_up AS f JOIN errand.task AS t ON t.id = f.parent
WHERE t.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.schedule_runs WITH (security_barrier) AS
SELECT r.schedule, r.due_at, r.task AS task_id, s.owner::name AS owner
FROM errand.schedule_run AS r JOIN errand.schedule AS s ON s.name = r.schedule
WHERE s.owner_oid = (SELECT o.oid FROM pg_catalog.pg_roles AS o WHERE o.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));
