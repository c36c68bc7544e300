-- Follow-ups: what is refused, what they become, and what settling submits.
\ir common.psql
SELECT plan(38);
CREATE FUNCTION pg_temp.refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE query;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || coalesce(hint, '');
END $$;
CREATE FUNCTION pg_temp.follow(form text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.refused(format('SELECT errand.http_get(''http://errand.test/'', run_at => now() + ''1 h'', on_success => %L)', form))
$$;
CREATE FUNCTION pg_temp.final(id bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.until(format('(errand.status(%s) IN (''succeeded'', ''failed'', ''cancelled'', ''unknown''))', id));
    RETURN errand.status(id);
END $$;
CREATE FUNCTION pg_temp.child(id bigint) RETURNS bigint LANGUAGE sql AS 'SELECT follow_up FROM errand.follow_ups WHERE task_id = id';

-- forms
SELECT alike(pg_temp.follow('[]'), '22023 %slack%', 'no object');
SELECT alike(pg_temp.follow('{}'), '22023 %slack%', 'none of the forms');
SELECT alike(pg_temp.follow('{"fax": "1"}'), '22023 %slack%', 'an unknown form');
SELECT alike(pg_temp.follow('{"task": "http", "slack": "http://errand.test/"}'), '22023 %', 'two forms');
SELECT alike(pg_temp.follow('{"task": 1}'), '22023 %', 'a task that is no name');
SELECT alike(pg_temp.follow('{"task": "no such"}'), '42704 %', 'no such task type');
SELECT alike(pg_temp.follow('{"task": "http"}'), '22023 %', 'no URL');
SELECT alike(pg_temp.follow('{"task": "http", "payload": {"url": "ftp://x/"}}'), '22023 %', 'a URL that cannot be');
SELECT alike(pg_temp.follow('{"task": "http", "url": "http://errand.test/"}'), '22023 %payload%', 'a URL beside the payload');
SELECT alike(pg_temp.follow('{"task": "http", "payload": {"url": "http://errand.test/"}, "on_failure": {"slack": "http://errand.test/"}}'), '22023 %', 'a follow-up of a follow-up');
SELECT alike(pg_temp.follow('{"task": "http", "payload": {"url": "http://errand.test/", "on_failure": {"slack": "http://errand.test/"}}}'), '22023 %', 'one hidden in the payload');
SELECT alike(pg_temp.follow('{"task": "http", "payload": {"url": "http://errand.test/"}, "priority": 99999}'), '22023 %', 'an option that cannot be');
SELECT alike(pg_temp.follow('{"task": "http", "payload": {"url": "http://errand.test/"}, "colour": "red"}'), '22023 %', 'an unknown option');
SELECT alike(pg_temp.follow('{"slack": "not a url"}'), '22023 %', 'slack: no URL');
SELECT alike(pg_temp.follow('{"slack": 1}'), '22023 %', 'slack: a number');
SELECT alike(pg_temp.follow('{"slack": "http://errand.test/", "payload": {}}'), '22023 %', 'slack: with a payload');
SELECT alike(pg_temp.follow('{"email": "a@example.com"}'), '22023 %', 'email: no list');
SELECT alike(pg_temp.follow('{"email": ["a b c"]}'), '22023 %', 'email: no address, or no such kind');
SELECT alike(pg_temp.follow('{"call": ["f"]}'), '22023 %', 'call: no name');
SELECT alike(pg_temp.follow('{"call": "t.no_such(jsonb)"}'), '%2% %', 'call: no such function, or no such kind');
SELECT is(pg_temp.follow('{"slack": "http://errand.test/", "queue": "q", "max_attempts": 1}'), 'none', 'slack: with options');
SELECT is(pg_temp.follow('null'), '22023 It is an object with one of task, slack, email and call, such as {"task": "http", "payload": {"url": ...}} or {"slack": "https://hooks.slack.com/..."}.', 'a JSON null');
SELECT is((SELECT count(*)::int FROM errand.outbox), 0, 'nothing is left of it');
SELECT errand.cancel(id) FROM errand.tasks WHERE state = 'scheduled' AND run_at < now() + interval '2 h' AND run_at > now() + interval '30 min' \g /dev/null

-- each way to submit takes them
SELECT errand.http_get(t.url('/ok'), on_success => jsonb_build_object('task', 'http', 'queue', 'tap f', 'tags', '["then"]'::jsonb, 'priority', 3,
    'payload', jsonb_build_object('url', t.url('/echo'), 'method', 'POST', 'body', '{"a": 1}'::jsonb))) AS id \gset
SELECT is(pg_temp.final(:id), 'succeeded', 'a task with on_success');
SELECT is(pg_temp.final(pg_temp.child(:id)), 'succeeded', '... and its follow-up');
SELECT is((SELECT row(owner, queue, tags, priority)::text FROM errand.tasks WHERE id = pg_temp.child(:id)), row(session_user, 'tap f', '{then}'::text[], 3)::text, '... of the same owner, with its options');
SELECT is(errand.result(pg_temp.child(:id)) #>> '{body,method}', 'POST', '... and payload');
SELECT array_agg(id) AS ids FROM errand.submit_many('http', ARRAY[jsonb_build_object('url', t.url('/ok')), jsonb_build_object('url', t.url('/status/404'))],
    on_success => jsonb_build_object('slack', t.url('/echo')), on_failure => jsonb_build_object('slack', t.url('/echo'))) AS id \gset
SELECT count(pg_temp.final(id)) AS n FROM unnest(:'ids'::bigint[]) AS id \gset
SELECT is((SELECT count(*)::int FROM errand.follow_ups WHERE task_id = ANY (:'ids'::bigint[]) AND follow_up IS NOT NULL), 2, 'submit_many: each has one');
SELECT errand.define_task('tap_followed', 'http', template => jsonb_build_object('url', t.url('/ok')), on_success => jsonb_build_object('slack', t.url('/echo'))) \g /dev/null
SELECT errand.submit('tap_followed') AS id \gset
SELECT is(pg_temp.final(:id) || ' ' || pg_temp.final(pg_temp.child(:id)), 'succeeded succeeded', 'define_task: of every task of the type');
SELECT errand.http_get(t.url('/ok'), on_success => '{"task": "tap_followed"}') AS id \gset
SELECT is(pg_temp.final(:id) || ' ' || pg_temp.final(pg_temp.child(:id)), 'succeeded succeeded', '... as a follow-up');
SELECT is((SELECT count(*)::int FROM errand.follow_ups WHERE task_id = pg_temp.child(:id)), 0, '... it is the last');
SELECT alike(pg_temp.refused($$SELECT errand.define_task('tap_wrong', 'http', on_failure => '{"x": 1}')$$), '22023 %', 'define_task: refused already');
SELECT errand.drop_task('tap_followed') \g /dev/null

-- the text, and what is escaped
SELECT is(errand._spec_fill('{"fill": "slack", "payload": {"url": "u", "json": {"text": "-"}}}', '{"task": 7, "type": "t", "state": "failed", "error": "a <!channel> & b"}') #>> '{payload,json,text}',
    'Task 7 (t) failed: a &lt;!channel&gt; &amp; b', 'slack: control characters are escaped');
SELECT is(errand._spec_fill('{"fill": "email", "payload": {"recipient": ["a"]}}', '{"task": 7, "type": "t", "state": "succeeded"}') -> 'payload',
    '{"recipient": ["a"], "subject": "Task 7 (t) succeeded", "body": "Task 7 (t) succeeded"}', 'email: subject and body');
SELECT is(errand._spec_fill('{"fill": "call", "payload": {"function": "f", "args": {}}}', '{"task": 7}') -> 'payload', '{"function": "f", "args": {"task": 7}}', 'call: args');

-- rights
SELECT t.by('tap_alice', format('SELECT errand.http_get(%L, on_success => %L)', t.url('/ok'), jsonb_build_object('slack', t.url('/echo')))) AS id \gset
SELECT pg_temp.final(:id) AS state \gset
SELECT is((SELECT owner FROM errand.tasks WHERE id = pg_temp.child(:id)), 'tap_alice', 'hers is followed by hers');
SELECT is(t.by('tap_bob', 'SELECT count(*) FROM errand.follow_ups'), '0', 'bob sees none of it');
SELECT is(t.by('tap_bob', 'SELECT errand._follow_up(''{1}'', now())'), '42501', 'nor can he submit as another');
SELECT * FROM finish();
