-- What \d+ and \df+ show of sources and of the query cache.

COMMENT ON TABLE errand.source IS 'Definitions of sources: written by define_source() and its kin only. Granted to nobody.';
COMMENT ON COLUMN errand.source.id IS 'The source''s id: a new one after it was dropped.';
COMMENT ON COLUMN errand.source.name IS 'Its name.';
COMMENT ON COLUMN errand.source.owner_oid IS 'The role that defined it, by oid: its work is done with that role''s rights.';
COMMENT ON COLUMN errand.source.owner IS 'The role that defined it, by name.';
COMMENT ON COLUMN errand.source.kind IS 'rest, feed or websocket.';
COMMENT ON COLUMN errand.source.enabled IS 'Whether it is started.';
COMMENT ON COLUMN errand.source.enabled_at IS 'When it was started last.';
COMMENT ON COLUMN errand.source.defined_at IS 'When it was defined last.';
COMMENT ON COLUMN errand.source.url IS 'Its URL.';
COMMENT ON COLUMN errand.source.every IS 'The time between two runs, or NULL.';
COMMENT ON COLUMN errand.source.cron IS 'A cron expression, or NULL.';
COMMENT ON COLUMN errand.source.timezone IS 'The time zone of the cron expression.';
COMMENT ON COLUMN errand.source.target IS 'The table that its rows go to, as it is written.';
COMMENT ON COLUMN errand.source.fetch_workers IS 'How many pages are fetched at once.';
COMMENT ON COLUMN errand.source.transform_workers IS 'How many pages are transformed at once.';
COMMENT ON COLUMN errand.source.store_workers IS 'How many batches are stored at once.';
COMMENT ON COLUMN errand.source.timeout_ms IS 'Time for one fetch, in milliseconds.';
COMMENT ON COLUMN errand.source.request IS 'The request of a fetch: the payload of a task of kind http. Secrets stand in it by their names.';
COMMENT ON COLUMN errand.source.options IS 'All else that it was defined with.';
COMMENT ON COLUMN errand.source.description IS 'What it is for, or NULL.';

COMMENT ON TABLE errand.source_state IS 'Where each source stands: written by the engine when a run begins and ends. Granted to nobody.';
COMMENT ON COLUMN errand.source_state.source IS 'The source''s id.';
COMMENT ON COLUMN errand.source_state.planned_for IS 'The start or definition that the next times were planned for.';
COMMENT ON COLUMN errand.source_state.next_base IS 'The next time as planned, without jitter.';
COMMENT ON COLUMN errand.source_state.next_run IS 'When it runs next.';
COMMENT ON COLUMN errand.source_state.last_run IS 'When its last run began.';
COMMENT ON COLUMN errand.source_state.last_success IS 'When its last run that succeeded ended.';
COMMENT ON COLUMN errand.source_state.degraded_since IS 'Since when its runs have failed; NULL: the last one succeeded.';
COMMENT ON COLUMN errand.source_state.failures IS 'Failed runs in a row.';
COMMENT ON COLUMN errand.source_state.runs IS 'Runs that began.';
COMMENT ON COLUMN errand.source_state.items_stored IS 'Rows stored by runs that are over.';
COMMENT ON COLUMN errand.source_state.items_rejected IS 'Items rejected by runs that are over.';
COMMENT ON COLUMN errand.source_state.items_duplicate IS 'Rows that were there already, or came twice, in runs that are over.';
COMMENT ON COLUMN errand.source_state.runs_stored IS 'Runs that succeeded with something new.';
COMMENT ON COLUMN errand.source_state.runs_same IS 'Runs that succeeded, nothing being modified.';
COMMENT ON COLUMN errand.source_state.runs_failed IS 'Runs that failed.';
COMMENT ON COLUMN errand.source_state.sqlstate IS 'SQLSTATE of the last run''s error.';
COMMENT ON COLUMN errand.source_state.error IS 'Why the last run failed, or NULL.';
COMMENT ON COLUMN errand.source_state.cursor IS 'Where the next run goes on, or NULL.';
COMMENT ON COLUMN errand.source_state.validators IS 'ETag and Last-Modified of the pages of the last run that was stored.';

COMMENT ON TABLE errand.source_run IS 'Runs of sources: the open ones, and the last hundred of each. Granted to nobody.';
COMMENT ON COLUMN errand.source_run.id IS 'The run''s id: that of the task which fetches its first page.';
COMMENT ON COLUMN errand.source_run.source IS 'The source''s id.';
COMMENT ON COLUMN errand.source_run.started_at IS 'When it began.';
COMMENT ON COLUMN errand.source_run.finished_at IS 'When it ended; NULL: it is open.';
COMMENT ON COLUMN errand.source_run.wait_until IS 'Until when the server asks to be left alone, or its answer is fresh.';
COMMENT ON COLUMN errand.source_run.pages IS 'Pages that came.';
COMMENT ON COLUMN errand.source_run.unchanged IS 'Of these, pages that were not modified.';
COMMENT ON COLUMN errand.source_run.items IS 'Items that the pages held.';
COMMENT ON COLUMN errand.source_run.stored IS 'Rows stored.';
COMMENT ON COLUMN errand.source_run.rejected IS 'Items rejected.';
COMMENT ON COLUMN errand.source_run.duplicate IS 'Rows that were there already, or came twice.';
COMMENT ON COLUMN errand.source_run.state IS 'x running, S succeeded, N nothing was modified, F failed.';
COMMENT ON COLUMN errand.source_run.stream IS 'A batch of a stream.';
COMMENT ON COLUMN errand.source_run.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.source_run.error IS 'Why it failed, or NULL.';
COMMENT ON COLUMN errand.source_run.page_hash IS 'MD5 of the last page: one that repeats itself is the end.';
COMMENT ON COLUMN errand.source_run.cursor IS 'Where the next run will go on if this one succeeds.';
COMMENT ON COLUMN errand.source_run.seen IS 'Pages that were asked for, as MD5.';
COMMENT ON COLUMN errand.source_run.validators IS 'ETag and Last-Modified of its pages.';

COMMENT ON TABLE errand.source_piece IS 'What is left to do of open runs. Granted to nobody.';
COMMENT ON COLUMN errand.source_piece.id IS 'The piece''s id.';
COMMENT ON COLUMN errand.source_piece.run IS 'The run''s id.';
COMMENT ON COLUMN errand.source_piece.task IS 'The task that does it; NULL: it is held back.';
COMMENT ON COLUMN errand.source_piece.answer IS 'The task whose answer is to be transformed.';
COMMENT ON COLUMN errand.source_piece.page IS 'The number of the page.';
COMMENT ON COLUMN errand.source_piece.stage IS 'f fetch, t transform, s store.';
COMMENT ON COLUMN errand.source_piece.data IS 'The page to fetch, the items to transform, or the rows to store.';

COMMENT ON TABLE errand.source_news IS 'Rows that were stored of late, a row a batch, for watchers. Granted to nobody.';
COMMENT ON COLUMN errand.source_news.id IS 'The batch''s id.';
COMMENT ON COLUMN errand.source_news.source IS 'The source''s id.';
COMMENT ON COLUMN errand.source_news.run IS 'The run''s id.';
COMMENT ON COLUMN errand.source_news.at IS 'When it was stored.';
COMMENT ON COLUMN errand.source_news.items IS 'The rows, as an array; those above 1 kB only as {"large": true, "key": ...}.';

COMMENT ON TABLE errand.reject IS 'Bad items of sources, each once. Granted to nobody.';
COMMENT ON COLUMN errand.reject.id IS 'The id.';
COMMENT ON COLUMN errand.reject.source IS 'The source''s id.';
COMMENT ON COLUMN errand.reject.run IS 'The run that had it last.';
COMMENT ON COLUMN errand.reject.at IS 'When it came first.';
COMMENT ON COLUMN errand.reject.last_at IS 'When it came last.';
COMMENT ON COLUMN errand.reject.times IS 'How often it came.';
COMMENT ON COLUMN errand.reject.stage IS 'transform or store.';
COMMENT ON COLUMN errand.reject.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.reject.reason IS 'Why it was rejected.';
COMMENT ON COLUMN errand.reject.item_key IS 'The item''s key, as item_key finds it.';
COMMENT ON COLUMN errand.reject.item IS 'The item, or the row.';
COMMENT ON COLUMN errand.reject.raw IS 'The whole answer, if it could not be read.';
COMMENT ON COLUMN errand.reject.hash IS 'SHA-256 of all that.';

COMMENT ON VIEW errand.sources IS 'Sources: your own, and with the level monitor or admin those of all roles.';
COMMENT ON COLUMN errand.sources.name IS 'Its name.';
COMMENT ON COLUMN errand.sources.kind IS 'rest, feed or websocket.';
COMMENT ON COLUMN errand.sources.url IS 'Its URL.';
COMMENT ON COLUMN errand.sources.state IS 'stopped, idle, running or degraded: its runs fail since a while.';
COMMENT ON COLUMN errand.sources.every IS 'The time between two runs, or NULL.';
COMMENT ON COLUMN errand.sources.cron IS 'A cron expression, or NULL.';
COMMENT ON COLUMN errand.sources.timezone IS 'The time zone of the cron expression.';
COMMENT ON COLUMN errand.sources.target IS 'The table that its rows go to.';
COMMENT ON COLUMN errand.sources.items IS 'Where the items are in an answer: a jsonpath, NULL: the usual place.';
COMMENT ON COLUMN errand.sources.item_key IS 'What an item is known by: a jsonpath, or NULL.';
COMMENT ON COLUMN errand.sources.transform IS 'The function that makes rows of an item, or NULL.';
COMMENT ON COLUMN errand.sources.columns IS 'Column by column where its value is in an item, or NULL.';
COMMENT ON COLUMN errand.sources.on_conflict IS 'ignore, update or NULL.';
COMMENT ON COLUMN errand.sources.paginate IS 'How further pages are found, or NULL.';
COMMENT ON COLUMN errand.sources.cursor IS 'How a run goes on where the last one ended, or NULL.';
COMMENT ON COLUMN errand.sources.cursor_value IS 'Where the next run goes on, or NULL.';
COMMENT ON COLUMN errand.sources.fetch_workers IS 'How many pages are fetched at once.';
COMMENT ON COLUMN errand.sources.transform_workers IS 'How many pages are transformed at once.';
COMMENT ON COLUMN errand.sources.store_workers IS 'How many batches are stored at once.';
COMMENT ON COLUMN errand.sources.timeout IS 'Time for one fetch.';
COMMENT ON COLUMN errand.sources.request IS 'What else is said of the request; secrets stand in it by their names.';
COMMENT ON COLUMN errand.sources.options IS 'What else it was defined with.';
COMMENT ON COLUMN errand.sources.owner IS 'The role that defined it.';
COMMENT ON COLUMN errand.sources.started IS 'Whether it is started.';
COMMENT ON COLUMN errand.sources.started_at IS 'When it was started last.';
COMMENT ON COLUMN errand.sources.defined_at IS 'When it was defined last.';
COMMENT ON COLUMN errand.sources.description IS 'What it is for, or NULL.';

COMMENT ON VIEW errand.stat_sources IS 'How sources are doing: your own, and with the level monitor or admin those of all roles.';
COMMENT ON COLUMN errand.stat_sources.source IS 'The source.';
COMMENT ON COLUMN errand.stat_sources.state IS 'stopped, idle, running or degraded: its runs fail since a while.';
COMMENT ON COLUMN errand.stat_sources.last_run IS 'When its last run began.';
COMMENT ON COLUMN errand.stat_sources.next_run IS 'When it runs next, or a stream connects again; NULL: it is stopped, or a stream that is connected.';
COMMENT ON COLUMN errand.stat_sources.last_success IS 'When its last run that succeeded ended.';
COMMENT ON COLUMN errand.stat_sources.items_stored IS 'Rows stored.';
COMMENT ON COLUMN errand.stat_sources.items_rejected IS 'Items rejected: see errand.rejects.';
COMMENT ON COLUMN errand.stat_sources.items_duplicate IS 'Rows that were there already, or came twice.';
COMMENT ON COLUMN errand.stat_sources.error IS 'Why the last run failed, or NULL.';
COMMENT ON COLUMN errand.stat_sources.sqlstate IS 'SQLSTATE of that error.';
COMMENT ON COLUMN errand.stat_sources.age IS 'How old the last good data is.';
COMMENT ON COLUMN errand.stat_sources.degraded_since IS 'Since when its runs have failed, or NULL.';
COMMENT ON COLUMN errand.stat_sources.failures IS 'Failed runs in a row.';
COMMENT ON COLUMN errand.stat_sources.runs IS 'Runs that began.';
COMMENT ON COLUMN errand.stat_sources.cursor_value IS 'Where the next run goes on, or NULL.';
COMMENT ON COLUMN errand.stat_sources.kind IS 'rest, feed or websocket.';
COMMENT ON COLUMN errand.stat_sources.owner IS 'The role that defined it.';

COMMENT ON VIEW errand.stat_stages IS 'The stages of sources, a row each: what they do and how fast.';
COMMENT ON COLUMN errand.stat_stages.source IS 'The source.';
COMMENT ON COLUMN errand.stat_stages.stage IS 'fetch, transform or store.';
COMMENT ON COLUMN errand.stat_stages.workers IS 'How many of its tasks run at once.';
COMMENT ON COLUMN errand.stat_stages.depth IS 'How many wait, those included that are held back until the next stage has room.';
COMMENT ON COLUMN errand.stat_stages.done IS 'Tasks that succeeded, since the server''s start.';
COMMENT ON COLUMN errand.stat_stages.failed IS 'Tasks that failed, since the server''s start.';
COMMENT ON COLUMN errand.stat_stages.per_second IS 'Pages fetched, items transformed or rows stored a second, over the last minute.';
COMMENT ON COLUMN errand.stat_stages.p50_ms IS 'Half of its tasks ran no longer, in milliseconds.';
COMMENT ON COLUMN errand.stat_stages.p95_ms IS '95 % of its tasks ran no longer, in milliseconds.';
COMMENT ON COLUMN errand.stat_stages.wait_p50_ms IS 'Half of its tasks waited no longer, in milliseconds.';
COMMENT ON COLUMN errand.stat_stages.wait_p95_ms IS '95 % of its tasks waited no longer, in milliseconds.';
COMMENT ON COLUMN errand.stat_stages.running IS 'Tasks that run.';
COMMENT ON COLUMN errand.stat_stages.queue IS 'The queue of its tasks.';

COMMENT ON VIEW errand.rejects IS 'Bad items of sources, each once, the newest ten thousand of a source.';
COMMENT ON COLUMN errand.rejects.source IS 'The source.';
COMMENT ON COLUMN errand.rejects.stage IS 'transform or store.';
COMMENT ON COLUMN errand.rejects.reason IS 'Why it was rejected.';
COMMENT ON COLUMN errand.rejects.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.rejects.item_key IS 'The item''s key, as item_key finds it.';
COMMENT ON COLUMN errand.rejects.item IS 'The item, or the row.';
COMMENT ON COLUMN errand.rejects.raw IS 'The whole answer, if it could not be read.';
COMMENT ON COLUMN errand.rejects.at IS 'When it came first.';
COMMENT ON COLUMN errand.rejects.last_at IS 'When it came last.';
COMMENT ON COLUMN errand.rejects.times IS 'How often it came.';
COMMENT ON COLUMN errand.rejects.run_id IS 'The run that had it last.';
COMMENT ON COLUMN errand.rejects.id IS 'Its id.';

COMMENT ON VIEW errand.source_runs IS 'Runs of sources: the open ones, and the last hundred of each.';
COMMENT ON COLUMN errand.source_runs.source IS 'The source.';
COMMENT ON COLUMN errand.source_runs.id IS 'The run''s id: that of the task which fetches its first page.';
COMMENT ON COLUMN errand.source_runs.state IS 'running, succeeded, not_modified or failed.';
COMMENT ON COLUMN errand.source_runs.started_at IS 'When it began.';
COMMENT ON COLUMN errand.source_runs.finished_at IS 'When it ended; NULL: it is open.';
COMMENT ON COLUMN errand.source_runs.pages IS 'Pages that came.';
COMMENT ON COLUMN errand.source_runs.items IS 'Items that the pages held.';
COMMENT ON COLUMN errand.source_runs.stored IS 'Rows stored.';
COMMENT ON COLUMN errand.source_runs.rejected IS 'Items rejected.';
COMMENT ON COLUMN errand.source_runs.duplicate IS 'Rows that were there already, or came twice.';
COMMENT ON COLUMN errand.source_runs.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN errand.source_runs.error IS 'Why it failed, or NULL.';

COMMENT ON VIEW errand.source_items IS 'Rows that sources stored of late, a row a batch: the last ones, and those of the last ten minutes.';
COMMENT ON COLUMN errand.source_items.source IS 'The source.';
COMMENT ON COLUMN errand.source_items.id IS 'The batch''s id: later ones are greater.';
COMMENT ON COLUMN errand.source_items.at IS 'When it was stored.';
COMMENT ON COLUMN errand.source_items.run_id IS 'The run''s id.';
COMMENT ON COLUMN errand.source_items.items IS 'The rows, as an array; those above 1 kB only as {"large": true, "key": ...}.';

COMMENT ON TABLE errand.query_cache IS 'What errand.cached() keeps. Granted to nobody, not dumped.';
COMMENT ON COLUMN errand.query_cache.role IS 'The role whose value it is, by oid.';
COMMENT ON COLUMN errand.query_cache.hash IS 'SHA-256 of role, key and query.';
COMMENT ON COLUMN errand.query_cache.key IS 'The key.';
COMMENT ON COLUMN errand.query_cache.computed_at IS 'When it was computed.';
COMMENT ON COLUMN errand.query_cache.value IS 'The value.';

COMMENT ON VIEW errand.stat_cache IS 'How often errand.cached() was asked in this database, since the server''s start.';
COMMENT ON COLUMN errand.stat_cache.hits IS 'It had a fresh value.';
COMMENT ON COLUMN errand.stat_cache.stale IS 'It gave an old value, while another session computed a new one.';
COMMENT ON COLUMN errand.stat_cache.misses IS 'It computed.';
COMMENT ON COLUMN errand.stat_cache.hit_rate IS 'The part of the answers that were there already, 0 to 1.';

COMMENT ON FUNCTION errand.define_source IS
'Defines a source of yours, or defines it anew: what is fetched again and again, and stored in a table. It is stopped until errand.start_source(). Redefining keeps its cursor and whether it is started.
name: 1 to 200 characters. kind: rest (JSON over HTTP), feed (RSS or Atom), websocket. url: of the first page, or ws:// and wss://.
every: from 1 s (default 5 min), or cron with timezone. method, body, params, headers, auth: of the request, as for errand.http(); timeout: of a fetch (30 s); max_bytes: of an answer.
items: a jsonpath to the items (default $[*]); item_key: a jsonpath in an item, of several items with one key the last counts. columns: column by column a jsonpath in the item, {"path": ..., "epoch": "s" or "ms"}, or {"value": constant}; or transform: f(jsonb) RETURNS SETOF jsonb, rows as objects; else items are rows. target: the table; you need INSERT and SELECT on it, for on_conflict => ''update'' also UPDATE. on_conflict: ignore or update, by its primary or unique key.
paginate: {"mode": "link"}, "next_url" with path, "cursor" with path and param, "page" with param, "offset" with param and size; max_pages (10), delay. cursor: {"path": ..., "param": ...}: what a run finds there the next one sends; pick first, last or greatest, start.
fetch_workers, transform_workers, store_workers: how many at once (3 each). Streams have subscribe, sequence, ping_interval, idle_timeout, batch_rows, batch_interval.
Errors: 22023 bad argument, 42501 not allowed, or another role''s source, 42703 no such column, 42883 no such function.
Example: SELECT errand.define_source(''news'', ''feed'', ''https://example.com/rss'', every => ''10 min'', columns => ''{"guid": "$.guid", "title": "$.title"}'', target => ''news'', on_conflict => ''ignore'');';
COMMENT ON FUNCTION errand.start_source IS
'Starts a source: with an interval it runs at once, with a cron expression at its time. A source that fails goes on trying, at least every 15 minutes.
Errors: 42704 no such source of yours (admins may start all).
Example: SELECT errand.start_source(''news'');';
COMMENT ON FUNCTION errand.stop_source IS
'Stops a source; what is under way is finished.
Errors: 42704 no such source of yours (admins may stop all).
Example: SELECT errand.stop_source(''news'');';
COMMENT ON FUNCTION errand.run_source_now IS
'Runs a source once, whether it is started or not. One run at a time: if one is open, that is it.
Returns the run''s id, which is that of the task that fetches its first page.
Errors: 42704 no such source of yours, 55000 it is a stream.
Example: SELECT errand.run_source_now(''news'');';
COMMENT ON FUNCTION errand.drop_source IS
'Drops a source with its runs, rejects and cursor, and tells whether there was one. Its table stays.
Errors: 22023 bad name.
Example: SELECT errand.drop_source(''news'');';
COMMENT ON FUNCTION errand.test_source IS
'A dry run of a source of yours: a worker fetches the first page; the rows are made and inserted, and the insert is undone. It can be called before the definition commits.
Returns {"request", "status", "items": the first five, "rows": as they would be stored, "would_insert", "duplicates", "found", "next", "cursor", "problems": each in one line}.
Errors: 42704 no such source, 42501 another role''s, 53400 too many tests at once, 55000 a stream.
Example: SELECT jsonb_pretty(errand.test_source(''news''));';
COMMENT ON FUNCTION errand.cached IS
'The answer of a read-only query, kept for a while: for expensive queries that many ask. It runs with your rights and cannot write; other roles never see it. One session computes, others take the value that was there (up to ten times the ttl old), or wait for it.
key: up to 1000 bytes; put into it whatever else the answer depends on, such as settings. ttl: how old an answer may be. query: one SELECT.
Returns the value of a query with one column of type jsonb or json; else its rows as an array of objects.
Errors: 22023 bad argument, 25006 the query writes, and what the query raises.
Example: SELECT errand.cached(''sales'', ''1 min'', ''SELECT sum(price) AS total FROM sales'');';

COMMENT ON FUNCTION errand._announce IS 'internal: tells of a task that was inserted.';
COMMENT ON FUNCTION errand._announce_source IS 'internal: tells of a source.';
COMMENT ON FUNCTION errand._cached_compute IS 'internal: runs a cached query, as the caller.';
COMMENT ON FUNCTION errand._cached_counts IS 'internal: how often the query cache was asked.';
COMMENT ON FUNCTION errand._cached_find IS 'internal: what the query cache keeps.';
COMMENT ON FUNCTION errand._cached_keep IS 'internal: keeps a value in the query cache.';
COMMENT ON FUNCTION errand._cached_trim IS 'internal: forgets old values of the query cache.';
COMMENT ON FUNCTION errand._decode IS 'internal: bytes as text.';
COMMENT ON FUNCTION errand._feed_categories IS 'internal: the categories of an item.';
COMMENT ON FUNCTION errand._feed_check IS 'internal: refuses what is no feed.';
COMMENT ON FUNCTION errand._feed_parse IS 'internal: the items of a feed.';
COMMENT ON FUNCTION errand._feed_time IS 'internal: a date of a feed.';
COMMENT ON FUNCTION errand._refuse IS 'internal: raises an error with a hint.';
COMMENT ON FUNCTION errand._source_advance IS 'internal: sets pieces going, or ends the run.';
COMMENT ON FUNCTION errand._source_backoff IS 'internal: how long a failing source waits.';
COMMENT ON FUNCTION errand._source_begin IS 'internal: what there is to do for a task.';
COMMENT ON FUNCTION errand._source_check_conflict IS 'internal: checks on_conflict.';
COMMENT ON FUNCTION errand._source_check_cursor IS 'internal: checks a definition.';
COMMENT ON FUNCTION errand._source_check_stream IS 'internal: checks a definition.';
COMMENT ON FUNCTION errand._source_check_times IS 'internal: checks a definition.';
COMMENT ON FUNCTION errand._source_columns IS 'internal: checks a map of columns.';
COMMENT ON FUNCTION errand._source_conditions IS 'internal: a request that asks whether the page has changed.';
COMMENT ON FUNCTION errand._source_define IS 'internal: defines a source.';
COMMENT ON FUNCTION errand._source_drop IS 'internal: drops a source.';
COMMENT ON FUNCTION errand._source_due IS 'internal: moves the times of a source.';
COMMENT ON FUNCTION errand._source_end IS 'internal: what a task of a source came to.';
COMMENT ON FUNCTION errand._source_fail IS 'internal: notes why a run fails.';
COMMENT ON FUNCTION errand._source_fetch IS 'internal: submits the fetch of a page.';
COMMENT ON FUNCTION errand._source_fetched IS 'internal: what follows a page.';
COMMENT ON FUNCTION errand._source_find IS 'internal: finds a source that a role may touch.';
COMMENT ON FUNCTION errand._source_grid IS 'internal: the next time of a source.';
COMMENT ON FUNCTION errand._source_insert IS 'internal: rows into the table, as the owner.';
COMMENT ON FUNCTION errand._source_items IS 'internal: the items of a document.';
COMMENT ON FUNCTION errand._source_jitter IS 'internal: a part of a time span.';
COMMENT ON FUNCTION errand._source_json IS 'internal: an answer as JSON.';
COMMENT ON FUNCTION errand._source_key IS 'internal: what the validators of a page go by.';
COMMENT ON FUNCTION errand._source_keys IS 'internal: the keys that on_conflict can use.';
COMMENT ON FUNCTION errand._source_known IS 'internal: the validators of the definition in force.';
COMMENT ON FUNCTION errand._source_later IS 'internal: the later of two cursors.';
COMMENT ON FUNCTION errand._source_map IS 'internal: items to rows, as the owner.';
COMMENT ON FUNCTION errand._source_obstacle IS 'internal: why a source cannot run.';
COMMENT ON FUNCTION errand._source_path IS 'internal: refuses what is no jsonpath.';
COMMENT ON FUNCTION errand._source_pick IS 'internal: the cursor that a document holds.';
COMMENT ON FUNCTION errand._source_plan IS 'internal: what the owner''s part needs to know.';
COMMENT ON FUNCTION errand._cached_read IS 'internal: the query cache, for the dashboard.';
COMMENT ON FUNCTION errand._source_count IS 'internal: a source''s items by the minute.';
COMMENT ON FUNCTION errand._source_metrics IS 'internal: what errand.metrics() tells of sources.';
COMMENT ON FUNCTION errand._source_queue IS 'internal: the name of a stage''s queue.';
COMMENT ON FUNCTION errand._source_read IS 'internal: what an answer holds.';
COMMENT ON FUNCTION errand._source_reject IS 'internal: keeps bad items.';
COMMENT ON FUNCTION errand._source_request IS 'internal: the request for a page.';
COMMENT ON FUNCTION errand._source_run_begin IS 'internal: begins a run.';
COMMENT ON FUNCTION errand._source_run_end IS 'internal: ends a run.';
COMMENT ON FUNCTION errand._source_run_now IS 'internal: begins a run at once.';
COMMENT ON FUNCTION errand._source_set IS 'internal: starts or stops a source.';
COMMENT ON FUNCTION errand._source_stage IS 'internal: the word of a stage.';
COMMENT ON FUNCTION errand._source_stored IS 'internal: what follows stored rows.';
COMMENT ON FUNCTION errand._source_target IS 'internal: checks a target.';
COMMENT ON FUNCTION errand._source_task IS 'internal: submits a task of a stage.';
COMMENT ON FUNCTION errand._source_test_keys IS 'internal: the names in an object.';
COMMENT ON FUNCTION errand._source_test_letter IS 'internal: what a dry run fetches.';
COMMENT ON FUNCTION errand._source_test_problems IS 'internal: the problems of a dry run.';
COMMENT ON FUNCTION errand._source_test_read IS 'internal: what a dry run fetched.';
COMMENT ON FUNCTION errand._source_test_report IS 'internal: what test_source() returns.';
COMMENT ON FUNCTION errand._source_test_submit IS 'internal: submits a dry run''s fetch.';
COMMENT ON FUNCTION errand._source_transform IS 'internal: checks a transform.';
COMMENT ON FUNCTION errand._source_transformed IS 'internal: what follows a page''s rows.';
COMMENT ON FUNCTION errand._source_validators IS 'internal: ETag and Last-Modified of a page.';
COMMENT ON FUNCTION errand._source_wait IS 'internal: until when a server asks to be left alone.';
COMMENT ON FUNCTION errand._sources_fire IS 'internal: begins runs that are due.';
COMMENT ON FUNCTION errand._sources_mend IS 'internal: puts right what no settle saw.';
COMMENT ON FUNCTION errand._sources_next IS 'internal: when the next source is due.';
COMMENT ON FUNCTION errand._sources_settled IS 'internal: what follows tasks of sources.';
COMMENT ON FUNCTION errand._sources_tend IS 'internal: what the leader does for sources.';
COMMENT ON FUNCTION errand._sources_trim IS 'internal: forgets the oldest of what is kept for a look.';
COMMENT ON FUNCTION errand._stream_batch IS 'internal: takes a batch of a stream.';
COMMENT ON FUNCTION errand._url_join IS 'internal: what a reference on a page means.';
