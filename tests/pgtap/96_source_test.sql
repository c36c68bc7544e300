-- errand.test_source(): what is wrong with a definition, each in one line. The
-- lines of the table in docs/sources.md ("Try it first"). A test needs no commit.
\ir common.psql
BEGIN;
SELECT no_plan();
CREATE TABLE public.t96 (id bigint PRIMARY KEY, name text, price numeric CHECK (price < 100), seen timestamptz);
CREATE TABLE public.t96_text (id bigint, name text NOT NULL);
CREATE FUNCTION public.f96(item jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF item ->> 'id' = '7' THEN RAISE EXCEPTION 'seven is refused'; END IF;
    RETURN NEXT item;
END $$;
CREATE FUNCTION public.f96_none(item jsonb) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT item WHERE false';
CREATE FUNCTION public.f96_gone(item jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT to_jsonb(g) FROM public.gone96 AS g; END';

-- what a test of a definition says of its problems, a line each
CREATE FUNCTION pg_temp.problems(url text, options text, kind text DEFAULT 'rest') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v jsonb;
BEGIN
    EXECUTE format('SELECT errand.define_source(%L, %L, %L, %s)', 's96', kind, url, options);
    v := errand.test_source('s96');
    IF v -> 'problems' IS NULL OR v::text ~ '\\n' THEN
        RETURN 'not in lines: ' || v::text;
    END IF;
    RETURN (SELECT string_agg(p, E'\n') FROM jsonb_array_elements_text(v -> 'problems') AS p);
END $$;
\set items 'items => ''$.items[*]'', target => ''t96'''
\set since `echo "http://127.0.0.1:$COUNT_PORT/since/20?limit=20"`

-- a good one
SELECT is(pg_temp.problems(:'since', :'items'), NULL, 'a good definition has no problems');
SELECT errand.test_source('s96') AS good \gset
SELECT is(:'good'::jsonb ->> 'status', '200', '... its status');
SELECT is(:'good'::jsonb #>> '{request,url}', :'since', '... its request');
SELECT is(jsonb_array_length(:'good'::jsonb -> 'items'), 5, '... its first five items');
SELECT is(:'good'::jsonb #> '{rows,0}', '{"id": 1, "name": "item 1", "price": null, "seen": null}'::jsonb, '... and rows, as they would be stored');
SELECT is((:'good'::jsonb ->> 'would_insert')::int, 20, '... how many it would insert');
SELECT is((SELECT count(*) FROM public.t96), 0::bigint, '... and nothing was');

-- the ten, and more
SELECT is(pg_temp.problems('http://errand-nowhere.test/x', :'items'), 'fetch: could not look up errand-nowhere.test: no such host', 'the host');
SELECT is(pg_temp.problems('http://127.0.0.1:1/x', :'items'), 'fetch: could not connect to 127.0.0.1:1: connection refused', 'a server that is down');
SELECT is(pg_temp.problems('http://10.1.1.1/x', :'items'), 'fetch: egress to 10.1.1.1 (private) is not allowed: to allow it, add 10.1.1.1/32:80 to errand.allow_networks', 'a private address');
SELECT is(pg_temp.problems(t.web('/nothing'), :'items'), 'fetch: HTTP status 404: there is nothing at this URL', 'the path');
SELECT is(pg_temp.problems(t.url('/status/401'), :'items'), 'fetch: HTTP status 401: the server wants credentials, see auth and headers', 'credentials');
SELECT is(pg_temp.problems(t.url('/status/500'), :'items'), 'fetch: HTTP status 500: the server fails', 'a server that fails');
SELECT is(pg_temp.problems(t.url('/status/400'), :'items'), 'fetch: HTTP status 400: the server does not understand the request, see params, headers and body', 'a request that it does not understand');
SELECT is(pg_temp.problems(t.web('/pages/1.html'), :'items'), 'transform: the answer is no JSON: it is an HTML page', 'no API at all');
SELECT is(pg_temp.problems(:'since', 'items => ''$.data[*]'', target => ''t96'''), 'items: "$.data[*]" finds nothing in the answer: it has items, newest', 'items');
SELECT is(pg_temp.problems(:'since', 'target => ''t96'''), 'items: without it the whole answer is one item; perhaps "$.items[*]"', 'items that were forgotten');
SELECT is(pg_temp.problems(:'since', 'item_key => ''$.uid'', ' || :'items'), 'item_key: "$.uid" finds nothing in 20 of 20 items; the first one has id, name', 'item_key');
SELECT is(pg_temp.problems(:'since', 'columns => ''{"id": "$.id", "price": "$.prise"}'', ' || :'items'), 'column "price": "$.prise" finds nothing in any item; the first one has id, name', 'a column''s path');
SELECT is(pg_temp.problems(:'since', 'columns => ''{"id": "$.name"}'', ' || :'items'), 'store: invalid input syntax for type bigint: "item 1" (20 of 20), such as {"id": "item 1"}', 'a column''s type');
SELECT is(pg_temp.problems(:'since', 'columns => ''{"id": "$.id", "price": {"value": 100}}'', ' || :'items'), 'store: new row for relation "t96" violates check constraint "t96_price_check" (20 of 20), such as {"id": 1, "price": 100}', 'a constraint');
SELECT is(pg_temp.problems(:'since', 'columns => ''{"id": "$.id", "name": "$.nome"}'', items => ''$.items[*]'', target => ''t96_text'''),
    E'column "name": "$.nome" finds nothing in any item; the first one has id, name\nstore: null value in column "name" of relation "t96_text" violates not-null constraint (20 of 20), such as {"id": 10}', 'a column that must have a value');
SELECT is(pg_temp.problems(:'since', 'transform => ''f96(jsonb)'', ' || :'items'), 'transform: seven is refused (1 of 20), such as {"id": 7, "name": "item 7"}', 'the transform refuses one');
SELECT is(pg_temp.problems(:'since', 'transform => ''f96_none(jsonb)'', ' || :'items'), 'transform: public.f96_none makes no row of 20 items', '... all');
SELECT is(pg_temp.problems(:'since', 'transform => ''f96_gone(jsonb)'', ' || :'items'), 'transform: relation "public.gone96" does not exist', '... or fails');
SELECT is(pg_temp.problems(:'since', 'cursor => ''{"path": "$.latest", "param": "since"}'', ' || :'items'), 'cursor: "$.latest" finds nothing in the answer', 'cursor');
SELECT is(pg_temp.problems(:'since', 'target => ''t96''', 'feed'), 'transform: the answer is no feed: it looks like JSON', 'an API as a feed');
SELECT is(pg_temp.problems(t.web('/feeds/rss20_plain.xml'), :'items'), 'transform: the answer is no JSON: it looks like XML', 'a feed as an API');
SELECT is(pg_temp.problems(t.url('/hang'), 'timeout => ''300 ms'', ' || :'items'), 'fetch: no answer within 300 ms', 'a server that does not answer');
SELECT is((SELECT count(*) FROM public.t96), 0::bigint, 'nothing was stored by any');
SELECT is((SELECT count(*) FROM errand.rejects WHERE source = 's96'), 0::bigint, '... nor rejected');
SELECT * FROM finish();
ROLLBACK;
