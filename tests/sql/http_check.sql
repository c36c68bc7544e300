-- What a request may look like: URLs, methods, headers, cookies, bodies.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_errand;
RESET client_min_messages;
\set SHOW_CONTEXT never
BEGIN;
\set ON_ERROR_ROLLBACK on
CREATE FUNCTION pg_temp.verdict(url text, method text DEFAULT NULL, headers jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL,
    auth jsonb DEFAULT NULL, params jsonb DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM errand.http(verdict.url, verdict.method, headers => verdict.headers, cookies => verdict.cookies,
        auth => verdict.auth, params => verdict.params);
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || replace(SQLERRM, E'\r', '\r');
END $$;

-- URLs; addresses are judged when they are connected to, not here
SELECT to_jsonb(u) AS url, pg_temp.verdict(u) AS verdict
FROM unnest(ARRAY[
    'http://errand.test', 'https://errand.test/', 'HTTP://ERRAND.TEST/', 'http://errand.test:8080/a/b?c=d#e', 'http://[::1]:80/',
    'http://127.0.0.1/', 'http://127.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://errand.test/ü', 'http://errand.test/%20',
    'http://a.-b.test/', 'http://xn--bcher-kva.test/',
    '', ' http://errand.test/', 'http://errand.test/ ', 'http://errand.test/a b', E'http://errand.test/\n', E'http://errand.test/\r\nX: 1',
    E'http://errand.test/\t', E'http://errand.test\\evil.test/', 'http:errand.test/', 'http:/errand.test/', '//errand.test/',
    'errand.test', 'ftp://errand.test/', 'file:///etc/hostname', 'gopher://errand.test/', 'javascript:alert(1)',
    'http://user@errand.test/', 'http://user:pw@errand.test/', 'http://errand.test@evil.test/', 'http://errand.test#@evil.test/',
    'http://', 'http:///a', 'http://:80/', 'http://errand.test:/', 'http://errand.test:0/', 'http://errand.test:65536/',
    'http://errand.test:80a/', 'http://bücher.test/', 'http://256.1.1.1/', 'http://1.2.3.4.5/', 'http://[::1/', 'http://[::g]/',
    'http://[fe80::1%25eth0]/', 'http://err%61nd.test/', 'http://errand..test/', 'http://errand.test' || chr(65295) || '@evil.test/']) AS u;
SELECT pg_temp.verdict('http://errand.test/' || repeat('a', 8192 - 19)) AS longest,
    pg_temp.verdict('http://errand.test/' || repeat('a', 8193 - 19)) AS too_long,
    pg_temp.verdict('http://' || repeat('a', 64) || '.test/') AS long_label;

-- methods
SELECT to_jsonb(m) AS method, pg_temp.verdict('http://errand.test/', m) AS verdict
FROM unnest(ARRAY['GET', 'get', 'PROPFIND', 'M-SEARCH', 'A' || repeat('B', 31), 'A' || repeat('B', 32), '', 'G ET', E'GET\r\nX: 1',
    'GET/', 'GÉT', 'CONNECT', 'connect']) AS m;

-- headers: names
SELECT to_jsonb(h) AS name, pg_temp.verdict('http://errand.test/', headers => jsonb_build_object(h, 'v')) AS verdict
FROM unnest(ARRAY['X-Mine', 'accept', 'Authorization', 'Content-Type', 'x_y', '', 'X Y', 'X:Y', E'X\r\nY', 'Ü', '"X"',
    'Host', 'host', 'HOST', 'Content-Length', 'content_length', 'Transfer-Encoding', 'Connection', 'Upgrade', 'Expect', 'Keep-Alive', 'TE',
    'Trailer', 'Proxy-Authorization', 'Proxy-Anything', 'proxy_connection']) AS h;

-- headers: values
SELECT v AS value, pg_temp.verdict('http://errand.test/', headers => jsonb_build_object('X-Mine', v)) AS verdict
FROM unnest(ARRAY['"v"', '""', '1', '1.5', 'true', 'null', '"a\tb"', '"ü"', '["a", "b"]', '["a", 1, null]',
    '"a\r\nEvil: 1"', '"a\nEvil: 1"', '"a\rb"', '"a\u0001b"', '["a", "b\r\n"]', '{"a": 1}', '[{"a": 1}]']::jsonb[]) AS v;
SELECT pg_temp.verdict('http://errand.test/', headers => '["X-Mine"]') AS array_of_headers,
    pg_temp.verdict('http://errand.test/', headers => '"X-Mine: 1"') AS text_of_headers;

-- cookies
SELECT c AS cookies, pg_temp.verdict('http://errand.test/', cookies => c) AS verdict
FROM unnest(ARRAY['{"a": "b"}', '{"a": 1}', '{"a": "b c"}', '{"a": "b\r\nEvil: 1"}', '{"a": "b; c=d"}', '{"a=b": "c"}', '{"a;": "b"}',
    '{"a b": "c"}', '{"": "c"}', '{"a": {"b": 1}}', '["a"]', '"a=b"']::jsonb[]) AS c;

-- secrets: behind the host only, and only those that are there
SELECT errand.set_secret(n, 'x') FROM unnest(ARRAY['name', 'pw']) AS n \g /dev/null
SELECT u AS url, pg_temp.verdict(u) AS verdict
FROM unnest(ARRAY['http://errand.test/secret://name/x?k=secret://pw&l=secret://name', 'http://errand.test/?k=secret://', 'http://errand.test/?k=secret://none',
    'http://errand.test/?k=secret://name.', 'http://secret://name/', 'http://errand.testsecret://name', 'secret://name', 'http://errand.test:secret://name/']) AS u;

-- auth
SELECT a AS auth, pg_temp.verdict('http://errand.test/', auth => a) AS verdict
FROM unnest(ARRAY['{"basic": ["u", "p"]}', '{"basic": ["u", "p:q"]}', '{"basic": ["secret://name", "secret://pw"]}', '{"bearer": "t"}',
    '{"bearer": "t\r\nEvil: 1"}', '{"basic": ["u:v", "p"]}', '{"basic": ["u", "p\n"]}', '{"basic": ["u"]}', '{"basic": [1, 2]}', '{"basic": "u:p"}',
    '{"bearer": 1}', '{"bearer": "t", "basic": ["u", "p"]}', '{"digest": ["u", "p"]}', '{}', '["u", "p"]']::jsonb[]) AS a;

-- params and forms: encoded, so only their shape matters
SELECT p AS params, pg_temp.verdict('http://errand.test/', params => p) AS verdict
FROM unnest(ARRAY['{"a": "b\r\nc"}', '{"a&b": ["1", 2, true, null]}', '{}', '{"a": {"b": 1}}', '["a"]', '"a=b"']::jsonb[]) AS p;

-- how the arguments become the payload
SELECT ARRAY[
    errand.http('http://errand.test/1', 'PUT', headers => '{"A": "b"}', body => 'text', params => '{"p": 1}'),
    errand.http_get('http://errand.test/2', '{"p": 1}', '{"A": "b"}'),
    errand.http_post('http://errand.test/3', '{"a": 1}', '{"p": 1}', '{"A": "b"}'),
    errand.http_post('http://errand.test/4', body_bytes => '\x00ff'),
    errand.http_put('http://errand.test/5', '[1]'),
    errand.http_patch('http://errand.test/6', '2'),
    errand.http_delete('http://errand.test/7', body => '"x"'),
    errand.http_head('http://errand.test/8'),
    errand.http_post('http://errand.test/9', form => '{"a": [1, 2]}', auth => '{"bearer": "t"}', cookies => '{"c": "d"}', follow_redirects => 3,
        max_body_bytes => 10, connect_timeout => '1.5 s', success_codes => '[200,400)', store => 'discard')] AS ids \gset
SELECT t.payload FROM unnest(:'ids'::bigint[]) WITH ORDINALITY AS s (id, n) JOIN errand.task AS t USING (id) ORDER BY n;
ROLLBACK;
