-- Answers that are kept (cache_ttl), and bodies in chunks (store => 'chunks').
-- Called by workers only (bgworker/kinds/http_cache.c, bgworker/queue/chunks.c).

-- Granted to nobody.  A role never meets another's: the owner is in the key.
CREATE TABLE errand.http_cache (
    owner_oid     oid         NOT NULL,
    key           bytea       NOT NULL,
    stored_at     timestamptz NOT NULL,
    fresh_until   timestamptz NOT NULL,
    status_code   smallint    NOT NULL,
    content_type  text,
    etag          text,
    last_modified text,
    head          bytea,
    body          bytea,
    PRIMARY KEY (owner_oid, key)
);
CREATE INDEX http_cache_stored ON errand.http_cache (stored_at);

-- A body of an attempt, in pieces.  Kept as they came: they are often compressed already.
CREATE TABLE errand.chunk (
    task_id bigint  NOT NULL,
    attempt integer NOT NULL,
    n       integer NOT NULL,
    data    bytea   NOT NULL,
    PRIMARY KEY (task_id, attempt, n)
);
ALTER TABLE errand.chunk ALTER COLUMN data SET STORAGE EXTERNAL;

-- Attempts whose chunks are to go: the leader deletes them bit by bit.
CREATE TABLE errand.chunk_drop (
    task_id bigint  NOT NULL,
    attempt integer NOT NULL,
    PRIMARY KEY (task_id, attempt)
);

-- The cache is no data: it is not in a dump.
SELECT pg_catalog.pg_extension_config_dump('errand.chunk', '');
SELECT pg_catalog.pg_extension_config_dump('errand.chunk_drop', '');

-- Function:   _cache_find(ids, now)
-- Returns:    of each task its key in the cache, and what is kept there; of
--             answers no more than 64 MB together, the others are asked for anew
-- Tables:     reads task, http_cache
CREATE FUNCTION errand._cache_find(p_ids bigint[], p_now timestamptz)
RETURNS TABLE (id bigint, owner_oid oid, key bytea, ttl_ms bigint, fresh boolean, status_code smallint,
    content_type text, etag text, last_modified text, head bytea, body bytea)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS (
        SELECT t.id, t.owner_oid, (t.payload ->> 'cache_ttl_ms')::bigint AS ttl_ms,
            sha256(convert_to((jsonb '{"method": "GET"}' || t.payload - ARRAY['cache_ttl_ms', 'connect_timeout_ms'])::text,
                              'UTF8')) AS key
        FROM errand.task AS t WHERE t.id = ANY (p_ids)
    ), kept AS (
        SELECT a.id, c.*, sum(octet_length(c.body)) OVER (ORDER BY a.id) AS bytes
        FROM asked AS a JOIN errand.http_cache AS c ON c.owner_oid = a.owner_oid AND c.key = a.key
    )
    SELECT a.id, a.owner_oid, a.key, a.ttl_ms,
        coalesce(least(k.fresh_until, k.stored_at + a.ttl_ms * interval '1 ms') > p_now, false), k.status_code,
        k.content_type, k.etag, k.last_modified, k.head, k.body
    FROM asked AS a LEFT JOIN kept AS k ON k.id = a.id AND coalesce(k.bytes, 0) <= 67108864;
END $$;

-- Function:   _cache_store(...)
-- Keeps answers; of those that were only found to hold still the times.
-- Tables:     writes http_cache
CREATE FUNCTION errand._cache_store(
    p_owners oid[], p_keys bytea[], p_ttls bigint[], p_status smallint[], p_types text[], p_heads bytea[],
    p_bodies bytea[], p_etags text[], p_modified text[], p_refreshed boolean[], p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- In the order of the keys: two workers may keep the same answers.
    INSERT INTO errand.http_cache AS c (owner_oid, key, stored_at, fresh_until, status_code, content_type, etag,
        last_modified, head, body)
    SELECT DISTINCT ON (u.owner, u.key) u.owner, u.key, p_now, p_now + u.ttl * interval '1 ms', u.status, u.type, u.etag,
        u.modified, u.head, u.body
    FROM unnest(p_owners, p_keys, p_ttls, p_status, p_types, p_heads, p_bodies, p_etags, p_modified, p_refreshed)
        AS u (owner, key, ttl, status, type, head, body, etag, modified, refreshed)
    WHERE NOT u.refreshed ORDER BY u.owner, u.key
    ON CONFLICT (owner_oid, key) DO UPDATE SET (stored_at, fresh_until, status_code, content_type, etag, last_modified,
        head, body) = (excluded.stored_at, excluded.fresh_until, excluded.status_code, excluded.content_type,
        excluded.etag, excluded.last_modified, excluded.head, excluded.body);
    UPDATE errand.http_cache AS c SET stored_at = p_now, fresh_until = p_now + u.ttl * interval '1 ms'
    FROM (SELECT DISTINCT ON (x.owner, x.key) x.*
          FROM unnest(p_owners, p_keys, p_ttls, p_refreshed) AS x (owner, key, ttl, refreshed)
          WHERE x.refreshed ORDER BY x.owner, x.key) AS u
    WHERE c.owner_oid = u.owner AND c.key = u.key;
END $$;

-- Function:   _cache_trim(now)
-- Forgets answers that have not been fresh for a week, and the oldest of more
-- than 10,000; a thousand at a time.
-- Tables:     deletes from http_cache
CREATE FUNCTION errand._cache_trim(p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_over bigint := (SELECT count(*) - 10000 FROM errand.http_cache AS c);
BEGIN
    DELETE FROM errand.http_cache AS c WHERE c.ctid = ANY (ARRAY(
        SELECT x.ctid FROM errand.http_cache AS x
        WHERE x.stored_at < p_now - interval '7 days' AND x.fresh_until < p_now - interval '7 days'
        ORDER BY x.stored_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
    IF v_over > 0 THEN
        DELETE FROM errand.http_cache AS c WHERE c.ctid = ANY (ARRAY(
            SELECT x.ctid FROM errand.http_cache AS x ORDER BY x.stored_at LIMIT least(v_over, 1000)
            FOR UPDATE SKIP LOCKED));
    END IF;
END $$;

-- Function:   _chunks_add(tasks, attempts, numbers, data)
-- The caller has locked the leases of these attempts.
-- Tables:     writes chunk
CREATE FUNCTION errand._chunks_add(p_tasks bigint[], p_attempts integer[], p_numbers integer[], p_data bytea[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.chunk (task_id, attempt, n, data)
    SELECT u.task_id, u.attempt, u.n, u.data
    FROM unnest(p_tasks, p_attempts, p_numbers, p_data) AS u (task_id, attempt, n, data);
END $$;

-- Function:   _chunks_forget(ids)
-- Marks what chunks these tasks have: the leader deletes them.
-- Tables:     reads chunk, writes chunk_drop
CREATE FUNCTION errand._chunks_forget(p_ids bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.chunk_drop (task_id, attempt)
    SELECT DISTINCT c.task_id, c.attempt FROM errand.chunk AS c WHERE c.task_id = ANY (p_ids)
    ON CONFLICT (task_id, attempt) DO NOTHING;
END $$;

-- Function:   _chunks_sweep(limit)
-- Deletes some marked chunks.
-- Returns:    whether there may be more
-- Tables:     deletes from chunk, chunk_drop
CREATE FUNCTION errand._chunks_sweep(p_limit integer)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_drop errand.chunk_drop;
    v_gone bigint;
BEGIN
    SELECT d.* INTO v_drop FROM errand.chunk_drop AS d ORDER BY d.task_id, d.attempt LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM errand.chunk AS c WHERE c.ctid = ANY (ARRAY(
        SELECT x.ctid FROM errand.chunk AS x WHERE x.task_id = v_drop.task_id AND x.attempt = v_drop.attempt
        ORDER BY x.n LIMIT p_limit));
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    IF v_gone < p_limit THEN
        DELETE FROM errand.chunk_drop AS d WHERE d.task_id = v_drop.task_id AND d.attempt = v_drop.attempt;
    END IF;
    RETURN true;
END $$;
