# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program in several files
# What bench/run and bench/curves stand on: a private cluster, servers, and a table
# of figures. Everything lies in $place and is stopped by process id.
export LC_ALL=C.UTF-8

# ---- building and starting ----

on_exit()
{
	trap '' INT TERM HUP
	stop_all
}

# begin_bench: all that runs until the script ends, which ends it.
begin_bench()
{
	load=$(cut -d' ' -f1-3 /proc/loadavg)
	"$root/tests/deps" bench
	PG_CONFIG=$(pg_config_path) || die "there is no pg_config; is PostgreSQL installed?"
	make_place
	trap on_exit EXIT
	trap 'exit 130' INT TERM HUP
	say "pg_errand benchmark: building"
	build
	start_servers
	start_cluster
}

# A directory that the server's user may enter, wherever the checkout lies.
make_place()
{
	if [ -n "${BENCH_DIR:-}" ]; then
		mkdir -p "$BENCH_DIR"
		place=$(cd "$BENCH_DIR" && pwd -P)
	else
		place=$(mktemp -d /var/tmp/pg_errand-bench.XXXXXX)
	fi
	chmod 755 "$place"
	if [ "$(id -u)" = 0 ]; then chown "$(server_user)" "$place"; fi
	mkdir -p "$place/log" "$place/servers"
	# a socket's path has room for 107 characters
	socket=$place/socket
	if [ ${#place} -ge 80 ]; then socket=$(mktemp -d /tmp/pg_errand.XXXXXX); fi
	mkdir -p "$socket"
	: > "$place/rows"
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user)" "$place/log" "$place/servers" "$socket"; fi
}

# or_show LOG COMMAND...: what it says goes to the log, which is shown if it fails.
or_show()
{
	local log=$place/log/$1
	shift
	"$@" > "$log" 2>&1 || {
		tail -n 40 "$log" >&2
		die "failed: $*"
	}
}

build()
{
	local private
	copy_tree "$root" "$place/src"
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user)" "$place/src"; fi
	or_show private-pg as_server bash -c '"$1/src/tests/private-pg" "$1/pg" "$2" > "$1/log/bindir"' \
		- "$place" "$PG_CONFIG"
	bin=$(cat "$place/log/bindir")
	private=$bin/pg_config
	or_show build as_server make -s -C "$place/src" -j"$(nproc)" PG_CONFIG="$private" with_llvm=no all install
	or_show build as_server make -s -C "$place/src/tests/servers"
	or_show build as_server make -s -C "$place/src/bench" PG_CONFIG="$private"
	tools=$place/src/bench/build
}

start_servers()
{
	or_show web as_server "$place/src/tests/servers/web" start "$place/servers"
	# shellcheck disable=SC1091 # written by web
	. "$place/servers/ports"
	web=http://127.0.0.1:$WEB_PORT/static/1k.json
	rm -f "$place/servers/counting.port" "$place/servers/ledger"
	as_server bash -c 'setsid "$1/src/tests/servers/build/counting" --port-file "$1/servers/counting.port" \
		--ledger "$1/servers/ledger" > "$1/log/counting" 2>&1 < /dev/null & echo $! > "$1/servers/counting.pid"' - "$place"
	wait_until 10 test -s "$place/servers/counting.port" || die "the counting server did not start"
	counting=http://127.0.0.1:$(cat "$place/servers/counting.port")
}

start_cluster()
{
	as_server rm -rf "$place/data" "$place/log/postgresql"
	or_show initdb as_server "$bin/initdb" -D "$place/data" -U postgres -E UTF8 --no-locale --auth=trust
	PGPORT=$(free_ports 1)
	as_server tee -a "$place/data/postgresql.conf" > /dev/null <<-END
		port = $PGPORT
		listen_addresses = ''
		unix_socket_directories = '$socket'
		shared_preload_libraries = 'pg_errand'
		shared_buffers = 256MB
		min_wal_size = 2GB
		max_wal_size = 4GB
		max_worker_processes = 16
		errand.allow_networks = '127.0.0.1/32'
	END
	export PGPORT PGHOST=$socket PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=10
	or_show pg_ctl as_server "$bin/pg_ctl" -D "$place/data" -l "$place/log/postgresql" -w -t 60 start
	"$bin/createdb" bench
	export PGDATABASE=bench
	[ "$(q "SELECT current_setting('fsync') || current_setting('synchronous_commit')")" = onon ] ||
		die "the cluster is not durable"
	warm_up
	q 'CREATE EXTENSION pg_errand' 'SELECT errand.wait_until_running()' > "$place/log/create"
}

# A cluster that has run for a while reuses its WAL files; a new one would write
# each of them twice, and only the first scenarios would pay for it.
warm_up()
{
	q "CREATE TABLE warm AS SELECT repeat(n::text, 100) AS filler FROM generate_series(1, $warm_rows) AS n" \
		'DROP TABLE warm' CHECKPOINT CHECKPOINT
}

restart_cluster()
{
	close_session
	or_show pg_ctl as_server "$bin/pg_ctl" -D "$place/data" -l "$place/log/postgresql" -w -t 60 -m fast restart
	q 'SELECT errand.wait_until_running()' > /dev/null
}

stop_all()
{
	# without a server no session of ours waits for anything
	if [ -s "$place/data/postmaster.pid" ]; then
		as_server "$bin/pg_ctl" -D "$place/data" -m immediate -w -t 30 stop > /dev/null 2>&1 || true
	fi
	stop_pid_file "$place/servers/counting.pid"
	stop_pid_file "$place/servers/nginx.pid"
	if [ -n "${BENCH_DIR:-}" ]; then rm -rf "$place/data"; else rm -rf "$place"; fi
	case $socket in "$place"/*) ;; *) rm -rf "$socket" ;; esac
}

# ---- asking the database ----

# q SQL...: what these statements answer, each a transaction of its own.
q()
{
	local statement args=()
	for statement; do args+=(-c "$statement"); done
	"$bin/psql" -qXAt -F ' ' -v ON_ERROR_STOP=1 "${args[@]}"
}

# One session is kept for what is asked often: a new one costs as much as some
# hundred tasks. ask SQL: the single line that it answers, in $answer.
session_in='' session_out='' session_pid=''
ask()
{
	if [ -z "$session_pid" ]; then
		coproc SESSION { exec "$bin/psql" -qXAt -F ' ' -v ON_ERROR_STOP=1 2> "$place/log/session"; }
		# shellcheck disable=SC2153 # named by coproc
		session_pid=$SESSION_PID
		session_out=${SESSION[0]} session_in=${SESSION[1]}
	fi
	printf '%s;\n' "$1" >&"$session_in"
	read -r -t 120 -u "$session_out" answer || die "no answer to: $1 ($(cat "$place/log/session"))"
}

close_session()
{
	[ -n "$session_pid" ] || return 0
	exec {session_in}>&- {session_out}<&-
	wait "$session_pid" 2> /dev/null || true
	session_pid=''
}

# setting NAME VALUE...: for those a reload is enough for.
settings()
{
	while [ $# -gt 1 ]; do
		q "ALTER SYSTEM SET $1 = '$2'"
		shift 2
	done
	q 'SELECT pg_reload_conf()' > /dev/null
	moment
}

# A new installation with empty tables, and nothing to write left from before.
fresh()
{
	close_session
	q 'DROP EXTENSION IF EXISTS pg_errand' 'CREATE EXTENSION pg_errand' \
		'SELECT errand.wait_until_running()' CHECKPOINT > /dev/null
}

# drained SECONDS [QUEUE]: until nothing, or nothing of a queue, is ready, due later or running.
# The counters are read without the view, which also looks for the oldest ready task.
drained()
{
	local end=$((SECONDS + $1))
	while :; do
		ask "SELECT coalesce(sum(ready + scheduled + running), 0) FROM errand._counters('q')${2:+ WHERE name = '$2'}"
		[ "$answer" != 0 ] || return 0
		[ "$SECONDS" -lt "$end" ] || die "$answer tasks are left after $1 s"
		moment
	done
}

# submit_paused COUNT URL: that many tasks, of which none has begun.
submit_paused()
{
	q 'SELECT errand.pause_all()' > /dev/null
	q "SELECT count(*) FROM errand.submit_many('http', array_fill('{\"url\": \"$2\"}'::jsonb, ARRAY[$1]), max_attempts => 1)" \
		> /dev/null
}

# ---- processes ----

# pids_of KIND: launcher or worker.
pids_of() { q "SELECT pid FROM pg_stat_activity WHERE backend_type = 'errand $1' ORDER BY pid"; }

# cpu_ticks PID...: user and system time of all of them.
cpu_ticks()
{
	local pid fields sum=0
	for pid; do
		# the name, the second field, may have blanks: count from its end
		read -r -a fields < <(sed 's/.*) //' "/proc/$pid/stat")
		sum=$((sum + fields[11] + fields[12]))
	done
	echo "$sum"
}

# cpu_ns PID...: the time on a processor of all of them, exactly.
cpu_ns()
{
	local pid time sum=0
	for pid; do
		read -r time _ < "/proc/$pid/schedstat"
		sum=$((sum + time))
	done
	echo "$sum"
}

# BENCH_PERF=FILE: a profile of the worker, with what it calls where frames allow.
profile_pid=''
profile_begin()
{
	[ -n "${BENCH_PERF:-}" ] || return 0
	perf record -q -g -F 2000 -p "$(pids_of worker)" -o "$BENCH_PERF" > "$place/log/perf" 2>&1 &
	profile_pid=$!
}

profile_end()
{
	[ -n "$profile_pid" ] || return 0
	kill -INT "$profile_pid"
	wait "$profile_pid" || true
	profile_pid=''
	perf report -i "$BENCH_PERF" --no-children -g none --percent-limit 0.8 --stdio 2> /dev/null | sed -n '/^ .*%/p' | head -n 40
}

# ---- arithmetic and the table ----

# calc EXPRESSION [FORMAT]: by perl, empty if it divides by nothing.
calc() { perl -e 'my $v = eval $ARGV[0]; printf $ARGV[1] // "%.2f", $v if defined $v' -- "$@"; }

# percentiles FILE: p50, p99 and the largest of one number a line.
percentiles()
{
	sort -n "$1" | perl -e 'my @v = <STDIN>; chomp @v; die "no values\n" unless @v;
		print join(" ", map { $v[$_ * $#v + 0.5] } 0.5, 0.99, 1), "\n"'
}

# row NAME FIGURE UNIT [RATIO [TARGET]]: a target is "op number", of the ratio
# if there is one, else of the figure.
row()
{
	local name=$1 figure=$2 unit=$3 ratio=${4:-} target=${5:-} ok=''
	if [ -n "$target" ]; then
		ok=$(calc "(${ratio:-$figure}) $target ? 'yes' : 'NO'" %s)
	fi
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$figure" "$unit" "$ratio" "$target" "$ok" >> "$place/rows"
	printf '  %-58s %10s %-9s %6s %8s %s\n' "$name" "$figure" "$unit" "$ratio" "$target" "$ok"
}

machine_facts()
{
	printf '%s · %s × %s · %s GiB · %s · %s · libcurl %s · nginx %s · load before the run %s\n' \
		"$(date -u '+%Y-%m-%d %H:%M UTC')" "$(nproc)" \
		"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
		"$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)" \
		"$(. /etc/os-release && echo "$PRETTY_NAME")" "$("$bin/postgres" --version)" \
		"$(curl-config --version 2> /dev/null | sed 's/libcurl //')" \
		"$(nginx -v 2>&1 | sed 's|.*/||; s| .*||')" "$load"
}

# write_results NAME: the table as bench/results/NAME.md and .csv.
write_results()
{
	local to=$root/bench/results/$1
	mkdir -p "${to%/*}"
	{
		printf '# Benchmark\n\n'
		machine_facts
		cat <<-END

			One run of \`$target\`: a private cluster with fsync and synchronous_commit on, shared_buffers
			256 MB, max_wal_size 4 GB, min_wal_size 2 GB, everything else by default; database, workers, nginx and clients share the
			machine. Ratios compare figures of this run; absolute ones move by 15 % and more between runs.
			bench/README.md says what each line means.

		END
		printf '| | figure | unit | ratio | target | ok |\n|---|--:|---|--:|---|---|\n'
		awk -F '\t' '{ printf "| %s | %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5, $6 }' "$place/rows"
	} > "$to.md"
	{
		printf 'name,figure,unit,ratio,target,ok\n'
		awk -F '\t' '{ printf "\"%s\",%s,\"%s\",%s,\"%s\",%s\n", $1, $2, $3, $4, $5, $6 }' "$place/rows"
	} > "$to.csv"
	say "written to bench/results/$1.md and .csv"
}
