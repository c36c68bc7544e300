# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program in several files
# Scenarios of SQL tasks, waiting, dependencies, limits and sources. Sourced by
# bench/run, after bench/scenarios.sh.

# ---- SQL tasks, and job queues for node beside them ----

make_handlers()
{
	q 'CREATE TABLE IF NOT EXISTS bench_rows (n integer)' 'TRUNCATE bench_rows' \
		'CREATE OR REPLACE FUNCTION noop(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$' \
		'CREATE OR REPLACE FUNCTION "insert"(args jsonb) RETURNS void LANGUAGE plpgsql AS $$
			BEGIN INSERT INTO public.bench_rows (n) VALUES (1); END $$' 2> /dev/null
}

# sql_tasks HANDLER COUNT [MORE]: the statement that submits them; MORE are further arguments.
sql_tasks()
{
	echo "SELECT id FROM errand.submit_many('sql', array_fill('{\"function\": \"public.$1(jsonb)\"}'::jsonb, ARRAY[$2])${3:-}) AS t (id)"
}

# edge_of_all: of all outcomes, tasks a second from the first start to the last finish, in $rate.
edge_of_all()
{
	read -r count rate < <(q "SELECT count(*), round(count(*) / extract(epoch FROM max(finished_at) - min(started_at)))
		FROM errand.outcome WHERE state = 'S'")
	[ "$count" = "$1" ] || die "not all of $1 tasks ended as they should: $(q "SELECT state, error, count(*) FROM errand.outcome
		GROUP BY state, error ORDER BY count(*) DESC LIMIT 3")"
}

# warm_executors HANDLER: they run, and have had a few hundred tasks; then all is paused.
warm_executors()
{
	q "SELECT count(*) FROM ($(sql_tasks "$1" 500)) AS t" > /dev/null
	drained 30
	q 'SELECT errand.pause_all()' 'DELETE FROM errand.outcome' > /dev/null
}

# sql_rate HANDLER COUNT EXECUTORS: tasks a second, in $rate. The executors run
# already.
sql_rate()
{
	fresh
	make_handlers
	settings errand.executors "$3"
	warm_executors "$1"
	q "SELECT count(*) FROM ($(sql_tasks "$1" "$2")) AS t" > /dev/null
	ask 'SELECT errand.resume_all() IS NULL'
	drained 120
	close_session
	edge_of_all "$2"
	settings errand.executors 2
}

# Into the work directory, once; nothing of it is in the source.
install_peers()
{
	peers=$place/peers
	mkdir -p "$peers"
	cp "$root/bench/peers/"* "$peers/"
	command -v npm > /dev/null || return 1
	(cd "$peers" && npm ci --no-audit --no-fund) > "$place/log/npm" 2>&1
}

peer() { (cd "$peers" && node peer.js "$@") 2>> "$place/log/peers"; }

# peer_rate PEER TASK COUNT PROCESSES: jobs a second, in $rate.
peer_rate()
{
	local i pids=()
	peer fill "$1" "$2" "$3"
	q CHECKPOINT
	for ((i = 0; i < $4; i++)); do
		peer drain "$1" "$2" > "$place/log/drain.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || die "$1 failed: $(tail -n 5 "$place/log/peers")"; done
	# a process that came too late has no first job
	read -r rate count < <(awk '$3 > 0 { if (!first || $1 < first) first = $1; if ($2 > last) last = $2; n += $3 }
		END { printf "%.0f %d\n", n * 1000 / (last - first), n }' "$place/log/drain."*)
	rm -f "$place/log/drain."*
	[ "$count" = "$3" ] || die "$1 did $count jobs of $3"
}

# best_of COMMAND...: with one and with two processes, each in turn; the better in $rate, and $processes.
best_of()
{
	local one
	"$@" 1
	one=$rate
	"$@" 2
	processes=2
	if [ "$one" -gt "$rate" ]; then rate=$one processes=1; fi
}

# sql_against TASK COUNT GRAPHILE-TARGET PGBOSS-TARGET
sql_against()
{
	local one two best name targets=("$3" "$4") i=0
	sql_rate "$1" "$2" 1
	one=$rate
	sql_rate "$1" "$2" 2
	two=$rate
	best=$((one > two ? one : two))
	row "SQL tasks, $1, $2, one executor" "$one" tasks/s
	row "SQL tasks, $1, $2, two executors" "$two" tasks/s
	for name in graphile pgboss; do
		if [ -n "$peers_ready" ]; then
			best_of peer_rate "$name" "$1" "$2"
			row "  $name, best of one and two processes ($processes)" "$rate" jobs/s
			row "  pg_errand at its best by $name" "$best" tasks/s "$(calc "$best / $rate")" "${targets[i]}"
		else
			row "  $name: skipped, npm could not install it" 0 jobs/s
		fi
		i=$((i + 1))
	done
}

scenario_sql()
{
	peers_ready=yes
	install_peers || peers_ready=''
	sql_against noop "$many" '>= 1.20' '>= 2.50'
	sql_against insert "$((many / 2))" '' ''
	q 'DROP SCHEMA IF EXISTS graphile_worker CASCADE' 'DROP SCHEMA IF EXISTS pgboss CASCADE' 2> /dev/null
	fresh
}

# ---- waiting ----

# waiting_rate WAITERS: HTTP tasks a second, in $rate, and the worker's CPU a task, in
# $task_cpu, while so many sessions wait, each for a task of a paused queue: what they
# do when they are woken is not in it.
waiting_rate()
{
	local last waiters_pid='' pids ns
	fresh
	q "SELECT errand.define_queue('after'), errand.pause_queue('after')" > /dev/null
	submit_paused "$few" "$web"
	if [ "$1" -gt 0 ]; then
		last=$(q "SELECT max(id) FROM errand.submit_many('http', array_fill('{\"url\": \"$web\"}'::jsonb, ARRAY[$1]), queue => 'after') AS t (id)")
		echo "SELECT errand.wait_for($last - :client_id, '120 s');" > "$place/log/waiters.sql"
		"$bin/pgbench" -n -c "$1" -j 1 -t 1 -f "$place/log/waiters.sql" bench > "$place/log/waiters" 2>&1 &
		waiters_pid=$!
		wait_until 60 waiters_wait "$1" || die "the waiters did not begin: $(tail -n 3 "$place/log/waiters")"
	fi
	mapfile -t pids < <(pids_of worker)
	ns=$(cpu_ns "${pids[@]}")
	ask 'SELECT errand.resume_all() IS NULL'
	drained 120 default
	task_cpu=$(calc "($(cpu_ns "${pids[@]}") - $ns) / 1000 / $few" %.1f)
	close_session
	edge_of_all "$few"
	q "SELECT errand.resume_queue('after')" > /dev/null
	if [ -n "$waiters_pid" ]; then
		wait "$waiters_pid" || die "a waiter failed: $(tail -n 3 "$place/log/waiters")"
	fi
}

waiters_wait()
{
	[ "$(q "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench' AND wait_event_type IN ('Extension', 'IPC')")" = "$1" ]
}

scenario_gather()
{
	local waiters=200 before before_cpu with with_cpu seconds
	fresh
	settings errand.host_max_running 64 errand.max_in_flight 1000
	run_rate 1000 "$web" S
	seconds=$("$bin/psql" -qXAt -v ON_ERROR_STOP=1 <<-END
		SELECT clock_timestamp() AS began \gset
		SELECT array_agg(id) AS ids FROM errand.submit_many('http', array_fill('{"url": "$web"}'::jsonb, ARRAY[1000])) AS t (id) \gset
		SELECT count(*) AS n FROM errand.gather(:'ids') WHERE state = 'succeeded' \gset
		SELECT round(extract(epoch FROM clock_timestamp() - :'began')::numeric, 4) / (:n = 1000)::integer;
	END
	)
	row "1000 HTTP tasks, submit to the end of gather()" "$(calc "$seconds * 1000" %.0f)" ms
	row "  that is" "$(calc "1000 / $seconds" %.0f)" tasks/s
	q "ALTER SYSTEM SET max_connections = $((waiters + 60))"
	restart_cluster
	waiting_rate 0
	before=$rate before_cpu=$task_cpu
	waiting_rate $waiters
	with=$rate with_cpu=$task_cpu
	waiting_rate 0
	row "$few HTTP tasks while $waiters sessions wait for others" "$with" tasks/s "$(calc "$with * 2 / ($before + $rate)")"
	row "  without" "$(calc "($before + $rate) / 2" %.0f)" tasks/s
	row "  the worker's CPU a task with them; by that without" "$with_cpu" us "$(calc "$with_cpu * 2 / ($before_cpu + $task_cpu)")"
	q 'ALTER SYSTEM RESET max_connections'
	restart_cluster
}

# ---- dependencies ----

# released PARENTS: lets go, and notes how long after the last parent's end no
# child waits any more, in $released_ms.
released()
{
	ask 'SELECT errand.resume_all() IS NULL'
	while :; do
		ask "SELECT extract(epoch FROM clock_timestamp()) || ' ' || count(*) FROM (SELECT FROM errand.later WHERE state = 'w' LIMIT 1) AS w"
		[ "${answer#* }" != 0 ] || break
		read -r -t 0.005 <> <(:) || true
	done
	at=${answer% *}
	drained 120
	released_ms=$(q "SELECT round(1000 * ($at - extract(epoch FROM max(o.finished_at))), 1) FROM errand.outcome AS o
		JOIN errand.task AS t ON t.id = o.id WHERE t.after_done IS NULL")
	close_session
}

begin_paused()
{
	fresh
	make_handlers
	warm_executors noop
}

scenario_fanout()
{
	local n=10000 plain one_parent
	begin_paused
	q "SELECT count(*) FROM ($(sql_tasks noop $n)) AS t" > /dev/null
	ask 'SELECT errand.resume_all() IS NULL'
	drained 60
	close_session
	edge_of_all $n
	plain=$rate
	begin_paused
	q "WITH parent AS MATERIALIZED ($(sql_tasks noop 1)) SELECT id FROM parent" > "$place/log/parent"
	q "SELECT count(*) FROM ($(sql_tasks noop $n ", after => ARRAY[$(cat "$place/log/parent")]")) AS t" > /dev/null
	released
	edge_of_all $((n + 1))
	row "one parent with $n children, no-op, by tasks without parents" "$rate" tasks/s "$(calc "$rate / $plain")"
	row "  the parent's end to the last child being ready" "$released_ms" ms
	begin_paused
	q "SELECT count(errand.call('noop(jsonb)', after => ARRAY[id])) FROM ($(sql_tasks noop $n)) AS t" > /dev/null
	released
	edge_of_all $((2 * n))
	row "$n parents with a child each, no-op" "$rate" tasks/s "$(calc "$rate / $plain")"
	row "  the last parent's end to the last child being ready" "$released_ms" ms
	row "  $n without parents" "$plain" tasks/s
}

# ---- limits ----

scenario_limits()
{
	local with=0 without=0
	settings errand.host_max_running 64 errand.max_in_flight 1000
	for _ in 1 2; do
		fresh
		run_rate "$few" "$web" S
		without=$((without + rate))
		fresh
		q "SELECT errand.define_queue('default', max_running => 10000, rate_limit => '100000/s')" > /dev/null
		run_rate "$few" "$web" S
		with=$((with + rate))
	done
	row "HTTP tasks, a queue's limits that never bind, $few" "$((with / 2))" tasks/s "$(calc "$with / $without")" '>= 0.95'
	row "  without limits" "$((without / 2))" tasks/s
	fresh
}

# ---- sources ----

# source_run COUNT: runs a REST source of that many items, 500 a page, through
# fetch, transform and store; items a second in $rate, CPU an item of the worker
# and of the executors in $worker_cpu and $executor_cpu.
source_run()
{
	local workers executors worker executor
	q 'DROP TABLE IF EXISTS bench_items' 'CREATE TABLE bench_items (id bigint PRIMARY KEY, name text)' \
		"SELECT errand.define_source('bench', 'rest', '$counting/since/$1?limit=500', items => '\$.items[*]', target => 'bench_items',
			columns => '{\"id\": \"\$.id\", \"name\": \"\$.name\"}', on_conflict => 'ignore',
			paginate => '{\"mode\": \"cursor\", \"path\": \"\$.next\", \"param\": \"since\", \"max_pages\": 1000}')" > /dev/null 2>&1
	mapfile -t workers < <(pids_of worker)
	mapfile -t executors < <(pids_of executor)
	worker=$(cpu_ticks "${workers[@]}") executor=$(cpu_ticks "${executors[@]}")
	run=$(q "SELECT errand.run_source_now('bench')")
	wait_until 120 source_ended || die "the run does not end"
	worker_cpu=$(calc "($(cpu_ticks "${workers[@]}") - $worker) * 1e6 / $(getconf CLK_TCK) / $1" %.1f)
	executor_cpu=$(calc "($(cpu_ticks "${executors[@]}") - $executor) * 1e6 / $(getconf CLK_TCK) / $1" %.1f)
	read -r rate count < <(q "SELECT round(stored / extract(epoch FROM finished_at - started_at)), stored FROM errand.source_runs WHERE id = $run")
	[ "$count" = "$1" ] && [ "$(q 'SELECT count(*) FROM bench_items')" = "$1" ] || die "$count items of $1 were stored"
}

source_ended() { [ "$(q "SELECT state FROM errand.source_runs WHERE id = $run")" = succeeded ]; }

scenario_sources()
{
	fresh
	# the executors are there, and have planned what they do
	source_run 5000
	source_run "$many"
	row "REST source, $many items, fetch to transform to store" "$rate" items/s
	row "  CPU an item, worker" "$worker_cpu" us
	row "  CPU an item, executors" "$executor_cpu" us
	q "SELECT errand.drop_source('bench')" 'DROP TABLE bench_items' > /dev/null
	fresh
}
