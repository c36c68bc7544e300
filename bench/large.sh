# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program in several files
# Scenarios that need more time, disk and open files than the others: `make bench-full`.
# Sourced by bench/run, after bench/scenarios.sh.

# ---- ten thousand transfers at once ----

# watch_memory: looks at the worker for some seconds; what is its own, in kB, at most in $most_kb.
watch_memory()
{
	local pid line
	pid=$(pids_of worker)
	for _ in {1..60}; do
		while read -r line; do
			[[ $line == RssAnon:* ]] || continue
			line=${line//[!0-9]/}
			most_kb=$((line > most_kb ? line : most_kb))
		done < "/proc/$pid/status"
		moment
	done
}

most_at_once() { curl -sf "$counting/_count" | sed 's/.*"most_running": \([0-9]*\).*/\1/'; }

# flight COUNT [TARGET]: so many tasks of 1 s, between two runs of the raw loop.
flight()
{
	local url=$counting/delay/1000 raw_before most
	raw_loop_rate "$url" "$1" "$at_once"
	raw_before=$raw_rate
	curl -sf "$counting/_reset" > /dev/null
	run_rate "$1" "$url" S watch_memory
	most=$(most_at_once)
	raw_loop_rate "$url" "$1" "$at_once"
	raw_mean=$(calc "($raw_before + $raw_rate) / 2" %.0f)
	row "$1 tasks of 1 s, $at_once at once; time by the raw loop's" "$(calc "$1 / $rate")" s "$(calc "$raw_mean / $rate")" "${2:-}"
	row "  raw libcurl loop beside it" "$(calc "$1 / $raw_mean")" s
	row "  CPU a task; the raw loop's by it" "$task_cpu" us "$(calc "$raw_cpu / $task_cpu")"
	row "  at once, at most, as the server saw it" "$most" tasks
}

scenario_inflight()
{
	local files most_kb=0 before_kb
	files=$(ulimit -Hn)
	if [ "$files" != unlimited ] && [ "$files" -lt $((at_once + 1200)) ]; then
		row "$at_once tasks at once: skipped, a process may open $files files" - tasks
		return
	fi
	fresh
	settings errand.host_max_running "$at_once" errand.max_in_flight "$at_once"
	run_rate 100 "$counting/delay/1" S
	watch_memory
	before_kb=$most_kb
	flight "$at_once" '<= 1.2'
	row "  memory of the worker, for each of the $at_once" "$(calc "($most_kb - $before_kb) / $at_once" %.1f)" kB '' '<= 40'
	flight $((5 * at_once))
	settings errand.host_max_running 64 errand.max_in_flight 1000
}

# ---- ten million rows ----

# copies_of TABLE COLUMN,... SOURCE: the statement that inserts the table's last row up to
# task $mark, once for each row n (id) of the source, whose id these columns have.
copies_of()
{
	q "SELECT format('INSERT INTO errand.$1 SELECT %s FROM (SELECT * FROM errand.$1 WHERE id <= $mark ORDER BY id DESC LIMIT 1) AS r, $3',
			string_agg(CASE WHEN attname = ANY ('{$2}') THEN 'n.id' ELSE 'r.' || quote_ident(attname) END, ', ' ORDER BY attnum))
		FROM pg_attribute WHERE attrelid = 'errand.$1'::regclass AND attnum > 0 AND NOT attisdropped"
}

# counted COUNT: the engine has counted anew what stands in the queue: so many, and the
# task that is submitted here, since only events have it count.
counted()
{
	submit_paused 1 "$nowhere"
	wait_until 120 counters_say "$(($1 + 1))" || die "the queue was not counted"
}

counters_say() { [ "$(q "SELECT sum(ready) FROM errand._counters('q')")" = "$1" ]; }

# fill_backlog: $millions of tasks, straight into the tables: to submit them takes minutes.
fill_backlog()
{
	local ids pids=()
	submit_paused 1 "$nowhere"
	mark=$(q 'SELECT last_value FROM errand.task_id')
	q "SELECT setval('errand.task_id', $((mark + millions)))" > /dev/null
	ids="generate_series($((mark + 1)), $((mark + millions))) AS n (id)"
	q "$(copies_of task id "$ids")" 'VACUUM (ANALYZE) errand.task' &
	pids+=($!)
	q "$(copies_of ready id,place "$ids")" 'VACUUM (ANALYZE) errand.ready' &
	pids+=($!)
	wait "${pids[0]}" && wait "${pids[1]}" || die "the queue could not be filled"
	q CHECKPOINT
	counted $((millions + 1))
}

# backlog_to_history: all that waits has ended as the last task did that ended.
backlog_to_history()
{
	q "$(copies_of outcome id 'errand.ready AS n')" 'TRUNCATE errand.ready' 'VACUUM (ANALYZE) errand.outcome' \
		'VACUUM (ANALYZE) errand.task' CHECKPOINT
	counted 0
	ask 'SELECT errand.resume_all() IS NULL'
	drained 60
	close_session
}

scenario_millions()
{
	local small=0 small_cpu=0 mark first last finished cpu old old_cpu began=$SECONDS
	settings errand.host_max_running 64 errand.max_in_flight 1000
	small_rate
	fresh
	run_rate 10000 "$nowhere" F
	run_rate 10 "$counting/delay/1" S
	fill_backlog
	say "  filled after $((SECONDS - began)) s: $(database_size)"
	drain_head 6
	backlog_to_history
	say "  turned into history after $((SECONDS - began)) s: $(database_size)"
	four_rates
	old=$rate old_cpu=$task_cpu
	small_rate
	row "tasks without network, $millions in the queue" "$first" tasks/s "$(calc "$first / $small")" '>= 0.90'
	row "  10000 in the queue, no history" "$small" tasks/s
	row "  worker CPU a task; that with 10000 by it" "$cpu" us "$(calc "$small_cpu / $cpu")"
	row "  six seconds on, $finished done; by the first" "$last" tasks/s "$(calc "$last / $first")"
	row "tasks without network, $millions ended before" "$old" tasks/s "$(calc "$old / $small")" '>= 0.90'
	row "  worker CPU a task; that without history by it" "$old_cpu" us "$(calc "$small_cpu / $old_cpu")"
	fresh
}

database_size() { q "SELECT pg_size_pretty(pg_database_size('bench'))"; }
