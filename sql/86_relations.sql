-- What \d+ and \df+ show of dependencies and groups.

COMMENT ON TABLE errand.edge IS 'What waits for what: a row a task and parent, kept as long as the task.';
COMMENT ON COLUMN errand.edge.task_id IS 'The task that waits.';
COMMENT ON COLUMN errand.edge.parent_id IS 'The task that it waits for.';

COMMENT ON TABLE errand.dependency IS 'What is not met yet: deleted when the parent is final and the task was told.';
COMMENT ON COLUMN errand.dependency.parent_id IS 'The task that is waited for.';
COMMENT ON COLUMN errand.dependency.task_id IS 'The task that waits.';

COMMENT ON SEQUENCE errand.task_group_id IS 'Ids of task groups.';

COMMENT ON TABLE errand.task_group IS 'Groups of tasks, of errand.open_group().';
COMMENT ON COLUMN errand.task_group.id IS 'The group''s id.';
COMMENT ON COLUMN errand.task_group.opened_at IS 'When it was opened.';
COMMENT ON COLUMN errand.task_group.closed_at IS 'When it was closed, or NULL.';
COMMENT ON COLUMN errand.task_group.finished_at IS 'When it was closed and all its tasks were final, or NULL.';
COMMENT ON COLUMN errand.task_group.failed_task IS 'Of a finished group: a task that failed, or NULL.';
COMMENT ON COLUMN errand.task_group.submitted IS 'Of a finished group: its tasks.';
COMMENT ON COLUMN errand.task_group.succeeded IS 'Of a finished group: those that succeeded.';
COMMENT ON COLUMN errand.task_group.failed IS 'Of a finished group: those that failed, or are unknown.';
COMMENT ON COLUMN errand.task_group.cancelled IS 'Of a finished group: those that were cancelled.';
COMMENT ON COLUMN errand.task_group.owner_oid IS 'The role that opened it, by oid.';
COMMENT ON COLUMN errand.task_group.fail_fast IS 'The first failure stops the others.';
COMMENT ON COLUMN errand.task_group.owner IS 'The role that opened it, by name.';
COMMENT ON COLUMN errand.task_group.name IS 'What it was called.';
COMMENT ON COLUMN errand.task_group.on_success IS 'A task to submit when it is finished and all succeeded, or NULL.';
COMMENT ON COLUMN errand.task_group.on_failure IS 'A task to submit when it is finished and not all succeeded, or NULL.';

COMMENT ON TABLE errand.group_delta IS 'Changes of a group''s counts: inserted with what changes them, put together by the leader.';
COMMENT ON COLUMN errand.group_delta.group_id IS 'The group.';
COMMENT ON COLUMN errand.group_delta.submitted IS 'More tasks.';
COMMENT ON COLUMN errand.group_delta.succeeded IS 'More that succeeded.';
COMMENT ON COLUMN errand.group_delta.failed IS 'More that failed, or are unknown.';
COMMENT ON COLUMN errand.group_delta.cancelled IS 'More that were cancelled.';
COMMENT ON COLUMN errand.group_delta.failed_task IS 'One that failed, or NULL.';
COMMENT ON COLUMN errand.group_delta.folded IS 'The leader has seen it.';

COMMENT ON VIEW errand.dependencies IS
'What waits for what, one row a task and parent, as long as the task is kept. A role sees those of its own tasks, monitor and admin all.';
COMMENT ON COLUMN errand.dependencies.task_id IS 'The task that waits.';
COMMENT ON COLUMN errand.dependencies.parent_id IS 'The task that it waits for.';
COMMENT ON COLUMN errand.dependencies.satisfied IS 'Whether the parent is final in a way that lets the task run.';

COMMENT ON VIEW errand.task_groups IS
'Task groups with their counts, exact at any time. A role sees its own, monitor and admin all.';
COMMENT ON COLUMN errand.task_groups.id IS 'The group''s id.';
COMMENT ON COLUMN errand.task_groups.name IS 'What it was called.';
COMMENT ON COLUMN errand.task_groups.state IS 'open; closed (takes no more, some tasks are not final); then succeeded, or failed if not all its tasks succeeded.';
COMMENT ON COLUMN errand.task_groups.fail_fast IS 'The first failure stops the others.';
COMMENT ON COLUMN errand.task_groups.total IS 'Its tasks.';
COMMENT ON COLUMN errand.task_groups.pending IS 'Those that are not final.';
COMMENT ON COLUMN errand.task_groups.succeeded IS 'Those that succeeded.';
COMMENT ON COLUMN errand.task_groups.failed IS 'Those that failed, or are unknown.';
COMMENT ON COLUMN errand.task_groups.cancelled IS 'Those that were cancelled.';
COMMENT ON COLUMN errand.task_groups.opened_at IS 'When it was opened.';
COMMENT ON COLUMN errand.task_groups.closed_at IS 'When it was closed.';
COMMENT ON COLUMN errand.task_groups.finished_at IS 'When it was closed and all its tasks were final.';
COMMENT ON COLUMN errand.task_groups.owner IS 'The role that opened it.';
COMMENT ON COLUMN errand.task_groups.failed_task IS 'A task that failed: with fail_fast the one that stopped the others.';
COMMENT ON COLUMN errand.task_groups.on_success IS 'A task to submit when it is finished and all succeeded.';
COMMENT ON COLUMN errand.task_groups.on_failure IS 'A task to submit when it is finished and not all succeeded.';

COMMENT ON FUNCTION errand.open_group IS
'Opens a group of tasks, and returns its id for the option task_group. fail_fast: the first task that fails, or is unknown, stops the others, running ones too. on_success, on_failure: what to submit when the group is closed and all its tasks are final.
Errors: 22023 bad argument, 42501 not allowed.
Example: SELECT errand.open_group(''import'') AS g; then errand.http_get(''https://example.com/'', task_group => g).';
COMMENT ON FUNCTION errand.close_group IS
'Lets a group take no more tasks; true if it was open. It waits for transactions that submit into the group just now.
Errors: 42704 no such group, or not yours.
Example: SELECT errand.close_group(7);';
COMMENT ON FUNCTION errand.cancel_group IS
'Asks all tasks of a group to stop that are not final, waiting and running ones; false if there are none. It takes effect at commit; the group stays open.
Errors: 42704 no such group, or not yours.
Example: SELECT errand.cancel_group(7, ''no longer needed'');';
COMMENT ON FUNCTION errand.wait_group IS
'Waits until all tasks that were submitted into a group are final: true if all succeeded. The group need not be closed. timeout: NULL waits for ever; when it expires nothing is cancelled.
Errors: 57014 timed out; 55000 this transaction submitted into a group and has not committed; 42704 no such group, or not yours.
Example: SELECT errand.wait_group(7, ''1 min'');';

COMMENT ON FUNCTION errand._after_look IS 'internal: parents of a new task, checked.';
COMMENT ON FUNCTION errand._depend IS 'internal: inserts what new tasks wait for.';
COMMENT ON FUNCTION errand._free IS 'internal: frees children of parents that are final.';
COMMENT ON FUNCTION errand._free_children IS 'internal: frees those tasks whose parents are final.';
COMMENT ON FUNCTION errand._free_pairs IS 'internal: frees tasks of what they waited for.';
COMMENT ON FUNCTION errand._group_add IS 'internal: counts new tasks of a group.';
COMMENT ON FUNCTION errand._group_ask IS 'internal: asks all tasks of a group to stop.';
COMMENT ON FUNCTION errand._group_cancel IS 'internal: asks all tasks of a caller''s group to stop.';
COMMENT ON FUNCTION errand._group_check IS 'internal: refuses a submit into a group that takes no more.';
COMMENT ON FUNCTION errand._group_close IS 'internal: closes a group.';
COMMENT ON FUNCTION errand._group_count IS 'internal: counts final states of tasks in their groups.';
COMMENT ON FUNCTION errand._group_find IS 'internal: refuses a group that is not the caller''s.';
COMMENT ON FUNCTION errand._group_finished IS 'internal: ends a closed group whose tasks are all final.';
COMMENT ON FUNCTION errand._group_fold IS 'internal: puts counts of groups together, and acts on them.';
COMMENT ON FUNCTION errand._group_look IS 'internal: whether all tasks of a group are final, for errand.wait_group().';
COMMENT ON FUNCTION errand._group_open IS 'internal: inserts a group.';
COMMENT ON FUNCTION errand._group_retain IS 'internal: deletes finished groups of which no task is left.';
COMMENT ON FUNCTION errand._group_uncount IS 'internal: takes a task back out of a group''s counts of final ones.';
COMMENT ON FUNCTION errand._spoilt_text IS 'internal: the error of a task whose parent did not succeed.';
COMMENT ON FUNCTION errand._unfreed IS 'internal: a page of what is not met, for children that nobody freed.';
