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
	RELAY_PORT=$port RELAY_SECRET=$secret PGDATABASE=valgrind_relay PGUSER=$(id -un) CONNECTS=${CONNECTS:-10000} SECONDS_MOST=900 GROWTH_MB=40 \
		PYTHONDONTWRITEBYTECODE=1 python3 tests/ws/growth.py
}

# What pg_regress does not start: an executor, the relay, the stream process,
# mail. Each does its usual work, and what goes wrong for it.
valgrind_kinds()
{
	local port token url
	port=$(free_ports 1)
	url=http://127.0.0.1:$port
	createdb errand_valgrind
	psql -qXAt -v ON_ERROR_STOP=1 -d errand_valgrind -v secret="$(head -c 32 /dev/urandom | base64 -w 0)" -v port="$port" \
		-v count="$COUNT_PORT" <<-'SQL'
		CREATE EXTENSION pg_errand;
		ALTER SYSTEM SET errand.token_secret = :'secret';
		ALTER SYSTEM SET errand.smtp_url = 'smtp://127.0.0.1:9';
		ALTER SYSTEM SET errand.smtp_from = 'a@example.com';
		ALTER DATABASE errand_valgrind SET errand.port = :'port';
		SELECT pg_reload_conf();
		CREATE FUNCTION public.work(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM errand.set_progress(0.5);
			RAISE NOTICE 'said';
			IF (a->>'i')::int % 3 = 0 THEN RAISE EXCEPTION 'so it is'; END IF;
			RETURN a;
		END $$;
		CREATE TABLE item (id bigint, name text);
		SELECT errand.define_source('stream', 'websocket', format('ws://127.0.0.1:%s/', :'count'), target => 'item');
		SELECT errand.start_source('stream');
		SELECT count(errand.call('public.work(jsonb)', jsonb_build_object('i', i), max_attempts => 2, backoff_base => '10 ms')) FROM generate_series(1, 30) AS i;
		SELECT count(errand.email(ARRAY['a@example.com'], 's', 'text', max_attempts => 2, backoff_base => '10 ms')) FROM generate_series(1, 5);
	SQL
	wait_until 120 test_all_final
	wait_until 60 curl -sf -o "$log/valgrind-page" "$url/"
	token=$(psql -XAtq -d errand_valgrind -c "SELECT errand.issue_token('postgres', 'admin')")
	for path in /healthz /readyz /metrics /api/v1/overview /api/v1/tasks /api/v1/queues /nothing; do
		curl -s -o "$log/valgrind-page" -m 20 -H "Authorization: Bearer $token" "$url$path"
		curl -s -o "$log/valgrind-page" -m 20 -H "Authorization: Bearer x.$token" "$url$path"
	done
	curl -s -o "$log/valgrind-page" -m 3 -N -H "Authorization: Bearer $token" "$url/api/v1/events?channel=tasks" || true
	curl -s -o "$log/valgrind-page" -m 3 -N --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
		-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H "Sec-WebSocket-Protocol: errand.v1.json, bearer.$token" "$url/ws" || true
}

test_all_final()
{
	[ "$(psql -XAtq -d errand_valgrind -c "SELECT count(*) FROM errand.tasks WHERE state NOT IN ('succeeded', 'failed')")" = 0 ]
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
	valgrind_kinds > "$log/valgrind-kinds.log" 2>&1 || show_end "$log/valgrind-kinds.log" 30
	relay_under_valgrind > "$log/valgrind-relay.log" 2>&1 || relay=bad
	pg_ctl -D "$cluster/data" -m fast -w -t 120 stop > /dev/null || show_end "$log/postgresql.log"
	rm -f "$cluster/ready"
	reports=$(our_reports)
	[ "$relay" = good ] || show_end "$log/valgrind-relay.log"
	[ -z "$reports" ] || say "$reports" | head -n 150
	if [ -z "$reports" ] && [ "$relay" = good ]; then part_done valgrind 1 0; else part_done valgrind 0 1; fi
}
