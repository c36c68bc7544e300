-- cancel(), retry(), reschedule(), reprioritize(), in every state a task can have.
\ir common.psql
SELECT plan(42);

-- ready: held by a pause
SELECT errand.define_queue('s_held') \g /dev/null
SELECT errand.pause_queue('s_held') \g /dev/null
SELECT errand.http_get(t.url('/ok')) AS fence \gset
SELECT errand.wait_for(:fence) AS r \gset
SELECT errand.http_get(t.url('/ok'), queue => 's_held') AS id \gset
SELECT is(errand.status(:id), 'ready', 'a ready task');
SELECT is(errand.retry(:id), false, 'ready: retry');
SELECT is(errand.reprioritize(:id, 7), true, 'ready: reprioritize');
SELECT is((SELECT priority FROM errand.tasks WHERE id = :id), 7, 'ready: has the priority');
SELECT is(errand.reschedule(:id, now() + interval '1 day'), true, 'ready: reschedule');
SELECT is((SELECT row(state, run_at = now() + interval '1 day' OR run_at > now() + interval '23 h')::text FROM errand.tasks WHERE id = :id),
    '(scheduled,t)', 'ready: scheduled now');
SELECT is((SELECT priority FROM errand.tasks WHERE id = :id), 7, 'its priority is kept');

-- scheduled
SELECT is(errand.retry(:id), false, 'scheduled: retry');
SELECT is(errand.reprioritize(:id, 8), true, 'scheduled: reprioritize');
SELECT is((SELECT row(state, priority)::text FROM errand.tasks WHERE id = :id), '(scheduled,8)', 'scheduled: still is');
SELECT is(errand.reschedule(:id, now()), true, 'scheduled: reschedule to now');
SELECT is((SELECT row(state, priority)::text FROM errand.tasks WHERE id = :id), '(ready,8)', 'scheduled: ready now');
SELECT is(errand.cancel(:id, 'my reason'), true, 'ready: cancel');
SELECT is((SELECT row(state, error, attempt)::text FROM errand.tasks WHERE id = :id), '(cancelled,"my reason",0)', 'ready: cancelled, with the reason');
SELECT is((SELECT row(sqlstate, timed_out)::text FROM errand.outcomes WHERE id = :id), '(57014,f)', 'cancelled: 57014');

-- final: cancelled
SELECT is(errand.cancel(:id), false, 'cancelled: cancel');
SELECT is(errand.reprioritize(:id, 9), false, 'cancelled: reprioritize');
SELECT is(errand.reschedule(:id, now()), false, 'cancelled: reschedule');
SELECT is(errand.retry(:id), true, 'cancelled: retry');
SELECT is((SELECT row(state, attempt, finished_at, error)::text FROM errand.tasks WHERE id = :id), '(ready,0,,)', 'cancelled: ready once more');
SELECT errand.resume_queue('s_held') \g /dev/null
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'and runs');

-- final: succeeded
SELECT is(t.attempts(:id), '1 succeeded', 'succeeded: one attempt');
SELECT is(errand.retry(:id), true, 'succeeded: retry');
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'succeeded: runs again');
SELECT is(t.attempts(:id), '1 succeeded, 2 succeeded', 'succeeded: attempt numbers go on');
SELECT is(errand.cancel(:id), false, 'succeeded: cancel');

-- running
SELECT errand.http_get(t.url('/hang'), key => 's-1') AS id \gset
SELECT ok(t.until(format('errand.status(%s) = ''running''', :id)), 'a running task');
SELECT is((SELECT row(attempt, started_at IS NOT NULL, finished_at)::text FROM errand.tasks WHERE id = :id), '(1,t,)', 'running: started');
SELECT is(t.attempts(:id), '1 running', 'running: an attempt that is not over');
SELECT is(errand.retry(:id), false, 'running: retry');
SELECT is(errand.reprioritize(:id, 1), false, 'running: reprioritize');
SELECT is(errand.reschedule(:id, now()), false, 'running: reschedule');
SELECT is(errand.http_get(t.url('/ok'), key => 's-1'), :id::bigint, 'running: its key is taken');
SELECT is(errand.cancel(:id, 'cut'), true, 'running: cancel');
SELECT is((SELECT row(state, error)::text FROM errand.gather(ARRAY[:id], true)), '(cancelled,cut)', 'running: cut off');
SELECT is((SELECT count(*)::int FROM errand.cancel_request), 0, 'running: the request is gone');
SELECT is((SELECT count(*)::int FROM errand.task_key WHERE key = 's-1'), 0, 'running: so is its key');

-- retrying
SELECT errand.http_get(t.url('/flaky/1'), backoff => 'constant', backoff_base => '1 day') AS id \gset
SELECT ok(t.until(format('errand.status(%s) = ''retrying''', :id)), 'a task between two attempts');
SELECT is((SELECT row(attempt, error, run_at > now())::text FROM errand.tasks WHERE id = :id), '(1,"HTTP status 503",t)', 'retrying: what went wrong, and when it goes on');
SELECT is(errand.reschedule(:id, now()), true, 'retrying: reschedule');
SELECT is(errand.wait_for(:id) ->> 'status', '200', 'retrying: goes on');
SELECT is(t.attempts(:id), '1 failed, 2 succeeded', 'retrying: with the next attempt');
SELECT * FROM finish();
