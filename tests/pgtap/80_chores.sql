-- Retention, keys, templates, bytes and the record of the cluster, call by call; nothing of it commits.
\ir common.psql
BEGIN;
SELECT plan(46);
-- what other tests left would show, too
DELETE FROM errand.ready;
DELETE FROM errand.later;
DELETE FROM errand.deadline;
DELETE FROM errand.outcome;
DELETE FROM errand.attempt;
DELETE FROM errand.task_key;
DELETE FROM errand.task;

-- retention: two ages, page by page, in id order
CREATE FUNCTION pg_temp.old(n integer, state "char", age interval) RETURNS void LANGUAGE sql AS $$
    INSERT INTO errand.task SELECT n, now(), NULL, NULL, r.oid, 0, 1, NULL, NULL, NULL, 0, 1, NULL, false, r.rolname, 'http', 'http', 'default', NULL, NULL, NULL, NULL, NULL, '{}'
        FROM pg_roles AS r WHERE r.rolname = current_user;
    INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, worker) SELECT n, now() - age, 2, 1, state, false, 1;
    INSERT INTO errand.attempt (task_id, attempt, finished_at, run, state, timed_out) SELECT n, 1, now() - age, 1, 'r', false;
$$;
SELECT pg_temp.old(n, s, a) FROM (VALUES (1, 'S'::"char", '8 days'::interval), (2, 'F', '8 days'), (3, 'S', '6 days'), (4, 'F', '31 days'), (5, 'C', '31 days'),
    (6, 'U', '31 days'), (7, 'S', '9 days')) AS x (n, s, a) \g /dev/null
SELECT is((SELECT row(last_id, gone, any_old)::text FROM errand._retain(0, now() - interval '7 days', now() - interval '30 days', 3)), '(3,1,t)', '_retain: a page');
SELECT is((SELECT array_agg(id ORDER BY id) FROM errand.tasks), '{2,3,4,5,6,7}', '_retain: the old success is gone');
SELECT is((SELECT row(last_id, gone, any_old)::text FROM errand._retain(3, now() - interval '7 days', now() - interval '30 days', 3)), '(6,3,t)', '_retain: the next page');
SELECT is((SELECT array_agg(id ORDER BY id) FROM errand.tasks), '{2,3,7}', '_retain: old failures of all kinds are gone');
SELECT is((SELECT row(last_id, gone, any_old)::text FROM errand._retain(6, '-infinity', '-infinity', 3)), '(7,0,f)', '_retain: nothing is that old');
SELECT is((SELECT row(last_id, gone, any_old)::text FROM errand._retain(1, now() - interval '7 days', '-infinity', 2)), '(3,0,t)',
    '_retain: a page of kept failures does not end the pass');
SELECT is((SELECT count(*)::int FROM errand._retain(7, now(), now(), 3)), 0, '_retain: at the end no row');
SELECT is((SELECT array_agg(task_id ORDER BY task_id) FROM errand.attempt WHERE task_id < 10), '{2,3,7}', '_retain: attempts go with their tasks');
SELECT is((SELECT array_agg(id ORDER BY id) FROM errand.task), '{2,3,7}', '_retain: and so do the rows of the tasks');
SELECT is(errand.retry(3), true, 'one is retried');
SELECT is((SELECT gone FROM errand._retain(0, now(), now(), 10)), 2::bigint, '_retain: leaves what runs again');
SELECT is(errand.status(3), 'ready', '_retain: where it is');
SELECT is(current_setting('errand.retention'), 'succeeded=7d,failed=30d', 'errand.retention');

-- keys
SELECT is(errand._key_take(1, 'q', 'k', 10), 10::bigint, '_key_take: free');
SELECT is(errand._key_take(1, 'q', 'k', 11), 10::bigint, '_key_take: taken');
SELECT is(errand._key_take(2, 'q', 'k', 12), 12::bigint, '_key_take: by another role');
SELECT is(errand._key_take(1, 'r', 'k', 13), 13::bigint, '_key_take: in another queue');
SELECT errand._release_side('{10}', NULL, NULL) \g /dev/null
SELECT is(errand._key_take(1, 'q', 'k', 14), 14::bigint, '_key_take: free again');

-- templates
SELECT is(errand._merge('{"a": 1, "headers": {"x": 1, "y": 2}}', '{"b": 2, "headers": {"y": 3}}'), '{"a": 1, "b": 2, "headers": {"x": 1, "y": 3}}', '_merge: headers key by key');
SELECT is(errand._merge('{"json": {"a": 1}}', '{"body": "text"}'), '{"body": "text"}', '_merge: another form of body replaces it');
SELECT is(errand._merge('{"form": {"a": 1}}', '{"form": {"b": 2}}'), '{"form": {"a": 1, "b": 2}}', '_merge: forms key by key');
SELECT is(errand._merge('{"auth": {"bearer": "a"}}', '{"auth": {"basic": ["u", "p"]}}'), '{"auth": {"basic": ["u", "p"]}}', '_merge: anything else as a whole');

-- bytes, JSON, headers
SELECT is(errand._text('\x616263'), 'abc', '_text');
SELECT is(errand._text('\xff'), NULL, '_text: no UTF-8');
SELECT is(errand._text('\x610062'), NULL, '_text: with a NUL');
SELECT is(errand._json('{"a": 1'), NULL, '_json: no JSON');
SELECT is(errand._json('"\u0000"'), NULL, '_json: nothing that jsonb can hold');
SELECT is(errand._json(repeat('[', 100000)), NULL, '_json: too deep');
SELECT is(errand._headers(E'A: 1\r\nb:2\r\nA:  3 \r\nno header\r\n: none\r\nC:\r\nD: x:y\r\n'::bytea), '{"a": ["1", "3"], "b": "2", "c": "", "d": "x:y"}', '_headers: names in lower case, repeated ones in order');
SELECT is(errand._headers('\x583a20e9'), jsonb_build_object('x', chr(233)), '_headers: Latin-1 if it is no UTF-8');
SELECT is(errand._headers(''), '{}', '_headers: none');
SELECT is(errand._http_result(200, 'application/json', NULL, 'no json'::bytea) -> 'body', '"no json"', '_http_result: what says it is JSON and is not');
SELECT is(errand._http_result(200, 'text/plain', NULL, '{"a": 1}'::bytea) -> 'body', '{"a": 1}', '_http_result: what is JSON and does not say so');
SELECT is(errand._http_result(200, 'text/plain', NULL, '12'::bytea) -> 'body', '"12"', '_http_result: but a number stays text');
SELECT is(errand._http_result(200, 'application/problem+json', NULL, '"x"'::bytea) -> 'body', '"x"', '_http_result: any +json');
SELECT is(errand._http_result(204, NULL, NULL, NULL), '{"status": 204, "headers": {}, "body": null}', '_http_result: nothing at all');

-- a copy of another cluster rests until resume_all(), which finds the owners again
SELECT is((SELECT row(paused, copied)::text FROM errand._instance()), '(f,f)', '_instance: at home');
SELECT secret FROM errand._instance() \gset
UPDATE errand.instance SET system_identifier = 1;
SELECT is((SELECT row(paused, copied)::text FROM errand._instance()), '(f,t)', '_instance: a copy');
UPDATE errand.task SET owner_oid = 1 WHERE id = 3;
SELECT is((SELECT count(*)::int FROM errand.task WHERE owner_oid = 1), 1, 'an owner''s oid is another''s here');
SELECT is(errand._pause(false), 0::bigint, '_pause: resumed, and nobody is missing');
SELECT is((SELECT row(paused, copied)::text FROM errand._instance()), '(f,f)', '_instance: at home here now');
SELECT is((SELECT owner_oid::regrole::text FROM errand.task WHERE id = 3), current_user::text, '_pause: owners are found by their names');
SELECT is((SELECT secret FROM errand._instance()), :'secret'::uuid, '_instance: the secret came along');
UPDATE errand.instance SET system_identifier = 1;
UPDATE errand.task SET owner = 'no such role' WHERE id = 3;
SELECT is(errand._pause(false), 1::bigint, '_pause: counts tasks of roles that are missing');
SELECT is(errand._pause(true), 0::bigint, '_pause: paused');
SELECT is((SELECT row(paused, copied)::text FROM errand._instance()), '(t,f)', '_instance: paused');
SELECT * FROM finish();
ROLLBACK;
