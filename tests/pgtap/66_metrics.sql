-- Metrics and history: what they count, and for whom.
\ir common.psql
SELECT plan(22);
-- one sample, as a number
CREATE OR REPLACE FUNCTION t.metric(sample text) RETURNS numeric LANGUAGE sql AS $$
    SELECT substr(l, length(sample) + 2)::numeric FROM regexp_split_to_table(errand.metrics(), '\n') AS l WHERE starts_with(l, sample || ' ')
$$;
SELECT is(t.by('tap_alice', 'SELECT errand.metrics()'), '42501', 'metrics are for monitors');
SELECT isnt(t.by('tap_mona', 'SELECT errand.metrics()'), '42501', 'who may see them');
SELECT is(t.by('tap_alice', 'SELECT count(*) FROM errand.stat_history'), '0', 'and history');
SELECT is(t.by('tap_alice', 'SELECT count(*) FROM errand._rollup_now(''a'')'), '0', 'the running minute, too');

\set queue 'm "\\" x'
SELECT errand.http_get(t.url('/ok'), queue => :'queue') AS good, errand.http_get(t.url('/status/404'), queue => :'queue', max_attempts => 1) AS bad,
    errand.http_post(t.url('/delay/5000'), queue => :'queue', timeout => '100 ms', max_attempts => 1) AS late,
    errand.http_get(t.url('/ok'), queue => :'queue', run_at => now() + '1 h') AS gone \gset
SELECT ok(errand.cancel(:gone), 'one is cancelled');
SELECT ok(t.until(format('(SELECT count(*) FROM errand.tasks WHERE id IN (%s, %s, %s) AND state IN (''succeeded'', ''failed'')) = 3', :good, :bad, :late)), 'the others end');
-- counted a moment later
SELECT t.until($$(SELECT sum(t.metric(format('errand_tasks_finished_total{queue="m \"\\\" x",kind="http",outcome="%s"}', o))) >= 4
    FROM unnest(ARRAY['succeeded', 'failed', 'timed_out', 'cancelled']) AS o)$$) AS counted \gset
SELECT is(t.metric('errand_tasks_submitted_total{queue="m \"\\\" x",kind="http"}'), 4::numeric, 'submitted, with the label escaped');
SELECT is(t.metric(format('errand_tasks_finished_total{queue="m \"\\\" x",kind="http",outcome="%s"}', o)), 1::numeric, 'finished: ' || o)
FROM unnest(ARRAY['succeeded', 'failed', 'timed_out', 'cancelled']) AS o;
SELECT is(t.metric('errand_task_attempts_total{queue="m \"\\\" x",kind="http",outcome="cancelled"}'), 0::numeric, 'what never ran had no attempt');
SELECT is(t.metric('errand_task_run_seconds_bucket{queue="m \"\\\" x",kind="http",outcome="timed_out",le="0.075"}'), 0::numeric, 'buckets are cumulative: below');
SELECT is(t.metric('errand_task_run_seconds_bucket{queue="m \"\\\" x",kind="http",outcome="timed_out",le="+Inf"}'), 1::numeric, 'and all');
SELECT is(t.metric('errand_task_wait_seconds_count{queue="m \"\\\" x",kind="http"}'), 3::numeric, 'waits');
SELECT ok(t.metric('errand_http_client_request_duration_seconds_count{method="GET",status_class="4xx"}') >= 1, 'requests by method and status');
SELECT is(t.metric('errand_up'), 1::numeric, 'a worker runs');
SELECT errand.pause_queue(:'queue') AS p \g /dev/null
SELECT ok(t.until('t.metric(''errand_queue_paused{queue="m \"\\\" x"}'') = 1'), 'a paused queue');
SELECT errand.resume_queue(:'queue') AS p \g /dev/null
SELECT is(right(errand.metrics(true), 7), E'\n# EOF\n', 'OpenMetrics ends');
SELECT is(regexp_count_lines, 0::bigint, 'and names its counters without _total') FROM (SELECT count(*) AS regexp_count_lines
    FROM regexp_split_to_table(errand.metrics(true), '\n') AS l WHERE l ~ '^# TYPE .*_total') AS x;
-- what is counted since the last minute
SELECT ok((SELECT sum((v.value)::int) FROM jsonb_array_elements_text(errand._api('history', jsonb_build_object('queue', :'queue'), now()) -> 'succeeded') AS v (value)) = 1,
    'history has it, the running minute included');
SELECT is((errand._api('history', jsonb_build_object('queue', :'queue'), now()) -> 'run_p50_ms') <> to_jsonb(array_fill(NULL::int, ARRAY[60])), true, 'with its quantiles');
SELECT * FROM finish();
