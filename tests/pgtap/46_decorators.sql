-- Task types as decorators: unique keys, which options win, what is refused.
\ir common.psql
BEGIN;
SELECT plan(14);

CREATE FUNCTION public.tap_noop(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RETURN a; END $$;
SELECT errand.define_task('tap keyed', 'http', template => '{"url": "http://errand.test/"}', unique_key => '$.params.user') \g /dev/null
SELECT errand.submit('tap keyed', '{"params": {"user": 7}}') AS one \gset
SELECT is(errand.submit('tap keyed', '{"params": {"user": 7}}'), :one::bigint, 'unique_key: the same while it is not final');
SELECT isnt(errand.submit('tap keyed', '{"params": {"user": 8}}'), :one::bigint, '... another of another value');
SELECT isnt(errand.submit('tap keyed', '{}'), :one::bigint, '... none where the path finds nothing');
SELECT is((SELECT key FROM errand.tasks WHERE id = :one), 'tap keyed:7', '... with the type before it');
SELECT isnt(errand.submit('tap keyed', '{"params": {"user": 7}}', key => 'mine'), :one::bigint, '... a key of the submit wins');
SELECT is((SELECT count(DISTINCT id)::int FROM errand.submit_many('tap keyed', ARRAY['{"params": {"user": 7}}', '{"params": {"user": 9}}', '{"params": {"user": 9}}']::jsonb[]) AS id), 2,
    '... in submit_many(), too');
SELECT errand.submit('tap keyed', jsonb_build_object('params', jsonb_build_object('user', repeat('x', 500)))) AS id \gset
SELECT is((SELECT length(key) FROM errand.tasks WHERE id = :id), 32,
    '... a long one is hashed');
SELECT throws_ok($$SELECT errand.define_task('tap bad', 'http', unique_key => '$.[')$$, '22023', NULL, 'unique_key: no jsonpath');

SELECT errand.define_task('tap all', 'sql', handler => 'public.tap_noop(jsonb)', queue => 'tap q', priority => 5, max_attempts => 7, backoff => 'constant',
    backoff_base => '2 s', backoff_factor => 3, on_failure => '{"call": "public.tap_noop(jsonb)"}', timeout => '30 s', log_execution => true, measure_performance => false, description => 'all of it') \g /dev/null
SELECT errand.submit('tap all', '{}') AS id \gset
SELECT is((SELECT row(queue, priority, max_attempts, kind)::text FROM errand.tasks WHERE id = :id), '("tap q",5,7,sql)', 'options of the type');
SELECT errand.submit('tap all', '{}', queue => 'tap other', priority => 1, max_attempts => 2) AS id \gset
SELECT is((SELECT row(queue, priority, max_attempts)::text FROM errand.tasks WHERE id = :id), '("tap other",1,2)',
    '... those of the submit win');
SELECT is((SELECT row(log_execution, measure_performance, handler)::text FROM errand.task_types WHERE name = 'tap all'), '(t,f,"public.tap_noop(pg_catalog.jsonb)")', 'task_types shows them');
SELECT is((SELECT row(backoff_factor, on_failure IS NOT NULL, on_success)::text FROM errand.task_types WHERE name = 'tap all'), '(3,t,)', '... with factor and follow-ups');
SELECT is((SELECT row(logged, unmeasured)::text FROM errand._decorations() WHERE name = 'tap all'), '(t,t)', '_decorations: what workers read');
SELECT is((SELECT count(*)::int FROM errand._decorations() WHERE name = 'tap keyed'), 0, '... nothing of the others');
SELECT * FROM finish();
ROLLBACK;
