-- The relay's HTTP API.  The relay calls _api(); everything in it runs with the
-- rights of the token's role, over the views and the public functions, so that
-- what is granted here grants nothing.  A route is a function _api_ROUTE(args,
-- now); what comes from outside is in args, and only read by _arg_*().

-- Function:   _arg_bad(what, hint)
-- Raises:     22023
CREATE FUNCTION errand._arg_bad(p_what text, p_hint text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', p_what USING ERRCODE = '22023', HINT = p_hint;
END $$;

-- Function:   _arg_known(args, names)
-- Raises:     22023 unless args is an object, and has no other names
CREATE FUNCTION errand._arg_known(p_args jsonb, VARIADIC p_names text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name text;
BEGIN
    IF p_args IS NULL OR jsonb_typeof(p_args) <> 'object' THEN
        PERFORM errand._arg_bad('a JSON object is expected', 'Such as {"name": "value"}.');
    END IF;
    FOR v_name IN SELECT k.name FROM jsonb_object_keys(p_args) AS k (name) WHERE k.name <> ALL (p_names) LOOP
        PERFORM errand._arg_bad(format('unknown parameter "%s"', left(v_name, 100)),
            CASE WHEN cardinality(p_names) = 0 THEN 'There are none.'
                 ELSE format('The parameters are %s.', array_to_string(p_names, ', ')) END);
    END LOOP;
END $$;

-- Function:   _arg_text(args, name)
-- Returns:    the text; NULL if it is not there, or empty
-- Raises:     22023 if it is neither text nor a number, or very long
CREATE FUNCTION errand._arg_text(p_args jsonb, p_name text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_type text := jsonb_typeof(p_args -> p_name);
BEGIN
    IF v_type IS NULL OR v_type = 'null' THEN
        RETURN NULL;
    ELSIF v_type NOT IN ('string', 'number') OR length(p_args ->> p_name) > 2000 THEN
        PERFORM errand._arg_bad(format('"%s" is not valid', p_name), 'It is a text of at most 2000 characters.');
    END IF;
    RETURN nullif(p_args ->> p_name, '');
END $$;

-- Function:   _arg_texts(args, name)
-- Returns:    the text, or an array of up to 100; NULL if it is not there, or empty
-- Raises:     22023 as _arg_text()
CREATE FUNCTION errand._arg_texts(p_args jsonb, p_name text)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(p_args -> p_name) IS DISTINCT FROM 'array' THEN
        RETURN to_jsonb(errand._arg_text(p_args, p_name));
    ELSIF jsonb_array_length(p_args -> p_name) NOT BETWEEN 1 AND 100 THEN
        PERFORM errand._arg_bad(format('"%s" is not valid', p_name), 'It is one text, or up to 100.');
    END IF;
    RETURN (SELECT jsonb_agg(errand._arg_need(jsonb_build_object(p_name, e.value), p_name)) FROM jsonb_array_elements(p_args -> p_name) AS e (value));
END $$;

-- Function:   _arg_need(args, name)
-- Returns:    the text
-- Raises:     22023 if there is none
CREATE FUNCTION errand._arg_need(p_args jsonb, p_name text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_text text := errand._arg_text(p_args, p_name);
BEGIN
    IF v_text IS NULL THEN
        PERFORM errand._arg_bad(format('"%s" is missing', p_name), 'It must be given.');
    END IF;
    RETURN v_text;
END $$;

-- Function:   _arg_int(args, name, default, min, max)
-- Returns:    a whole number within the bounds
CREATE FUNCTION errand._arg_int(p_args jsonb, p_name text, p_default bigint, p_min bigint, p_max bigint)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_text text := errand._arg_text(p_args, p_name);
BEGIN
    IF v_text IS NULL THEN
        RETURN p_default;
    ELSIF v_text !~ '^-?[0-9]{1,18}$' OR v_text::bigint NOT BETWEEN p_min AND p_max THEN
        PERFORM errand._arg_bad(format('"%s" is not valid', p_name),
            format('It is a whole number between %s and %s.', p_min, p_max));
    END IF;
    RETURN v_text::bigint;
END $$;

-- Function:   _arg_bool(args, name)
-- Returns:    true or false; NULL if it is not there
CREATE FUNCTION errand._arg_bool(p_args jsonb, p_name text)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_text text := p_args ->> p_name;
BEGIN
    IF v_text IS NOT NULL AND v_text NOT IN ('true', 'false') THEN
        PERFORM errand._arg_bad(format('"%s" is not valid', p_name), 'It is true or false.');
    END IF;
    RETURN v_text::boolean;
END $$;

-- Function:   _arg_time(args, name)
-- Returns:    a time; NULL if it is not there
CREATE FUNCTION errand._arg_time(p_args jsonb, p_name text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_time timestamptz;
BEGIN
    v_time := errand._arg_text(p_args, p_name)::timestamptz;
    IF v_time NOT BETWEEN timestamptz '1900-01-01 UTC' AND timestamptz '9999-01-01 UTC' THEN
        RAISE invalid_datetime_format;
    END IF;
    RETURN v_time;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR invalid_parameter_value THEN
    PERFORM errand._arg_bad(format('"%s" is not valid', p_name), 'It is a time such as 2026-01-31T12:00:00Z.');
END $$;

-- Function:   _arg_states(args, name)
-- Returns:    the states that a list names, separated by commas or in an array; NULL if it is not there
CREATE FUNCTION errand._arg_states(p_args jsonb, p_name text)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_states CONSTANT text[] := ARRAY['waiting', 'scheduled', 'ready', 'running', 'retrying', 'succeeded', 'failed',
        'cancelled', 'unknown'];
    v_states text[];
BEGIN
    IF jsonb_typeof(p_args -> p_name) = 'array' THEN
        v_states := ARRAY(SELECT DISTINCT e.value FROM jsonb_array_elements_text(p_args -> p_name) AS e (value));
    ELSE
        v_states := ARRAY(SELECT DISTINCT btrim(s.state)
                          FROM unnest(string_to_array(errand._arg_text(p_args, p_name), ',')) AS s (state));
    END IF;
    IF NOT v_states <@ c_states OR array_position(v_states, NULL) IS NOT NULL THEN
        PERFORM errand._arg_bad(format('"%s" names a state that there is not', p_name),
            format('The states are %s.', array_to_string(c_states, ', ')));
    END IF;
    RETURN nullif(v_states, '{}');
END $$;

-- Function:   _arg_id(args)
-- Returns:    the id of a task or group in the path
-- Raises:     42704 if it cannot be one
CREATE FUNCTION errand._arg_id(p_args jsonb)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_text text := errand._arg_need(p_args, 'id');
BEGIN
    IF v_text !~ '^[1-9][0-9]{0,17}$' THEN
        RAISE EXCEPTION 'there is nothing with the id "%"', left(v_text, 100)
            USING ERRCODE = '42704', HINT = 'Ids are whole numbers.';
    END IF;
    RETURN v_text::bigint;
END $$;

-- Function:   _iso(time)
-- Returns:    the time in UTC, as RFC 3339 writes it; NULL for infinity
CREATE FUNCTION errand._iso(p_time timestamptz)
RETURNS text
LANGUAGE c STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_iso';

-- Function:   _ms(interval)
-- Returns:    milliseconds
CREATE FUNCTION errand._ms(p_time interval)
RETURNS double precision
LANGUAGE plpgsql STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN round(extract(epoch FROM p_time)::numeric * 1000, 3)::double precision;
END $$;

-- Function:   _secret_name()
-- Returns:    a regular expression: what names of secrets end in, after a separator
--             or from the start; "token_bucket" and "tokens" are none
CREATE FUNCTION errand._secret_name()
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN '(?:(?:proxy)?authorization|(?:set)?cookie|bearer|jwt|credentials?|sig|signature|(?:client|app|shared)?secret'
        '|(?:user|db)?pass(?:word|wd|phrase)|pwd|(?:access|refresh|auth|bearer|csrf|xsrf|id|private|session|security)?token'
        '|(?:api|access|private|secret|signing|encryption|subscription|account|auth)[^a-z0-9]?key)';
END $$;

-- Function:   _mask_text(text)
-- Returns:    the text without the values of what is secret by its name in the
--             query of a URL or in a form; a secret://name stays
CREATE FUNCTION errand._mask_text(p_text text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF strpos(p_text, '=') > 0 THEN
        RETURN regexp_replace(p_text, '((?:^|[?&#;\s"''])(?:[a-z0-9_.~%[-]*[_.~%[-])?' || errand._secret_name()
            || '\]?=)(?!secret://)[^&#\s"''<>]+', '\1***', 'gi');
    END IF;
    RETURN p_text;
END $$;

-- Function:   _mask(value, depth)
-- Returns:    the value with the contents of what is secret by its name
--             replaced, in URLs, too; a secret://name stays
CREATE FUNCTION errand._mask(p_value jsonb, p_depth integer DEFAULT 0)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_value IS NULL THEN
        RETURN NULL;
    ELSIF p_depth > 40 THEN
        RETURN '"***"';
    ELSIF jsonb_typeof(p_value) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(errand._mask(e.value, p_depth + 1) ORDER BY e.n), '[]')
                FROM jsonb_array_elements(p_value) WITH ORDINALITY AS e (value, n));
    ELSIF jsonb_typeof(p_value) = 'string' THEN
        RETURN to_jsonb(errand._mask_text(p_value #>> '{}'));
    ELSIF jsonb_typeof(p_value) <> 'object' THEN
        RETURN p_value;
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(e.key, CASE
            WHEN lower(e.key) IN ('auth', 'cookies') THEN errand._mask_all(e.value, p_depth + 1)
            WHEN lower(e.key) = 'slack' AND jsonb_typeof(e.value) = 'string'
                THEN to_jsonb(regexp_replace(e.value #>> '{}', '^(https?://[^/]*/).*$', '\1***'))
            WHEN e.key ~* ('(^|[^a-z0-9])' || errand._secret_name() || '$')
                THEN errand._mask_all(e.value, p_depth + 1)
            ELSE errand._mask(e.value, p_depth + 1) END), '{}')
        FROM jsonb_each(p_value) AS e);
END $$;

-- Function:   _mask_all(value, depth)
-- Returns:    the value with every text in it replaced; names of secrets stay
CREATE FUNCTION errand._mask_all(p_value jsonb, p_depth integer)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_depth > 40 THEN
        RETURN '"***"';
    END IF;
    RETURN CASE jsonb_typeof(p_value)
        WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(e.key, errand._mask_all(e.value, p_depth + 1)), '{}') FROM jsonb_each(p_value) AS e)
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(errand._mask_all(e.value, p_depth + 1) ORDER BY e.n), '[]')
                           FROM jsonb_array_elements(p_value) WITH ORDINALITY AS e (value, n))
        WHEN 'null' THEN p_value
        ELSE CASE WHEN p_value #>> '{}' ~ '^([A-Za-z]+ )?secret://[A-Za-z0-9._-]+$' THEN p_value ELSE '"***"' END END;
END $$;

-- Function:   _bounded(value)
-- Returns:    the value, masked; of one that is larger than 64 kB only how large it is
CREATE FUNCTION errand._bounded(p_value jsonb)
RETURNS jsonb
LANGUAGE plpgsql STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_bytes integer := octet_length(p_value::text);
BEGIN
    IF v_bytes > 65536 THEN
        RETURN jsonb_build_object('truncated', true, 'bytes', v_bytes);
    END IF;
    RETURN errand._mask(p_value);
END $$;

-- Function:   _api(route, args, now)
-- Returns:    the answer of a route
-- Raises:     42704 if there is no such route; what the route raises
CREATE FUNCTION errand._api(p_route text, p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_answer jsonb;
BEGIN
    IF p_route IS NULL OR p_route !~ '^[a-z_]{1,40}$'
    OR to_regprocedure(format('errand._api_%s(jsonb, timestamptz)', p_route)) IS NULL THEN
        RAISE EXCEPTION 'there is no route "%"', left(p_route, 100)
            USING ERRCODE = '42704', HINT = 'docs/api.md lists them.';
    END IF;
    EXECUTE format('SELECT errand.%I($1, $2)', '_api_' || p_route) INTO v_answer USING coalesce(p_args, '{}'), p_now;
    RETURN v_answer;
END $$;
