-- stat_reset(), html_title(), task_on_change().
\ir common.psql
SELECT plan(37);

-- stat_reset
SELECT errand.http_get(t.url('/ok'), queue => 'x_stat') AS id \gset
SELECT errand.wait_for(:id) AS r \gset
SELECT errand.http_get(t.url('/ok'), queue => 'x_stat', run_at => now() + interval '1 day') AS later \gset
SELECT ok(t.until($$(SELECT row(succeeded, scheduled, run_p50_ms IS NULL)::text = '(1,1,f)' FROM errand.stat_queues WHERE queue = 'x_stat')$$), 'before stat_reset()');
SELECT is(t.by('tap_alice', 'SELECT errand.stat_reset()'), '42501', 'stat_reset: needs level admin');
SELECT lives_ok('SELECT errand.stat_reset()', 'stat_reset');
SELECT is((SELECT row(succeeded, scheduled, depth, run_p50_ms IS NULL, wait_p95_ms IS NULL)::text FROM errand.stat_queues WHERE queue = 'x_stat'), '(0,1,1,t,t)', 'stat_reset: what is there keeps its count');
-- a worker may tell of what it did before only now: then once more
CREATE FUNCTION pg_temp.after_reset(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    answer boolean;
BEGIN
    EXECUTE query INTO answer;
    IF NOT answer THEN
        PERFORM errand.stat_reset();
    END IF;
    RETURN answer;
END $$;
SELECT ok(t.until($$pg_temp.after_reset('SELECT row(succeeded, attempts)::text = ''(0,0)'' FROM errand.stat_tasks WHERE task = ''http''')$$), 'stat_reset: types, too');
SELECT ok(t.until($$pg_temp.after_reset('SELECT sum(requests) = 0 FROM errand.stat_hosts')$$), 'stat_reset: hosts, too');
SELECT errand.http_get(t.url('/ok'), queue => 'x_stat') AS id \gset
SELECT errand.wait_for(:id) AS r \gset
SELECT ok(t.until($$(SELECT succeeded = 1 FROM errand.stat_queues WHERE queue = 'x_stat')$$), 'stat_reset: counts anew');
SELECT errand.cancel(:later) AS r \gset

-- html_title: the rest is in tests/unit/test_html.c
SELECT is(errand.html_title(page), title, coalesce(title, 'none')) FROM (VALUES
    ('<html><head><TITLE>Tom &amp; Jerry&#8217;s' || E'\n' || ' caf&eacute;</title>', 'Tom & Jerry’s café'), ('<p>no title</p>', NULL), ('<title>', NULL),
    ('<!--<title>no</title>--><title>yes</title>', 'yes'), ('', NULL), (NULL, NULL)) AS v (page, title);
SELECT is(errand.html_title(repeat('<title', 1000000)), NULL, 'six megabytes of it');
SELECT is(t.by('tap_mona', 'SELECT errand.html_title(''<title>x</title>'')'), 'x', 'html_title: for all levels');

-- task_on_change
SELECT errand.define_task('x_change', 'http', template => jsonb_build_object('url', t.url('/echo'), 'headers', '{"X-Mine": "1"}'::jsonb), queue => 'x_type') \g /dev/null
CREATE TABLE pg_temp.orders (id int, note text);
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON pg_temp.orders FOR EACH ROW EXECUTE FUNCTION errand.task_on_change('x_change');
CREATE FUNCTION pg_temp.sent() RETURNS TABLE (id bigint, body jsonb) LANGUAGE sql AS $$
    SELECT t.id, errand.wait_for(t.id) -> 'body' FROM errand.tasks AS t WHERE t.task = 'x_change' ORDER BY t.id DESC LIMIT 1
$$;
BEGIN;
INSERT INTO pg_temp.orders VALUES (1, 'gone');
ROLLBACK;
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE task = 'x_change'), 0, 'task_on_change: gone with ROLLBACK');
INSERT INTO pg_temp.orders VALUES (1, E'a "quoted"\nnote');
SELECT is((SELECT row(task, queue, kind, owner)::text FROM errand.tasks WHERE task = 'x_change'), '(x_change,x_type,http,postgres)', 'task_on_change: a task of that type');
SELECT id, body FROM pg_temp.sent() \gset s_
SELECT is(:'s_body'::jsonb ->> 'method', 'POST', 'task_on_change: is sent');
SELECT is(t.header(jsonb_build_object('body', :'s_body'::jsonb), 'content-type'), 'application/json', 'task_on_change: as JSON');
SELECT is(t.header(jsonb_build_object('body', :'s_body'::jsonb), 'x-mine'), '1', 'task_on_change: over the template');
SELECT is((SELECT (payload -> 'json') - 'schema' FROM errand.task(:s_id)), '{"op": "INSERT", "table": "orders", "old": null, "new": {"id": 1, "note": "a \"quoted\"\nnote"}}', 'task_on_change: INSERT');
SELECT matches((SELECT payload -> 'json' ->> 'schema' FROM errand.task(:s_id)), '^pg_temp', 'task_on_change: names the schema');
UPDATE pg_temp.orders SET note = NULL;
SELECT is((SELECT (payload -> 'json') - 'schema' FROM errand.task((SELECT max(id) FROM errand.tasks WHERE task = 'x_change'))),
    '{"op": "UPDATE", "table": "orders", "old": {"id": 1, "note": "a \"quoted\"\nnote"}, "new": {"id": 1, "note": null}}', 'task_on_change: UPDATE');
DELETE FROM pg_temp.orders;
SELECT is((SELECT (payload -> 'json') - 'schema' FROM errand.task((SELECT max(id) FROM errand.tasks WHERE task = 'x_change'))),
    '{"op": "DELETE", "table": "orders", "old": {"id": 1, "note": null}, "new": null}', 'task_on_change: DELETE');
INSERT INTO pg_temp.orders SELECT n FROM generate_series(1, 20) AS n;
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE task = 'x_change'), 23, 'task_on_change: one a row');
DROP TRIGGER told ON pg_temp.orders;
CREATE TRIGGER told AFTER UPDATE ON pg_temp.orders FOR EACH ROW EXECUTE FUNCTION errand.task_on_change('x_change', 'x_queue');
UPDATE pg_temp.orders SET note = 'x' WHERE id = 1;
SELECT is((SELECT queue FROM errand.tasks ORDER BY id DESC LIMIT 1), 'x_queue', 'task_on_change: with a queue');

-- the role in force submits, or may not
CREATE SCHEMA x_own;
CREATE TABLE x_own.things (id int);
CREATE TRIGGER told AFTER INSERT ON x_own.things FOR EACH ROW EXECUTE FUNCTION errand.task_on_change('x_change');
GRANT USAGE ON SCHEMA x_own TO tap_alice, tap_mona, tap_nick;
GRANT INSERT ON x_own.things TO tap_alice, tap_mona, tap_nick;
SELECT is(t.by('tap_mona', 'INSERT INTO x_own.things VALUES (1)'), '42501', 'task_on_change: who may only look submits nothing');
SELECT is(t.by('tap_nick', 'INSERT INTO x_own.things VALUES (1)'), '42501', 'task_on_change: nor who may nothing');
SELECT is((SELECT count(*)::int FROM x_own.things), 0, 'task_on_change: and changes nothing');
SELECT is(t.by('tap_alice', 'INSERT INTO x_own.things VALUES (1)'), NULL, 'task_on_change: who may submit');
SELECT is((SELECT owner::text FROM errand.tasks WHERE task = 'x_change' ORDER BY id DESC LIMIT 1), 'tap_alice', 'task_on_change: is the owner');
DROP SCHEMA x_own CASCADE;

-- mistakes
DROP TRIGGER told ON pg_temp.orders;
CREATE TRIGGER told BEFORE INSERT ON pg_temp.orders FOR EACH ROW EXECUTE FUNCTION errand.task_on_change('x_change');
SELECT is(t.state('INSERT INTO pg_temp.orders VALUES (9)'), '39P01', 'task_on_change: not BEFORE');
DROP TRIGGER told ON pg_temp.orders;
CREATE TRIGGER told AFTER INSERT ON pg_temp.orders EXECUTE FUNCTION errand.task_on_change('x_change');
SELECT is(t.state('INSERT INTO pg_temp.orders VALUES (9)'), '39P01', 'task_on_change: not FOR EACH STATEMENT');
DROP TRIGGER told ON pg_temp.orders;
CREATE TRIGGER told AFTER INSERT ON pg_temp.orders FOR EACH ROW EXECUTE FUNCTION errand.task_on_change();
SELECT is(t.state('INSERT INTO pg_temp.orders VALUES (9)'), '22023', 'task_on_change: no type');
DROP TRIGGER told ON pg_temp.orders;
CREATE TRIGGER told AFTER INSERT ON pg_temp.orders FOR EACH ROW EXECUTE FUNCTION errand.task_on_change('x_none');
SELECT is(t.state('INSERT INTO pg_temp.orders VALUES (9)'), '42704', 'task_on_change: no such type');
DROP TRIGGER told ON pg_temp.orders;
CREATE TRIGGER told AFTER INSERT ON pg_temp.orders FOR EACH ROW EXECUTE FUNCTION errand.task_on_change('http');
SELECT is(t.state('INSERT INTO pg_temp.orders VALUES (9)'), '22023', 'task_on_change: a type without a URL');
SELECT is(t.state('SELECT errand.task_on_change()'), '0A000', 'task_on_change: is a trigger function');
SELECT errand.cancel_where('{"task": "x_change"}') AS r \gset
SELECT errand.drop_task('x_change') \g /dev/null
-- the files after this one count alice's tasks
SELECT count(*) AS r FROM errand.gather(ARRAY(SELECT id FROM errand.tasks WHERE owner = 'tap_alice'), true) \gset
SELECT errand.purge('{"owner": "tap_alice"}') AS r \gset
SELECT * FROM finish();
