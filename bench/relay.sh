# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program in several files
# The scenario of the relay. Sourced by bench/run, after bench/tasks.sh.

# ---- clients ----

# One load at a time (bench/relay/load.c), which obeys and answers in lines.
load_in='' load_out='' load_pid=''

# load_open PORT CLIENTS CHANNEL TOKEN: connects them all; their rate in $connects.
load_open()
{
	rm -f "$place/log/load.in" "$place/log/load.out"
	mkfifo "$place/log/load.in" "$place/log/load.out"
	"$tools/load" "$@" < "$place/log/load.in" > "$place/log/load.out" 2>> "$place/log/load" &
	load_pid=$!
	exec {load_in}> "$place/log/load.in" {load_out}< "$place/log/load.out"
	load_answer
	connects=${answer#ready }
}

load_answer() { read -r -t 180 -u "$load_out" answer || die "the load ended: $(tail -n 3 "$place/log/load")"; }

# load COMMAND: do as bench/relay/load.c says.
load()
{
	printf '%s\n' "$1" >&"$load_in"
	load_answer
}

# load_report: what it measured, each value in a variable of its name.
load_report()
{
	local pair
	load report
	for pair in $answer; do printf -v "${pair%%=*}" %s "${pair#*=}"; done
	[ "$wrong" = 0 ] || say "  $wrong faults: $(tail -n 2 "$place/log/load")"
}

load_close()
{
	exec {load_in}>&- {load_out}<&-
	wait "$load_pid" 2> /dev/null || true
}

# ---- the relay ----

relay_up()
{
	fresh
	make_handlers
	relay_port=$(free_ports 1)
	settings errand.token_secret 'only for this benchmark, which is over soon' errand.max_clients 12000 errand.port "$relay_port"
	wait_until 30 curl -sf "http://127.0.0.1:$relay_port/readyz" || die "the relay did not come up"
	token=$(q "SELECT errand.issue_token('postgres', 'monitor')")
	noop="SELECT errand.submit('sql', '{\"function\": \"public.noop(jsonb)\"}')"
	# the executors run, and so they stay
	q "SELECT count(*) FROM ($(sql_tasks noop 500)) AS t" > /dev/null
	settings errand.executor_idle '10 min'
	drained 30
}

relay_down()
{
	settings errand.port 0
	q 'ALTER SYSTEM RESET ALL' 'SELECT pg_reload_conf()' > /dev/null
	close_session
}

# relay_rss: kilobytes of its own.
relay_rss() { awk '/^RssAnon/ { print $2 }' "/proc/$(pids_of relay)/status"; }

# ---- what is measured ----

# flow CLIENTS EVENTS-A-SECOND SECONDS: each task gives three events: ready, running, succeeded.
flow()
{
	load_open "$relay_port" "$1" tasks "$token"
	load reset
	load "submit $(calc "$2 / 3" %.3f) $3 $noop"
	load quiet
	load_report
	load_close
	row "events to $1 clients at $2/s, received ÷ sent" "$events" events "$(calc "$wrong ? 0 : $events / (3 * $submitted)")" '== 1'
}

# What a commit costs here: plain INSERTs, one by one, so many a second; milliseconds, p50.
plain_insert_p50()
{
	q 'CREATE TABLE plain_flow (n integer)'
	echo 'INSERT INTO plain_flow VALUES (1);' > "$place/log/insert.sql"
	rm -f "$place"/log/inserts.*
	"$bin/pgbench" -n -M prepared -c 1 -R "$1" -T "$flow_seconds" -l --log-prefix="$place/log/inserts" -f "$place/log/insert.sql" bench \
		> "$place/log/pgbench" 2>&1
	awk '{ print $3 / 1000 }' "$place"/log/inserts.* > "$place/log/insert"
	percentiles "$place/log/insert" | cut -d' ' -f1
	q 'DROP TABLE plain_flow'
}

relay_flow()
{
	local insert
	flow 1000 200 "$flow_seconds"
	row "  from the change to its receipt, p50" "$late_p50" ms
	row "  p99" "$late_p99" ms '' '< 100'
	flow 1000 1000 "$flow_seconds"
	row "  from the change to its receipt, p50" "$late_p50" ms
	row "  p99" "$late_p99" ms
	flow 100 500 "$flow_seconds"
	row "  from before the submit to its first frame, p50" "$submit_p50" ms '' '< 2'
	row "  p99" "$submit_p99" ms '' '< 10'
	insert=$(plain_insert_p50 "$(calc '500 / 3' %.0f)")
	row "  a plain INSERT and its commit at that rate, alone, p50; by it" "$insert" ms "$(calc "$insert / $submit_p50")"
}

relay_many()
{
	local before
	before=$(relay_rss)
	load_open "$relay_port" "$many_clients" tasks "$token"
	row "$many_clients clients connect and subscribe" "$connects" clients/s
	row "  memory a client" "$(calc "($(relay_rss) - $before) / $many_clients")" kB '' '<= 16'
	load reset
	load "submit 2 2 $noop"
	load "events 12"
	load_report
	row "  12 events to each, received ÷ sent" "$events" events "$(calc "$wrong ? 0 : $events / 12")" '== 1'
	row "  p99" "$late_p99" ms
	load_close
}

# begin_burst: tasks wait, so that each gives one event and the executors are quiet.
begin_burst()
{
	q 'SELECT errand.pause_all()' > /dev/null
	printf "SELECT count(*) FROM errand.submit_many('sql', array_fill('{\"function\": \"public.noop(jsonb)\"}'::jsonb, ARRAY[10]));\n" \
		> "$place/log/burst.sql"
}

# burst PORT PID EVENTS [TOKEN [CLIENTS]]: so many at once to the clients of that server;
# the messages a second in $burst_rate, and the CPU of its process for each in $burst_cpu.
burst()
{
	local port=$1 pid=$2 count=$3 cpu
	load_open "$port" "${5:-1000}" tasks "${4:--}"
	load reset
	cpu=$(cpu_ns "$pid")
	"$bin/pgbench" -n -M prepared -c 4 -j 1 -t "$((count / 4 / 10))" -f "$place/log/burst.sql" bench > "$place/log/pgbench" 2>&1
	load "events $count"
	load_report
	cpu=$(($(cpu_ns "$pid") - cpu))
	load_close
	[ "$events" = "$count" ] && [ "$wrong" = 0 ] || die "$events events of $count came, with $wrong faults"
	burst_rate=$(calc "$deliveries / $seconds" %.0f)
	burst_cpu=$(calc "$cpu / $deliveries" %.1f)
}

# peer_burst EVENTS COMMAND...: the same by a peer, which one client of the relay
# feeds with all that it gets; the word PORT of the command becomes its port.
peer_burst()
{
	local port pid feeder count=$1
	shift
	port=$(free_ports 1)
	mkfifo "$place/log/feed" 2> /dev/null || true
	"${@/PORT/$port}" < "$place/log/feed" 2>> "$place/log/peers" &
	pid=$!
	"$tools/load" "$relay_port" 1 tasks "$token" --tee < /dev/null > "$place/log/feed" 2>> "$place/log/load" &
	feeder=$!
	wait_until 10 bash -c ": < /dev/tcp/127.0.0.1/$port" || die "no server: $*"
	burst "$port" "$pid" "$count"
	kill "$feeder" "$pid"
	wait "$feeder" "$pid" 2> /dev/null || true
}

relay_fanout()
{
	local rate cpu
	begin_burst
	burst "$relay_port" "$(pids_of relay)" "$burst_tasks" "$token"
	rate=$burst_rate cpu=$burst_cpu
	row "fan-out of $burst_tasks events to 1,000 clients" "$rate" msg/s
	row "  the relay's CPU a message" "$cpu" ns
	peer_burst "$burst_tasks" "$tools/broadcast" PORT
	row "  a minimal libwebsockets broadcaster; the relay by it" "$burst_rate" msg/s "$(calc "$rate / $burst_rate")" '>= 0.8'
	row "  its CPU a message; its by the relay's" "$burst_cpu" ns "$(calc "$burst_cpu / $cpu")"
	if install_peers; then
		# a tenth: it needs ten times as long
		peer_burst "$((burst_tasks / 10))" node "$peers/broadcast.js" PORT each
		row "  node ws, a frame an event; the relay by it" "$burst_rate" msg/s "$(calc "$rate / $burst_rate")" '>= 2'
		peer_burst "$burst_tasks" node "$peers/broadcast.js" PORT
		row "  node ws, a read's events in one frame; the relay by it" "$burst_rate" msg/s "$(calc "$rate / $burst_rate")"
	else
		row "  node ws could not be installed" - msg/s
	fi
	q 'SELECT errand.resume_all()' > /dev/null
	drained 120
}

# noop_rate: no-op tasks a second, in $rate.
noop_rate()
{
	q 'SELECT errand.pause_all()' 'DELETE FROM errand.outcome' > /dev/null
	q "SELECT count(*) FROM ($(sql_tasks noop "$many")) AS t" > /dev/null
	ask 'SELECT errand.resume_all() IS NULL'
	drained 120
	close_session
	edge_of_all "$many"
}

# In turn, without and with clients, so that both see the same machine.
relay_stats()
{
	local without=() with=()
	for ((i = 0; i < 5; i++)); do
		noop_rate
		without+=("$rate")
		load_open "$relay_port" 1000 stats "$token"
		noop_rate
		with+=("$rate")
		load_close
	done
	row "no-op tasks, 1,000 clients subscribed to stats ÷ none" "$(median "${with[@]}")" tasks/s \
		"$(calc "$(median "${with[@]}") / $(median "${without[@]}")")" '>= 0.85'
}

scenario_relay()
{
	relay_up
	relay_many # first, while the relay has no memory of others to give
	relay_flow
	relay_fanout
	relay_down # it would keep a history of tasks for two minutes more, for those who come back
	relay_up
	relay_stats
	relay_down
}
