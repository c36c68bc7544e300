-- after, after_policy, task groups: every function and every refusal.
\ir common.psql
SELECT plan(78);

-- parents that wait: a paused queue
SELECT errand.define_queue('d_held') \g /dev/null
SELECT errand.pause_queue('d_held') \g /dev/null
SELECT errand.http_get(t.url('/ok')) AS fence \gset
SELECT errand.wait_for(:fence) AS r \gset
SELECT errand.http_get(t.url('/ok'), queue => 'd_held') AS parent \gset

-- refusals
SELECT is(t.state(format('SELECT errand.http_get(%L, after => ARRAY[%s])', t.url('/ok'), 999999999)), '42704', 'after: no such task');
SELECT is(t.by('tap_alice', format('SELECT errand.http_get(%L, after => ARRAY[%s])', t.url('/ok'), :parent)), '42704', 'after: not hers');
SELECT is(t.state(format('SELECT errand.http_get(%L, after => ARRAY[%s, NULL])', t.url('/ok'), :parent)), '22023', 'after: NULL');
SELECT is(t.state(format('SELECT errand.http_get(%L, after_policy => ''maybe'')', t.url('/ok'))), '22023', 'after_policy: unknown');
SELECT is(t.state($$SELECT errand.submit_many('[{"task": "http", "payload": {"url": "http://127.0.0.1/"}, "after": 5}]')$$), '22023', 'after: no array');
SELECT is(t.state($$SELECT errand.submit_many('[{"task": "http", "payload": {"url": "http://127.0.0.1/"}, "after": ["x"]}]')$$), '22P02', 'after: no ids');
SELECT is(t.state($$SELECT errand.submit_many('[{"task": "http", "payload": {"url": "http://127.0.0.1/"}, "after": [999999999]}]')$$), '42704', 'after: no such task, in a list');
SELECT is(t.state(format('SELECT errand.http_get(%L, task_group => 999999)', t.url('/ok'))), '42704', 'task_group: no such group');
SELECT is(t.state(format('SELECT errand.http_get(%L, task_group => -1)', t.url('/ok'))), '22023', 'task_group: no id');

-- waiting, by every submitting function
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:parent], key => 'd-1') AS id \gset
SELECT is(errand.status(:id), 'waiting', 'http_get: waits');
SELECT is(errand.http_get(t.url('/ok'), after => ARRAY[:parent], key => 'd-1'), :id::bigint, 'a key works with it');
SELECT is((SELECT row(state, run_at)::text FROM errand.tasks WHERE id = :id), '(waiting,)', 'errand.tasks shows it');
SELECT is((SELECT state FROM errand.task(:id)), 'waiting', 'errand.task(), too');
SELECT errand.submit('http', jsonb_build_object('url', t.url('/ok')), after => ARRAY[:parent::int, :fence::int]) AS other \gset
SELECT is(errand.status(:other), 'waiting', 'submit: waits');
SELECT is((SELECT array_agg(satisfied ORDER BY parent_id) FROM errand.dependencies WHERE task_id = :other), '{t,f}', 'one of its parents is final');
SELECT array_agg(x) AS ids FROM errand.submit_many('http', ARRAY[jsonb_build_object('url', t.url('/ok')), jsonb_build_object('url', t.url('/ok'))],
    after => ARRAY[:parent::bigint]) AS x \gset
SELECT is((SELECT array_agg(state) FROM errand.tasks WHERE id = ANY (:'ids')), '{waiting,waiting}', 'submit_many: wait');
SELECT array_agg(x) AS ids FROM errand.submit_many(jsonb_build_array(jsonb_build_object('task', 'http', 'payload', jsonb_build_object('url', t.url('/ok')),
    'after', jsonb_build_array(:parent)), jsonb_build_object('task', 'http', 'payload', jsonb_build_object('url', t.url('/ok')), 'after', jsonb_build_array(:parent),
    'after_policy', 'done', 'queue', 'd_list'))) AS x \gset
SELECT is((SELECT array_agg(state) FROM errand.tasks WHERE id = ANY (:'ids')), '{waiting,waiting}', 'submit_many of a list: wait');
SELECT is((SELECT waiting FROM errand.stat_queues WHERE queue = 'd_list'), 1::bigint, 'stat_queues counts it');
SELECT errand.http_get(t.url('/ok'), after => '{}', queue => 'd_held') AS none \gset
SELECT is(errand.status(:none), 'ready', 'an empty array waits for nothing');
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:fence]) AS free \gset
SELECT is(errand.wait_for(:free) ->> 'status', '200', 'one whose parents have succeeded just runs');
SELECT is(t.by('tap_bob', format('SELECT count(*) FROM errand.dependencies WHERE task_id = %s', :id)), '0', 'dependencies: not his');
SELECT is(t.by('tap_mona', format('SELECT count(*) FROM errand.dependencies WHERE task_id = %s', :id)), '1', 'dependencies: monitor sees them');

SELECT is((SELECT row(last IS NULL, unmet)::text FROM errand._unfreed(0, 1000)), '(t,t)', '_unfreed: something waits');
SELECT is((SELECT row(last IS NULL, unmet)::text FROM errand._unfreed((SELECT max(parent_id) FROM errand.dependency), 1000)), '(t,f)', '_unfreed: behind the last nothing does');

-- steering one that waits
SELECT is(errand.retry(:id), false, 'waiting: retry');
SELECT is(errand.reprioritize(:id, 9), true, 'waiting: reprioritize');
SELECT is(errand.reschedule(:id, now() + interval '1 day'), true, 'waiting: reschedule');
SELECT is((SELECT row(state, priority, run_at > now())::text FROM errand.tasks WHERE id = :id), '(waiting,9,t)', 'waiting: waits on, for longer');
SELECT is(errand.cancel(:other, 'no more'), true, 'waiting: cancel');
SELECT is((SELECT row(state, error)::text FROM errand.tasks WHERE id = :other), '(cancelled,"no more")', 'waiting: cancelled');
SELECT is(errand.retry(:other), true, 'waiting: a cancelled one is retried');
SELECT is(errand.wait_for(:other) ->> 'status', '200', '... and waits for nobody then');
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:parent], deadline => '1 ms') AS late \gset
SELECT is((SELECT row(state, error)::text FROM errand.gather(ARRAY[:late], true)), '(failed,"deadline exceeded")', 'waiting: a deadline ends it');
SELECT errand.resume_queue('d_held') \g /dev/null
SELECT ok(t.until(format('errand.status(%s) = ''scheduled''', :id)), 'free, it is scheduled for its time');
SELECT is(errand.reschedule(:id, now()), true, '... that can be changed');
SELECT is(errand.wait_for(:id) ->> 'status', '200', '... and runs');
SELECT is((SELECT satisfied FROM errand.dependencies WHERE task_id = :id), true, 'its edge stays');

-- spoilt
SELECT errand.http_get(t.url('/status/404')) AS bad \gset
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:bad], key => 'd-2') AS a \gset
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:a]) AS b \gset
SELECT is((SELECT row(state, error)::text FROM errand.gather(ARRAY[:b], true)), format('(cancelled,"cancelled: task %s, which it waits for, failed")', :bad), 'a grandchild of one that failed');
SELECT is((SELECT cause FROM errand.outcome WHERE id = :b), :bad::bigint, '... knows the first that failed');
SELECT is((SELECT sqlstate FROM errand.outcomes WHERE id = :b), '57014', '... by 57014');
SELECT is((SELECT count(*)::int FROM errand.task_key WHERE key = 'd-2'), 0, '... and its key is free');
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:bad, :fence], key => 'd-3') AS spoilt \gset
SELECT is(errand.status(:spoilt), 'cancelled', 'a new child of one that failed is cancelled at once');
SELECT is((SELECT count(*)::int FROM errand.task_key WHERE key = 'd-3'), 0, '... and takes no key');
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:b, :bad], after_policy => 'done') AS done \gset
SELECT is(errand.wait_for(:done) ->> 'status', '200', 'after_policy ''done'' runs all the same');
SELECT is((SELECT bool_and(satisfied) FROM errand.dependencies WHERE task_id = :done), true, '... and is satisfied');
SELECT errand.http_get(t.url('/hang')) AS bad \gset
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:bad]) AS a \gset
SELECT errand.cancel(:bad) \g /dev/null
SELECT is((SELECT error FROM errand.gather(ARRAY[:a], true)), format('cancelled: task %s, which it waits for, was cancelled', :bad), 'a child of one that was cancelled');
SELECT is((SELECT count(*)::int FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', t.url('/ok')) FROM generate_series(1, 5)), after => ARRAY[:bad::bigint])),
    5, 'submit_many, after one that was cancelled');
SELECT is((SELECT count(*)::int FROM errand.dependencies AS d JOIN errand.tasks AS t ON t.id = d.task_id WHERE d.parent_id = :bad AND t.state = 'cancelled'), 6, '... all are cancelled');
SELECT ok(t.until('NOT EXISTS (SELECT FROM errand.dependency)'), 'nothing is left of what was not met');
SELECT ok(t.until('NOT EXISTS (SELECT FROM errand.later WHERE state = ''w'')'), '... and nothing waits');

-- retention
BEGIN;
SELECT errand.http_get(t.url('/ok'), run_at => now() + interval '1 day') AS p \gset
SELECT errand.http_get(t.url('/ok'), after => ARRAY[:p]) AS c \gset
INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out) VALUES (:p, now() - interval '40 days', 1, 1, 'S', false);
SELECT errand._retain(0, now(), now() - interval '30 days', 100000) \g /dev/null
SELECT is((SELECT count(*)::int FROM errand.task WHERE id = :p), 1, '_retain: leaves one that others still wait for');
DELETE FROM errand.dependency WHERE parent_id = :p;
INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out) VALUES (:c, now() - interval '40 days', 1, 1, 'S', false);
SELECT errand._retain(0, now(), now() - interval '30 days', 100000) \g /dev/null
SELECT is((SELECT count(*)::int FROM errand.edge WHERE task_id = :c), 0, '_retain: edges go with their task');
ROLLBACK;

-- groups: refusals
SELECT is(t.state('SELECT errand.open_group(NULL)'), '22023', 'open_group: no name');
SELECT is(t.state('SELECT errand.open_group('''')'), '22023', 'open_group: an empty name');
SELECT is(t.state('SELECT errand.open_group(''g'', on_success => ''[]'')'), '22023', 'open_group: no follow-up');
SELECT is(t.state('SELECT errand.close_group(999999)'), '42704', 'close_group: no such group');
SELECT is(t.state('SELECT errand.cancel_group(999999)'), '42704', 'cancel_group: no such group');
SELECT is(t.state('SELECT errand.wait_group(999999)'), '42704', 'wait_group: no such group');
SELECT is(t.state('SELECT errand.wait_group(NULL)'), '22023', 'wait_group: NULL');
SELECT is(t.by('tap_mona', 'SELECT errand.open_group(''g'')'), '42501', 'open_group: not for monitor');
SELECT t.by('tap_alice', 'SELECT errand.open_group(''hers'')') AS hers \gset
SELECT is(t.by('tap_bob', format('SELECT errand.close_group(%s)', :hers)), '42704', 'close_group: not his');
SELECT is(t.by('tap_bob', format('SELECT errand.cancel_group(%s)', :hers)), '42704', 'cancel_group: not his');
SELECT is(t.by('tap_bob', format('SELECT errand.wait_group(%s)', :hers)), '42704', 'wait_group: not his');
SELECT is(t.by('tap_bob', format('SELECT errand.http_get(%L, task_group => %s)', t.url('/ok'), :hers)), '42704', 'task_group: not his');
SELECT is(t.by('tap_bob', format('SELECT count(*) FROM errand.task_groups WHERE id = %s', :hers)), '0', 'task_groups: not his');
SELECT is(t.by('tap_mona', format('SELECT state FROM errand.task_groups WHERE id = %s', :hers)), 'open', 'task_groups: monitor sees it');
SELECT is(t.by('tap_adam', format('SELECT errand.close_group(%s)', :hers)), 'true', 'close_group: admin may');

-- groups: what they do
SELECT errand.open_group('mine', on_success => jsonb_build_object('task', 'http', 'queue', 'after mine', 'payload', jsonb_build_object('url', t.url('/ok')))) AS g \gset
SELECT is(errand.wait_group(:g), true, 'an empty group is done');
SELECT is(t.state(format('SELECT errand.http_get(%L, task_group => %s), errand.wait_group(%s)', t.url('/ok'), :g, :g)), '55000', 'waiting for one''s own transaction');
SELECT count(*) FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', t.url('/ok')) FROM generate_series(1, 5)), task_group => :g) \g /dev/null
SELECT is(errand.wait_group(:g, '30 s'), true, 'all succeed');
SELECT is((SELECT row(name, state, fail_fast, total, pending, succeeded, failed, cancelled)::text FROM errand.task_groups WHERE id = :g), '(mine,open,t,5,0,5,0,0)', 'and are counted');
SELECT is(errand.close_group(:g), true, 'close_group');
SELECT is(errand.close_group(:g), false, 'close_group: twice');
SELECT ok(t.until(format('(SELECT state = ''succeeded'' AND finished_at IS NOT NULL FROM errand.task_groups WHERE id = %s)', :g)), 'it is finished');
SELECT is(t.state(format('SELECT errand.http_get(%L, task_group => %s)', t.url('/ok'), :g)), '55000', 'a closed group takes no more');
SELECT is(errand.cancel_group(:g), false, 'cancel_group: nothing to stop');
SELECT errand.retry(id) FROM errand.tasks WHERE task_group = :g LIMIT 1 \g /dev/null
SELECT is(errand.wait_group(:g), true, 'wait_group: waits for a retried task of it');
SELECT is((SELECT row(state, total, succeeded)::text FROM errand.task_groups WHERE id = :g), '(succeeded,5,5)', 'whose count is right');
SELECT * FROM finish();
