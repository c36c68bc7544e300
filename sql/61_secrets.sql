-- Secrets without their values: a role's own, the shared ones, and to monitor
-- and admin all.
CREATE VIEW errand.secrets WITH (security_barrier) AS
SELECT s.name, s.owner::name AS owner, s.shared, s.set_at
FROM errand.secret AS s
WHERE s.shared OR s.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE FUNCTION errand.set_secret(name text, value text, shared boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_set_secret';

CREATE FUNCTION errand.drop_secret(name text, shared boolean DEFAULT false) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_drop_secret';
