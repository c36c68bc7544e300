-- Feeds: RSS 2.0 (and 0.9x), RSS 1.0 and Atom, read with XMLTABLE.  Elements are
-- found by their local name in the namespace of what they stand in, so that it
-- does not matter how a feed names its namespaces.

-- Function:   _feed_time(text)
-- Returns:    a date of a feed; NULL if nobody can tell what is meant
CREATE FUNCTION errand._feed_time(p_text text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, DMY' SET timezone = 'UTC' AS $$
DECLARE
    -- the name of the weekday is often wrong, and never needed
    v_text text := btrim(regexp_replace(regexp_replace(p_text, '^\s*[[:alpha:]]+\.?,\s*', ''), '\s+', ' ', 'g'));
    v_time timestamptz;
BEGIN
    IF v_text !~ '\d' OR length(v_text) > 60 THEN
        RETURN NULL;
    END IF;
    -- "UT", "+0000 (UTC)", "GMT+0100", a year of two digits
    v_text := regexp_replace(v_text, '\s*\([^)]*\)\s*$', '');
    v_text := regexp_replace(v_text, '\s(UT|GMT|UTC|Z)\s?([+-]\d{2}:?\d{2})$', ' \2');
    v_text := regexp_replace(v_text, '\sUT$', ' UTC');
    v_text := regexp_replace(v_text, '^(\d{1,2} [[:alpha:]]{3,9}) (\d{2})( |$)', '\1 20\2\3');
    v_time := v_text::timestamptz;
    RETURN CASE WHEN v_time BETWEEN timestamptz '1900-01-01Z' AND timestamptz '2200-01-01Z' THEN v_time END;
EXCEPTION WHEN data_exception OR invalid_parameter_value THEN
    RETURN NULL;
END $$;

-- Function:   _url_join(base, reference)
-- Returns:    what a reference on a page means, as a browser reads it
CREATE FUNCTION errand._url_join(p_base text, p_reference text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_reference text := btrim(p_reference, E' \t\r\n');
    v_site text := substring(p_base FROM '^([[:alpha:]][[:alnum:]+.-]*://[^/?#]*)');
    v_path text := coalesce(substring(p_base FROM '^[[:alpha:]][[:alnum:]+.-]*://[^/?#]*(/[^?#]*)'), '/');
    v_tail text;
    v_parts text[] := '{}';
    v_part text;
BEGIN
    IF v_reference IS NULL OR v_reference = '' OR v_site IS NULL OR v_reference ~ '^[[:alpha:]][[:alnum:]+.-]*:' THEN
        RETURN nullif(v_reference, '');
    ELSIF v_reference LIKE '//%' THEN
        RETURN substring(v_site FROM '^[^:]+:') || v_reference;
    ELSIF v_reference LIKE '#%' THEN
        RETURN split_part(p_base, '#', 1) || v_reference;
    ELSIF v_reference LIKE '?%' THEN
        RETURN v_site || v_path || v_reference;
    END IF;
    v_tail := coalesce(substring(v_reference FROM '[?#].*$'), '');
    v_path := CASE WHEN v_reference LIKE '/%' THEN '' ELSE regexp_replace(v_path, '[^/]*$', '') END
        || regexp_replace(v_reference, '[?#].*$', '');
    FOREACH v_part IN ARRAY (string_to_array(v_path, '/'))[2:] LOOP
        CONTINUE WHEN v_part = '.';
        v_parts := CASE WHEN v_part <> '..' THEN v_parts || v_part WHEN cardinality(v_parts) > 0 THEN trim_array(v_parts, 1) ELSE v_parts END;
    END LOOP;
    IF v_path ~ '/\.\.?$' THEN
        v_parts := v_parts || '';
    END IF;
    RETURN v_site || '/' || array_to_string(v_parts, '/') || v_tail;
END $$;

-- Function:   _feed_categories(nodes)
CREATE FUNCTION errand._feed_categories(p_nodes xml)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_nodes IS NULL THEN
        RETURN '[]';
    END IF;
    RETURN (
        SELECT coalesce(jsonb_agg(c.name ORDER BY c.n) FILTER (WHERE c.name <> ''), '[]')
        FROM (SELECT x.n, left(coalesce(nullif(x.words, ''), nullif(x.label, ''), x.term), 200) AS name
              FROM XMLTABLE('/r/*' PASSING xmlparse(DOCUMENT '<r>' || p_nodes::text || '</r>')
                  COLUMNS n FOR ORDINALITY, words text PATH 'normalize-space(string(.))', term text PATH '@term', label text PATH '@label') AS x
              LIMIT 100) AS c);
END $$;

-- Function:   _feed_check(document)
-- Raises:     2200M with the reason, if it is no feed
CREATE FUNCTION errand._feed_check(p_text text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_root text := substring(p_text FROM '<\s*([[:alpha:]_][[:alnum:]:._-]*)');
BEGIN
    IF p_text !~ '\S' THEN
        RAISE EXCEPTION 'the answer is no feed: it is empty' USING ERRCODE = '2200M';
    ELSIF v_root IS NULL OR p_text !~ '^\s*<' THEN
        IF p_text ~ '^\s*[\[{]' THEN
            RAISE EXCEPTION 'the answer is no feed: it looks like JSON' USING ERRCODE = '2200M';
        END IF;
        RAISE EXCEPTION 'the answer is no feed: it begins with "%"', left(regexp_replace(p_text, '\s+', ' ', 'g'), 40) USING ERRCODE = '2200M';
    ELSIF v_root ~* '^(html|head|body)$' OR p_text ~* '^\s*<!doctype\s+html' THEN
        RAISE EXCEPTION 'the answer is no feed: it is an HTML page' USING ERRCODE = '2200M';
    ELSIF lower(regexp_replace(v_root, '^.*:', '')) NOT IN ('rss', 'rdf', 'feed') THEN
        RAISE EXCEPTION 'the answer is no feed: its root is <%>', left(v_root, 40) USING ERRCODE = '2200M';
    END IF;
END $$;

-- Function:   _feed_parse(text, url)
-- Returns:    {items: [{guid, title, link, author, published, updated, summary,
--             content, categories}], rejects, ttl: minutes}
-- Raises:     2200M no feed, or XML that cannot be read
CREATE FUNCTION errand._feed_parse(p_text text, p_url text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_document xml;
    v_base text;
    v_ttl text;
    v_items jsonb;
    v_detail text;
BEGIN
    PERFORM errand._feed_check(p_text);
    BEGIN
        v_document := xmlparse(DOCUMENT p_text);
    EXCEPTION WHEN invalid_xml_document OR invalid_xml_content THEN
        GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION 'the feed is broken XML: %', coalesce(left(regexp_replace(split_part(v_detail, E'\n', 1), '^line \d+: ', ''), 200), 'it cannot be read')
            USING ERRCODE = '2200M', DETAIL = v_detail;
    END;
    SELECT x.base, x.ttl INTO v_base, v_ttl FROM XMLTABLE('/*' PASSING v_document
        COLUMNS base text PATH '@xml:base', ttl text PATH 'normalize-space(string(*[local-name()="channel"]/*[local-name()="ttl"]))') AS x;
    v_base := coalesce(errand._url_join(p_url, v_base), p_url);
    SELECT jsonb_agg(jsonb_build_object(
            'guid', coalesce(f.guid, f.link, encode(sha256(convert_to(concat_ws(E'\n', f.title, f.published, f.summary, f.content), 'UTF8')), 'hex')),
            'title', f.title, 'link', f.link, 'author', f.author, 'published', f.published, 'updated', f.updated,
            'summary', f.summary, 'content', f.content, 'categories', errand._feed_categories(f.categories))
        || CASE WHEN coalesce(f.guid, f.title, f.link, f.summary, f.content) IS NULL THEN jsonb '{"empty": true}' ELSE '{}' END ORDER BY f.n)
    INTO v_items FROM (
        SELECT x.n, nullif(coalesce(nullif(x.guid, ''), nullif(x.id, ''), x.about), '') AS guid,
            nullif(errand.html_title('<title>' || x.title || '</title>'), '') AS title,
            errand._url_join(coalesce(errand._url_join(v_base, x.base), v_base), coalesce(nullif(x.link, ''), nullif(x.alternate, ''), nullif(x.any_link, ''),
                CASE WHEN x.guid ~* '^https?://' AND coalesce(x.permalink, 'true') <> 'false' THEN x.guid END)) AS link,
            coalesce(nullif(x.author, ''), nullif(x.author_text, ''), nullif(x.creator, ''), nullif(x.feed_author, '')) AS author,
            errand._feed_time(coalesce(nullif(x.published, ''), nullif(x.dc_date, ''))) AS published,
            errand._feed_time(coalesce(nullif(x.updated, ''), nullif(x.modified, ''))) AS updated,
            nullif(btrim(x.summary, E' \t\r\n'), '') AS summary,
            coalesce(nullif(btrim(x.encoded, E' \t\r\n'), ''), x.markup::text, nullif(btrim(x.content, E' \t\r\n'), '')) AS content, x.categories
        FROM XMLTABLE('/*/*[local-name()="item" or local-name()="entry"] | /*/*[local-name()="channel"]/*[local-name()="item"]' PASSING v_document COLUMNS
            n FOR ORDINALITY,
            base text PATH '@xml:base',
            guid text PATH 'normalize-space(string(*[local-name()="guid"]))',
            permalink text PATH 'string(*[local-name()="guid"]/@isPermaLink)',
            id text PATH 'normalize-space(string(*[local-name()="id" and namespace-uri()=namespace-uri(..)]))',
            about text PATH '@*[local-name()="about"]',
            title text PATH 'string(*[local-name()="title" and namespace-uri()=namespace-uri(..)])',
            link text PATH 'normalize-space(string(*[local-name()="link" and namespace-uri()=namespace-uri(..) and not(@href)]))',
            alternate text PATH 'string(*[local-name()="link" and (@rel="alternate" or not(@rel))]/@href)',
            any_link text PATH 'string(*[local-name()="link" and not(@rel="self" or @rel="edit" or @rel="replies" or @rel="hub")]/@href)',
            author text PATH 'normalize-space(string(*[local-name()="author" and namespace-uri()=namespace-uri(..)]/*[local-name()="name"]))',
            author_text text PATH 'normalize-space(string(*[local-name()="author" and namespace-uri()=namespace-uri(..) and not(*)]))',
            creator text PATH 'normalize-space(string(*[local-name()="creator"]))',
            feed_author text PATH 'normalize-space(string(../*[local-name()="author"]/*[local-name()="name"]))',
            published text PATH 'normalize-space(string(*[local-name()="pubDate" or local-name()="published" or local-name()="issued"]))',
            dc_date text PATH 'normalize-space(string(*[local-name()="date"]))',
            updated text PATH 'normalize-space(string(*[local-name()="updated" and namespace-uri()=namespace-uri(..)]))',
            modified text PATH 'normalize-space(string(*[local-name()="modified"]))',
            summary text PATH 'string(*[(local-name()="description" or local-name()="summary") and namespace-uri()=namespace-uri(..)])',
            encoded text PATH 'string(*[local-name()="encoded"])',
            markup xml PATH '*[local-name()="content" and @type="xhtml"]/*',
            content text PATH 'string(*[local-name()="content" and namespace-uri()=namespace-uri(..)])',
            categories xml PATH '*[(local-name()="category" and namespace-uri()=namespace-uri(..)) or local-name()="subject"]') AS x) AS f;
    RETURN jsonb_build_object(
        'items', coalesce((SELECT jsonb_agg(e.value ORDER BY e.n) FROM jsonb_array_elements(v_items) WITH ORDINALITY AS e (value, n) WHERE NOT e.value ? 'empty'), '[]'),
        'rejects', coalesce((SELECT jsonb_agg(jsonb_build_object('sqlstate', '22023', 'reason', 'an item of the feed is empty', 'item', e.value - 'empty'))
                             FROM jsonb_array_elements(v_items) AS e WHERE e.value ? 'empty'), '[]'),
        'ttl', CASE WHEN v_ttl ~ '^\d{1,6}$' THEN v_ttl::integer END);
END $$;
