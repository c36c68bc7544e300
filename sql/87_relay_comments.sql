-- What \d+ and \df+ show of the relay's tokens, its API and the numbers kept for it.

COMMENT ON TABLE errand.revoked_token IS 'Tokens of the relay that errand.revoke_token() took back, until they expire.';
COMMENT ON COLUMN errand.revoked_token.jti IS 'The token''s name.';
COMMENT ON COLUMN errand.revoked_token.expires_at IS 'When it would have expired: the row goes then.';

COMMENT ON FUNCTION errand.issue_token(name, text, text[], interval) IS
'A token by which a client of the relay acts as a database role: a JWT, signed with errand.token_secret (HS256), for this database only. For admins.
role: the database role; rows are seen by its rights. level: submit, monitor or admin: the token grants no more than this, and no more than errand.grant_access() gave the role when it is used. channels: what a WebSocket may subscribe to: tasks (also task:ID, queue:NAME, group:ID, stats), source:NAME (own sources, with monitor all), notify:CHANNEL, the wildcards source:*, notify:* and *. ttl: 1 second to 366 days.
Raises 55000 if errand.token_secret is not set, 42704 if there is no such role, 42501 unless you are an admin and a member of the role (a token of the level monitor may be for any role), 22023 for a bad level, channel or ttl.
Example: SELECT errand.issue_token(''app'', ''monitor'', ttl => ''8 h'');';
COMMENT ON FUNCTION errand.revoke_token(text) IS
'Takes a token back: new connections are refused at once, open ones end within 60 seconds. For admins.
jti: the token''s claim of that name, or the token itself. Returns false if it was taken back before.
Raises 22023 if it is neither, 55000 for a token while errand.token_secret is not set, 42501 unless you are an admin.
Example: SELECT errand.revoke_token(''4b0a2c9e-7d0b-4a7e-9c55-0d6d6a9f1c11'');';
COMMENT ON FUNCTION errand.dashboard_url(interval) IS
'The address of the dashboard, with a token of your own in its fragment, which no server sees: whoever opens it sees and does what you may, as monitor or admin. Keep it to yourself.
ttl: 1 second to 366 days. The address is errand.public_url, else what errand.listen_address and errand.port say.
Raises 42501 unless you are a monitor or an admin, 55000 if the relay is off or errand.token_secret is not set, 22023 for a bad ttl.
Example: SELECT errand.dashboard_url();';
COMMENT ON FUNCTION errand.metrics(boolean) IS
'All numbers of this database in Prometheus'' text format, from shared memory alone: counters begin anew when the server starts. For monitors and admins; the relay answers it at /metrics.
openmetrics: OpenMetrics 1.0 instead of 0.0.4.
Raises 42501 unless you are a monitor or an admin.
Example: SELECT errand.metrics();';
COMMENT ON FUNCTION errand._token_revoke(text, timestamptz, timestamptz) IS 'internal: remembers a token that was taken back.';
COMMENT ON FUNCTION errand._role_level(oid) IS 'internal: the highest level that a role has.';
COMMENT ON FUNCTION errand._relay_check(text[], text[]) IS 'internal: roles, levels and revocations of tokens in use.';
COMMENT ON FUNCTION errand._relay_auth(text, text) IS 'internal: role, level and revocation of one token.';
COMMENT ON FUNCTION errand._level_cap() IS 'internal: the level of the token that the relay acts for.';

-- The API, rollups and history.
COMMENT ON FUNCTION errand._rollup(timestamptz, "char", text, bigint, bigint, bigint, bigint, bigint, bigint, bigint, integer[], integer[], timestamptz, bigint, bigint[]) IS 'internal: writes a row of a minute.';
COMMENT ON FUNCTION errand._rollup_recount(timestamptz) IS 'internal: counts by the rows what a crash took.';
COMMENT ON FUNCTION errand._rollup_trim(timestamptz, integer) IS 'internal: deletes old minutes.';
COMMENT ON FUNCTION errand._rollup_sums() IS 'internal: sums of all minutes.';
COMMENT ON FUNCTION errand._rollup_now("char") IS 'internal: what was counted in the minute that runs.';
COMMENT ON FUNCTION errand._hist_add(internal, integer[]) IS 'internal: adds a histogram.';
COMMENT ON FUNCTION errand._hist_quantiles(internal) IS 'internal: quantiles of added histograms.';
COMMENT ON FUNCTION errand._stats() IS 'internal: what happens now.';
COMMENT ON FUNCTION errand._arg_bad(text, text) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_known(jsonb, text[]) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_text(jsonb, text) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_need(jsonb, text) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_texts(jsonb, text) IS 'internal: one text, or several.';
COMMENT ON FUNCTION errand._arg_int(jsonb, text, bigint, bigint, bigint) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_bool(jsonb, text) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_time(jsonb, text) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_states(jsonb, text) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._arg_id(jsonb) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._iso(timestamptz) IS 'internal: a time in UTC, as RFC 3339 writes it.';
COMMENT ON FUNCTION errand._ms(interval) IS 'internal: an interval in milliseconds.';
COMMENT ON FUNCTION errand._mask(jsonb, integer) IS 'internal: a value without what is secret by its name.';
COMMENT ON FUNCTION errand._mask_all(jsonb, integer) IS 'internal: a value without its texts.';
COMMENT ON FUNCTION errand._mask_text(text) IS 'internal: a text without what is secret by its name in a query.';
COMMENT ON FUNCTION errand._secret_name() IS 'internal: what names of secrets end in.';
COMMENT ON FUNCTION errand._bounded(jsonb) IS 'internal: a value, masked, or how large it is.';
COMMENT ON FUNCTION errand._api(text, jsonb, timestamptz) IS 'internal: answers a route of the relay.';
COMMENT ON FUNCTION errand._task_id_at(timestamptz) IS 'internal: about the id of the first task of a time.';
COMMENT ON FUNCTION errand._page_find(jsonb, bigint, integer, oid, boolean) IS 'internal: finds a page of tasks.';
COMMENT ON FUNCTION errand._page(jsonb, bigint, integer) IS 'internal: a page of tasks on behalf of the caller.';
COMMENT ON FUNCTION errand._page_filter(jsonb) IS 'internal: the filter that parameters mean.';
COMMENT ON FUNCTION errand._task_json(errand.tasks) IS 'internal: a task as lists show it.';
COMMENT ON FUNCTION errand._rows_find(bigint[], oid, boolean) IS 'internal: tasks as the view shows them.';
COMMENT ON FUNCTION errand._rows(bigint[]) IS 'internal: tasks on behalf of the caller.';
COMMENT ON FUNCTION errand._tasks_json(bigint[]) IS 'internal: tasks as lists show them.';
COMMENT ON FUNCTION errand._csv(text) IS 'internal: a field of CSV.';
COMMENT ON FUNCTION errand._tasks_csv(bigint[]) IS 'internal: tasks as CSV.';
COMMENT ON FUNCTION errand._api_tasks(jsonb, timestamptz) IS 'internal: the route tasks.';
COMMENT ON FUNCTION errand._follow_up_json(jsonb) IS 'internal: a follow-up, masked.';
COMMENT ON FUNCTION errand._sql_text(errand.tasks, errand.task_policies, jsonb, bigint[]) IS 'internal: a statement that submits such a task.';
COMMENT ON FUNCTION errand._attempts_json(bigint) IS 'internal: the attempts of a task.';
COMMENT ON FUNCTION errand._result_json(bigint) IS 'internal: payload, result and response of a task.';
COMMENT ON FUNCTION errand._group_json(bigint) IS 'internal: a task group.';
COMMENT ON FUNCTION errand._task_gone(bigint) IS 'internal: raises that there is no such task.';
COMMENT ON FUNCTION errand._api_task(jsonb, timestamptz) IS 'internal: the route task.';
COMMENT ON FUNCTION errand._brief_json(bigint[]) IS 'internal: tasks in short.';
COMMENT ON FUNCTION errand._fingerprint(text) IS 'internal: an error without what differs.';
COMMENT ON FUNCTION errand._queue_rows(timestamptz) IS 'internal: the queues.';
COMMENT ON FUNCTION errand._api_queues(jsonb, timestamptz) IS 'internal: the route queues.';
COMMENT ON FUNCTION errand._api_sources(jsonb, timestamptz) IS 'internal: the route sources.';
COMMENT ON FUNCTION errand._schedule_rows(integer) IS 'internal: the schedules.';
COMMENT ON FUNCTION errand._api_schedules(jsonb, timestamptz) IS 'internal: the route schedules.';
COMMENT ON FUNCTION errand._api_workers(jsonb, timestamptz) IS 'internal: the route workers.';
COMMENT ON FUNCTION errand._api_hosts(jsonb, timestamptz) IS 'internal: the route hosts.';
COMMENT ON FUNCTION errand._failures() IS 'internal: failures by their fingerprint.';
COMMENT ON FUNCTION errand._level() IS 'internal: the level of the current role or its token.';
COMMENT ON FUNCTION errand._api_overview(jsonb, timestamptz) IS 'internal: the route overview.';
COMMENT ON FUNCTION errand._counts(text, bigint) IS 'internal: how many tasks are in each state.';
COMMENT ON FUNCTION errand._snapshot_filter(jsonb) IS 'internal: the filter of a subscription.';
COMMENT ON FUNCTION errand._api_snapshot(jsonb, timestamptz) IS 'internal: the route snapshot.';
COMMENT ON FUNCTION errand._api_workflows(jsonb, timestamptz) IS 'internal: the route workflows.';
COMMENT ON FUNCTION errand._graph_walk(bigint[], integer) IS 'internal: tasks that are tied together.';
COMMENT ON FUNCTION errand._graph_layers(bigint[], bigint[], bigint[]) IS 'internal: the layers of a graph.';
COMMENT ON FUNCTION errand._api_workflow(jsonb, timestamptz) IS 'internal: the route workflow.';
COMMENT ON FUNCTION errand._history_rows(text, text, timestamptz, timestamptz) IS 'internal: the rollups of one thing.';
COMMENT ON FUNCTION errand._history(text, text, timestamptz, interval, timestamptz) IS 'internal: numbers over time.';
COMMENT ON FUNCTION errand._api_history(jsonb, timestamptz) IS 'internal: the route history.';
COMMENT ON FUNCTION errand._arg_body(jsonb, text[]) IS 'internal: reads a parameter.';
COMMENT ON FUNCTION errand._done(boolean) IS 'internal: an answer.';
COMMENT ON FUNCTION errand._api_submit(jsonb, timestamptz) IS 'internal: the route submit.';
COMMENT ON FUNCTION errand._steered(bigint, boolean, text) IS 'internal: the answer to steering one task.';
COMMENT ON FUNCTION errand._may_all() IS 'internal: whether the caller may steer tasks of others.';
COMMENT ON FUNCTION errand._api_task_cancel(jsonb, timestamptz) IS 'internal: the route task_cancel.';
COMMENT ON FUNCTION errand._api_task_retry(jsonb, timestamptz) IS 'internal: the route task_retry.';
COMMENT ON FUNCTION errand._body_ids(jsonb) IS 'internal: ids in a body.';
COMMENT ON FUNCTION errand._change_number(jsonb, text, bigint) IS 'internal: what a limit is changed to.';
COMMENT ON FUNCTION errand._change_text(jsonb, text) IS 'internal: what a text is changed to.';
COMMENT ON FUNCTION errand._steer_filter(jsonb) IS 'internal: a filter for steering.';
COMMENT ON FUNCTION errand._api_tasks_cancel(jsonb, timestamptz) IS 'internal: the route tasks_cancel.';
COMMENT ON FUNCTION errand._api_tasks_retry(jsonb, timestamptz) IS 'internal: the route tasks_retry.';
COMMENT ON FUNCTION errand._api_queue_pause(jsonb, timestamptz) IS 'internal: the route queue_pause.';
COMMENT ON FUNCTION errand._api_queue_resume(jsonb, timestamptz) IS 'internal: the route queue_resume.';
COMMENT ON FUNCTION errand._api_queue_drain(jsonb, timestamptz) IS 'internal: the route queue_drain.';
COMMENT ON FUNCTION errand._api_queue_define(jsonb, timestamptz) IS 'internal: the route queue_define.';
COMMENT ON FUNCTION errand._api_source_start(jsonb, timestamptz) IS 'internal: the route source_start.';
COMMENT ON FUNCTION errand._api_source_stop(jsonb, timestamptz) IS 'internal: the route source_stop.';
COMMENT ON FUNCTION errand._api_source_run(jsonb, timestamptz) IS 'internal: the route source_run.';
COMMENT ON FUNCTION errand._api_schedule_pause(jsonb, timestamptz) IS 'internal: the route schedule_pause.';
COMMENT ON FUNCTION errand._api_schedule_resume(jsonb, timestamptz) IS 'internal: the route schedule_resume.';
COMMENT ON FUNCTION errand._api_host_define(jsonb, timestamptz) IS 'internal: the route host_define.';
COMMENT ON FUNCTION errand._api_workers_restart(jsonb, timestamptz) IS 'internal: the route workers_restart.';
COMMENT ON FUNCTION errand._api_pause_all(jsonb, timestamptz) IS 'internal: the route pause_all.';
COMMENT ON FUNCTION errand._api_resume_all(jsonb, timestamptz) IS 'internal: the route resume_all.';
COMMENT ON AGGREGATE errand._hist(integer[]) IS 'internal: p50, p95 and p99 of histograms added up.';
COMMENT ON TABLE errand.rollup IS 'Numbers by the minute, written by the leader, kept for 30 days.';
COMMENT ON COLUMN errand.rollup.minute IS 'The minute.';
COMMENT ON COLUMN errand.rollup.submitted IS 'Tasks submitted in it.';
COMMENT ON COLUMN errand.rollup.succeeded IS 'Tasks that succeeded.';
COMMENT ON COLUMN errand.rollup.failed IS 'Tasks that failed, or are unknown.';
COMMENT ON COLUMN errand.rollup.cancelled IS 'Tasks that were cancelled.';
COMMENT ON COLUMN errand.rollup.retried IS 'Attempts that failed and were tried again.';
COMMENT ON COLUMN errand.rollup.depth IS 'How many tasks waited at its end.';
COMMENT ON COLUMN errand.rollup.oldest_ms IS 'How long the oldest ready task had waited then, in milliseconds.';
COMMENT ON COLUMN errand.rollup.kind IS 'q queue, t task type, s source, a all.';
COMMENT ON COLUMN errand.rollup.name IS 'The name; empty for all.';
COMMENT ON COLUMN errand.rollup.wait_hist IS 'How long tasks waited: pairs of bucket and count.';
COMMENT ON COLUMN errand.rollup.run_hist IS 'How long attempts ran, likewise.';
COMMENT ON COLUMN errand.rollup.upto IS 'Up to when it counts.';
COMMENT ON COLUMN errand.rollup.unknown IS 'Of the failed, those whose end is unknown.';
COMMENT ON COLUMN errand.rollup.retaken IS 'Taken up again by retry(): of those that had succeeded, failed, were unknown, cancelled.';
COMMENT ON VIEW errand.stat_history IS 'Numbers by the minute of queues, task types and all together, for 30 days; to monitors. Quiet minutes have no row. Example: SELECT minute, succeeded, failed FROM errand.stat_history WHERE kind = ''all'' ORDER BY minute DESC LIMIT 10;';
COMMENT ON COLUMN errand.stat_history.minute IS 'The minute.';
COMMENT ON COLUMN errand.stat_history.submitted IS 'Tasks submitted in it.';
COMMENT ON COLUMN errand.stat_history.succeeded IS 'Tasks that succeeded.';
COMMENT ON COLUMN errand.stat_history.failed IS 'Tasks that failed, or are unknown.';
COMMENT ON COLUMN errand.stat_history.cancelled IS 'Tasks that were cancelled.';
COMMENT ON COLUMN errand.stat_history.retried IS 'Attempts that failed and were tried again.';
COMMENT ON COLUMN errand.stat_history.depth IS 'How many tasks waited at its end.';
COMMENT ON COLUMN errand.stat_history.oldest_ms IS 'How long the oldest ready task had waited then, in milliseconds.';
COMMENT ON COLUMN errand.stat_history.kind IS 'queue, task, source or all.';
COMMENT ON COLUMN errand.stat_history.name IS 'The name; empty for all.';
COMMENT ON COLUMN errand.stat_history.wait_hist IS 'How long tasks waited: pairs of bucket and count.';
COMMENT ON COLUMN errand.stat_history.run_hist IS 'How long attempts ran, likewise.';
COMMENT ON VIEW errand.task_policies IS 'How each task is to be run: your own, or all for monitors. Example: SELECT * FROM errand.task_policies WHERE id = 42;';
COMMENT ON COLUMN errand.task_policies.id IS 'The task.';
COMMENT ON COLUMN errand.task_policies.timeout_ms IS 'Most milliseconds for one attempt.';
COMMENT ON COLUMN errand.task_policies.max_attempts IS 'Most attempts of a run.';
COMMENT ON COLUMN errand.task_policies.backoff IS 'exponential, linear or constant.';
COMMENT ON COLUMN errand.task_policies.backoff_base_ms IS 'First wait before a retry, in milliseconds; NULL: the default.';
COMMENT ON COLUMN errand.task_policies.backoff_factor IS 'Growth of the wait; NULL: the default.';
COMMENT ON COLUMN errand.task_policies.backoff_max_ms IS 'Longest wait, in milliseconds; NULL: the default.';
COMMENT ON COLUMN errand.task_policies.deadline IS 'Past this time it has failed; NULL: none.';
COMMENT ON COLUMN errand.task_policies.delivery IS 'at_least_once or at_most_once.';
COMMENT ON COLUMN errand.task_policies.notify IS 'A NOTIFY channel that hears its final state, or NULL.';
COMMENT ON COLUMN errand.task_policies.traceparent IS 'W3C trace context that is sent on, or NULL.';
COMMENT ON COLUMN errand.task_policies.after_policy IS 'success or done; NULL: it waits for no other task.';
COMMENT ON COLUMN errand.task_policies.on_success IS 'What follows if it succeeds, as it was checked and resolved.';
COMMENT ON COLUMN errand.task_policies.on_failure IS 'What follows if it fails, likewise.';
