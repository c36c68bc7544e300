-- Proxies, for workers (bgworker/queue/proxies.c).

-- Function:   _proxies()
-- Returns:    each host that has a proxy, and the proxy as it was written
-- Tables:     reads host
CREATE FUNCTION errand._proxies()
RETURNS TABLE (host text, proxy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT h.name, h.proxy FROM errand.host AS h WHERE h.proxy IS NOT NULL ORDER BY h.name;
END $$;
