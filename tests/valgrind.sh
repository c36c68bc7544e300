# shellcheck shell=bash
# Some regression tests with the whole server under valgrind: `make valgrind`.
# tests/suite sources this. A report counts if one of our functions is in it;
# only our code has debug symbols, so only its frames name a file and a line.
# shellcheck disable=SC2154 # suite sets log, bin and the others

VALGRIND_TESTS=${VALGRIND_TESTS:-$(variable VALGRIND_TESTS)}

valgrind_server()
{
	mkdir -p "$log/valgrind"
	setsid valgrind --quiet --trace-children=yes --num-callers=40 --track-origins=yes \
		--leak-check=no --time-stamp=yes --error-limit=no --suppressions=tests/valgrind.supp \
		--log-file="$log/valgrind/%p.log" \
		"$bin/postgres" -D "$cluster/data" > "$log/postgresql.log" 2>&1 < /dev/null &
	server=$!
	wait_until 120 answers_or_died && ! not_running "$server"
}

answers_or_died() { psql -XAtqc 'SELECT 1' || not_running "$server"; }

# The reports in these logs that have a frame of ours, each once.
our_reports()
{
	local files
	files=$(find extension bgworker -name '*.c' -printf '%f\n' | sed 's/\./\\./' | paste -sd'|')
	perl -0777 -se '
		foreach my $report (map { split /^==\S+ \d+==\s*\n/m } <>) {
			$report =~ s/^==.*?\d+== ?//mg;
			print "$report\n" if $report =~ /\((?:$files):\d+\)/;
		}' -- -files="$files" "$log"/valgrind/*.log
}

# Its connections are many; what is wrong about one is seen in the reports.
relay_under_valgrind()
{
	local port secret=valgrind-0123456789-0123456789-0123456789
	port=$(free_ports 1)
	createdb valgrind_relay &&
		psql -qX -v ON_ERROR_STOP=1 -d valgrind_relay -v port="$port" -v secret="$secret" <<-'END' &&
			CREATE EXTENSION pg_errand;
			CREATE FUNCTION public.noop(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
			ALTER SYSTEM SET errand.token_secret = :'secret';
			ALTER DATABASE valgrind_relay SET errand.port = :'port';
			SELECT pg_reload_conf();
		END
		wait_until 120 curl -sf "http://127.0.0.1:$port/readyz" || return 1
	RELAY_PORT=$port RELAY_SECRET=$secret PGDATABASE=valgrind_relay PGUSER=$(id -un) CONNECTS=10000 SECONDS_MOST=900 GROWTH_MB=40 \
		PYTHONDONTWRITEBYTECODE=1 python3 tests/ws/growth.py
}

part_valgrind()
{
	local reports relay=good
	if [ -z "$VALGRIND_TESTS" ]; then
		say "VALGRIND_TESTS names no tests"
		part_done valgrind 0 0
		return
	fi
	needs_cluster valgrind || return 0
	pg_ctl -D "$cluster/data" -m fast -w stop > /dev/null
	if ! valgrind_server; then
		show_end "$log/postgresql.log"
		cat "$log"/valgrind/*.log | head -n 20
		part_done valgrind 0 1
		return
	fi
	# shellcheck disable=SC2046,SC2086 # several words each
	timeout -k 10 1800 "$pgxs_test/regress/pg_regress" --bindir="$bin" --host="$PGHOST" --port="$PGPORT" \
		$(variable REGRESS_OPTS) $VALGRIND_TESTS > "$log/valgrind.log" 2>&1 || show_end "$log/valgrind.log" 30
	relay_under_valgrind > "$log/valgrind-relay.log" 2>&1 || relay=bad
	pg_ctl -D "$cluster/data" -m fast -w -t 120 stop > /dev/null || show_end "$log/postgresql.log"
	rm -f "$cluster/ready"
	reports=$(our_reports)
	[ "$relay" = good ] || show_end "$log/valgrind-relay.log"
	[ -z "$reports" ] || say "$reports" | head -n 150
	if [ -z "$reports" ] && [ "$relay" = good ]; then part_done valgrind 1 0; else part_done valgrind 0 1; fi
}
