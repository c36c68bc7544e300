-- Hosts that have settings of their own.

CREATE TABLE errand.host (
    name        text    NOT NULL COLLATE "C",
    max_running integer,
    rate_limit  text,
    proxy       text,
    PRIMARY KEY (name)
);
SELECT pg_catalog.pg_extension_config_dump('errand.host', '');

CREATE FUNCTION errand.define_host(
    host text, max_running integer DEFAULT NULL, rate_limit text DEFAULT NULL, proxy text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.host AS h (name, max_running, rate_limit, proxy)
    VALUES (lower(define_host.host), define_host.max_running, define_host.rate_limit, define_host.proxy)
    ON CONFLICT (name) DO UPDATE
    SET max_running = excluded.max_running, rate_limit = excluded.rate_limit, proxy = excluded.proxy;
    PERFORM errand.drop_secret('none', true); -- tells the workers
END $$;
