# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program in several files
# Scenarios of long queues and of many transfers at once; all but the first are for
# `make bench-full`. Sourced by bench/run, after bench/scenarios.sh.

# ---- a long queue ----

# edge_rate ORDER [COUNT]: tasks a second of the first or the last (ASC or DESC) after task $mark.
edge_rate()
{
	q "SELECT round(count(*) / extract(epoch FROM max(finished_at) - min(finished_at)))
		FROM (SELECT finished_at FROM errand.outcome WHERE id > $mark ORDER BY finished_at $1 LIMIT ${2:-40000}) AS o"
}

# drain_head SECONDS: of what waits, paused, so long. In $first and $last tasks a second
# of the first and last 40,000 after task $mark, in $finished how many, in $cpu the
# worker's time for each.
drain_head()
{
	local pids ns
	mapfile -t pids < <(pids_of worker)
	ns=$(cpu_ns "${pids[@]}")
	ask 'SELECT errand.resume_all() IS NULL'
	sleep "$1"
	ask 'SELECT errand.pause_all() IS NULL'
	ns=$(($(cpu_ns "${pids[@]}") - ns))
	close_session
	first=$(edge_rate ASC) last=$(edge_rate DESC) finished=$(q "SELECT count(*) FROM errand.outcome WHERE id > $mark")
	cpu=$(calc "$ns / 1000 / $finished" %.1f)
}

# four_rates: the mean of four runs of 10,000, in $rate and $task_cpu.
four_rates()
{
	local all=0 all_cpu=0
	for _ in 1 2 3 4; do
		run_rate 10000 "$nowhere" F
		all=$((all + rate)) all_cpu=$(calc "$all_cpu + $task_cpu")
	done
	rate=$((all / 4)) task_cpu=$(calc "$all_cpu / 4" %.1f)
}

# small_rate: of an empty queue, after a run that warms the worker up; adds its half to
# $small and $small_cpu.
small_rate()
{
	fresh
	run_rate 10000 "$nowhere" F
	four_rates
	small=$((small + rate / 2)) small_cpu=$(calc "$small_cpu + $task_cpu / 2")
}

# The small runs come before and after, so that both see the same machine.
scenario_backlog()
{
	local small=0 small_cpu=0 mark first last finished cpu
	settings errand.host_max_running 64 errand.max_in_flight 1000
	small_rate
	fresh
	run_rate 10000 "$nowhere" F
	mark=$(q 'SELECT last_value FROM errand.task_id')
	for ((i = 0; i < backlog; i += 100000)); do submit_paused 100000 "$nowhere"; done
	q 'VACUUM (ANALYZE) errand.ready' 'VACUUM (ANALYZE) errand.task' CHECKPOINT
	drain_head 6
	small_rate
	row "tasks without network, $backlog in the queue" "$first" tasks/s "$(calc "$first / $small")" '>= 0.90'
	row "  10000 in the queue" "$small" tasks/s
	row "  worker CPU a task; that with 10000 by it" "$cpu" us "$(calc "$small_cpu / $cpu")"
	row "  six seconds on, $finished done; by the first" "$last" tasks/s "$(calc "$last / $first")"
	fresh
}

# ---- ten thousand transfers at once ----

# watch_memory: looks at the worker for $watch_seconds; what is its own, in kB, at most in $most_kb.
watch_memory()
{
	local pid line end=$((SECONDS + watch_seconds))
	pid=$(pids_of worker)
	while [ "$SECONDS" -lt "$end" ]; do
		while read -r line; do
			[[ $line == RssAnon:* ]] || continue
			line=${line//[!0-9]/}
			most_kb=$((line > most_kb ? line : most_kb))
		done < "/proc/$pid/status"
		moment
	done
}

most_at_once() { curl -sf "$counting/_count" | sed 's/.*"most_running": \([0-9]*\).*/\1/'; }

# flight MILLISECONDS: $at_once tasks that take so long, each with a connection to be
# opened; in $most how many were with the server at once, at most.
flight()
{
	fresh
	run_rate 100 "$counting/delay/1" S
	watch_seconds=1
	most_kb=0
	watch_memory
	before_kb=$most_kb
	curl -sf "$counting/_reset" > /dev/null
	watch_seconds=$(($1 / 1000 + 2))
	run_rate "$at_once" "$counting/delay/$1" S watch_memory
	most=$(most_at_once)
}

scenario_inflight()
{
	local files most_kb before_kb most raw_most watch_seconds raw_before url=$counting/delay/1000
	files=$(ulimit -Hn)
	if [ "$files" != unlimited ] && [ "$files" -lt $((at_once + 1200)) ]; then
		row "$at_once tasks at once: skipped, a process may open $files files" - tasks
		return
	fi
	settings errand.host_max_running "$at_once" errand.max_in_flight "$at_once"
	curl -sf "$counting/_reset" > /dev/null
	raw_loop_rate "$url" "$at_once" "$at_once"
	raw_before=$raw_rate raw_most=$(most_at_once)
	flight 1000
	raw_loop_rate "$url" "$at_once" "$at_once"
	raw_mean=$(calc "($raw_before + $raw_rate) / 2" %.0f)
	row "$at_once tasks of 1 s, none held back; by the raw loop's time" "$(calc "$at_once / $rate")" s "$(calc "$raw_mean / $rate")" '<= 1.2'
	row "  raw libcurl loop beside it" "$(calc "$at_once / $raw_mean")" s
	row "  CPU a task; the raw loop's by it" "$task_cpu" us "$(calc "$raw_cpu / $task_cpu")"
	row "  at the server at once, at most; that of the raw loop by it" "$most" tasks "$(calc "$raw_most / $most")"
	flight 10000
	row "$at_once tasks of 10 s: at the server at once, at most" "$most" tasks "$(calc "$most / $at_once")" '>= 0.99'
	row "  memory of the worker's own for each that was there" "$(calc "($most_kb - $before_kb) / $most" %.1f)" kB '' '<= 40'
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

queue_counted() { [ "$(q "SELECT sum(ready) FROM errand._counters('q')")" -gt "$millions" ]; }

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
	# the engine counts what stands in the queue anew once something has happened
	submit_paused 1 "$nowhere"
	wait_until 120 queue_counted || die "the queue was not counted"
}

# backlog_to_history: all that waits has ended as the last task did that ended. The engine
# has just counted ten million rows, and would not again for minutes: it starts anew.
backlog_to_history()
{
	q "$(copies_of outcome id 'errand.ready AS n')" 'TRUNCATE errand.ready' 'VACUUM (ANALYZE) errand.outcome' \
		'VACUUM (ANALYZE) errand.task' CHECKPOINT
	restart_cluster
	ask 'SELECT errand.resume_all() IS NULL'
	drained 60
	close_session
	run_rate 10000 "$nowhere" F
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
