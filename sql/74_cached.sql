-- The query cache: errand.cached() (extension/cached.c).
--
-- A row is one role's answer to one query under one key.  Who computes holds a
-- lock that nobody else can ask for; what he found is there for others when his
-- transaction has committed.

CREATE TABLE errand.query_cache (
    role        oid         NOT NULL,
    hash        bytea       NOT NULL,
    key         text        NOT NULL,
    computed_at timestamptz NOT NULL,
    value       jsonb,
    PRIMARY KEY (role, hash)
);

-- Function:   _cached_find(role, hash)
-- Returns:    the row; no row: nothing is kept
-- Tables:     reads query_cache
CREATE FUNCTION errand._cached_find(p_role oid, p_hash bytea)
RETURNS errand.query_cache
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c errand.query_cache;
BEGIN
    SELECT x.* INTO c FROM errand.query_cache AS x WHERE x.role = p_role AND x.hash = p_hash;
    RETURN c;
END $$;

-- Function:   _cached_keep(role, hash, key, value, now)
-- Tables:     writes query_cache
CREATE FUNCTION errand._cached_keep(p_role oid, p_hash bytea, p_key text, p_value jsonb, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.query_cache AS c (role, hash, key, computed_at, value) VALUES (p_role, p_hash, p_key, p_now, p_value)
    ON CONFLICT (role, hash) DO UPDATE SET computed_at = excluded.computed_at, value = excluded.value, key = excluded.key;
EXCEPTION WHEN serialization_failure THEN
    NULL; -- another one has kept his since our snapshot: ours is not worth an error
END $$;

-- Function:   _cached_compute(query, path)
-- Runs as the caller, and cannot write.
-- Returns:    the first value, if the query has one column of type jsonb or
--             json; else its rows as an array of objects
CREATE FUNCTION errand._cached_compute(p_query text, p_path text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_rows jsonb;
    v_type oid;
BEGIN
    BEGIN
        -- until the end of this subtransaction; a function's own SET is refused since 16
        PERFORM set_config('transaction_read_only', 'on', true), set_config('search_path', p_path, true);
        EXECUTE 'SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(errand_row)), pg_catalog.min(pg_catalog.pg_typeof(errand_one.value)::oid) FROM ('
            || p_query || E'\n) AS errand_row CROSS JOIN LATERAL (SELECT errand_row.*) AS errand_one (value)' INTO v_rows, v_type;
    EXCEPTION WHEN assert_failure THEN
        RAISE; -- only a block that catches something is a subtransaction
    END;
    IF v_type IN (114, 3802) AND (SELECT count(*) FROM jsonb_object_keys(v_rows -> 0)) = 1 THEN
        RETURN (SELECT e.value FROM jsonb_each(v_rows -> 0) AS e);
    END IF;
    RETURN coalesce(v_rows, '[]');
END $$;

-- Function:   _cached_read(key, ttl, query)
-- For the dashboard: a lock that somebody keeps for long must not hold it up.
-- Returns:    what errand.cached() returns, if need be without the cache
CREATE FUNCTION errand._cached_read(p_key text, p_ttl interval, p_query text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_value jsonb;
BEGIN
    RETURN errand.cached(p_key, p_ttl, p_query);
EXCEPTION WHEN lock_not_available THEN
    EXECUTE p_query INTO v_value;
    RETURN v_value;
END $$;

-- Function:   _cached_trim(now)
-- Forgets what nobody computed for a day, and the oldest of more than 10,000.
-- Tables:     deletes from query_cache
CREATE FUNCTION errand._cached_trim(p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.query_cache AS c WHERE c.ctid = ANY (ARRAY(
        SELECT x.ctid FROM errand.query_cache AS x WHERE x.computed_at < p_now - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED));
    DELETE FROM errand.query_cache AS c WHERE c.ctid = ANY (ARRAY(
        SELECT x.ctid FROM errand.query_cache AS x ORDER BY x.computed_at DESC OFFSET 10000 LIMIT 1000 FOR UPDATE SKIP LOCKED));
END $$;

-- Function:   _cached_counts()
-- Returns:    how often this database's cache was asked since the server's start
CREATE FUNCTION errand._cached_counts(OUT hits bigint, OUT stale bigint, OUT misses bigint)
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_cached_counts';

CREATE VIEW errand.stat_cache WITH (security_barrier) AS
SELECT c.hits, c.stale, c.misses, CASE WHEN c.hits + c.stale + c.misses > 0
    THEN (c.hits + c.stale)::double precision / (c.hits + c.stale + c.misses) END AS hit_rate
FROM errand._cached_counts() AS c;

CREATE FUNCTION errand.cached(key text, ttl interval, query text) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_cached';
