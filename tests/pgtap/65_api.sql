-- The API's routes: what they answer, to whom, and what they refuse.
\ir common.psql
SELECT plan(221);
SELECT errand.cancel_where('{}') AS gone \gset
SELECT errand.purge('{"state": ["succeeded", "failed", "cancelled", "unknown"]}') AS purged \gset
CREATE OR REPLACE FUNCTION t.cap(level text) RETURNS void LANGUAGE c AS '$libdir/pg_errand', 'errand_level_cap_set';
CREATE OR REPLACE FUNCTION t.api(route text, args jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS 'SELECT errand._api(route, args, now())';
-- a route as a role, with a token of a level
CREATE OR REPLACE FUNCTION t.as(who name, level text, route text, args jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM t.cap(level);
    answer := t.by(who, format('SELECT errand._api(%L, %L, now())', route, args));
    PERFORM t.cap('admin');
    RETURN answer;
END $$;
CREATE OR REPLACE FUNCTION t.ids(answer text) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT array_agg((e ->> 'id')::bigint ORDER BY n) FROM jsonb_array_elements(answer::jsonb -> 'tasks') WITH ORDINALITY AS x (e, n)
$$;

-- tasks of three roles, none of which runs
SELECT errand.define_queue('api_a'), errand.define_queue('api_b'), errand.pause_queue('api_a'), errand.pause_queue('api_b') \g /dev/null
SELECT t.by('tap_alice', $$SELECT errand.http_get('http://errand.test/a?api_key=hush&n=1', queue => 'api_a', key => 'k''1', tags => '{x,"y z"}',
    headers => '{"Authorization": "Bearer hush", "X-Note": "<b>"}', auth => '{"bearer": "hush-hush"}')$$)::bigint AS a \gset
SELECT t.by('tap_alice', $$SELECT errand.http_get('http://errand.test/a2', queue => 'api_a', run_at => now() + '1 h')$$)::bigint AS a2 \gset
SELECT t.by('tap_bob', $$SELECT errand.http_get('http://errand.test/b', queue => 'api_b', priority => 5)$$)::bigint AS b \gset
SELECT t.by('tap_alice', format($$SELECT errand.http_get('http://errand.test/c', after => '{%s}', queue => 'api_a')$$, :a))::bigint AS c \gset
SELECT t.by('tap_alice', format($$SELECT errand.http_get('http://errand.test/d', after => '{%s,%s}', queue => 'api_a')$$, :a, :c))::bigint AS d \gset

-- who sees what
SELECT is(t.ids(t.as('tap_mona', 'monitor', 'tasks')), ARRAY[:d, :c, :b, :a2, :a]::bigint[], 'a monitor sees all, newest first');
SELECT is(t.ids(t.as('tap_alice', 'submit', 'tasks')), ARRAY[:d, :c, :a2, :a]::bigint[], 'submit sees its own');
SELECT is(t.ids(t.as('tap_bob', 'submit', 'tasks')), ARRAY[:b]::bigint[], 'and another its own');
SELECT is(t.ids(t.as('tap_adam', 'submit', 'tasks')), NULL, 'an admin with a token for submit sees only its own, which are none');
SELECT is(t.ids(t.as('tap_adam', 'monitor', 'tasks')), ARRAY[:d, :c, :b, :a2, :a]::bigint[], 'with one for monitor all');
SELECT is(t.as('tap_nick', 'admin', 'tasks'), '42501', 'a role without a level nothing');
SELECT is(t.as('tap_bob', 'admin', 'task', jsonb_build_object('id', :a)), '42704', 'a task of another is not there');
SELECT is(t.as('tap_bob', 'admin', 'workflow', jsonb_build_object('id', :a)), '42704', 'nor is its graph');
SELECT is(t.as('tap_bob', 'admin', 'snapshot', jsonb_build_object('channel', 'task:' || :a)), '42704', 'nor can it be followed');
SELECT is(t.as('tap_alice', 'submit', r), '42501', 'submit may not: ' || r) FROM unnest(ARRAY['overview']) AS r;
SELECT is(t.as('tap_alice', 'submit', 'snapshot', '{"channel": "stats"}'), '42501', 'stats are for monitors');
SELECT is(t.as('tap_alice', 'admin', 'workers')::jsonb -> 'workers', '[]', 'nor are the workers for others');

-- who may do what
SELECT is(t.as('tap_mona', 'admin', 'submit', '{"body": {"task": "http", "payload": {"url": "http://errand.test/"}}}'), '42501', 'a monitor submits nothing');
SELECT is(t.as('tap_adam', 'monitor', r, a), '42501', 'a token for monitor does nothing: ' || r) FROM (VALUES
    ('submit', '{"body": {"task": "http", "payload": {"url": "http://errand.test/"}}}'::jsonb), ('pause_all', '{}'), ('queue_pause', '{"name": "api_a"}'),
    ('task_cancel', '{"id": 1}'), ('tasks_cancel', '{"body": {"filter": {"state": "ready"}}}'), ('workers_restart', '{}')) AS x (r, a);
SELECT is(t.as('tap_adam', 'submit', r, a), '42501', 'a token for submit steers nothing: ' || r) FROM (VALUES
    ('pause_all', '{}'::jsonb), ('resume_all', '{}'), ('queue_pause', '{"name": "api_a"}'), ('queue_resume', '{"name": "api_a"}'), ('queue_drain', '{"name": "api_a"}'),
    ('queue_define', '{"name": "api_a", "body": {"max_running": 1}}'), ('host_define', '{"name": "h", "body": {}}'), ('workers_restart', '{}')) AS x (r, a);
SELECT is(t.as('tap_bob', 'admin', 'task_cancel', jsonb_build_object('id', :a)), '42704', 'a task of another cannot be cancelled');
SELECT is(t.as('tap_mona', 'admin', 'task_cancel', jsonb_build_object('id', :a)), '42501', 'nor by a monitor');
SELECT is(t.as('tap_adam', 'submit', 'task_cancel', jsonb_build_object('id', :a)), '42704', 'nor with a token for submit');
SELECT is((t.as('tap_bob', 'admin', 'tasks_cancel', '{"body": {"filter": {}, "dry_run": true}}')::jsonb ->> 'count')::int, 1, 'a filter means one''s own tasks');
SELECT is((t.as('tap_adam', 'admin', 'tasks_cancel', '{"body": {"filter": {}, "dry_run": true}}')::jsonb ->> 'count')::int, 5, 'an admin''s all');
SELECT is(t.as('tap_adam', 'submit', 'tasks_cancel', jsonb_build_object('body', jsonb_build_object('ids', ARRAY[:a, :b], 'dry_run', true)))::jsonb -> 'count', '0', 'by id likewise');
SELECT is(t.as('tap_bob', 'submit', 'tasks_cancel', jsonb_build_object('body', jsonb_build_object('ids', ARRAY[:a, :b], 'dry_run', true)))::jsonb -> 'count', '1', 'of these one''s own');

-- filters and pages
SELECT is(t.ids(t.api('tasks', a)::text), i::bigint[], 'filter ' || a::text) FROM (VALUES
    ('{"state": "ready"}'::jsonb, ARRAY[:b, :a]), ('{"state": "scheduled,waiting"}', ARRAY[:d, :c, :a2]), ('{"queue": "api_b"}', ARRAY[:b]),
    ('{"owner": "tap_alice", "state": "ready"}', ARRAY[:a]), ('{"key": "k''1"}', ARRAY[:a]), ('{"tag": "y z"}', ARRAY[:a]), ('{"task": "nothing"}', NULL),
    ('{"kind": "http", "limit": "2"}', ARRAY[:d, :c]), (jsonb_build_object('q', :b::text), ARRAY[:b]), ('{"q": "K''1"}', ARRAY[:a]),
    ('{"since": "2999-01-01"}', NULL), ('{"until": "1999-01-01"}', NULL), ('{"since": "1999-01-01", "until": "2999-01-01", "queue": "api_b"}', ARRAY[:b])) AS x (a, i);
SELECT is(t.api('tasks', '{"limit": "2"}') ->> 'next', :'c'::text, 'a page tells where the next begins');
SELECT is(t.ids(t.api('tasks', jsonb_build_object('limit', '2', 'after', :'c'))::text), ARRAY[:b, :a2]::bigint[], 'which is the next');
SELECT is(t.api('tasks', jsonb_build_object('after', :'b')) -> 'next', 'null', 'the last has none');
SELECT is((t.api('tasks') ->> 'estimate')::int, 5, 'few are counted');
SELECT is(t.api('tasks') -> 'tasks' -> 0 ?| ARRAY['payload', 'result'], false, 'lists carry no payload and no result');
SELECT is((SELECT count(*)::int FROM jsonb_object_keys(t.api('tasks') -> 'tasks' -> 0)), 19, 'but all columns of a task');
SELECT matches(t.api('tasks') -> 'tasks' -> 0 ->> 'submitted_at', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$', 'times are UTC');
SELECT matches(t.api('tasks', '{"format": "csv", "key": "k''1"}') ->> 'csv', '^id,state,[a-z_,]*error\r\n' || :a || ',ready,http,http,api_a,0,0,3,[^\n]*,tap_alice,k''1,,"\[""x"", ""y z""\]",,,\r\n$', 'CSV');
SELECT is(errand._csv(v), e, 'CSV field ' || v) FROM (VALUES ('=1+1', '''=1+1'), ('a,b', '"a,b"'), ('say "x"', '"say ""x"""'), (E'@a\nb', E'"''@a\nb"'), ('plain', 'plain')) AS x (v, e);

-- one task
SELECT t.api('task', jsonb_build_object('id', :a)) AS task \gset
SELECT is(:'task'::jsonb -> 'payload' -> 'headers', '{"Authorization": "***", "X-Note": "<b>"}', 'secrets of a request are masked');
SELECT unalike(:'task'::text, '%hush%', 'everywhere');
SELECT is(:'task'::jsonb #>> '{payload,url}', 'http://errand.test/a?api_key=***&n=1', 'in the URL, too');
SELECT alike(:'task'::jsonb ->> 'sql', 'SELECT errand.submit(''http'', %queue => ''api_a''%key => ''k''''1''%', 'the statement submits it again');
SELECT is(t.state(:'task'::jsonb ->> 'sql'), 'none', 'it can be run');
SELECT is(:'task'::jsonb -> 'children_total', '2', 'its children');
SELECT is(t.api('task', jsonb_build_object('id', :d)) -> 'parents' -> 1 ->> 'id', :'c'::text, 'its parents');
SELECT is(errand._mask(v::jsonb), e::jsonb, 'mask ' || v) FROM (VALUES
    ('{"a": [{"Cookie": "x"}]}', '{"a": [{"Cookie": "***"}]}'), ('{"auth": {"basic": ["u", "secret://pw"]}}', '{"auth": {"basic": ["***", "secret://pw"]}}'),
    ('{"headers": {"authorization": "Bearer secret://t"}}', '{"headers": {"authorization": "Bearer secret://t"}}'), ('{"x-api-key": 5}', '{"x-api-key": "***"}'),
    ('{"slack": "https://hooks.slack.test/T/B/x"}', '{"slack": "https://hooks.slack.test/***"}'), ('[1, null, "token"]', '[1, null, "token"]'), ('{"tokens": 7, "cookies": {}}', '{"tokens": 7, "cookies": {}}')) AS x (v, e);
SELECT is(errand._mask(jsonb_build_object('params', jsonb_build_object(k, 'x'))), jsonb_build_object('params', jsonb_build_object(k, '***')), 'secret by name: ' || k) FROM unnest(ARRAY[
    'password', 'passwd', 'db_password', 'pwd', 'passphrase', 'client_secret', 'clientSecret', 'secret', 'api_key', 'apiKey', 'X-Api-Key', 'private_key', 'private-key', 'privateKey',
    'secret_key', 'token', 'access_token', 'accessToken', 'id_token', 'X-Auth-Token', 'sig', 'signature', 'X-Amz-Signature', 'bearer', 'Set-Cookie', 'jwt', 'credentials']) AS k;
SELECT is(errand._mask(jsonb_build_object(k, 'x')), jsonb_build_object(k, 'x'), 'no secret: ' || k) FROM unnest(ARRAY[
    'id', 'task', 'key', 'tokens', 'token_bucket', 'token_url', 'design', 'signatures', 'partition_key', 'public_key', 'monkey', 'secretary', 'passwords_checked']) AS k;
SELECT is(errand._mask(to_jsonb(v)), to_jsonb(e), 'mask in a text: ' || v) FROM (VALUES
    ('http://x.test/p?a=1&access_token=s3&b=2', 'http://x.test/p?a=1&access_token=***&b=2'), ('http://x.test/?api_key=s3#f', 'http://x.test/?api_key=***#f'),
    ('https://x.test/b?sv=1&sig=a%2Bb%3D&X-Amz-Signature=f00', 'https://x.test/b?sv=1&sig=***&X-Amz-Signature=***'), ('go to http://x.test/?Token=s3 now', 'go to http://x.test/?Token=*** now'),
    ('https://x.test/#id_token=s3', 'https://x.test/#id_token=***'), ('/next?auth[password]=s3', '/next?auth[password]=***'), ('user=u&password=s3', 'user=u&password=***'),
    ('<a href="/?a=1&amp;token=s3">', '<a href="/?a=1&amp;token=***">'), ('http://x.test/?token=secret://t', 'http://x.test/?token=secret://t'), ('secret_key=s3&token=', 'secret_key=***&token='),
    ('http://x.test/?token_bucket=1&tokens=2&design=3&key=4', 'http://x.test/?token_bucket=1&tokens=2&design=3&key=4'), ('http://x.test/token/5?q=token', 'http://x.test/token/5?q=token')) AS x (v, e);
SELECT is(errand._bounded(to_jsonb(repeat('x', 70000))), '{"truncated": true, "bytes": 70002}', 'what is large is only told');
SELECT isnt(errand._mask((repeat('[', 500) || repeat(']', 500))::jsonb), NULL, 'what is deep does no harm');

-- graphs and groups
SELECT is((SELECT string_agg((n ->> 'layer'), '' ORDER BY (n ->> 'id')::bigint) FROM jsonb_array_elements(t.api('workflow', jsonb_build_object('id', :c)) -> 'nodes') AS n), '012', 'a graph in layers');
SELECT is(jsonb_array_length(t.api('workflow', jsonb_build_object('id', :a)) -> 'edges'), 3, 'with its edges');
SELECT errand.open_group('api group') AS grp \gset
SELECT errand.http_get('http://errand.test/g', queue => 'api_a', task_group => :grp) AS g \gset
SELECT is(t.api('workflow', jsonb_build_object('id', 'group:' || :grp)) -> 'nodes' -> 0 ->> 'id', :'g'::text, 'a group is one, too');
SELECT is(t.api('workflows', '{"limit": "1"}') -> 'workflows' -> 0 ->> 'name', 'api group', 'groups, newest first');
SELECT is(t.as('tap_alice', 'admin', 'snapshot', jsonb_build_object('channel', 'group:' || :grp)), '42704', 'a group of another cannot be followed');
SELECT is(t.ids((t.api('snapshot', jsonb_build_object('channel', 'group:' || :grp)) -> 'data')::text), ARRAY[:g]::bigint[], 'one''s own can');

-- what a subscription begins with
SELECT is(t.api('snapshot', '{"channel": "tasks", "filter": {"queue": "api_b"}}') -> 'data' -> 'tasks' -> 0 ->> 'id', :'b'::text, 'a filter holds for the snapshot');
SELECT is(t.api('snapshot', '{"channel": "tasks", "filter": {"queue": ["api_b", "api_none"], "task": ["http", "sql"]}}') -> 'data' -> 'tasks' -> 0 ->> 'id', :'b'::text, '... of several, too');
SELECT is(t.api('snapshot', '{"channel": "tasks", "filter": {"queue": ["api_none", "api_nor_this"]}}') -> 'data' -> 'tasks', '[]', '... and leaves out what it does not name');
SELECT is(t.api('snapshot', '{"channel": "queue:api_unheard_of"}') -> 'data' -> 'counts' -> 'ready', '0', 'a queue that nobody has heard of is empty');
SELECT is(t.api('snapshot', '{"channel": "queue:api_a"}') -> 'data' -> 'counts' -> 'waiting', '2', 'a queue''s counts');
SELECT is(t.api('snapshot', '{"channel": "notify:x"}'), '{"data": {}}', 'nothing of a NOTIFY channel');
SELECT is(t.api('snapshot', jsonb_build_object('channel', 'task:' || :a)) -> 'data' ->> 'state', 'ready', 'a task''s row');

-- steering
SELECT is(t.as('tap_alice', 'submit', 'task_cancel', jsonb_build_object('id', :a2, 'body', '{"reason": "no more"}'::jsonb))::jsonb, jsonb_build_object('done', true, 'id', :a2), 'one''s own task is cancelled');
SELECT is((SELECT error FROM errand.tasks WHERE id = :a2), 'no more', 'with the reason');
SELECT is(t.as('tap_alice', 'submit', 'task_cancel', jsonb_build_object('id', :a2)), '55000', 'not twice');
SELECT is(t.as('tap_alice', 'submit', 'task_retry', jsonb_build_object('id', :a2))::jsonb -> 'done', 'true', 'and retried');
SELECT t.as('tap_alice', 'submit', 'submit', '{"body": {"task": "http", "payload": {"url": "http://errand.test/"}, "queue": "api_a", "priority": -3}}')::jsonb ->> 'id' AS submitted \gset
SELECT is((SELECT id FROM errand.tasks WHERE owner = 'tap_alice' AND priority = -3), :submitted::bigint, 'a task is submitted');
SELECT is(t.api('queue_define', '{"name": "api_a", "body": {"max_running": 3, "rate_limit": "5/s"}}'), '{"done": true}', 'a queue''s limits');
SELECT is((SELECT q - 'spark' ->> 'max_running' FROM jsonb_array_elements(t.api('queues') -> 'queues') AS q WHERE q ->> 'queue' = 'api_a'), '3', 'are shown');
SELECT is((SELECT jsonb_array_length(q -> 'spark') FROM jsonb_array_elements(t.api('queues') -> 'queues') AS q WHERE q ->> 'queue' = 'api_a'), 30, 'thirty minutes of each');
SELECT is((t.api('tasks_cancel', jsonb_build_object('body', jsonb_build_object('filter', f, 'dry_run', true))) ->> 'count')::int,
    coalesce(cardinality(t.ids(t.api('tasks', l)::text)), 0), 'steering means what the list shows: ' || f::text) FROM (VALUES
    ('{"q": "K''1", "state": "ready"}'::jsonb, '{"q": "K''1", "state": "ready"}'::jsonb), (jsonb_build_object('q', :b::text), jsonb_build_object('q', :b::text)),
    ('{"q": "HTTP", "state": ["ready", "scheduled"]}', '{"q": "HTTP", "state": "ready,scheduled"}'), ('{"q": "nowhere"}', '{"q": "nowhere"}'),
    ('{"since": "2999-01-01"}', '{"since": "2999-01-01"}'), ('{"until": "1999-01-01"}', '{"until": "1999-01-01"}'),
    ('{"since": "1999-01-01", "until": "2999-01-01", "queue": ["api_b", "api_none"]}', '{"since": "1999-01-01", "until": "2999-01-01", "queue": "api_b"}'),
    (jsonb_build_object('group', :grp), jsonb_build_object('group', :grp)), ('{"min_run": 1, "state": "ready"}', '{"min_run": 1, "state": "ready"}'),
    ('{"tag": "y z", "owner": "tap_alice", "kind": "http"}', '{"tag": "y z", "owner": "tap_alice", "kind": "http"}')) AS x (f, l);
SELECT t.api('queue_define', '{"name": "api_a", "body": {"rate_limit": null}}') \g /dev/null
SELECT is((SELECT to_jsonb(ARRAY[q.max_running::text, q.rate_limit]) FROM errand.queue AS q WHERE q.name = 'api_a'), '["3", null]', 'null takes a limit of a queue away, what is not named stays');
SELECT t.api('queue_define', '{"name": "api_a", "body": {"max_running": null, "max_depth": 9}}') \g /dev/null
SELECT is((SELECT to_jsonb(ARRAY[q.max_running, q.max_depth]) FROM errand.queue AS q WHERE q.name = 'api_a'), '[null, 9]', '... each of them');
SELECT t.api('queue_define', '{"name": "api_a", "body": {"max_depth": null}}') \g /dev/null
SELECT errand.define_host('api.test', proxy => 'http://proxy.test:3128'), t.api('host_define', '{"name": "api.test", "body": {"max_running": 3, "rate_limit": "5/s"}}') \g /dev/null
SELECT is((SELECT to_jsonb(h) FROM errand.host AS h WHERE h.name = 'api.test'), '{"name": "api.test", "proxy": "http://proxy.test:3128", "rate_limit": "5/s", "max_running": 3}', 'a host''s limits: its proxy stays');
SELECT t.api('host_define', '{"name": "api.test", "body": {"max_running": null}}') \g /dev/null
SELECT is((SELECT to_jsonb(h) FROM errand.host AS h WHERE h.name = 'api.test'), '{"name": "api.test", "proxy": "http://proxy.test:3128", "rate_limit": "5/s", "max_running": null}', 'null takes one away');
SELECT t.api('host_define', '{"name": "api.test", "body": {"proxy": null, "rate_limit": null}}') \g /dev/null
SELECT is((SELECT to_jsonb(h) FROM errand.host AS h WHERE h.name = 'api.test'), '{"name": "api.test", "proxy": null, "rate_limit": null, "max_running": null}', 'the proxy, too');
SELECT errand.define_host('api.test', max_running => 2), errand.define_host('api.test', rate_limit => '1/s') \g /dev/null
SELECT is((SELECT h.max_running FROM errand.host AS h WHERE h.name = 'api.test'), NULL, 'without keep defining replaces');
SELECT is(t.state($$SELECT errand.define_host('api.test', max_running => -1)$$), '22023', '-1 means nothing then');
SELECT errand.drop_host('api.test') \g /dev/null
SELECT is((t.api('tasks_cancel', '{"body": {"filter": {"queue": "api_a", "state": ["ready", "waiting", "scheduled"]}, "dry_run": false}}') ->> 'count')::int >= 3, true, 'many are cancelled at once');

-- the overview and history
SELECT t.api('overview') AS overview \gset
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(:'overview'::jsonb) AS k),
    'at checks counts database executors failure_rate failures leader_pid level oldest_ready_age_ms paused pg_version queues rates relay role running schedules_next slots sources status throughput_per_s version workers',
    'all that the overview promises');
SELECT is((SELECT count(*)::int FROM jsonb_object_keys(:'overview'::jsonb -> 'counts')), 9, 'nine states');
SELECT is(jsonb_array_length(t.api('history', jsonb_build_object('range', r)) -> 'run_p99_ms'), n, 'a history of ' || r)
FROM (VALUES ('1h', 60), ('6h', 72), ('24h', 96), ('30d', 240)) AS x (r, n);
SELECT ok((SELECT sum(v::int) FROM jsonb_array_elements_text(t.api('history', '{"queue": "api_b"}') -> 'submitted') AS v) >= 1, 'the running minute is in it');

-- what comes from outside
SELECT is(t.state(format('SELECT errand._api(%L, %L, now())', r, a)), s, format('%s %s', r, left(a, 60))) FROM (VALUES
    ('nothing', '{}', '42704'), ('api', '{}', '42704'), ('tasks(jsonb); DROP', '{}', '42704'), ('tasks', '{"limit": "0"}', '22023'), ('tasks', '{"limit": "501"}', '22023'),
    ('tasks', '{"limit": "1e3"}', '22023'), ('tasks', '{"state": "done"}', '22023'), ('tasks', '{"state": "ready,"}', '22023'), ('tasks', '{"after": "x"}', '22023'), ('tasks', '{"after": "99999999999999999999"}', '22023'),
    ('tasks', '{"since": "yesterday-ish"}', '22023'), ('tasks', '{"since": "infinity"}', '22023'), ('tasks', '{"q": {"a": 1}}', '22023'), ('tasks', '{"unknown": "1"}', '22023'), ('tasks', '{"format": "xml"}', '22023'), ('tasks', '[]', '22023'),
    ('task', '{}', '22023'), ('task', '{"id": "0"}', '42704'), ('task', '{"id": "1; SELECT 1"}', '42704'), ('task', '{"id": "999999999"}', '42704'), ('history', '{"range": "2h"}', '22023'), ('history', '{"queue": "a", "task": "b"}', '22023'),
    ('submit', '{}', '22023'), ('submit', '{"body": []}', '22023'), ('submit', '{"body": {"task": "nothing"}}', '42704'), ('submit', '{"body": {"task": "http", "owner": "x"}}', '22023'),
    ('tasks_cancel', '{"body": {}}', '22023'), ('tasks_cancel', '{"body": {"filter": {}, "ids": []}}', '22023'), ('tasks_cancel', '{"body": {"ids": ["x"]}}', '22023'), ('tasks_cancel', '{"body": {"filter": []}}', '22023'),
    ('tasks_retry', '{"body": {"filter": {"state": "x"}}}', '22023'), ('tasks_retry', '{"body": {"filter": {}, "dry_run": "maybe"}}', '22023'), ('queue_pause', '{"name": "nothing here"}', '42704'), ('queue_pause', '{}', '22023'),
    ('tasks_cancel', '{"body": {"filter": {"queue": null}}}', '22023'), ('tasks_cancel', '{"body": {"filter": {"nothing": 1}}}', '22023'), ('tasks_retry', '{"body": {"filter": {"since": "soon"}}}', '22023'),
    ('tasks_retry', '{"body": {"filter": {"q": ["x"]}}}', '22023'), ('host_define', '{"name": "api.test", "body": {"proxy": "x"}}', '22023'), ('host_define', '{"name": "api.test", "body": {"max_running": -1}}', '22023'),
    ('queue_define', '{"name": "api_a", "body": {"max_running": "many"}}', '22023'), ('queue_define', '{"name": "api_a", "body": {"rate_limit": "fast"}}', '22023'), ('source_run', '{"name": "s"}', '42704'),
    ('snapshot', '{"channel": "everything"}', '42704'), ('snapshot', '{"channel": "task:x"}', '42704'), ('snapshot', '{"channel": "tasks", "filter": {"sql": "1"}}', '22023'), ('workflow', '{"id": "group:7; x"}', '42704')) AS x (r, a, s);
SELECT errand.purge('{"state": ["succeeded", "failed", "cancelled", "unknown"]}') AS purged, errand.cancel_where('{}') AS gone, errand.resume_queue('api_a'), errand.resume_queue('api_b') \g /dev/null
SELECT * FROM finish();
