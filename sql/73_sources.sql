-- What users call for sources.

CREATE FUNCTION errand.define_source(
    name text, kind text, url text, every interval DEFAULT NULL, cron text DEFAULT NULL, items text DEFAULT NULL,
    item_key text DEFAULT NULL, transform regprocedure DEFAULT NULL, columns jsonb DEFAULT NULL, target regclass DEFAULT NULL,
    on_conflict text DEFAULT NULL, paginate jsonb DEFAULT NULL, headers jsonb DEFAULT NULL, auth jsonb DEFAULT NULL,
    subscribe jsonb[] DEFAULT NULL, fetch_workers integer DEFAULT NULL, transform_workers integer DEFAULT NULL,
    store_workers integer DEFAULT NULL, timeout interval DEFAULT NULL, method text DEFAULT NULL, body jsonb DEFAULT NULL,
    params jsonb DEFAULT NULL, cursor jsonb DEFAULT NULL, sequence text DEFAULT NULL, ping_interval interval DEFAULT NULL,
    idle_timeout interval DEFAULT NULL, batch_rows integer DEFAULT NULL, batch_interval interval DEFAULT NULL,
    timezone text DEFAULT NULL, max_bytes integer DEFAULT NULL, description text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_define_source';

CREATE FUNCTION errand.start_source(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_start_source';

CREATE FUNCTION errand.stop_source(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_stop_source';

CREATE FUNCTION errand.run_source_now(name text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_run_source_now';

CREATE FUNCTION errand.drop_source(name text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_drop_source';

CREATE FUNCTION errand.test_source(name text) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_test_source';
