-- Secrets: set and dropped by extension/secrets.c, read by workers only.
--
-- A shared one is found by its name alone, one of a role's own by owner and name.
-- A value is written into the tuple plain and whole (never in a TOAST table,
-- never in statistics), stands in no constraint that an error could quote, and
-- is not dumped: after a restore secrets are set again.

CREATE TABLE errand.secret (
    set_at    timestamptz NOT NULL,
    owner_oid oid         NOT NULL,
    shared    boolean     NOT NULL,
    owner     text        NOT NULL COLLATE "C",
    name      text        NOT NULL COLLATE "C",
    value     text        NOT NULL,
    PRIMARY KEY (shared, owner_oid, name)
);
CREATE UNIQUE INDEX secret_shared ON errand.secret (name) WHERE shared;
ALTER TABLE errand.secret ALTER COLUMN value SET STATISTICS 0;
ALTER TABLE errand.secret ALTER COLUMN value SET STORAGE PLAIN;

-- Function:   _secret_set(owner, name, value, shared, now)
-- Tables:     writes secret
CREATE FUNCTION errand._secret_set(
    p_owner_oid oid, p_owner text, p_name text, p_value text, p_shared boolean, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_shared THEN
        INSERT INTO errand.secret AS s (set_at, owner_oid, shared, owner, name, value)
        VALUES (p_now, p_owner_oid, true, p_owner, p_name, p_value)
        ON CONFLICT (name) WHERE shared DO UPDATE
        SET set_at = excluded.set_at, owner_oid = excluded.owner_oid, owner = excluded.owner, value = excluded.value;
    ELSE
        INSERT INTO errand.secret AS s (set_at, owner_oid, shared, owner, name, value)
        VALUES (p_now, p_owner_oid, false, p_owner, p_name, p_value)
        ON CONFLICT (shared, owner_oid, name) DO UPDATE
        SET set_at = excluded.set_at, owner = excluded.owner, value = excluded.value;
    END IF;
END $$;

-- Function:   _secret_drop(owner, name, shared)
-- Returns:    whether there was one
-- Tables:     deletes from secret
CREATE FUNCTION errand._secret_drop(p_owner_oid oid, p_name text, p_shared boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.secret AS s
    WHERE s.name = p_name AND s.shared = p_shared AND (p_shared OR s.owner_oid = p_owner_oid);
    RETURN FOUND;
END $$;

-- Function:   _secrets_missing(owner, names)
-- Returns:    of these names the first that a task of this role could not use, or NULL
-- Tables:     reads secret
CREATE FUNCTION errand._secrets_missing(p_owner_oid oid, p_owner text, p_names text[])
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT u.name FROM unnest(p_names) WITH ORDINALITY AS u (name, ord)
        WHERE NOT EXISTS (
            SELECT FROM errand.secret AS s
            WHERE s.name = u.name AND (s.shared OR (s.owner_oid = p_owner_oid AND s.owner = p_owner)))
        ORDER BY u.ord LIMIT 1);
END $$;

-- Function:   _secrets(ids, names)
-- Returns:    for the i-th task and name the value that this task's owner may
--             use: its own, else the shared one; no row if there is none
-- Tables:     reads secret, task
CREATE FUNCTION errand._secrets(p_ids bigint[], p_names text[])
RETURNS TABLE (item integer, value text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT u.ord::integer, s.value
    FROM unnest(p_ids, p_names) WITH ORDINALITY AS u (id, name, ord)
    JOIN errand.task AS t ON t.id = u.id
    CROSS JOIN LATERAL (
        SELECT x.value FROM errand.secret AS x
        WHERE x.name = u.name AND (x.shared OR (x.owner_oid = t.owner_oid AND x.owner = t.owner))
        ORDER BY x.shared LIMIT 1) AS s;
END $$;

-- Function:   _secret_setting(name)
-- Returns:    the value that a setting of the administrator's may use: the
--             shared one, else a superuser's own; NULL if there is none
-- Tables:     reads secret
CREATE FUNCTION errand._secret_setting(p_name text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT s.value FROM errand.secret AS s
        WHERE s.name = p_name
          AND (s.shared OR EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = s.owner_oid AND r.rolname = s.owner AND r.rolsuper))
        ORDER BY s.shared DESC, s.owner_oid LIMIT 1);
END $$;
