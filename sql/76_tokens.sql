-- Tokens of the relay.  Signed by extension/token.c, checked by the relay.

-- Tokens that were taken back, until they would have expired anyway.
CREATE TABLE errand.revoked_token (
    jti        text        NOT NULL COLLATE "C",
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (jti)
);
SELECT pg_catalog.pg_extension_config_dump('errand.revoked_token', '');

CREATE FUNCTION errand.issue_token(role name, level text, channels text[] DEFAULT '{tasks}', ttl interval DEFAULT '1 h')
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_issue_token';

CREATE FUNCTION errand.revoke_token(jti text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_revoke_token';

CREATE FUNCTION errand.dashboard_url(ttl interval DEFAULT '12 h') RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_dashboard_url';

-- Function:   _token_revoke(jti, expires, now)
-- Forgets those that have expired.
-- Returns:    whether it was not revoked before
-- Tables:     writes revoked_token
CREATE FUNCTION errand._token_revoke(p_jti text, p_expires timestamptz, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.revoked_token AS t WHERE t.expires_at < p_now;
    INSERT INTO errand.revoked_token (jti, expires_at) VALUES (p_jti, p_expires) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- Function:   _role_level(role)
-- Returns:    the highest level that the role has, itself or as a member;
--             superusers are admins; NULL: none
-- Tables:     reads access
CREATE FUNCTION errand._role_level(p_role oid)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = p_role AND r.rolsuper) THEN
        RETURN 'admin';
    END IF;
    RETURN (SELECT a.level FROM errand.access AS a JOIN pg_roles AS r ON r.rolname = a.role
            WHERE pg_has_role(p_role, r.oid, 'USAGE')
            ORDER BY array_position(ARRAY['admin', 'monitor', 'submit'], a.level) LIMIT 1);
END $$;

-- Function:   _relay_check(jtis, subs)
-- What has become of tokens: for connections that are open.
-- Returns:    a row for each, in order: its role (NULL: there is none of that
--             name any more), the level that the role has (NULL: none), and
--             whether the token was revoked
-- Tables:     reads access, revoked_token
CREATE FUNCTION errand._relay_check(p_jtis text[], p_subs text[])
RETURNS TABLE (ord integer, role oid, level text, revoked boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT u.ord::integer, s.oid, s.level, EXISTS (SELECT FROM errand.revoked_token AS t WHERE t.jti = u.jti)
    FROM unnest(p_jtis, p_subs) WITH ORDINALITY AS u (jti, sub, ord)
    LEFT JOIN (SELECT r.oid, r.rolname, errand._role_level(r.oid) AS level FROM pg_roles AS r
               WHERE r.rolname = ANY (p_subs::name[])) AS s ON s.rolname = u.sub
    ORDER BY u.ord;
END $$;

-- Function:   _relay_auth(sub, jti)
-- Returns:    what _relay_check() does of one token; no row if its role is not there
CREATE FUNCTION errand._relay_auth(p_sub text, p_jti text)
RETURNS TABLE (role oid, level text, revoked boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT c.role, c.level, c.revoked FROM errand._relay_check(ARRAY[p_jti], ARRAY[p_sub]) AS c
    WHERE c.role IS NOT NULL;
END $$;
