-- Tables, by how they change.
--
--   task            insert-only    what was asked
--   ready           insert/delete  one narrow row a runnable task
--   later           insert/delete  tasks that wait for a time, or for others (due at infinity)
--   lease           insert/delete  one row a claimed batch
--   outcome         insert-only    the final state, once a task
--   attempt         insert-only    attempts that were not the last
--
-- State letters are contract.h's: w waiting, s scheduled, q ready, x running,
-- r retrying, S succeeded, F failed, C cancelled, U unknown; an attempt can
-- also be L (lost: the server fell) or I (interrupted: its worker stopped).

-- A role says who runs the task: 0 the event loop, else an executor that is
-- connected as this role.

-- Ids of tasks and places in the queue come from one sequence, so that a new
-- task's place is its id.
CREATE SEQUENCE errand.task_id AS bigint;

CREATE TABLE errand.task (
    id              bigint      NOT NULL,
    submitted_at    timestamptz NOT NULL,
    run_at          timestamptz,
    deadline        timestamptz,
    owner_oid       oid         NOT NULL,
    role            oid         NOT NULL DEFAULT 0,
    timeout_ms      integer     NOT NULL,
    backoff_base_ms bigint,
    backoff_max_ms  bigint,
    backoff_factor  real,
    priority        smallint    NOT NULL,
    max_attempts    smallint    NOT NULL,
    backoff         smallint,
    at_most_once    boolean     NOT NULL,
    owner           text        NOT NULL COLLATE "C",
    kind            text        NOT NULL COLLATE "C",
    type            text        NOT NULL COLLATE "C",
    queue           text        NOT NULL COLLATE "C",
    key             text,
    notify          text,
    traceparent     text,
    task_group      bigint,
    tags            text[],
    payload         jsonb       NOT NULL,
    on_success      jsonb,
    on_failure      jsonb,
    after_done      boolean,
    PRIMARY KEY (id)
);
CREATE INDEX task_of_group ON errand.task (task_group) WHERE task_group IS NOT NULL;
-- Rows are only inserted: vacuum has nothing to do but freeze and mark visible.
ALTER TABLE errand.task SET (autovacuum_vacuum_insert_scale_factor = 0.5, fillfactor = 100);

CREATE TABLE errand.ready (
    id        bigint   NOT NULL,
    place     bigint   NOT NULL,
    attempt   integer  NOT NULL,
    role      oid      NOT NULL DEFAULT 0,
    priority  smallint NOT NULL,
    failures  smallint NOT NULL,
    run       smallint NOT NULL,
    queue     text     NOT NULL COLLATE "C",
    PRIMARY KEY (id)
);
-- The claim walks this index: queue by queue, highest priority first, oldest place first.
CREATE INDEX ready_order ON errand.ready (role, queue, priority DESC, place);
ALTER TABLE errand.ready SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 100000, vacuum_truncate = off);

CREATE TABLE errand.later (
    id        bigint      NOT NULL,
    due_at    timestamptz NOT NULL,
    attempt   integer     NOT NULL,
    role      oid         NOT NULL DEFAULT 0,
    priority  smallint    NOT NULL,
    failures  smallint    NOT NULL,
    run       smallint    NOT NULL,
    state     "char"      NOT NULL CHECK (state IN ('s', 'r', 'w')),
    queue     text        NOT NULL COLLATE "C",
    unmet     integer     CHECK ((unmet IS NOT NULL) = (state = 'w')),
    PRIMARY KEY (id)
);
CREATE INDEX later_due ON errand.later (due_at);
ALTER TABLE errand.later SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0);

CREATE TABLE errand.lease (
    token       bigint      NOT NULL,
    worker      bigint      NOT NULL,
    epoch       bigint      NOT NULL,
    server_start timestamptz NOT NULL,
    claimed_at  timestamptz NOT NULL,
    pid         integer     NOT NULL,
    suspects    bigint,
    ids         bigint[]    NOT NULL,
    attempts    integer[]   NOT NULL,
    failures    smallint[]  NOT NULL,
    runs        smallint[]  NOT NULL,
    PRIMARY KEY (token)
);
-- A lease lives for milliseconds: to compress its arrays costs more than they take.
ALTER TABLE errand.lease SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0, fillfactor = 100, toast_tuple_target = 8160);

CREATE TABLE errand.outcome (
    id           bigint      NOT NULL,
    started_at   timestamptz,
    finished_at  timestamptz NOT NULL,
    attempt      integer     NOT NULL,
    worker       integer,
    dns_us       integer,
    connect_us   integer,
    tls_us       integer,
    wait_us      integer,
    transfer_us  integer,
    status_code  smallint,
    run          smallint    NOT NULL,
    state        "char"      NOT NULL CHECK (state IN ('S', 'F', 'C', 'U')),
    timed_out    boolean     NOT NULL,
    sqlstate     text,
    error        text,
    content_type text,
    head         bytea,
    body         bytea,
    result       jsonb,
    extra        jsonb,
    cause        bigint,
    PRIMARY KEY (id)
);
-- Failures are few and looked for often.
CREATE INDEX outcome_not_succeeded ON errand.outcome (state, id) WHERE state <> 'S';
ALTER TABLE errand.outcome SET (autovacuum_vacuum_insert_scale_factor = 0.5, fillfactor = 100);

CREATE TABLE errand.attempt (
    task_id      bigint      NOT NULL,
    attempt      integer     NOT NULL,
    started_at   timestamptz,
    finished_at  timestamptz NOT NULL,
    worker       integer,
    dns_us       integer,
    connect_us   integer,
    tls_us       integer,
    wait_us      integer,
    transfer_us  integer,
    status_code  smallint,
    run          smallint    NOT NULL,
    state        "char"      NOT NULL,
    timed_out    boolean     NOT NULL,
    sqlstate     text,
    error        text,
    extra        jsonb,
    PRIMARY KEY (task_id, attempt)
);

-- Idempotency keys of tasks that are not final.
CREATE TABLE errand.task_key (
    owner_oid oid    NOT NULL,
    queue     text   NOT NULL COLLATE "C",
    key       text   NOT NULL COLLATE "C",
    id        bigint NOT NULL,
    PRIMARY KEY (owner_oid, queue, key)
);
CREATE INDEX task_key_id ON errand.task_key (id);

CREATE TABLE errand.deadline (
    at timestamptz NOT NULL,
    id bigint      NOT NULL,
    PRIMARY KEY (at, id)
);

-- Requests to stop a running task: inserted by clients, read by its worker.
CREATE TABLE errand.cancel_request (
    id      bigint      NOT NULL,
    at      timestamptz NOT NULL,
    reason  text
);
ALTER TABLE errand.cancel_request REPLICA IDENTITY FULL; -- as group_delta
CREATE INDEX cancel_request_id ON errand.cancel_request (id);

-- Before an at_most_once task may send a byte, this row commits: after a crash
-- a task with a mark is unknown, one without was merely claimed and runs again.
CREATE TABLE errand.mark (
    id      bigint  NOT NULL,
    attempt integer NOT NULL,
    PRIMARY KEY (id, attempt)
);

-- Tasks that were in flight at several crashes: they run apart, in halving groups.
CREATE TABLE errand.suspect (
    id          bigint   NOT NULL,
    group_no    bigint   NOT NULL,
    attempt     integer  NOT NULL,
    role        oid      NOT NULL DEFAULT 0,
    priority    smallint NOT NULL,
    failures    smallint NOT NULL,
    run         smallint NOT NULL,
    alone_falls smallint NOT NULL,
    queue       text     NOT NULL COLLATE "C",
    PRIMARY KEY (id)
);

CREATE TABLE errand.queue (
    name        text    NOT NULL COLLATE "C",
    paused      boolean NOT NULL DEFAULT false,
    draining    boolean NOT NULL DEFAULT false,
    max_running integer,
    rate_limit  text,
    max_depth   bigint,
    description text,
    PRIMARY KEY (name)
);

CREATE TABLE errand.task_type (
    name                text NOT NULL COLLATE "C",
    kind                text NOT NULL,
    handler             text,
    template            jsonb,
    queue               text,
    priority            smallint,
    max_attempts        smallint,
    backoff             text,
    backoff_base        interval,
    backoff_factor      numeric,
    backoff_max         interval,
    timeout             interval,
    rate_limit          text,
    max_running         integer,
    cache_ttl           interval,
    unique_key          text,
    log_execution       boolean NOT NULL DEFAULT false,
    measure_performance boolean NOT NULL DEFAULT true,
    description         text,
    on_success          jsonb,
    on_failure          jsonb,
    PRIMARY KEY (name)
);

-- Hosts that requests go to: name:port, or a name for each of its ports.
CREATE TABLE errand.host (
    name        text    NOT NULL COLLATE "C",
    max_running integer,
    rate_limit  text,
    proxy       text,
    PRIMARY KEY (name)
);

-- Who may do what beyond the rights on functions: see grant_access().
CREATE TABLE errand.access (
    role  text NOT NULL,
    level text NOT NULL CHECK (level IN ('submit', 'monitor', 'admin')),
    PRIMARY KEY (role)
);

-- What this installation is.  A restored dump or a database made from another
-- brings the other's row along: then the engine rests until resume_all().
CREATE TABLE errand.instance (
    system_identifier bigint      NOT NULL,
    database_oid      oid         NOT NULL,
    secret            uuid        NOT NULL,
    created_at        timestamptz NOT NULL,
    paused            boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (system_identifier, database_oid)
);
INSERT INTO errand.instance (system_identifier, database_oid, secret, created_at)
SELECT s.system_identifier, d.oid, pg_catalog.gen_random_uuid(), pg_catalog.now()
FROM pg_catalog.pg_control_system() AS s, pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database();
-- A restore may bring tasks before it brings that row: it has a row of nobody's
-- from the beginning.  All restores begin with SET row_security = off.
INSERT INTO errand.instance (system_identifier, database_oid, secret, created_at)
SELECT - 1 - (pg_catalog.random() * 1e15)::bigint, i.database_oid, i.secret, i.created_at
FROM errand.instance AS i WHERE pg_catalog.current_setting('row_security') = 'off';

-- Function:   _instance_arrives()
-- Lets workers look before they see what a restore brings next.  A dump of this
-- very database has the row that is here already, with the secret that counts.
CREATE FUNCTION errand._instance_arrives()
RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand.wake();
    UPDATE errand.instance AS i SET secret = NEW.secret, created_at = NEW.created_at
    WHERE i.system_identifier = NEW.system_identifier AND i.database_oid = NEW.database_oid;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER instance_arrives BEFORE INSERT ON errand.instance
FOR EACH ROW EXECUTE FUNCTION errand._instance_arrives();

-- What pg_dump keeps.  Leases, requests and suspects belong to a running server.
SELECT pg_catalog.pg_extension_config_dump('errand.task_id', '');
SELECT pg_catalog.pg_extension_config_dump('errand.task', '');
SELECT pg_catalog.pg_extension_config_dump('errand.ready', '');
SELECT pg_catalog.pg_extension_config_dump('errand.later', '');
SELECT pg_catalog.pg_extension_config_dump('errand.lease', '');
SELECT pg_catalog.pg_extension_config_dump('errand.mark', '');
SELECT pg_catalog.pg_extension_config_dump('errand.outcome', '');
SELECT pg_catalog.pg_extension_config_dump('errand.attempt', '');
SELECT pg_catalog.pg_extension_config_dump('errand.task_key', '');
SELECT pg_catalog.pg_extension_config_dump('errand.deadline', '');
SELECT pg_catalog.pg_extension_config_dump('errand.suspect', '');
SELECT pg_catalog.pg_extension_config_dump('errand.queue', '');
SELECT pg_catalog.pg_extension_config_dump('errand.task_type', '');
SELECT pg_catalog.pg_extension_config_dump('errand.host', '');
SELECT pg_catalog.pg_extension_config_dump('errand.access', '');
SELECT pg_catalog.pg_extension_config_dump('errand.instance', '');
