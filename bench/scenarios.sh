# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program in several files
# The scenarios: each a function scenario_NAME that measures and calls row.
# Sourced by bench/run, after bench/lib.sh.

# ---- HTTP, end to end ----

# raw_loop_rate [URL REQUESTS CONCURRENCY]: requests/s and CPU microseconds of the raw
# loop, in $raw_rate and $raw_cpu. A connection is an open file.
# shellcheck disable=SC2120 # other scripts give them
raw_loop_rate()
{
	read -r raw_rate raw_cpu < <(ulimit -n "$(ulimit -Hn)" &&
		exec "$tools/raw_loop" "${1:-$web}" "${2:-$raw_requests}" "${3:-64}") || die "the raw loop failed"
}

wrk_rate()
{
	wrk_result=''
	command -v wrk > /dev/null || return 0
	wrk_result=$(wrk -t 1 -c 64 -d "${wrk_seconds}s" "$web" | sed -n 's|^Requests/sec: *||p')
}

# run_rate COUNT URL STATE [COMMAND]: submit while paused, and let go.
run_rate()
{
	submit_paused "$1" "$2"
	let_go "$1" "$3" "${4:-true}"
}

# let_go COUNT STATE [COMMAND]: resume, run the command if there is one, wait; tasks a
# second from the first start to the last finish in $rate, the worker's CPU a task in
# $task_cpu.
let_go()
{
	local pids ticks
	mapfile -t pids < <(pids_of worker)
	ticks=$(cpu_ticks "${pids[@]}")
	ask 'SELECT errand.resume_all() IS NULL'
	"${3:-true}"
	drained 120
	ticks=$(($(cpu_ticks "${pids[@]}") - ticks))
	close_session
	read -r count rate < <(q "SELECT count(*), round(count(*) / extract(epoch FROM max(o.finished_at) - min(o.started_at)))
		FROM (SELECT * FROM errand.outcome WHERE state = '$2' ORDER BY id DESC LIMIT $1) AS o")
	[ "$count" = "$1" ] || die "not all of $1 tasks ended as they should: $(q "SELECT state, error, count(*) FROM errand.outcome
		GROUP BY state, error ORDER BY count(*) DESC LIMIT 3")"
	task_cpu=$(calc "$ticks * 1e6 / $(getconf CLK_TCK) / $1" %.1f)
}

# median NUMBER...
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# http_rate NAME COUNT TARGET [TIMES]: between two runs of the raw loop. A short
# run is hit by whatever else the machine does: it is the median of several.
http_rate()
{
	local name=$1 count=$2 raw_before lsn rates=() cpus=()
	raw_loop_rate
	raw_before=$raw_rate
	lsn=$(q 'SELECT pg_current_wal_lsn()')
	for ((i = 0; i < ${4:-1}; i++)); do
		run_rate "$count" "$web" S
		rates+=("$rate")
		cpus+=("$task_cpu")
	done
	rate=$(median "${rates[@]}")
	task_cpu=$(median "${cpus[@]}")
	wal=$(q "SELECT round((pg_current_wal_lsn() - '$lsn'::pg_lsn) / $((count * ${4:-1})))")
	raw_loop_rate
	raw_mean=$(calc "($raw_before + $raw_rate) / 2" %.0f)
	row "HTTP tasks, $name, $count" "$rate" tasks/s "$(calc "$rate / $raw_mean")" "$3"
	row "  raw libcurl loop beside it" "$raw_mean" req/s
	row "  CPU a task; the raw loop's by it" "$task_cpu" us "$(calc "$raw_cpu / $task_cpu")"
}

scenario_http()
{
	fresh
	settings errand.host_max_running 64 errand.max_in_flight 1000
	wrk_rate
	http_rate "one worker" "$few" '>= 0.45' 3
	fresh
	profile_begin
	http_rate "one worker" "$many" '>= 0.45'
	profile_end
	row "  WAL, from submit to settle" "$wal" B/task
	row "  WAL beyond payload and result" "$((wal - $(own_bytes)))" B/task "" '<= 800'
	if [ -n "$wrk_result" ]; then
		row "  wrk, one thread, 64 connections; tasks/s by it" "$(calc "$wrk_result" %.0f)" req/s "$(calc "$rate / $wrk_result")"
	fi
	memory_rows
}

# What the last tasks' payload and result (of HTTP: headers and body) take by themselves, a task.
own_bytes()
{
	q "SELECT round(avg(pg_column_size(t.payload) + coalesce(pg_column_size(o.result), 0) + coalesce(octet_length(o.head), 0) + coalesce(octet_length(o.body), 0)))
		FROM errand.outcome AS o JOIN errand.task AS t USING (id) WHERE o.id > (SELECT max(id) - 1000 FROM errand.outcome)"
}

memory_rows()
{
	local kind pid status
	for kind in launcher worker; do
		for pid in $(pids_of "$kind"); do
			status=$(cat "/proc/$pid/status")
			row "  memory of the $kind, RSS without shared memory" \
				"$(awk '/^RssAnon/ { a = $2 } /^RssFile/ { a += $2 } END { printf "%.1f", a / 1024 }' <<< "$status")" MB
		done
	done
}

scenario_http2()
{
	q "ALTER SYSTEM SET errand.workers = 2"
	restart_cluster
	fresh
	# the cap counts for each worker: 64 in flight in all
	settings errand.host_max_running 32 errand.max_in_flight 1000
	http_rate "two workers" "$few" '>= 0.50' 3
	fresh
	http_rate "two workers" "$many" '>= 0.50'
	q "ALTER SYSTEM RESET errand.workers"
	settings errand.host_max_running 64
	restart_cluster
}

# ---- submitting ----

# pgbench_rate CLIENTS SQL: transactions a second.
pgbench_rate()
{
	printf '%s;\n' "$2" > "$place/log/pgbench.sql"
	"$bin/pgbench" -n -M prepared -c "$1" -j "$(($1 < 2 ? 1 : 2))" -T "$pgbench_seconds" -f "$place/log/pgbench.sql" bench \
		2> "$place/log/pgbench" | sed -n 's/^tps = \([0-9.]*\).*without.*/\1/p'
}

# What a submit writes into its largest table, into one just like it.
make_plain_table()
{
	q 'CREATE SCHEMA plain' 'CREATE SEQUENCE plain.id' 'CREATE TABLE plain.task (LIKE errand.task INCLUDING ALL)' \
		"ALTER TABLE plain.task ALTER id SET DEFAULT nextval('plain.id')"
	q "SELECT errand.http_get('$web')" > /dev/null
	plain=$(q "SELECT format('INSERT INTO plain.task (%s) SELECT %s', string_agg(quote_ident(key), ', '),
			string_agg(CASE WHEN key = 'submitted_at' THEN 'now()' ELSE quote_literal(value) || '::' || type END, ', '))
		FROM (SELECT e.key, e.value, format_type(a.atttypid, a.atttypmod) AS type
			FROM errand.task AS t, jsonb_each_text(to_jsonb(t)) AS e
			JOIN pg_attribute AS a ON a.attrelid = 'errand.task'::regclass AND a.attname = e.key
			WHERE e.value IS NOT NULL AND e.key <> 'id') AS columns")
}

# submit_pair CLIENTS: twice each, in turn, so that both see the same machine.
submit_pair()
{
	local clients=$1 a b c d
	a=$(pgbench_rate "$clients" "$plain")
	b=$(pgbench_rate "$clients" "SELECT errand.http_get('$web')")
	c=$(pgbench_rate "$clients" "$plain")
	d=$(pgbench_rate "$clients" "SELECT errand.http_get('$web')")
	row "submit, $clients client(s), by a plain INSERT's rate" "$(calc "($b + $d) / 2" %.0f)" /s \
		"$(calc "($b + $d) / ($a + $c)")" '>= 0.80'
	row "  plain INSERT of the same row" "$(calc "($a + $c) / 2" %.0f)" /s
}

# took SQL: seconds of one statement that begins and ends a transaction.
took()
{
	local began=$EPOCHREALTIME
	q "$1" > /dev/null
	calc "$EPOCHREALTIME - $began" %.3f
}

scenario_submit()
{
	local plain_s many_s each_s
	fresh
	q 'SELECT errand.pause_all()' > /dev/null
	make_plain_table
	submit_pair 1
	submit_pair 8
	plain_s=$(took "$plain FROM generate_series(1, $many)")
	many_s=$(took "SELECT count(*) FROM errand.submit_many('http', array_fill('{\"url\": \"$web\"}'::jsonb, ARRAY[$many]))")
	each_s=$(took "SELECT count(errand.http_get('$web')) FROM generate_series(1, $many)")
	row "$many in one statement, submit_many" "$(calc "$many / $many_s" %.0f)" /s "$(calc "$plain_s / $many_s")"
	row "$many in one statement, http_get for each row" "$(calc "$many / $each_s" %.0f)" /s "$(calc "$plain_s / $each_s")"
	row "  plain INSERT ... SELECT of the same rows" "$(calc "$many / $plain_s" %.0f)" /s
	q 'DROP SCHEMA plain CASCADE' 2> /dev/null
}

# ---- latency ----

# latency COUNT: milliseconds of that many single tasks, into log/received, log/sent
# (from the commit's answer on, so below zero where the worker was faster) and log/final;
# of as many plain INSERTs into log/insert.
latency()
{
	as_server truncate -s 0 "$place/servers/ledger"
	"$tools/latency" "dbname=bench" "$counting/ok" "$1" 20 > "$place/log/latency"
	awk -v received="$place/log/received" -v sent="$place/log/sent" -v final="$place/log/final" \
		-v insert="$place/log/insert" '
		NR == FNR { at[$6] = $1; next }
		{ print (at[$1] - $2) / 1000 > received; print (at[$1] - $3) / 1000 > sent; print ($4 - $2) / 1000 > final; print $5 / 1000 > insert }' \
		"$place/servers/ledger" "$place/log/latency"
}

scenario_latency()
{
	local p50 p99 max insert
	fresh
	latency 20
	latency "$singles"
	read -r p50 p99 max < <(percentiles "$place/log/received")
	row "idle: submit to request received, p50 of $singles" "$p50" ms '' '< 2'
	row "  p99; largest $max" "$p99" ms
	read -r insert _ < <(percentiles "$place/log/insert")
	row "  a plain INSERT and its commit beside it, p50; two by it" "$insert" ms "$(calc "2 * $insert / $p50")"
	read -r p50 p99 max < <(percentiles "$place/log/sent")
	row "  of it after the client has its commit, p50" "$p50" ms
	read -r p50 p99 max < <(percentiles "$place/log/final")
	row "idle: submit to final state by LISTEN, p50 of $singles" "$p50" ms
	row "  p99; largest $max" "$p99" ms
}

scenario_beside()
{
	local slow p50 p99 max
	fresh
	latency 5
	slow=$(q "SELECT errand.http_get('$counting/delay/3000')")
	latency 20
	[ "$(q "SELECT errand.status($slow)")" = running ] || die "the slow task did not run all the time"
	read -r p50 p99 max < <(percentiles "$place/log/final")
	row "fast task beside a 3 s one, final after, p50 of 20" "$p50" ms '' '< 20'
	row "  the largest of 20" "$max" ms '' '< 20'
}

# claim_waits NAME RATE TARGET: 8 clients submit; how long until each task starts.
claim_waits()
{
	local p50 p99 max first
	first=$(q 'SELECT last_value FROM errand.task_id')
	printf "SELECT errand.http_get('%s');\n" "$web" > "$place/log/pgbench.sql"
	# shellcheck disable=SC2086 # an option and its value, or nothing
	"$bin/pgbench" -n -M prepared -c 8 -j 2 -T "$pgbench_seconds" $2 -f "$place/log/pgbench.sql" bench > "$place/log/pgbench" 2>&1
	drained 120
	q "SELECT extract(epoch FROM a.started_at - t.submitted_at) * 1000 FROM errand.attempts AS a JOIN errand.task AS t ON t.id = a.task_id
		WHERE a.task_id > $first" > "$place/log/waits"
	read -r p50 p99 max < <(percentiles "$place/log/waits")
	row "claim wait, 8 submitters $1, largest of $(wc -l < "$place/log/waits")" "$(calc "$max" %.2f)" ms '' "$3"
	row "  p50" "$(calc "$p50" %.2f)" ms
	row "  p99" "$(calc "$p99" %.2f)" ms
}

scenario_waits()
{
	fresh
	claim_waits "at 1,000/s" '-R 1000' '< 50'
	claim_waits "as fast as they can" '' ''
}

scenario_delay()
{
	fresh
	settings errand.host_max_running 200 errand.max_in_flight 1000
	run_rate "$delayed" "$counting/delay/100" S
	row "$delayed tasks of 100 ms, 200 in flight (at best 2,000)" "$rate" tasks/s '' '>= 1800'
	row "  worker CPU a task" "$task_cpu" us
	settings errand.host_max_running 64
}

# ---- at rest ----

scenario_idle()
{
	local pids before
	fresh
	latency 3
	sleep 5
	mapfile -t pids < <(pids_of launcher; pids_of worker)
	before=$(cpu_ns "${pids[@]}")
	sleep 10
	# less than one of the ticks that top counts in
	row "idle: CPU of launcher and worker in 10 s" "$(calc "($(cpu_ns "${pids[@]}") - $before) / 1e6")" ms '' '< 10'
}

# ---- the queue ----

# Tasks that need no network: their address is refused when they start, so what
# remains is claim, start, settle and commit.
nowhere=http://127.0.0.2:9/

# old_snapshot_ratio NAME COUNT URL STATE: with one, between two runs without.
old_snapshot_ratio()
{
	local before held holder holder_pid
	fresh
	run_rate "$2" "$3" "$4"
	before=$rate
	fresh
	# the session waits for its next statement, idle in transaction, until the pipe is closed
	rm -f "$place/holder" "$place/log/holder"
	mkfifo "$place/holder"
	"$bin/psql" -qXAt < "$place/holder" > "$place/log/holder" &
	holder_pid=$!
	exec {holder}> "$place/holder"
	printf 'BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM pg_class;\n' >&"$holder"
	wait_until 20 test -s "$place/log/holder" || die "no old snapshot"
	run_rate "$2" "$3" "$4"
	held=$rate
	exec {holder}>&-
	wait "$holder_pid" || true
	fresh
	run_rate "$2" "$3" "$4"
	row "$1, old snapshot held, $2" "$held" tasks/s "$(calc "$held * 2 / ($before + $rate)")" '>= 0.80'
	row "  without" "$(calc "($before + $rate) / 2" %.0f)" tasks/s
}

scenario_snapshot()
{
	settings errand.host_max_running 64 errand.max_in_flight 1000
	old_snapshot_ratio "HTTP tasks" "$snapshot" "$web" S
	old_snapshot_ratio "tasks without network" "$snapshot" "$nowhere" F
}

# ---- disturbances ----

# The web server says nothing for 300 ms.
stall_web()
{
	local master worker
	master=$(cat "$place/servers/nginx.pid")
	worker=$(cut -d' ' -f1 "/proc/$master/task/$master/children")
	sleep 1
	kill -STOP "$worker"
	sleep 0.3
	kill -CONT "$worker"
}

scenario_stall()
{
	local without
	settings errand.host_max_running 64 errand.max_in_flight 1000
	fresh
	run_rate "$many" "$web" S
	without=$rate
	fresh
	run_rate "$many" "$web" S stall_web
	# what was lost beyond the stall itself
	row "HTTP tasks, the server stalls for 0.3 s, $many" "$rate" tasks/s "$(calc "($many / $without + 0.3) / ($many / $rate)")" '>= 0.80'
	row "  without the stall" "$without" tasks/s
}
