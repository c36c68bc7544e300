-- Tables of what ties tasks together: dependencies and groups.
--
--   edge         insert-only    what waits for what, kept as long as the task
--   dependency   insert/delete  of these, what is not met yet
--   task_group   written when it is opened, closed, finished
--   group_delta  insert/delete  counts of groups: settles insert, the leader puts them together

CREATE TABLE errand.edge (
    task_id   bigint NOT NULL,
    parent_id bigint NOT NULL,
    PRIMARY KEY (task_id, parent_id)
);
CREATE INDEX edge_parent ON errand.edge (parent_id);

CREATE TABLE errand.dependency (
    parent_id bigint NOT NULL,
    task_id   bigint NOT NULL,
    PRIMARY KEY (parent_id, task_id)
);
ALTER TABLE errand.dependency SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0);

CREATE SEQUENCE errand.task_group_id AS bigint;

-- The counts are those of a finished group; until then they lie in group_delta.
CREATE TABLE errand.task_group (
    id          bigint      NOT NULL,
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz,
    finished_at timestamptz,
    failed_task bigint,
    submitted   bigint      NOT NULL DEFAULT 0,
    succeeded   bigint      NOT NULL DEFAULT 0,
    failed      bigint      NOT NULL DEFAULT 0,
    cancelled   bigint      NOT NULL DEFAULT 0,
    owner_oid   oid         NOT NULL,
    fail_fast   boolean     NOT NULL,
    owner       text        NOT NULL COLLATE "C",
    name        text        NOT NULL COLLATE "C",
    on_success  jsonb,
    on_failure  jsonb,
    PRIMARY KEY (id)
);

CREATE TABLE errand.group_delta (
    group_id    bigint  NOT NULL,
    submitted   bigint  NOT NULL DEFAULT 0,
    succeeded   bigint  NOT NULL DEFAULT 0,
    failed      bigint  NOT NULL DEFAULT 0,
    cancelled   bigint  NOT NULL DEFAULT 0,
    failed_task bigint,
    folded      boolean NOT NULL DEFAULT false
);
ALTER TABLE errand.group_delta REPLICA IDENTITY FULL; -- else a publication of all tables would stop its deletes
CREATE INDEX group_delta_group ON errand.group_delta (group_id);
CREATE INDEX group_delta_new ON errand.group_delta (group_id) WHERE NOT folded;
ALTER TABLE errand.group_delta SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0);

SELECT pg_catalog.pg_extension_config_dump('errand.edge', '');
SELECT pg_catalog.pg_extension_config_dump('errand.dependency', '');
SELECT pg_catalog.pg_extension_config_dump('errand.task_group_id', '');
SELECT pg_catalog.pg_extension_config_dump('errand.task_group', '');
SELECT pg_catalog.pg_extension_config_dump('errand.group_delta', '');
