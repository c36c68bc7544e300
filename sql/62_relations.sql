-- Dependencies and groups, as users look at them.

CREATE VIEW errand.dependencies WITH (security_barrier) AS
SELECT e.task_id, e.parent_id,
    CASE WHEN o.id IS NOT NULL THEN o.state = 'S' OR coalesce(t.after_done, false)
         ELSE NOT EXISTS (SELECT FROM errand.dependency AS d WHERE d.parent_id = e.parent_id AND d.task_id = e.task_id)
    END AS satisfied
FROM errand.edge AS e JOIN errand.task AS t ON t.id = e.task_id LEFT JOIN errand.outcome AS o ON o.id = e.parent_id
WHERE t.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.task_groups WITH (security_barrier) AS
SELECT g.id, g.name,
    CASE WHEN g.closed_at IS NULL THEN 'open'
         WHEN g.finished_at IS NULL OR s.total > s.succeeded + s.failed + s.cancelled THEN 'closed'
         WHEN s.total > s.succeeded THEN 'failed' ELSE 'succeeded' END AS state,
    g.fail_fast, s.total, s.total - s.succeeded - s.failed - s.cancelled AS pending, s.succeeded, s.failed, s.cancelled,
    g.opened_at, g.closed_at, g.finished_at, g.owner::name AS owner, s.failed_task, g.on_success, g.on_failure
FROM errand.task_group AS g
CROSS JOIN LATERAL (
    SELECT g.submitted + coalesce(sum(d.submitted), 0)::bigint AS total,
        g.succeeded + coalesce(sum(d.succeeded), 0)::bigint AS succeeded,
        g.failed + coalesce(sum(d.failed), 0)::bigint AS failed,
        g.cancelled + coalesce(sum(d.cancelled), 0)::bigint AS cancelled,
        least(g.failed_task, min(d.failed_task)) AS failed_task
    FROM errand.group_delta AS d WHERE d.group_id = g.id) AS s
WHERE g.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));
