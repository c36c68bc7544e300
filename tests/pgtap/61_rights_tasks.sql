-- A role sees and steers its own tasks; monitor sees all, admin steers all.
\ir common.psql
SELECT plan(52);
SELECT t.by('tap_alice', $$SELECT errand.http_get(t.url('/status/201'), key => 'same', tags => '{alice}')$$)::bigint AS alice \gset
SELECT t.by('tap_bob', $$SELECT errand.http_get(t.url('/status/202'), key => 'same', tags => '{bob}')$$)::bigint AS bob \gset
SELECT isnt(:alice, :bob, 'keys of different roles never meet');
SELECT count(*) AS n FROM errand.gather(ARRAY[:alice, :bob]) \gset
SELECT t.by('tap_bob', $$SELECT errand.http_get(t.url('/hang'))$$)::bigint AS running \gset
SELECT t.by('tap_bob', $$SELECT errand.http_get(t.url('/ok'), run_at => now() + interval '1 day', key => 'secret')$$)::bigint AS later \gset
SELECT t.by('tap_bob', $$SELECT errand.http_get(t.url('/status/404'))$$)::bigint AS failed \gset
SELECT count(*) AS n FROM errand.gather(ARRAY[:failed], true) \gset
SELECT ok(t.until(format('errand.status(%s) = ''running''', :running)), 'one of bob''s runs');

-- alice: her own in every view and function
SELECT is(t.by('tap_alice', 'SELECT array_agg(id) FROM errand.tasks'), format('{%s}', :alice), 'tasks: her own');
SELECT is(t.by('tap_alice', 'SELECT DISTINCT owner FROM errand.tasks'), 'tap_alice', 'tasks: that is her');
SELECT is(t.by('tap_alice', 'SELECT array_agg(task_id) FROM errand.attempts'), format('{%s}', :alice), 'attempts: of her own');
SELECT is(t.by('tap_alice', 'SELECT array_agg(id) FROM errand.outcomes'), format('{%s}', :alice), 'outcomes: of her own');
SELECT is(t.by('tap_alice', format('SELECT errand.status(%s)', :alice)), 'succeeded', 'status: of her own');
SELECT is(t.by('tap_alice', format('SELECT errand.result(%s) ->> ''status''', :alice)), '201', 'result: of her own');
SELECT is(t.by('tap_alice', format('SELECT status_code FROM errand.response(%s)', :alice)), '201', 'response: of her own');
SELECT is(t.by('tap_alice', format('SELECT payload ->> ''url'' FROM errand.task(%s)', :alice)), t.url('/status/201'), 'task: of her own');
SELECT is(t.by('tap_alice', format('SELECT errand.wait_for(%s) ->> ''status''', :alice)), '201', 'wait_for: of her own');
SELECT is(t.by('tap_alice', format('SELECT state FROM errand.gather(ARRAY[%s])', :alice)), 'succeeded', 'gather: of her own');

-- of bob's nothing, whatever its state
SELECT is(t.by('tap_alice', format('SELECT count(*) FROM errand.%s WHERE %s = ANY (ARRAY[%s, %s, %s, %s])', v, k, :bob, :running, :later, :failed)), '0', v || ': not bob''s')
FROM (VALUES ('tasks', 'id'), ('attempts', 'task_id'), ('outcomes', 'id')) AS x (v, k);
SELECT is(t.by('tap_alice', format('SELECT errand.status(%s)', id)), NULL, 'status: not bob''s') FROM unnest(ARRAY[:bob, :running, :later, :failed]) AS id;
SELECT is(t.by('tap_alice', format('SELECT errand.result(%s)', id)), '42704', 'result: not bob''s') FROM unnest(ARRAY[:bob, :running, :later]) AS id;
SELECT is(t.by('tap_alice', format('SELECT count(*) FROM errand.response(%s)', :bob)), '0', 'response: not bob''s');
SELECT is(t.by('tap_alice', format('SELECT count(*) FROM errand.task(%s)', :bob)), '0', 'task: not bob''s');
SELECT is(t.by('tap_alice', format('SELECT errand.wait_for(%s, ''0'')', :running)), '42704', 'wait_for: not bob''s, and so it cannot cancel it');
SELECT is(t.by('tap_alice', format('SELECT state FROM errand.gather(ARRAY[%s])', :bob)), '42704', 'gather: not bob''s');
SELECT is(t.by('tap_alice', format('SELECT error FROM errand.gather(ARRAY[%s], true)', :bob)), 'there is no such task', 'gather: as if there were none');
SELECT is(t.by('tap_alice', format('SELECT errand.%s', f)), 'false', f || ': not bob''s') FROM unnest(ARRAY[format('cancel(%s)', :running), format('cancel(%s)', :later),
    format('retry(%s)', :failed), format('reschedule(%s, now())', :later), format('reprioritize(%s, 9)', :later)]) AS f;
SELECT is(errand.status(:running), 'running', 'and nothing has changed');
SELECT is((SELECT row(state, priority)::text FROM errand.tasks WHERE id = :later), '(scheduled,0)', 'nowhere');

-- a function of hers does not get to see rows before the view has chosen
CREATE OR REPLACE FUNCTION t.leak(key text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    IF current_user = 'tap_alice' AND key = 'secret' THEN
        RAISE EXCEPTION 'seen';
    END IF;
    RETURN true;
END $$;
SELECT is(t.by('tap_alice', 'SELECT count(*) FROM errand.tasks WHERE t.leak(key)'), '1', 'tasks: no leak through a cheap function');
-- nor does a view of hers over ours, read by others or by the superuser, change whose rows they are
SELECT is(t.by('tap_alice', 'SELECT array_agg(id) FROM (SELECT id FROM errand.tasks OFFSET 0) AS x'), format('{%s}', :alice), 'tasks: in a subquery');

-- names of queues that only bob uses, and what workers do
SELECT t.by('tap_bob', $$SELECT errand.http_get(t.url('/ok'), queue => 'r_bobs')$$)::bigint AS id \gset
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'bob has a queue of his own');
SELECT is(t.by('tap_alice', 'SELECT count(*) FROM errand.queues WHERE queue = ''r_bobs'''), '0', 'queues: not bob''s');
SELECT is(t.by('tap_alice', 'SELECT count(*) FROM errand.stat_queues WHERE queue = ''r_bobs'''), '0', 'stat_queues: not bob''s');
SELECT is(t.by('tap_alice', 'SELECT count(*) FROM errand._counters(''q'') WHERE name = ''r_bobs'''), '0', 'nor straight from the counters');
SELECT is(t.by('tap_alice', 'SELECT (SELECT count(*) FROM errand.stat_workers) + (SELECT count(*) FROM errand.stat_hosts) + (SELECT count(*) FROM errand._workers())
    + (SELECT count(*) FROM errand._hosts())'), '0', 'stat_workers, stat_hosts: nothing');
SELECT is(t.by('tap_mona', 'SELECT count(*) FROM errand.stat_queues WHERE queue = ''r_bobs'''), '1', 'stat_queues: a monitor sees it');
SELECT is(t.by('tap_mona', 'SELECT count(*) FROM errand.stat_workers'), '1', 'stat_workers: a monitor sees it');

-- mona sees all, and a timeout of hers cancels nothing of others'
SELECT is(t.by('tap_mona', 'SELECT count(DISTINCT owner) FROM errand.tasks WHERE owner LIKE ''tap%'''), '2', 'monitor: everybody''s tasks');
SELECT is(t.by('tap_mona', format('SELECT errand.result(%s) ->> ''status''', :bob)), '202', 'monitor: results');
SELECT is(t.by('tap_mona', format('SELECT errand.wait_for(%s, ''1 ms'')', :running)), '57014', 'monitor: waits');
SELECT errand.http_get(t.url('/ok')) AS fence \gset
SELECT is(errand.wait_for(:fence) ->> 'status', '200', 'then something else happens');
SELECT is(errand.status(:running), 'running', 'monitor: cancels nothing by waiting');

-- adam steers all
SELECT is(t.by('tap_adam', format('SELECT errand.reprioritize(%s, 9) AND errand.cancel(%1$s) AND errand.cancel(%s) AND errand.retry(%s)', :later, :running, :failed)), 'true',
    'admin: steers everybody''s tasks');
SELECT is((SELECT count(*)::int FROM errand.gather(ARRAY[:running, :later, :failed], true)), 3, 'and they end');

-- a level that was taken back is gone at once; tasks stay
SELECT errand.revoke_access('tap_bob') \g /dev/null
SELECT is(t.by('tap_bob', 'SELECT count(*) FROM errand.tasks'), '42501', 'revoke_access: nothing more');
SELECT is((SELECT count(*)::int FROM errand.tasks WHERE owner = 'tap_bob'), 5, 'revoke_access: the tasks stay');
SELECT errand.grant_access('tap_bob', 'submit') \g /dev/null
SELECT * FROM finish();
