-- What \d+ and \df+ show.  Internal functions say "internal:" and one line.

COMMENT ON SCHEMA errand IS
'pg_errand: durable HTTP tasks that run inside this database. Begin with errand.http_get(), errand.tasks and errand.health(). A superuser lets others in with errand.grant_access().';

-- Tables.  Granted to nobody: the views show what is in them.

COMMENT ON SEQUENCE errand.task_id IS
'Ids of tasks, and places in the queue: a new task''s place is its id.';

COMMENT ON TABLE errand.task IS 'What was asked: one row a task, inserted by its submit.';
COMMENT ON COLUMN errand.task.id IS 'The task''s id.';
COMMENT ON COLUMN errand.task.submitted_at IS 'When it was submitted.';
COMMENT ON COLUMN errand.task.run_at IS 'Not before this time; NULL: at once.';
COMMENT ON COLUMN errand.task.deadline IS 'Past this time the task has failed; NULL: none.';
COMMENT ON COLUMN errand.task.owner_oid IS 'The role that submitted it, by oid.';
COMMENT ON COLUMN errand.task.timeout_ms IS 'Most milliseconds for one attempt.';
COMMENT ON COLUMN errand.task.backoff_base_ms IS 'First wait before a retry, in milliseconds; NULL: default.';
COMMENT ON COLUMN errand.task.backoff_max_ms IS 'Longest wait before a retry, in milliseconds; NULL: default.';
COMMENT ON COLUMN errand.task.backoff_factor IS 'Growth of the wait from retry to retry; NULL: default.';
COMMENT ON COLUMN errand.task.priority IS 'Higher runs first.';
COMMENT ON COLUMN errand.task.max_attempts IS 'Most attempts of a run.';
COMMENT ON COLUMN errand.task.backoff IS 'Kind of backoff, a number of the engine''s; NULL: default.';
COMMENT ON COLUMN errand.task.at_most_once IS 'Never sent again once a byte may have left.';
COMMENT ON COLUMN errand.task.owner IS 'The role that submitted it, by name.';
COMMENT ON COLUMN errand.task.kind IS 'What runs it: http, sql or email.';
COMMENT ON COLUMN errand.task.type IS 'The task type''s name.';
COMMENT ON COLUMN errand.task.queue IS 'The queue''s name.';
COMMENT ON COLUMN errand.task.key IS 'The idempotency key that was given, or NULL.';
COMMENT ON COLUMN errand.task.notify IS 'A NOTIFY channel that hears the final state, or NULL.';
COMMENT ON COLUMN errand.task.traceparent IS 'W3C trace context that is sent on, or NULL.';
COMMENT ON COLUMN errand.task.task_group IS 'The task group it belongs to, or NULL.';
COMMENT ON COLUMN errand.task.tags IS 'Words of the user''s, or NULL.';
COMMENT ON COLUMN errand.task.payload IS 'The request.';
COMMENT ON COLUMN errand.task.after_done IS 'It runs when its parents are final, whatever became of them; false: when they succeeded; NULL: it has none.';

COMMENT ON TABLE errand.ready IS 'Tasks that can run now: one narrow row each, deleted by the claim, never updated.';
COMMENT ON COLUMN errand.ready.id IS 'The task.';
COMMENT ON COLUMN errand.ready.place IS 'Its place within queue and priority; lower runs first.';
COMMENT ON COLUMN errand.ready.attempt IS 'Attempts made up to now.';
COMMENT ON COLUMN errand.ready.priority IS 'Higher runs first.';
COMMENT ON COLUMN errand.ready.failures IS 'Attempts of this run that failed.';
COMMENT ON COLUMN errand.ready.run IS 'Which run of the task: 1, and one more with each errand.retry().';
COMMENT ON COLUMN errand.ready.queue IS 'The queue''s name.';

COMMENT ON TABLE errand.later IS 'Tasks that wait: for a time, scheduled or between two attempts, or for other tasks.';
COMMENT ON COLUMN errand.later.id IS 'The task.';
COMMENT ON COLUMN errand.later.due_at IS 'When it becomes ready; infinity: when its parents are final.';
COMMENT ON COLUMN errand.later.attempt IS 'Attempts made up to now.';
COMMENT ON COLUMN errand.later.priority IS 'Higher runs first.';
COMMENT ON COLUMN errand.later.failures IS 'Attempts of this run that failed.';
COMMENT ON COLUMN errand.later.run IS 'Which run of the task.';
COMMENT ON COLUMN errand.later.state IS 's scheduled, r retrying, w waiting for other tasks.';
COMMENT ON COLUMN errand.later.queue IS 'The queue''s name.';
COMMENT ON COLUMN errand.later.unmet IS 'How many rows of errand.dependency it has; NULL unless it waits for other tasks.';

COMMENT ON TABLE errand.lease IS 'What workers have in hand: one row a claimed batch, deleted when the last of it is settled.';
COMMENT ON COLUMN errand.lease.token IS 'Random name of the lease: who settles must find it.';
COMMENT ON COLUMN errand.lease.worker IS 'The worker''s random identity.';
COMMENT ON COLUMN errand.lease.epoch IS 'The shared memory the worker belongs to: changes with each crash and restart.';
COMMENT ON COLUMN errand.lease.server_start IS 'Start of the server at the time of the claim.';
COMMENT ON COLUMN errand.lease.claimed_at IS 'When the batch was claimed.';
COMMENT ON COLUMN errand.lease.pid IS 'The worker''s process id.';
COMMENT ON COLUMN errand.lease.suspects IS 'Of a group of suspects: how often one alone has fallen; NULL: no suspects.';
COMMENT ON COLUMN errand.lease.ids IS 'The tasks.';
COMMENT ON COLUMN errand.lease.attempts IS 'The attempt of each.';
COMMENT ON COLUMN errand.lease.failures IS 'Failed attempts of each.';
COMMENT ON COLUMN errand.lease.runs IS 'The run of each.';

COMMENT ON TABLE errand.outcome IS 'Final states: one row a finished task, inserted once.';
COMMENT ON COLUMN errand.outcome.id IS 'The task.';
COMMENT ON COLUMN errand.outcome.started_at IS 'When the last attempt started; NULL: it never ran.';
COMMENT ON COLUMN errand.outcome.finished_at IS 'When the task became final.';
COMMENT ON COLUMN errand.outcome.attempt IS 'The last attempt''s number.';
COMMENT ON COLUMN errand.outcome.worker IS 'Process id of the worker that ran it.';
COMMENT ON COLUMN errand.outcome.dns_us IS 'Time to resolve the name, in microseconds.';
COMMENT ON COLUMN errand.outcome.connect_us IS 'Time to connect, in microseconds.';
COMMENT ON COLUMN errand.outcome.tls_us IS 'Time of the TLS handshake, in microseconds.';
COMMENT ON COLUMN errand.outcome.wait_us IS 'Time until the first byte of the answer, in microseconds.';
COMMENT ON COLUMN errand.outcome.transfer_us IS 'Time to receive the answer, in microseconds.';
COMMENT ON COLUMN errand.outcome.status_code IS 'HTTP status; NULL: no answer came.';
COMMENT ON COLUMN errand.outcome.run IS 'Which run of the task.';
COMMENT ON COLUMN errand.outcome.state IS 'S succeeded, F failed, C cancelled, U unknown.';
COMMENT ON COLUMN errand.outcome.timed_out IS 'Whether a timeout or deadline ended it.';
COMMENT ON COLUMN errand.outcome.sqlstate IS 'SQLSTATE of the error; NULL: succeeded.';
COMMENT ON COLUMN errand.outcome.error IS 'What went wrong; NULL: succeeded.';
COMMENT ON COLUMN errand.outcome.content_type IS 'Content-Type of the answer.';
COMMENT ON COLUMN errand.outcome.head IS 'Header lines of the answer, as received.';
COMMENT ON COLUMN errand.outcome.body IS 'Body of the answer, as received and decompressed.';
COMMENT ON COLUMN errand.outcome.result IS 'Result of a task that is no HTTP request.';
COMMENT ON COLUMN errand.outcome.cause IS 'Of a task cancelled because one that it waits for did not succeed: the first that did not, however far up.';
COMMENT ON COLUMN errand.outcome.result IS 'Result of a task that is no HTTP request; of one that is, what the answer itself does not say.';

COMMENT ON TABLE errand.attempt IS 'Attempts that were not the last: one row each, inserted once.';
COMMENT ON COLUMN errand.attempt.task_id IS 'The task.';
COMMENT ON COLUMN errand.attempt.attempt IS 'Number of the attempt, from 1.';
COMMENT ON COLUMN errand.attempt.started_at IS 'When it started.';
COMMENT ON COLUMN errand.attempt.finished_at IS 'When it ended.';
COMMENT ON COLUMN errand.attempt.worker IS 'Process id of the worker.';
COMMENT ON COLUMN errand.attempt.dns_us IS 'Time to resolve the name, in microseconds.';
COMMENT ON COLUMN errand.attempt.connect_us IS 'Time to connect, in microseconds.';
COMMENT ON COLUMN errand.attempt.tls_us IS 'Time of the TLS handshake, in microseconds.';
COMMENT ON COLUMN errand.attempt.wait_us IS 'Time until the first byte of the answer, in microseconds.';
COMMENT ON COLUMN errand.attempt.transfer_us IS 'Time to receive the answer, in microseconds.';
COMMENT ON COLUMN errand.attempt.status_code IS 'HTTP status; NULL: no answer came.';
COMMENT ON COLUMN errand.attempt.run IS 'Which run of the task.';
COMMENT ON COLUMN errand.attempt.state IS 'r failed and retried, L lost with its server, I interrupted by a stopping worker; else the final state of an earlier run.';
COMMENT ON COLUMN errand.attempt.timed_out IS 'Whether a timeout ended it.';
COMMENT ON COLUMN errand.attempt.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.attempt.error IS 'What went wrong.';

COMMENT ON TABLE errand.task_key IS 'Idempotency keys of tasks that are not final: a second submit of one returns its task.';
COMMENT ON COLUMN errand.task_key.owner_oid IS 'The role: keys of different roles never meet.';
COMMENT ON COLUMN errand.task_key.queue IS 'The queue''s name.';
COMMENT ON COLUMN errand.task_key.key IS 'The key.';
COMMENT ON COLUMN errand.task_key.id IS 'The task that holds it.';

COMMENT ON TABLE errand.deadline IS 'Deadlines that have not passed.';
COMMENT ON COLUMN errand.deadline.at IS 'The deadline.';
COMMENT ON COLUMN errand.deadline.id IS 'The task.';

COMMENT ON TABLE errand.cancel_request IS 'Requests to stop a running task: inserted by clients, read by its worker.';
COMMENT ON COLUMN errand.cancel_request.id IS 'The task.';
COMMENT ON COLUMN errand.cancel_request.at IS 'When it was asked for.';
COMMENT ON COLUMN errand.cancel_request.reason IS 'Why: becomes the task''s error.';

COMMENT ON TABLE errand.mark IS 'at_most_once tasks that may have sent a byte: committed before they start.';
COMMENT ON COLUMN errand.mark.id IS 'The task.';
COMMENT ON COLUMN errand.mark.attempt IS 'The attempt.';

COMMENT ON TABLE errand.http_cache IS 'Answers that are kept for requests with a cache_ttl, each role''s apart. Not in a dump.';
COMMENT ON COLUMN errand.http_cache.owner_oid IS 'The role whose tasks asked.';
COMMENT ON COLUMN errand.http_cache.key IS 'Hash of the request.';
COMMENT ON COLUMN errand.http_cache.stored_at IS 'When it came, or was last found to hold still.';
COMMENT ON COLUMN errand.http_cache.fresh_until IS 'Until then it is an answer; then the server is asked whether it holds still.';
COMMENT ON COLUMN errand.http_cache.status_code IS 'HTTP status.';
COMMENT ON COLUMN errand.http_cache.content_type IS 'Content-Type of the answer.';
COMMENT ON COLUMN errand.http_cache.etag IS 'Its ETag, or NULL.';
COMMENT ON COLUMN errand.http_cache.last_modified IS 'Its Last-Modified, or NULL.';
COMMENT ON COLUMN errand.http_cache.head IS 'Header lines of the answer, as received.';
COMMENT ON COLUMN errand.http_cache.body IS 'Body of the answer.';

COMMENT ON TABLE errand.chunk IS 'Bodies of attempts with store => ''chunks'', in pieces; committed while the transfer runs.';
COMMENT ON COLUMN errand.chunk.task_id IS 'The task.';
COMMENT ON COLUMN errand.chunk.attempt IS 'The attempt.';
COMMENT ON COLUMN errand.chunk.n IS 'Number of the piece, from 1.';
COMMENT ON COLUMN errand.chunk.data IS 'Its bytes, at most 256 kB.';
COMMENT ON TABLE errand.chunk_drop IS 'Attempts whose chunks are to be deleted: the leader does so bit by bit.';
COMMENT ON COLUMN errand.chunk_drop.task_id IS 'The task.';
COMMENT ON COLUMN errand.chunk_drop.attempt IS 'The attempt.';

COMMENT ON TABLE errand.suspect IS 'Tasks that were in flight at several crashes: they run apart, in halving groups, until the one that crashes the server is found.';
COMMENT ON COLUMN errand.suspect.id IS 'The task.';
COMMENT ON COLUMN errand.suspect.group_no IS 'Those with the same number run together.';
COMMENT ON COLUMN errand.suspect.attempt IS 'Attempts made up to now.';
COMMENT ON COLUMN errand.suspect.priority IS 'Higher runs first.';
COMMENT ON COLUMN errand.suspect.failures IS 'Attempts of this run that failed.';
COMMENT ON COLUMN errand.suspect.run IS 'Which run of the task.';
COMMENT ON COLUMN errand.suspect.alone_falls IS 'Crashes while it ran alone.';
COMMENT ON COLUMN errand.suspect.queue IS 'The queue''s name.';

COMMENT ON TABLE errand.queue IS 'Queues that were defined, paused or drained; any other name works without a row.';
COMMENT ON COLUMN errand.host.name IS 'The host, as name or name:port.';
COMMENT ON COLUMN errand.host.max_running IS 'Most requests at once, over all workers.';
COMMENT ON COLUMN errand.host.rate_limit IS 'Most requests, such as 50/s.';
COMMENT ON COLUMN errand.host.proxy IS 'The proxy that requests to it go through.';
COMMENT ON COLUMN errand.queue.name IS 'The queue''s name.';
COMMENT ON COLUMN errand.queue.paused IS 'Its tasks are not claimed.';
COMMENT ON COLUMN errand.queue.draining IS 'It takes no more tasks.';
COMMENT ON COLUMN errand.queue.max_running IS 'Most tasks at once, over all workers.';
COMMENT ON COLUMN errand.queue.rate_limit IS 'Most starts, such as 50/s, over all workers.';
COMMENT ON COLUMN errand.queue.max_depth IS 'Most tasks that wait; NULL: no limit.';
COMMENT ON COLUMN errand.queue.description IS 'What it is for.';

COMMENT ON TABLE errand.host IS 'Limits and proxies of hosts, as errand.define_host() was told.';
COMMENT ON TABLE errand.task_type IS 'Task types, as errand.define_task() was told.';
COMMENT ON COLUMN errand.task_type.name IS 'The type''s name.';
COMMENT ON COLUMN errand.task_type.kind IS 'What runs it: http, sql or email.';
COMMENT ON COLUMN errand.task_type.handler IS 'The function of a SQL task, with its argument types.';
COMMENT ON COLUMN errand.task_type.template IS 'What a payload is merged over.';
COMMENT ON COLUMN errand.task_type.queue IS 'Default queue.';
COMMENT ON COLUMN errand.task_type.priority IS 'Default priority.';
COMMENT ON COLUMN errand.task_type.max_attempts IS 'Default number of attempts.';
COMMENT ON COLUMN errand.task_type.backoff IS 'Default backoff: exponential, linear or constant.';
COMMENT ON COLUMN errand.task_type.backoff_base IS 'Default first wait before a retry.';
COMMENT ON COLUMN errand.task_type.backoff_factor IS 'Default growth of the wait.';
COMMENT ON COLUMN errand.task_type.backoff_max IS 'Default longest wait.';
COMMENT ON COLUMN errand.task_type.timeout IS 'Default time for one attempt.';
COMMENT ON COLUMN errand.task_type.rate_limit IS 'Most starts, such as 50/s, over all workers.';
COMMENT ON COLUMN errand.task_type.max_running IS 'Most tasks at once, over all workers.';
COMMENT ON COLUMN errand.task_type.cache_ttl IS 'How long an answer may be used again.';
COMMENT ON COLUMN errand.task_type.unique_key IS 'Where in the payload its key stands, such as $.params.customer.';
COMMENT ON COLUMN errand.task_type.log_execution IS 'Whether start and end of each attempt are written to the server log.';
COMMENT ON COLUMN errand.task_type.measure_performance IS 'Whether its times to wait and to run are kept: errand.stat_tasks.';
COMMENT ON COLUMN errand.task_type.description IS 'What it is for.';

COMMENT ON TABLE errand.access IS 'Levels that errand.grant_access() gave.';
COMMENT ON COLUMN errand.access.role IS 'The role''s name.';
COMMENT ON COLUMN errand.access.level IS 'submit, monitor or admin.';

COMMENT ON TABLE errand.instance IS 'What this installation is; a row of another database shows that this is a copy.';
COMMENT ON COLUMN errand.instance.created_at IS 'When the extension was installed; the oldest row''s secret counts.';
COMMENT ON COLUMN errand.instance.secret IS 'What keys of requests are made from, so that nobody can guess them.';
COMMENT ON COLUMN errand.instance.system_identifier IS 'The cluster it belongs to: a copy rests until errand.resume_all().';
COMMENT ON COLUMN errand.instance.database_oid IS 'The database it was installed in.';
COMMENT ON COLUMN errand.instance.paused IS 'errand.pause_all() is in force.';

-- Views.

COMMENT ON VIEW errand.tasks IS
'One row a task, whatever its state: your own, or all if you may monitor. A filter on states that are not final never reads history. Payload and result: errand.task(id).';
COMMENT ON COLUMN errand.tasks.id IS 'The task''s id.';
COMMENT ON COLUMN errand.tasks.state IS 'waiting, scheduled, ready, running or retrying; succeeded, failed, cancelled or unknown, which are final.';
COMMENT ON COLUMN errand.tasks.task IS 'The task type.';
COMMENT ON COLUMN errand.tasks.kind IS 'What runs it: http, sql or email.';
COMMENT ON COLUMN errand.tasks.queue IS 'The queue.';
COMMENT ON COLUMN errand.tasks.priority IS 'Higher runs first.';
COMMENT ON COLUMN errand.tasks.attempt IS 'Number of the attempt that runs or was last; 0: none yet.';
COMMENT ON COLUMN errand.tasks.max_attempts IS 'Most attempts of a run.';
COMMENT ON COLUMN errand.tasks.submitted_at IS 'When it was submitted.';
COMMENT ON COLUMN errand.tasks.run_at IS 'When it becomes ready, or was to; NULL: at once.';
COMMENT ON COLUMN errand.tasks.started_at IS 'When the running or last attempt started.';
COMMENT ON COLUMN errand.tasks.finished_at IS 'When it became final.';
COMMENT ON COLUMN errand.tasks.owner IS 'The role that submitted it.';
COMMENT ON COLUMN errand.tasks.key IS 'The idempotency key that was given.';
COMMENT ON COLUMN errand.tasks.task_group IS 'The task group it belongs to, or NULL.';
COMMENT ON COLUMN errand.tasks.tags IS 'Words of the user''s.';
COMMENT ON COLUMN errand.tasks.progress IS 'How far a running SQL task says it has come, 0 to 1; else NULL.';
COMMENT ON COLUMN errand.tasks.error IS 'What went wrong last.';

COMMENT ON VIEW errand.attempts IS
'One row an attempt, the running and the last one included.';
COMMENT ON COLUMN errand.attempts.task_id IS 'The task.';
COMMENT ON COLUMN errand.attempts.attempt IS 'Number of the attempt, from 1.';
COMMENT ON COLUMN errand.attempts.state IS 'running, succeeded, failed, cancelled, unknown, lost (the server fell) or interrupted (its worker was stopped).';
COMMENT ON COLUMN errand.attempts.started_at IS 'When it started.';
COMMENT ON COLUMN errand.attempts.finished_at IS 'When it ended.';
COMMENT ON COLUMN errand.attempts.worker IS 'Process id of the worker.';
COMMENT ON COLUMN errand.attempts.status_code IS 'HTTP status; NULL: no answer came.';
COMMENT ON COLUMN errand.attempts.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.attempts.error IS 'What went wrong.';
COMMENT ON COLUMN errand.attempts.timings IS 'Where the time went: dns_ms, connect_ms, tls_ms, wait_ms, transfer_ms.';

COMMENT ON VIEW errand.outcomes IS
'What errand.result(), errand.response() and errand.task() read: payloads, and answers as they came.';
COMMENT ON COLUMN errand.outcomes.id IS 'The task.';
COMMENT ON COLUMN errand.outcomes.kind IS 'What runs it: http, sql or email.';
COMMENT ON COLUMN errand.outcomes.payload IS 'The request.';
COMMENT ON COLUMN errand.outcomes.state IS 'The final state; NULL: not final.';
COMMENT ON COLUMN errand.outcomes.finished_at IS 'When it became final.';
COMMENT ON COLUMN errand.outcomes.status_code IS 'HTTP status; NULL: no answer came.';
COMMENT ON COLUMN errand.outcomes.timed_out IS 'Whether a timeout or deadline ended it.';
COMMENT ON COLUMN errand.outcomes.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.outcomes.error IS 'What went wrong.';
COMMENT ON COLUMN errand.outcomes.content_type IS 'Content-Type of the answer.';
COMMENT ON COLUMN errand.outcomes.head IS 'Header lines of the answer, as received.';
COMMENT ON COLUMN errand.outcomes.body IS 'Body of the answer.';
COMMENT ON COLUMN errand.outcomes.result IS 'Result of a task that is no HTTP request.';

COMMENT ON VIEW errand.body_chunks IS
'What errand.chunks() and errand.response() read: the pieces of bodies that were stored with store => ''chunks''.';
COMMENT ON COLUMN errand.body_chunks.id IS 'The task.';
COMMENT ON COLUMN errand.body_chunks.n IS 'Number of the piece, from 1.';
COMMENT ON COLUMN errand.body_chunks.data IS 'Its bytes, at most 256 kB.';

COMMENT ON VIEW errand.runs IS 'internal: what leases hold that is not settled. Granted to nobody.';
COMMENT ON COLUMN errand.runs.id IS 'The task.';
COMMENT ON COLUMN errand.runs.attempt IS 'The attempt.';
COMMENT ON COLUMN errand.runs.run IS 'Which run of the task.';
COMMENT ON COLUMN errand.runs.claimed_at IS 'When it was claimed.';
COMMENT ON COLUMN errand.runs.pid IS 'Process id of the worker.';

COMMENT ON VIEW errand.task_types IS 'Task types: the built-in ones and those of errand.define_task().';
COMMENT ON COLUMN errand.task_types.name IS 'The type''s name.';
COMMENT ON COLUMN errand.task_types.kind IS 'What runs it: http, sql or email.';
COMMENT ON COLUMN errand.task_types.handler IS 'The function of a SQL task, with its argument types.';
COMMENT ON COLUMN errand.task_types.template IS 'What a payload is merged over.';
COMMENT ON COLUMN errand.task_types.queue IS 'Default queue.';
COMMENT ON COLUMN errand.task_types.priority IS 'Default priority.';
COMMENT ON COLUMN errand.task_types.max_attempts IS 'Default number of attempts.';
COMMENT ON COLUMN errand.task_types.backoff IS 'Default backoff: exponential, linear or constant.';
COMMENT ON COLUMN errand.task_types.backoff_base IS 'Default first wait before a retry.';
COMMENT ON COLUMN errand.task_types.backoff_factor IS 'Default factor from one wait to the next.';
COMMENT ON COLUMN errand.task_types.backoff_max IS 'Default longest wait.';
COMMENT ON COLUMN errand.task_types.timeout IS 'Default time for one attempt.';
COMMENT ON COLUMN errand.task_types.rate_limit IS 'Most starts, such as 50/s, over all workers.';
COMMENT ON COLUMN errand.task_types.max_running IS 'Most tasks at once, over all workers.';
COMMENT ON COLUMN errand.task_types.cache_ttl IS 'How long an answer may be used again.';
COMMENT ON COLUMN errand.task_types.unique_key IS 'Where in the payload its key stands, such as $.params.customer.';
COMMENT ON COLUMN errand.task_types.log_execution IS 'Whether start and end of each attempt are written to the server log.';
COMMENT ON COLUMN errand.task_types.measure_performance IS 'Whether its times to wait and to run are kept: errand.stat_tasks.';
COMMENT ON COLUMN errand.task_types.on_success IS 'What is submitted when one of its tasks succeeds; NULL for who may not monitor.';
COMMENT ON COLUMN errand.task_types.on_failure IS 'What is submitted when one of its tasks fails; NULL for who may not monitor.';
COMMENT ON COLUMN errand.task_types.description IS 'What it is for.';

COMMENT ON VIEW errand.queues IS
'Queues: default and those that were defined; who may monitor also sees those that only have tasks.';
COMMENT ON COLUMN errand.queues.queue IS 'The queue''s name.';
COMMENT ON COLUMN errand.queues.paused IS 'Its tasks are not claimed: errand.pause_queue().';
COMMENT ON COLUMN errand.queues.draining IS 'It takes no more tasks: errand.drain_queue().';
COMMENT ON COLUMN errand.queues.max_running IS 'Most tasks at once, over all workers.';
COMMENT ON COLUMN errand.queues.rate_limit IS 'Most starts, such as 50/s, over all workers.';
COMMENT ON COLUMN errand.queues.max_depth IS 'Most tasks that wait; NULL: no limit.';
COMMENT ON COLUMN errand.queues.description IS 'What it is for.';

COMMENT ON VIEW errand.stat_queues IS
'Counts and times of each queue, from shared memory: exact at rest, cheap at any size. Totals count since the server started.';
COMMENT ON COLUMN errand.stat_queues.queue IS 'The queue''s name.';
COMMENT ON COLUMN errand.stat_queues.paused IS 'Its tasks are not claimed.';
COMMENT ON COLUMN errand.stat_queues.depth IS 'Tasks that are neither final nor running: ready, scheduled and waiting.';
COMMENT ON COLUMN errand.stat_queues.ready IS 'Tasks that could run now.';
COMMENT ON COLUMN errand.stat_queues.scheduled IS 'Tasks that wait for a time, retries included.';
COMMENT ON COLUMN errand.stat_queues.waiting IS 'Tasks that wait for other tasks.';
COMMENT ON COLUMN errand.stat_queues.running IS 'Tasks that were claimed and are not settled.';
COMMENT ON COLUMN errand.stat_queues.oldest_ready_age IS 'How long the oldest ready task has been waiting; NULL: none is ready.';
COMMENT ON COLUMN errand.stat_queues.succeeded IS 'Tasks that succeeded.';
COMMENT ON COLUMN errand.stat_queues.failed IS 'Tasks that failed or ended unknown.';
COMMENT ON COLUMN errand.stat_queues.retried IS 'Attempts that failed and were to be tried again.';
COMMENT ON COLUMN errand.stat_queues.wait_p50_ms IS 'Median wait from ready to started, in milliseconds.';
COMMENT ON COLUMN errand.stat_queues.wait_p95_ms IS '95 of 100 waited less, in milliseconds.';
COMMENT ON COLUMN errand.stat_queues.run_p50_ms IS 'Median time of an attempt, in milliseconds.';
COMMENT ON COLUMN errand.stat_queues.run_p95_ms IS '95 of 100 attempts took less, in milliseconds.';

COMMENT ON VIEW errand.stat_tasks IS
'Counts and times of each task type, since the server started.';
COMMENT ON COLUMN errand.stat_tasks.task IS 'The task type.';
COMMENT ON COLUMN errand.stat_tasks.succeeded IS 'Tasks that succeeded.';
COMMENT ON COLUMN errand.stat_tasks.failed IS 'Tasks that failed or ended unknown.';
COMMENT ON COLUMN errand.stat_tasks.cancelled IS 'Tasks that were cancelled.';
COMMENT ON COLUMN errand.stat_tasks.attempts IS 'Attempts that ended.';
COMMENT ON COLUMN errand.stat_tasks.success_rate IS 'Succeeded of those that succeeded or failed, 0 to 1; NULL: none yet.';
COMMENT ON COLUMN errand.stat_tasks.wait_p50_ms IS 'Median wait from ready to started, in milliseconds.';
COMMENT ON COLUMN errand.stat_tasks.wait_p95_ms IS '95 of 100 waited less, in milliseconds.';
COMMENT ON COLUMN errand.stat_tasks.wait_p99_ms IS '99 of 100 waited less, in milliseconds.';
COMMENT ON COLUMN errand.stat_tasks.run_p50_ms IS 'Median time of an attempt, in milliseconds.';
COMMENT ON COLUMN errand.stat_tasks.run_p95_ms IS '95 of 100 attempts took less, in milliseconds.';
COMMENT ON COLUMN errand.stat_tasks.run_p99_ms IS '99 of 100 attempts took less, in milliseconds.';

COMMENT ON VIEW errand.stat_workers IS
'The processes that run this database''s tasks. Empty for who may not monitor.';
COMMENT ON COLUMN errand.stat_workers.pid IS 'Process id, as in pg_stat_activity.';
COMMENT ON COLUMN errand.stat_workers.kind IS 'worker, or what else it is.';
COMMENT ON COLUMN errand.stat_workers.state IS 'busy or idle.';
COMMENT ON COLUMN errand.stat_workers.database IS 'The database: this one.';
COMMENT ON COLUMN errand.stat_workers.role IS 'The role whose SQL tasks an executor runs; NULL: a worker.';
COMMENT ON COLUMN errand.stat_workers.running IS 'Tasks that it runs now.';
COMMENT ON COLUMN errand.stat_workers.claimed IS 'Tasks claimed since it started.';
COMMENT ON COLUMN errand.stat_workers.settled IS 'Attempts settled since it started.';
COMMENT ON COLUMN errand.stat_workers.succeeded IS 'Tasks that succeeded since it started.';
COMMENT ON COLUMN errand.stat_workers.failed IS 'Tasks that failed since it started.';
COMMENT ON COLUMN errand.stat_workers.cpu_seconds IS 'Processor time used, in seconds; NULL: not known on this system.';
COMMENT ON COLUMN errand.stat_workers.rss_bytes IS 'Memory of its own in use, in bytes, shared memory left out; NULL: not known on this system.';
COMMENT ON COLUMN errand.stat_workers.started_at IS 'When it started.';
COMMENT ON COLUMN errand.stat_workers.last_seen IS 'When it last said that it lives.';
COMMENT ON COLUMN errand.stat_workers.leader IS 'Whether it does the chores: due tasks, deadlines, retention.';
COMMENT ON COLUMN errand.stat_workers.queued IS 'Tasks that it has claimed and not started yet.';

COMMENT ON VIEW errand.stat_hosts IS
'The hosts that tasks talked to, as name:port. Empty for who may not monitor.';
COMMENT ON COLUMN errand.stat_hosts.host IS 'The host, as name:port.';
COMMENT ON COLUMN errand.stat_hosts.running IS 'Requests under way.';
COMMENT ON COLUMN errand.stat_hosts.max_running IS 'Most requests at once.';
COMMENT ON COLUMN errand.stat_hosts.rate_limit IS 'Most requests, such as 50/s, as define_host() said.';
COMMENT ON COLUMN errand.stat_hosts.circuit IS 'closed: requests go out; open: they wait; half_open: one of them tries.';
COMMENT ON COLUMN errand.stat_hosts.held_until IS 'Until when the host asked us to stay away.';
COMMENT ON COLUMN errand.stat_hosts.requests IS 'Requests that ended.';
COMMENT ON COLUMN errand.stat_hosts.errors IS 'Those of them that failed.';
COMMENT ON COLUMN errand.stat_hosts.p50_ms IS 'Median time of a request, in milliseconds.';
COMMENT ON COLUMN errand.stat_hosts.p95_ms IS '95 of 100 requests took less, in milliseconds.';
COMMENT ON COLUMN errand.stat_hosts.proxy IS 'The proxy that requests to it go through.';

-- Types.

COMMENT ON TYPE errand.http_response IS 'What errand.response() returns; the names are pg_net''s.';
COMMENT ON COLUMN errand.http_response.id IS 'The task.';
COMMENT ON COLUMN errand.http_response.status_code IS 'HTTP status; NULL: no answer came.';
COMMENT ON COLUMN errand.http_response.content_type IS 'Content-Type of the answer.';
COMMENT ON COLUMN errand.http_response.headers IS 'Headers by lower-case name; what came more than once is an array.';
COMMENT ON COLUMN errand.http_response.content IS 'The body as text; NULL if it is none.';
COMMENT ON COLUMN errand.http_response.body IS 'The body as bytes.';
COMMENT ON COLUMN errand.http_response.timed_out IS 'Whether a timeout or deadline ended it; never NULL.';
COMMENT ON COLUMN errand.http_response.error_msg IS 'What went wrong; NULL: nothing.';
COMMENT ON COLUMN errand.http_response.created IS 'When the task became final.';
COMMENT ON COLUMN errand.http_response.cached IS 'Whether the answer is one that was kept (cache_ttl); never NULL.';

COMMENT ON TYPE errand.task_detail IS 'What errand.task() returns: a row of errand.tasks and what lists leave out.';
COMMENT ON COLUMN errand.task_detail.id IS 'The task''s id.';
COMMENT ON COLUMN errand.task_detail.state IS 'As in errand.tasks.';
COMMENT ON COLUMN errand.task_detail.task IS 'The task type.';
COMMENT ON COLUMN errand.task_detail.kind IS 'What runs it: http, sql or email.';
COMMENT ON COLUMN errand.task_detail.queue IS 'The queue.';
COMMENT ON COLUMN errand.task_detail.priority IS 'Higher runs first.';
COMMENT ON COLUMN errand.task_detail.attempt IS 'Number of the attempt that runs or was last; 0: none yet.';
COMMENT ON COLUMN errand.task_detail.max_attempts IS 'Most attempts of a run.';
COMMENT ON COLUMN errand.task_detail.submitted_at IS 'When it was submitted.';
COMMENT ON COLUMN errand.task_detail.run_at IS 'When it becomes ready, or was to; NULL: at once.';
COMMENT ON COLUMN errand.task_detail.started_at IS 'When the running or last attempt started.';
COMMENT ON COLUMN errand.task_detail.finished_at IS 'When it became final.';
COMMENT ON COLUMN errand.task_detail.owner IS 'The role that submitted it.';
COMMENT ON COLUMN errand.task_detail.key IS 'The idempotency key that was given.';
COMMENT ON COLUMN errand.task_detail.task_group IS 'The task group it belongs to, or NULL.';
COMMENT ON COLUMN errand.task_detail.tags IS 'Words of the user''s.';
COMMENT ON COLUMN errand.task_detail.progress IS 'How far a running SQL task says it has come, 0 to 1; else NULL.';
COMMENT ON COLUMN errand.task_detail.error IS 'What went wrong last.';
COMMENT ON COLUMN errand.task_detail.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.task_detail.payload IS 'The request.';
COMMENT ON COLUMN errand.task_detail.result IS 'The answer, as errand.result() shows it, of failed tasks too.';
COMMENT ON COLUMN errand.task_detail.attempts IS 'All attempts, the first first, as rows of errand.attempts.';

COMMENT ON TYPE errand._looked IS 'internal: what _look() finds of one task.';
COMMENT ON COLUMN errand._looked.ord IS 'Position in the list, from 1.';
COMMENT ON COLUMN errand._looked.id IS 'The task.';
COMMENT ON COLUMN errand._looked.state IS 'The final state; none: there is no such task.';
COMMENT ON COLUMN errand._looked.error IS 'What went wrong.';
COMMENT ON COLUMN errand._looked.finished_at IS 'When it became final.';

-- Submitting.

COMMENT ON FUNCTION errand.submit IS
'Submits a task of any type and returns its id. It runs after COMMIT; ROLLBACK takes it back.
task: a type of errand.task_types. payload: the request, under the names of errand.http()''s arguments; it is merged over the type''s template.
Options, all with defaults of the type or else these: queue ''default''; priority 0 (-32768 to 32767, higher first); run_at NULL (not before); max_attempts 3 (1 to 10000); backoff ''exponential'', ''linear'' or ''constant''; backoff_base 1 s; backoff_factor 2 (1 to 100); backoff_max 1 h; timeout 30 s for one attempt (at most 7 days); deadline NULL, for the whole task, counted from now; key NULL (1 to 255 bytes: while a task with the same queue and key is not final, its id is returned and nothing is submitted); after NULL (ids of tasks that it waits for); after_policy ''success'' (one that does not succeed cancels it) or ''done''; task_group NULL (of errand.open_group()); tags; delivery ''at_least_once'' or ''at_most_once''; notify NULL (a NOTIFY channel that hears the final state); traceparent NULL (W3C, sent on).
Errors: 22023 bad argument, 42704 no such type, 53400 the queue is full, 55000 the queue drains or pg_errand is not preloaded, 42501 within a security-restricted operation.
Example: SELECT errand.submit(''http'', ''{"url": "https://example.com/"}'', priority => 5);';

COMMENT ON FUNCTION errand.submit_many(text, jsonb[], text, integer, timestamptz, integer, text, interval, bigint[], text, bigint, numeric,
    interval, interval, interval, text[], text, text, text, jsonb, jsonb) IS
'Submits one task of a type for each payload, in one statement, and returns the ids in the same order. Options: as errand.submit(), the same for all; no key.
Errors: as errand.submit(); one bad payload refuses all.
Example: SELECT errand.submit_many(''http'', ARRAY[''{"url": "https://example.com/a"}'', ''{"url": "https://example.com/b"}'']::jsonb[]);';

COMMENT ON FUNCTION errand.submit_many(jsonb) IS
'Submits tasks of different types, and returns their ids in the same order. tasks: an array of {"task": type, "payload": {...}} with options of errand.submit() beside them.
Errors: as errand.submit(); one bad task refuses all.
Example: SELECT errand.submit_many(''[{"task": "http", "payload": {"url": "https://example.com/"}, "priority": 5}]'');';

COMMENT ON FUNCTION errand.http IS
'Submits an HTTP request as a task and returns its id.
url: http or https, no user name in it. method: a word. headers: {"name": "value"}; an array sends the name more than once. body: text. params: {"name": value}, added to the query. Instead of body: body_bytes, or form: {"name": value}. auth: {"basic": [user, password]} or {"bearer": token}. cookies: {"name": "value"}. follow_redirects: how many, 0 to 20, default 0. max_body_bytes: largest answer, at most errand.max_response_bytes. connect_timeout: default 10 s. success_codes: default [200,300). store: ''inline'', ''discard'' to keep no body, or ''chunks'' for bodies up to 1 GB, read with errand.chunks(). cache_ttl: for so long the same request of the same role is answered from the cache; GET and HEAD only. paginate: {"mode": "link"}, {"mode": "next_url", "path": jsonpath}, {"mode": "cursor", "path": jsonpath, "param": name}, {"mode": "page", "param": name} or {"mode": "offset", "param": name, "size": n}, each with max_pages (default 10, at most 1000) and delay (an interval). timeout_milliseconds: timeout as pg_net has it. The others: as errand.submit().
Errors: 22023 also for a URL, method, header or cookie that cannot be sent; else as errand.submit().
Example: SELECT errand.http(''https://example.com/items'', ''PUT'', headers => ''{"Accept": "text/plain"}'', body => ''hello'');';

COMMENT ON FUNCTION errand.http_get IS
'Submits a GET request and returns the task''s id. Arguments and errors: as errand.http().
Example: SELECT errand.http_get(''https://example.com/search'', params => ''{"q": "cats"}'');';
COMMENT ON FUNCTION errand.http_head IS
'Submits a HEAD request and returns the task''s id. Arguments and errors: as errand.http().
Example: SELECT errand.http_head(''https://example.com/'');';
COMMENT ON FUNCTION errand.http_post IS
'Submits a POST request and returns the task''s id. body: sent as JSON. Other arguments and errors: as errand.http().
Example: SELECT errand.http_post(''https://example.com/items'', ''{"name": "cat"}'');';
COMMENT ON FUNCTION errand.email IS
'Submits an e-mail; returns the task''s id. recipient, cc and bcc hold one address each, as ann@example.com or
Ann Lee <ann@example.com>, in ASCII, at most 100 together; sender is errand.smtp_from unless given. body and html are
alternatives. attachments is an array of {"filename", "content_type", "content" or "content_base64"}, at most 10 MB
together. headers are further ones. Then the options of errand.submit().
Result: {"reply": what the server said, "message_id": the same in all attempts}. 4xx is tried again, 5xx is not.
Errors: 22023 what cannot be sent; 55000 no errand.smtp_url, or no sender.
Example: SELECT errand.email(ARRAY[''ann@example.com''], ''Your report'', ''It is ready.'');';
COMMENT ON FUNCTION errand.http_put IS
'Submits a PUT request and returns the task''s id. body: sent as JSON. Other arguments and errors: as errand.http().
Example: SELECT errand.http_put(''https://example.com/items/1'', ''{"name": "cat"}'');';
COMMENT ON FUNCTION errand.http_patch IS
'Submits a PATCH request and returns the task''s id. body: sent as JSON. Other arguments and errors: as errand.http().
Example: SELECT errand.http_patch(''https://example.com/items/1'', ''{"name": "dog"}'');';
COMMENT ON FUNCTION errand.http_delete IS
'Submits a DELETE request and returns the task''s id. body: sent as JSON. Other arguments and errors: as errand.http().
Example: SELECT errand.http_delete(''https://example.com/items/1'');';

COMMENT ON FUNCTION errand.define_task IS
'Defines a task type, or redefines it: what is not given is reset. Needs level admin.
name: 1 to 200 characters. kind: ''http'', ''sql'' or ''email''. handler: the function that a SQL task calls with the payload, f(jsonb). template: what payloads are merged over; headers, params, form and cookies key by key. queue, priority, max_attempts, backoff, backoff_base, backoff_factor, backoff_max, timeout, cache_ttl, on_success, on_failure: defaults of its tasks. max_running: most of them at once, and rate_limit (such as ''50/s''): most starts, over all workers; those that must wait are parked and spend no attempt. unique_key: where in the payload a task''s key stands, such as ''$.order.id''. log_execution: one line of the server log at start and end of each attempt. measure_performance (default true): keep times to wait and to run for errand.stat_tasks.
Errors: 22023 bad argument, 42501 not allowed.
Example: SELECT errand.define_task(''ping'', ''http'', template => ''{"url": "https://example.com/"}'', timeout => ''5 s'');';
COMMENT ON FUNCTION errand.drop_task IS
'Drops a task type; its tasks go on. Needs level admin.
Errors: 42704 no such type, 42501 not allowed.
Example: SELECT errand.drop_task(''ping'');';

-- Schedules and follow-ups.

COMMENT ON FUNCTION errand.schedule IS
'Submits a task again and again, by the clock. A second call with the name replaces the schedule; what ran, and a pause, stay. It belongs to the role that defines it, and its tasks run as that role.
cron: five fields (minute, hour, day, month, weekday, with names, lists, ranges and steps), @hourly, @daily, @weekly, @monthly, @yearly, or ''every 10 s''. task, payload: as errand.submit(), checked now; the task type''s options and template are those of now. timezone: in which the fields are meant. overlap: false skips a run while the last one is not over. The others: as errand.submit().
What was missed while the server was down or paused is made up by one run at once. A local time that is skipped when clocks go forward is due right after it; one that comes twice is due once, unless the schedule runs in every hour.
Errors: 22023 bad argument, 42704 no such task type, 42501 the name belongs to another role.
Example: SELECT errand.schedule(''nightly'', ''30 3 * * *'', ''http'', ''{"url": "https://example.com/report"}'', timezone => ''Europe/Berlin'');';
COMMENT ON FUNCTION errand.unschedule IS
'Ends a schedule; tasks that it submitted go on. An admin may end those of others.
Returns true, or false if there is none or it is not yours.
Errors: 22023 bad name.
Example: SELECT errand.unschedule(''nightly'');';
COMMENT ON FUNCTION errand.pause_schedule IS
'Submits nothing more for a schedule until errand.resume_schedule(); outlives a restart. An admin may pause those of others.
Errors: 42704 no such schedule, or not yours.
Example: SELECT errand.pause_schedule(''nightly'');';
COMMENT ON FUNCTION errand.resume_schedule IS
'Ends a pause of a schedule. It goes on at its next time; what was missed is not made up.
Errors: 42704 no such schedule, or not yours.
Example: SELECT errand.resume_schedule(''nightly'');';

COMMENT ON VIEW errand.schedules IS 'Schedules: a role sees its own, monitor and admin see all. Payloads are not shown.';
COMMENT ON COLUMN errand.schedules.name IS 'The schedule''s name.';
COMMENT ON COLUMN errand.schedules.cron IS 'When it is due, as it was given.';
COMMENT ON COLUMN errand.schedules.timezone IS 'The time zone in which that is meant.';
COMMENT ON COLUMN errand.schedules.task IS 'The task type''s name.';
COMMENT ON COLUMN errand.schedules.paused IS 'errand.pause_schedule() was called.';
COMMENT ON COLUMN errand.schedules.last_run IS 'When a task was last submitted for it; NULL: never.';
COMMENT ON COLUMN errand.schedules.next_run IS 'When it is due next; NULL: paused, or skip_reason says why never.';
COMMENT ON COLUMN errand.schedules.last_state IS 'State of its last task.';
COMMENT ON COLUMN errand.schedules.last_task IS 'Its last task.';
COMMENT ON COLUMN errand.schedules.overlap IS 'Whether it runs while its last task is not final.';
COMMENT ON COLUMN errand.schedules.runs IS 'How many tasks were submitted for it.';
COMMENT ON COLUMN errand.schedules.skipped IS 'How many runs were skipped.';
COMMENT ON COLUMN errand.schedules.skip_reason IS 'Why the last run was skipped; NULL: it was not.';
COMMENT ON COLUMN errand.schedules.queue IS 'The queue of its tasks.';
COMMENT ON COLUMN errand.schedules.owner IS 'Whose it is, and as whom its tasks run.';
COMMENT ON COLUMN errand.schedules.defined_at IS 'When it was defined, or last redefined.';
COMMENT ON VIEW errand.schedule_runs IS 'Runs of schedules, as long as their tasks are kept: a role sees those of its own schedules, monitor and admin see all.';
COMMENT ON COLUMN errand.schedule_runs.schedule IS 'The schedule''s name.';
COMMENT ON COLUMN errand.schedule_runs.due_at IS 'The time it was due.';
COMMENT ON COLUMN errand.schedule_runs.task_id IS 'The task; NULL: its key is not free yet.';
COMMENT ON COLUMN errand.schedule_runs.owner IS 'Whose schedule it is.';
COMMENT ON VIEW errand.follow_ups IS 'What followed tasks with on_success or on_failure, a row each: a role sees those of its own tasks, monitor and admin see all.';
COMMENT ON COLUMN errand.follow_ups.task_id IS 'The task that ended.';
COMMENT ON COLUMN errand.follow_ups.run IS 'Which run of it: 1, and one more with each errand.retry().';
COMMENT ON COLUMN errand.follow_ups.follow_up IS 'The task that was submitted then; NULL: none, or its key is not free yet.';
COMMENT ON COLUMN errand.follow_ups.at IS 'When the task ended.';
COMMENT ON COLUMN errand.follow_ups.error IS 'Why none was submitted, or NULL.';

COMMENT ON TABLE errand.schedule IS 'Schedules; the leader moves next_run in the transaction that submits the run.';
COMMENT ON COLUMN errand.schedule.name IS 'Its name.';
COMMENT ON COLUMN errand.schedule.owner_oid IS 'The role that defined it, by oid.';
COMMENT ON COLUMN errand.schedule.owner IS 'The role that defined it, by name.';
COMMENT ON COLUMN errand.schedule.cron IS 'When it is due.';
COMMENT ON COLUMN errand.schedule.timezone IS 'In which time zone.';
COMMENT ON COLUMN errand.schedule.overlap IS 'Whether it runs while its last task is not final.';
COMMENT ON COLUMN errand.schedule.paused IS 'Nothing is submitted.';
COMMENT ON COLUMN errand.schedule.defined_at IS 'When it was defined, or last redefined.';
COMMENT ON COLUMN errand.schedule.next_run IS 'When it is due next.';
COMMENT ON COLUMN errand.schedule.last_run IS 'When it last ran.';
COMMENT ON COLUMN errand.schedule.last_due IS 'When that run was due.';
COMMENT ON COLUMN errand.schedule.last_task IS 'Its last task.';
COMMENT ON COLUMN errand.schedule.runs IS 'Runs up to now.';
COMMENT ON COLUMN errand.schedule.skipped IS 'Runs skipped up to now.';
COMMENT ON COLUMN errand.schedule.skip_reason IS 'Why the last run was skipped, or NULL.';
COMMENT ON COLUMN errand.schedule.spec IS 'The task, checked and resolved.';
COMMENT ON TABLE errand.schedule_run IS 'Runs of schedules: a time comes once.';
COMMENT ON COLUMN errand.schedule_run.schedule IS 'The schedule''s name.';
COMMENT ON COLUMN errand.schedule_run.due_at IS 'When it was due.';
COMMENT ON COLUMN errand.schedule_run.task IS 'The task; NULL: it waits in the outbox.';
COMMENT ON TABLE errand.follow_up IS 'Follow-ups that were due, one a run of the parent.';
COMMENT ON COLUMN errand.follow_up.parent IS 'The task that ended.';
COMMENT ON COLUMN errand.follow_up.run IS 'Which run of it.';
COMMENT ON COLUMN errand.follow_up.child IS 'The task that was submitted; NULL: none, or it waits in the outbox.';
COMMENT ON COLUMN errand.follow_up.at IS 'When.';
COMMENT ON COLUMN errand.follow_up.error IS 'Why none was submitted, or NULL.';
COMMENT ON TABLE errand.outbox IS 'Specs with keys: the leader submits each in a transaction of its own, since a client may hold the key.';
COMMENT ON COLUMN errand.outbox.id IS 'Their order.';
COMMENT ON COLUMN errand.outbox.at IS 'Since when it waits.';
COMMENT ON COLUMN errand.outbox.parent IS 'The task that it follows, or NULL.';
COMMENT ON COLUMN errand.outbox.run IS 'Which run of that task.';
COMMENT ON COLUMN errand.outbox.due_at IS 'When its schedule was due, or NULL.';
COMMENT ON COLUMN errand.outbox.schedule IS 'The schedule that it is a run of, or NULL.';
COMMENT ON COLUMN errand.outbox.spec IS 'The task, checked and resolved.';
COMMENT ON COLUMN errand.task.on_success IS 'Spec of the task that follows if it succeeds, or NULL.';
COMMENT ON COLUMN errand.task.on_failure IS 'Spec of the task that follows if it fails or is unknown, or NULL.';
COMMENT ON COLUMN errand.task_type.on_success IS 'Default of its tasks.';
COMMENT ON COLUMN errand.task_type.on_failure IS 'Default of its tasks.';
COMMENT ON TYPE errand._spec_result IS 'internal: what became of a spec.';
COMMENT ON COLUMN errand._spec_result.id IS 'The task.';
COMMENT ON COLUMN errand._spec_result.role IS 'Whose executor runs it; 0: the event loop.';
COMMENT ON COLUMN errand._spec_result.owner_oid IS 'Who owns it.';
COMMENT ON COLUMN errand._spec_result.kind IS 'The first letter of its kind.';
COMMENT ON COLUMN errand._spec_result.queue IS 'Its queue.';
COMMENT ON COLUMN errand._spec_result.type IS 'Its type.';
COMMENT ON COLUMN errand._spec_result.priority IS 'Its priority.';
COMMENT ON COLUMN errand._spec_result.state IS 'q ready, s scheduled; NULL: nothing was submitted.';
COMMENT ON COLUMN errand._spec_result.at IS 'When it is due.';
COMMENT ON COLUMN errand._spec_result.deadline IS 'Its deadline, or NULL.';
COMMENT ON COLUMN errand._spec_result.notify IS 'The channel that hears its final state, or NULL.';
COMMENT ON COLUMN errand._spec_result.boxed IS 'It waits in the outbox.';
COMMENT ON COLUMN errand._spec_result.problem IS 'Why it was not submitted, or NULL.';
COMMENT ON FUNCTION errand._spec_problem IS 'internal: why a spec cannot be submitted any more.';
COMMENT ON FUNCTION errand._submit_spec IS 'internal: submits a spec.';
COMMENT ON FUNCTION errand._spec_text IS 'internal: what became of a task, in words.';
COMMENT ON FUNCTION errand._spec_fill IS 'internal: puts into a follow-up''s payload what it tells of its parent.';
COMMENT ON FUNCTION errand._transient IS 'internal: whether an error passes with time.';
COMMENT ON FUNCTION errand._follow_up_spec IS 'internal: submits a follow-up, or says why it cannot.';
COMMENT ON FUNCTION errand._follow_up IS 'internal: submits what follows tasks that are final now.';
COMMENT ON FUNCTION errand._outbox_submit IS 'internal: submits the next spec of the outbox.';
COMMENT ON FUNCTION errand._specs_remap IS 'internal: finds owners of specs again by their names.';
COMMENT ON FUNCTION errand._next_run IS 'internal: when a schedule is due next.';
COMMENT ON FUNCTION errand._schedule_define IS 'internal: writes a schedule''s row.';
COMMENT ON FUNCTION errand._schedule_drop IS 'internal: deletes a schedule.';
COMMENT ON FUNCTION errand._schedule_set IS 'internal: pauses or resumes a schedule.';
COMMENT ON FUNCTION errand._schedule_obstacle IS 'internal: why it is not a schedule''s turn to run.';
COMMENT ON FUNCTION errand._schedule_fire IS 'internal: one run of a schedule, and its next time.';
COMMENT ON FUNCTION errand._schedules_fire IS 'internal: fires schedules that are due.';
COMMENT ON FUNCTION errand._schedules_next IS 'internal: when to look at schedules again.';

-- Steering.

COMMENT ON FUNCTION errand.cancel IS
'Cancels a task: one that waits at once, a running one as soon as its worker has cut it off. reason: becomes its error.
Returns true if it was cancelled or asked to stop; false if it is final, not yours or not there. Takes effect at COMMIT.
Errors: 42501 within a security-restricted operation.
Example: SELECT errand.cancel(42, ''no longer needed'');';
COMMENT ON FUNCTION errand.retry IS
'Runs a final task once more, or one that waits for its next attempt at once. Attempt numbers go on; a run has all its attempts again, and a new Idempotency-Key.
Returns true, or false if it is waiting, running, not yours or not there.
Errors: 42501 within a security-restricted operation.
Example: SELECT errand.retry(id) FROM errand.tasks WHERE state = ''failed'';';
COMMENT ON FUNCTION errand.reschedule IS
'Gives a task that waits another time. run_at: when; in the past means now.
Returns true, or false if it is running, final, not yours or not there.
Errors: 22023 if run_at is infinite.
Example: SELECT errand.reschedule(42, now() + interval ''1 hour'');';
COMMENT ON FUNCTION errand.reprioritize IS
'Gives a task that waits another priority. priority: -32768 to 32767, higher first.
Returns true, or false if it is running, final, not yours or not there.
Errors: 22023 out of range.
Example: SELECT errand.reprioritize(42, 100);';
COMMENT ON FUNCTION errand.cancel_where IS
'Cancels every task that a filter means and that is not final, of your own; an admin: of all. It does to each what errand.cancel() does.
filter: an object of the keys state, queue, task, kind, owner, key, tag (each a text or an array of texts), task_group, min_id, max_id, older_than and newer_than (intervals, counted from the submit), since and until (times of the submit), min_run_ms, error (a part of it), q (a part of error, key or task in any case, or the id); all must hold, {} means all tasks. dry_run: only counts.
Returns how many were cancelled or asked to stop. Takes effect at COMMIT.
Errors: 22023 an unknown key or a bad value; 42501 within a security-restricted operation.
Example: SELECT errand.cancel_where(''{"queue": "mail", "older_than": "1 hour"}'', dry_run => true);';
COMMENT ON FUNCTION errand.retry_where IS
'Begins the next run of every failed task that a filter means, of your own; an admin: of all. It does to each what errand.retry() does. filter: as of errand.cancel_where(); other states than failed must be named in it. dry_run: only counts.
Returns how many begin anew. Takes effect at COMMIT.
Errors: 22023 an unknown key or a bad value; 42501 within a security-restricted operation.
Example: SELECT errand.retry_where(''{"task": "welcome", "error": "HTTP status 503"}'');';
COMMENT ON FUNCTION errand.purge IS
'Removes final tasks with their results and attempts, for good: your own; an admin: all. filter: as of errand.cancel_where(), and not empty.
Returns how many are gone. Takes effect at COMMIT.
Errors: 22023 an empty filter, an unknown key or a bad value; 42501 within a security-restricted operation.
Example: SELECT errand.purge(''{"state": ["succeeded"], "older_than": "1 day"}'');';
COMMENT ON FUNCTION errand.purge_queue IS
'Cancels everything in a queue that does not run. Needs level admin.
Returns how many were cancelled. Takes effect at COMMIT.
Errors: 42704 no such queue, 42501 not allowed.
Example: SELECT errand.purge_queue(''mail'');';
COMMENT ON FUNCTION errand.stat_reset IS
'Begins the sums and times of errand.stat_queues, stat_tasks and stat_hosts anew for this database, at once; what is in the queues now keeps its count. Needs level admin.
Errors: 42501 not allowed.
Example: SELECT errand.stat_reset();';
COMMENT ON FUNCTION errand.task_on_change IS
'A trigger function: a row that changes becomes a task, submitted by the role that changes it, in its transaction. Arguments: the task type, and, if you like, a queue. The payload is {"op": "INSERT", "schema": ..., "table": ..., "old": ..., "new": ...}; of types of kind http it is the request''s JSON body.
Errors: 42501 the role may not submit; 42704 no such task type; 39P01 not AFTER, FOR EACH ROW.
Example: CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION errand.task_on_change(''order_changed'');';
COMMENT ON FUNCTION errand.define_host IS
'Limits the requests to a host, over all workers; redefining replaces all of it, or with keep => true only what is given: NULL leaves a thing as it is, -1 (rate_limit, proxy: '''') takes it away. host: name, name:port or [IPv6]:port; a
name without a port is for each of its ports. max_running: requests at once (default: errand.host_max_running). rate_limit:
such as 50/s. proxy: requests go through it. Tasks that must wait for it spend no attempt. Admins only.
Errors: 22023 (no host, no rate, less than 1), 42501.
Example: SELECT errand.define_host(''api.example.com'', max_running => 4, rate_limit => ''50/s'');';
COMMENT ON FUNCTION errand.drop_host IS
'Forgets what define_host() said. Admins only. Errors: 42704 (no such host), 42501.
Example: SELECT errand.drop_host(''api.example.com'');';
COMMENT ON FUNCTION errand.define_queue IS
'Defines a queue, or changes it: NULL leaves a thing as it is, -1 (rate_limit: '''') takes a limit away. Needs level admin.
name: 1 to 200 characters. max_depth: most tasks that wait; more are refused. max_running: most tasks at once, and rate_limit (such as ''50/s'' or ''1000/h''): most starts, evenly spaced, both over all workers.
Errors: 22023 bad argument, 42501 not allowed.
Example: SELECT errand.define_queue(''mail'', max_running => 4, rate_limit => ''50/s'', max_depth => 100000);';
COMMENT ON FUNCTION errand.pause_queue IS
'Stops the claiming of a queue''s tasks; those that run go on. Lasts until errand.resume_queue(). Needs level admin.
Errors: 42704 no such queue, 42501 not allowed.
Example: SELECT errand.pause_queue(''mail'');';
COMMENT ON FUNCTION errand.resume_queue IS
'Ends a queue''s pause and drain. Needs level admin.
Errors: 42704 no such queue, 42501 not allowed.
Example: SELECT errand.resume_queue(''mail'');';
COMMENT ON FUNCTION errand.drain_queue IS
'Lets a queue take no more tasks (submits raise 55000) and waits until it is empty. Lasts until errand.resume_queue(). timeout: NULL waits for ever. Needs level admin.
Returns true if it is empty, false if the time ran out; it drains on.
Errors: 42704 no such queue, 42501 not allowed.
Example: SELECT errand.drain_queue(''mail'', ''10 s'');';
COMMENT ON FUNCTION errand.pause_all IS
'Stops all claiming in this database; tasks that run go on. Lasts, restarts included, until errand.resume_all(). Needs level admin.
Errors: 42501 not allowed.
Example: SELECT errand.pause_all();';
COMMENT ON FUNCTION errand.resume_all IS
'Ends errand.pause_all(), and the rest of a restored copy: owners are found again by name, and a warning counts those that are missing. Needs level admin.
Errors: 42501 not allowed; 55000 the tasks come from another database by a subscription.
Example: SELECT errand.resume_all();';
COMMENT ON FUNCTION errand.wake IS
'Has the workers look for work at COMMIT. Needed only if tables were changed by hand.
Example: SELECT errand.wake();';
COMMENT ON FUNCTION errand.worker_restart IS
'Stops this database''s workers and lets the launcher start new ones; running tasks are given back. Needs level admin.
Returns whether there was one.
Errors: 42501 not allowed.
Example: SELECT errand.worker_restart();';
COMMENT ON FUNCTION errand.wait_until_running IS
'Waits until a worker runs in this database. timeout: NULL waits for ever.
Errors: 57014 none in time.
Example: SELECT errand.wait_until_running(''10 s'');';

-- Waiting and looking.

COMMENT ON FUNCTION errand.wait_for IS
'Waits until a task is final, and returns its result as errand.result() does. timeout: NULL waits for ever; when it expires the task is asked to stop.
Errors: the task''s own; 57014 timed out; 55000 this transaction submitted it and has not committed; 42704 no such task.
Example: SELECT errand.wait_for(42, ''5 s'');';
COMMENT ON FUNCTION errand.gather IS
'Waits until all tasks are final, and returns a row each, in the order given: ord from 1, id, state, result, error. return_exceptions: failures are rows, too; else the first failure is raised, while the others go on. timeout: NULL waits for ever; when it expires nothing is cancelled.
Errors: the first failed task''s own; 57014 timed out; 55000 this transaction submitted one and has not committed; 42704 no such task; 22004 an id is NULL.
Example: SELECT * FROM errand.gather(ARRAY[42, 43], return_exceptions => true);';
COMMENT ON FUNCTION errand.wait IS
'Waits for tasks as asyncio.wait() does, and cancels none. return_when: ''ALL_COMPLETED'', ''FIRST_COMPLETED'', or ''FIRST_EXCEPTION'' (one has failed or is unknown; a cancelled one does not count; if none fails: all). timeout: NULL waits for ever; when it expires the function returns.
Returns a row for each different id, in the order given: done, and the state. An id that is not there, or not yours, is done and has no state.
Errors: 22023 another return_when; 55000 this transaction submitted one and has not committed; 22004 an id is NULL.
Example: SELECT id FROM errand.wait(ARRAY[42, 43], ''FIRST_COMPLETED'') WHERE done;';
COMMENT ON FUNCTION errand.as_completed IS
'A row for each different task as it becomes final, in that order: id, state, result of those that succeeded, error of the others; those final already come first, by their time. Write SELECT errand.as_completed(...) and read it through a cursor or psql''s FETCH_COUNT (up to psql 16) to have each row at once; FROM errand.as_completed(...) gives all at the end. timeout: for the whole; NULL waits for ever; when it expires nothing is cancelled.
Errors: 57014 timed out; 55000 this transaction submitted one and has not committed; 22004 an id is NULL.
Example: SELECT (c).id, (c).state FROM (SELECT errand.as_completed(ARRAY[42, 43]) AS c OFFSET 0) AS x;';
COMMENT ON FUNCTION errand.race IS
'Waits for the first task that succeeds, returns its id and result, and has the others asked to stop, which holds even if the transaction rolls back. timeout: NULL waits for ever; when it expires nothing is cancelled.
Errors: if none succeeds, that of the last; 57014 timed out; 55000 this transaction submitted one and has not committed; 22004 an id is NULL.
Example: SELECT * FROM errand.race(ARRAY[42, 43], ''5 s'');';
COMMENT ON PROCEDURE errand.run IS
'Submits a task, commits, waits, and gives its result. It commits, so it cannot be called inside a transaction block. task, payload: as of errand.submit(). timeout: when it expires the task is asked to stop; NULL waits for ever.
Errors: the task''s own; 57014 timed out; 2D000 inside a transaction block; those of errand.submit().
Example: CALL errand.run(''http'', ''{"url": "https://example.com/"}'', timeout => ''5 s'');';
COMMENT ON FUNCTION errand.html_title IS
'The text of the first title element of an HTML page, entities decoded, white space as single blanks; NULL if there is none. Any text will do, and it takes time in proportion to its length.
Example: SELECT errand.html_title(content) FROM errand.response(42);';
COMMENT ON FUNCTION errand.version IS
'The version of the library that runs.
Example: SELECT errand.version();';
COMMENT ON FUNCTION errand.health IS
'Whether tasks can run: {"status": "pass", "warn" or "fail", "version": ..., "checks": {...}}.
Example: SELECT errand.health() ->> ''status'';';
COMMENT ON FUNCTION errand.status IS
'A task''s state, as in errand.tasks; NULL if it is not there or not yours.
Example: SELECT errand.status(42);';
COMMENT ON FUNCTION errand.result IS
'What a task returned: {"status": 200, "headers": {...}, "body": ...}, the body as JSON if it is JSON, else as text, else in base64 with "encoding": "base64".
Errors: the task''s own if it did not succeed (38000 an HTTP status, 08006 no connection, 57014 cancelled or timed out); 55000 not final; 42704 no such task.
Example: SELECT errand.result(42) -> ''body'' ->> ''name'';';
COMMENT ON FUNCTION errand.chunks IS
'The body of a task with store => ''chunks'', in order: n from 1, data at most 256 kB each. No rows if the body was kept otherwise.
Errors: 42704 no such task or not yours, 55000 it has not succeeded.
Example: SELECT sum(length(data)) FROM errand.chunks(42);';
COMMENT ON FUNCTION errand.response IS
'The answer to an HTTP task, as pg_net shows it: a row if the task is final, of failed ones too; none otherwise.
Example: SELECT status_code, content FROM errand.response(42);';
COMMENT ON FUNCTION errand.task IS
'Everything about a task, in one row: what errand.tasks shows, SQLSTATE, payload, result and all attempts. No row if it is not there or not yours.
Example: SELECT state, attempts FROM errand.task(42);';

-- Rights.

COMMENT ON FUNCTION errand.grant_access IS
'Lets a role use pg_errand. level: ''submit'' (submit, and see and steer its own tasks), ''monitor'' (see all tasks), ''admin'' (both, steer all tasks, queues and types). A second call replaces the level. For superusers.
Errors: 22023 no such level, 42704 no such role.
Example: SELECT errand.grant_access(''app'', ''submit'');';
COMMENT ON FUNCTION errand.revoke_access IS
'Takes back what errand.grant_access() gave; the role''s tasks go on. For superusers.
Errors: 42704 no such role.
Example: SELECT errand.revoke_access(''app'');';

-- Internal functions.

COMMENT ON FUNCTION errand._cancel IS 'internal: ends a task that waits, or asks its worker to stop it.';
COMMENT ON FUNCTION errand._cancel_requests IS 'internal: who is to be stopped, and why.';
COMMENT ON FUNCTION errand._claim IS 'internal: takes tasks from the queues into a lease.';
COMMENT ON FUNCTION errand._claim_suspects IS 'internal: takes the next group of suspects into a lease.';
COMMENT ON FUNCTION errand._counters IS 'internal: counts and times of queues (q) or task types (t), from shared memory.';
COMMENT ON FUNCTION errand._defined_names IS 'internal: names of queues (q) or task types (t) that every role may know of.';
COMMENT ON FUNCTION errand._due IS 'internal: moves tasks whose time has come to the end of their queue.';
COMMENT ON FUNCTION errand._expire IS 'internal: ends tasks that are past their deadline.';
COMMENT ON FUNCTION errand._granted_functions IS 'internal: names of the functions that a level may call.';
COMMENT ON FUNCTION errand._headers IS 'internal: header lines as an object of lower-case names.';
COMMENT ON FUNCTION errand._host_limits IS 'internal: holds and circuits of hosts, from shared memory.';
COMMENT ON FUNCTION errand._limits IS 'internal: what has a limit, for workers.';
COMMENT ON FUNCTION errand._role_depth IS 'internal: how many tasks of a role wait.';
COMMENT ON FUNCTION errand._lease_trim IS 'internal: takes parked runs out of a lease.';
COMMENT ON FUNCTION errand._host_define IS 'internal: writes a host.';
COMMENT ON FUNCTION errand._host_drop IS 'internal: deletes a host.';
COMMENT ON FUNCTION errand._hosts IS 'internal: hosts that workers talked to, from shared memory.';
COMMENT ON FUNCTION errand._http_result IS 'internal: what errand.result() shows of an HTTP answer.';
COMMENT ON FUNCTION errand._instance_arrives IS 'internal: lets workers look at once when a restore brings the row of another database.';
COMMENT ON FUNCTION errand._subscribed IS 'internal: whether tasks come from another database by a subscription.';
COMMENT ON FUNCTION errand._instance IS 'internal: the secret of request keys, and whether the engine rests.';
COMMENT ON FUNCTION errand._json IS 'internal: text as JSON, NULL if it is none.';
COMMENT ON FUNCTION errand._key_take IS 'internal: takes an idempotency key, or tells which task holds it.';
COMMENT ON FUNCTION errand._lease_drop IS 'internal: deletes leases whose every run is settled.';
COMMENT ON FUNCTION errand._lease_lock IS 'internal: locks the leases that still exist, before a settle.';
COMMENT ON FUNCTION errand._look IS 'internal: final states of a list of tasks, for the waiting functions.';
COMMENT ON FUNCTION errand._mark_sent IS 'internal: notes that at_most_once tasks may send their first byte.';
COMMENT ON FUNCTION errand._may IS 'internal: whether a role has a level.';
COMMENT ON FUNCTION errand._merge IS 'internal: a payload over a template.';
COMMENT ON FUNCTION errand._move IS 'internal: gives a task that waits another priority or time.';
COMMENT ON FUNCTION errand._next_due IS 'internal: when the next task or deadline is due.';
COMMENT ON FUNCTION errand._oldest IS 'internal: since when the oldest ready task of a queue has been waiting.';
COMMENT ON FUNCTION errand._pairs IS 'internal: each queue and priority that has ready tasks.';
COMMENT ON FUNCTION errand._pause IS 'internal: notes a pause, or its end.';
COMMENT ON FUNCTION errand._poke IS 'internal: tells the launcher of this database.';
COMMENT ON FUNCTION errand._queue_check IS 'internal: refuses a submit to a queue that drains or is full.';
COMMENT ON FUNCTION errand._queue_define IS 'internal: writes a queue''s row.';
COMMENT ON FUNCTION errand._queue_draining IS 'internal: whether a queue drains.';
COMMENT ON FUNCTION errand._queue_exists IS 'internal: whether there is such a queue.';
COMMENT ON FUNCTION errand._queue_set IS 'internal: pauses, resumes or drains a queue.';
COMMENT ON FUNCTION errand._queues IS 'internal: the defined queues.';
COMMENT ON FUNCTION errand._reap_lost IS 'internal: of a reaped lease those runs that nobody settled.';
COMMENT ON FUNCTION errand._cache_find IS
'internal: what the cache knows of the requests of these tasks.';
COMMENT ON FUNCTION errand._cache_store IS
'internal: keeps answers, or notes that they hold still.';
COMMENT ON FUNCTION errand._cache_trim IS
'internal: keeps the cache within its bounds.';
COMMENT ON FUNCTION errand._chunks_add IS
'internal: pieces of bodies, while they come.';
COMMENT ON FUNCTION errand._chunks_forget IS
'internal: marks the chunks of tasks for deletion.';
COMMENT ON FUNCTION errand._chunks_sweep IS
'internal: deletes some marked chunks.';
COMMENT ON FUNCTION errand._reap_return IS 'internal: puts lost runs where the decision says.';
COMMENT ON FUNCTION errand._reap_take IS 'internal: takes the leases of workers that are gone.';
COMMENT ON FUNCTION errand._recount IS 'internal: what each queue holds, counted in the tables.';
COMMENT ON FUNCTION errand._release_side IS 'internal: deletes keys, marks and cancel requests of settled tasks.';
COMMENT ON FUNCTION errand._requeue IS 'internal: settles runs that are not over: retried, parked, released.';
COMMENT ON FUNCTION errand._retain IS 'internal: deletes a page of finished tasks that are old enough.';
COMMENT ON FUNCTION errand._retry IS 'internal: begins the next run of a task.';
COMMENT ON FUNCTION errand._sees_all IS 'internal: whether a role sees the tasks of others.';
COMMENT ON FUNCTION errand._settle IS 'internal: records final states of a batch whose leases are locked.';
COMMENT ON FUNCTION errand._submit IS 'internal: inserts a task.';
COMMENT ON FUNCTION errand._submit_many IS 'internal: inserts tasks, one a payload.';
COMMENT ON FUNCTION errand._text IS 'internal: bytes as text, NULL if they are none.';
COMMENT ON FUNCTION errand._type IS 'internal: a task type''s options.';
COMMENT ON FUNCTION errand._type_define IS 'internal: writes a task type''s row.';
COMMENT ON FUNCTION errand._type_drop IS 'internal: deletes a task type''s row.';
COMMENT ON FUNCTION errand._workers IS 'internal: processes of this database, from shared memory.';
COMMENT ON FUNCTION errand._cancel_waiting IS 'internal: cancels tasks that were asked to stop and went back to waiting.';
COMMENT ON FUNCTION errand._cancel_ask IS 'internal: asks for a cancellation without waiting for anybody.';
COMMENT ON FUNCTION errand._suspects_next IS 'internal: who runs the next group of suspects.';
COMMENT ON FUNCTION errand._progress IS 'internal: how far a running SQL task says it has come.';
COMMENT ON FUNCTION errand._parent_results IS 'internal: results of the tasks that one waited for.';
COMMENT ON FUNCTION errand.call IS
'Submits a SQL function f(jsonb) that returns jsonb or void, to be run by a process that is logged in as the role in force now.
What it does and the task''s final state commit together: exactly once in this database. It must be one that this role may execute.
args: its argument. The options are those of errand.submit(). Returns the task''s id.
Raises 42883 (no such function), 22023 (not a handler, bad option), 42501 (may not execute it; the role may not log in).
Example: SELECT errand.call(''public.close_month(jsonb)'', ''{"month": "2026-10"}'', queue => ''reports'', timeout => ''10 min'');';
COMMENT ON FUNCTION errand.current_task IS
'The id of the task whose handler calls this; NULL anywhere else.
Example: SELECT errand.current_task();';
COMMENT ON FUNCTION errand.parent_results IS
'Inside a handler: the results of the tasks that this one waited for (option after), as an object by their ids.
Raises 55000 outside a handler.
Example: SELECT sum((r.value ->> ''rows'')::int) FROM jsonb_each(errand.parent_results()) AS r;';
COMMENT ON FUNCTION errand.set_progress IS
'Inside a handler: tells how far it has come, a fraction between 0 and 1, and in words. Others see it at once, in errand.tasks.progress.
Raises 55000 outside a handler, 22023 for a fraction out of range.
Example: PERFORM errand.set_progress(0.4, ''four of ten files'');';
COMMENT ON COLUMN errand.task.role IS 'Whose executor runs it; 0: the event loop.';
COMMENT ON COLUMN errand.ready.role IS 'Whose executor runs it; 0: the event loop.';
COMMENT ON COLUMN errand.later.role IS 'Whose executor runs it; 0: the event loop.';
COMMENT ON COLUMN errand.suspect.role IS 'Whose executor runs it; 0: the event loop.';
COMMENT ON COLUMN errand.outcome.extra IS 'Notices of the last attempt, and detail, hint and context of its error.';
COMMENT ON COLUMN errand.attempt.extra IS 'Notices, and detail, hint and context of the error.';
COMMENT ON COLUMN errand.attempts.detail IS 'SQL tasks: the DETAIL of the error.';
COMMENT ON COLUMN errand.attempts.context IS 'SQL tasks: where the error was raised.';
COMMENT ON COLUMN errand.attempts.notices IS 'SQL tasks: what the handler told, as severity, sqlstate and message each.';

-- Secrets and proxies.

COMMENT ON TABLE errand.secret IS 'Values that payloads refer to as secret://name. Granted to nobody, read by workers only, not dumped.';
COMMENT ON COLUMN errand.secret.set_at IS 'When it was set last.';
COMMENT ON COLUMN errand.secret.owner_oid IS 'The role that set it, by oid.';
COMMENT ON COLUMN errand.secret.shared IS 'Whether tasks of all roles may use it.';
COMMENT ON COLUMN errand.secret.owner IS 'The role that set it, by name.';
COMMENT ON COLUMN errand.secret.name IS 'Its name, as in secret://name.';
COMMENT ON COLUMN errand.secret.value IS 'Its value.';

COMMENT ON VIEW errand.secrets IS
'Secrets without their values: your own, the shared ones, and with the level monitor or admin those of all roles.';
COMMENT ON COLUMN errand.secrets.name IS 'Its name, as in secret://name.';
COMMENT ON COLUMN errand.secrets.owner IS 'The role that set it.';
COMMENT ON COLUMN errand.secrets.shared IS 'Whether tasks of all roles may use it.';
COMMENT ON COLUMN errand.secrets.set_at IS 'When it was set last.';

COMMENT ON FUNCTION errand.set_secret IS
'Sets a secret of yours, or replaces its value: tasks that you submit may then say secret://name in the URL (behind the host), in values of headers, auth, params, form and cookies, and in the body. A worker puts the value in right before each attempt.
name: 1 to 100 letters, digits, dots, dashes, underscores. value: 1 to 4096 bytes. shared: for the tasks of all roles; admins only.
Errors: 22023 bad name or value, 42501 shared without the level admin.
Example: SELECT errand.set_secret(''api_key'', :''key''); SELECT errand.http_get(''https://api.example.com/'', auth => ''{"bearer": "secret://api_key"}'');
The statement itself is SQL like any other: log_statement and the like log it.';
COMMENT ON FUNCTION errand.drop_secret IS
'Drops a secret of yours, or a shared one (admins only), and tells whether there was one. Attempts that begin later and refer to it fail with 42704.
Errors: 22023 bad name, 42501 shared without the level admin.
Example: SELECT errand.drop_secret(''api_key'');';

COMMENT ON FUNCTION errand._secret_set IS 'internal: sets a secret.';
COMMENT ON FUNCTION errand._secret_drop IS 'internal: drops a secret.';
COMMENT ON FUNCTION errand._secrets_missing IS 'internal: the first of these names that a role could not use.';
COMMENT ON FUNCTION errand._secrets IS 'internal: values of secrets, for workers.';
COMMENT ON FUNCTION errand._secret_setting IS 'internal: the value that a setting of an administrator''s refers to, for workers.';
COMMENT ON FUNCTION errand._proxies IS 'internal: the proxies of hosts, for workers.';

COMMENT ON FUNCTION errand.define_host IS
'Sets what is special about a host. Example: SELECT errand.define_host(''api.example.com'', proxy => ''http://proxy.internal:3128'');';
COMMENT ON FUNCTION errand._filter_age IS 'internal: an interval of a filter.';
COMMENT ON FUNCTION errand._filter_bad IS 'internal: refuses a filter.';
COMMENT ON FUNCTION errand._filter_check IS 'internal: refuses a filter with unknown keys, or an empty one that removes.';
COMMENT ON FUNCTION errand._filter_id IS 'internal: a number of a filter.';
COMMENT ON FUNCTION errand._filter_states IS 'internal: the states that a filter means for a purpose.';
COMMENT ON FUNCTION errand._filter_texts IS 'internal: one or several texts of a filter.';
COMMENT ON FUNCTION errand._forget IS 'internal: deletes what is left of tasks whose outcomes are gone.';
COMMENT ON FUNCTION errand._purge IS 'internal: removes a page of final tasks.';
COMMENT ON FUNCTION errand._where IS 'internal: the ids of tasks that a filter means.';
COMMENT ON FUNCTION errand._needs_executor IS 'internal: whether one of these tasks waits for an executor.';
COMMENT ON FUNCTION errand._decorations IS 'internal: types whose attempts are logged, or whose times are not kept.';
COMMENT ON FUNCTION errand._unique_key IS 'internal: the key that a type''s unique_key finds in a payload.';
COMMENT ON FUNCTION errand._progress_text IS 'internal: what a running SQL task says of itself.';
COMMENT ON COLUMN errand.tasks.progress_message IS 'What the handler of a running SQL task said with errand.set_progress().';
