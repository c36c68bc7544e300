#!/usr/bin/env bash
# The rules of the rooms: which part of the source may use what.
#
# Each rule is one function, rule_NAME. It sets `fix`, which tells what to do,
# and prints the lines that break it. bgworker/README.md has the map. When the
# rooms change, this file, that map and docs/architecture.md change together.
set -euo pipefail
cd "${1:-${BASH_SOURCE[0]%/*}/..}"

# Files outside these lists are not to be added lightly: say why in the commit.
SQL_FUNCTIONS=(extension/api.c extension/submit.c extension/submit_list.c extension/waiting.c extension/steer.c extension/define.c
	extension/submit_sql.c extension/inside.c extension/secrets.c extension/schedule.c
	extension/wait_sets.c extension/run.c extension/steer_where.c extension/tools.c extension/groups.c extension/hosts.c
	extension/token.c extension/pages.c extension/stats.c extension/metrics.c
	extension/sources.c extension/source_test.c extension/decode.c extension/cached.c extension/within.c)
# run.c is a procedure that commits, which only SPI_commit does; it runs no SQL by it.
SPI_USERS=(bgworker/base/db.c bgworker/executor.c extension/run.c)
TRANSACTIONS=(bgworker/base/db.c bgworker/executor.c)
CLOCKS=(bgworker/base/clock.c extension/submit.c extension/submit_list.c extension/steer.c extension/define.c extension/waiting.c
	extension/hooks.c extension/events.c extension/shared.c extension/secrets.c extension/schedule.c
	extension/steer_where.c extension/groups.c extension/limit_table.c extension/hosts.c extension/token.c extension/stats.c extension/metrics.c extension/sources.c extension/source_test.c extension/letter.c extension/cached.c extension/within.c)

# The source without its comments, under the same names and line numbers.
bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
while IFS= read -r file; do
	mkdir -p "$bare/${file%/*}"
	perl -0777 -pe '
		s{("(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])*\x27)|/\*.*?\*/|//[^\n]*}
		 {my $kept = $1; my $all = $&; defined $kept ? $kept : $all =~ s/[^\n]//gr}gse;
	' "$file" > "$bare/$file"
done < <(find extension bgworker -name '*.[ch]' -not -path '*/build/*' 2> /dev/null | sort)

# search PATTERN PLACE...: path:line:text of each hit in those files or folders.
search()
{
	local pattern=$1 place
	shift
	for place in "$@"; do
		if [ -e "$bare/${place%/}" ]; then
			(cd "$bare" && grep -rHnE -e "$pattern" "${place%/}") || true
		fi
	done
}

# only_in PATTERN PLACE...: hits anywhere in the C source but in these places.
only_in()
{
	local pattern=$1 line place
	shift
	while IFS= read -r line; do
		for place in "$@"; do
			case $line in "$place":* | "${place%/}"/*) continue 2 ;; esac
		done
		printf '%s\n' "$line"
	done < <(search "$pattern" extension bgworker)
}

# The row of a file: it includes from its own or a lower one.
row_of()
{
	case $1 in
		extension/core/*) echo 1 ;;
		extension/*) echo 2 ;;
		bgworker/base/*) echo 3 ;;
		bgworker/queue/run.h | bgworker/kinds/kind.h) echo 4 ;;
		bgworker/net/*) echo 5 ;;
		bgworker/*/*) echo 6 ;;
		*) echo 7 ;;
	esac
}

# Every include of ours, as: includer included line.
our_includes()
{
	local file line number name folder
	while IFS= read -r line; do
		file=${line%%:*}
		number=${line#*:}
		number=${number%%:*}
		name=${line#*\"}
		name=${name%%\"*}
		for folder in "${file%/*}" extension bgworker .; do
			if [ -e "$folder/$name" ]; then
				printf '%s %s %s\n' "$file" "$folder/$name" "$number"
				break
			fi
		done
	done < <(search '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' extension bgworker)
}

rule_includes_go_down()
{
	fix="a file includes only from its own row or a lower one: mains, then queue/kinds/sources/relay,
	then net, base, extension, extension/core; pass a pointer or move the shared part down"
	local from to line
	while read -r from to line; do
		[ "$(row_of "$from")" -ge "$(row_of "$to")" ] || echo "$from:$line: includes $to"
	done <<< "$includes"
}

rule_extension_knows_no_worker()
{
	fix="code that every backend loads may not depend on what only our processes run;
	move what both need to extension/"
	awk '$1 ~ /^extension\// && $2 ~ /^bgworker\// { print $1 ":" $3 ": includes " $2 }' <<< "$includes"
}

rule_kinds_are_strangers()
{
	fix="kinds of task never include each other; what two need belongs in kinds/kind.h or net/"
	# the files of one kind are http.c, http_request.h and so on
	awk '$1 ~ /^bgworker\/kinds\// && $2 ~ /^bgworker\/kinds\// {
		from = $1; sub(/.*\//, "", from); sub(/[_.].*/, "", from)
		to = $2; sub(/.*\//, "", to); sub(/[_.].*/, "", to)
		if (to != "kind" && to != from && from != "registry")
			print $1 ":" $3 ": includes " $2
	}' <<< "$includes"
}

rule_relay_runs_no_tasks()
{
	fix="the relay only passes on what happened: it never includes claim, run or kinds"
	awk '$1 ~ /^bgworker\/relay/ && $2 ~ /^bgworker\/(queue\/(claim|run)|kinds\/)/ {
		print $1 ":" $3 ": includes " $2 }' <<< "$includes"
}

rule_core_is_plain_c()
{
	fix="extension/core is tested without PostgreSQL: standard C, the headers of internet
	addresses, and its own only"
	local std='assert|ctype|errno|float|inttypes|limits|math|stdarg|stdbool|stddef|stdint|stdio|stdlib|string|strings|time|arpa/inet|netinet/in|sys/socket'
	search '#[[:space:]]*include[[:space:]]*<' extension/core | grep -vE "<($std)\.h>" || true
	search '#[[:space:]]*include[[:space:]]*"' extension/core | while IFS= read -r line; do
		name=${line#*\"}
		name=${name%%\"*}
		[ -e "extension/core/${name#core/}" ] || echo "$line"
	done
}

rule_curl_stays_in_net()
{
	fix="curl.h belongs in bgworker/net/, kinds/http.c and kinds/email.c: hide it behind net/'s interface"
	only_in '#[[:space:]]*include[[:space:]]*[<"]curl/' bgworker/net/ bgworker/kinds/http.c bgworker/kinds/email.c
}

rule_websockets_stay_in_relay()
{
	fix="libwebsockets.h belongs in bgworker/relay/ws.c, relay/tls.c and sources/peer_lws.c"
	only_in '#[[:space:]]*include[[:space:]]*[<"]libwebsockets' bgworker/relay/ws.c bgworker/relay/tls.c bgworker/sources/peer_lws.c
}

rule_libpq_stays_in_notify()
{
	fix="libpq-fe.h belongs in bgworker/relay/notify.c, which never waits"
	only_in '#[[:space:]]*include[[:space:]]*[<"]libpq-fe' bgworker/relay/notify.c
}

rule_spi_behind_one_door()
{
	fix="bgworker/base/db.c is the door to SQL: add a call to its table and use that"
	only_in 'executor/spi\.h|\bSPI_[a-z]' "${SPI_USERS[@]}"
}

rule_sql_behind_one_door()
{
	fix="SQL lives in sql/ as a function, called through bgworker/base/db.c and its table, db_calls.c"
	only_in '"[[:space:]]*(SELECT\b|INSERT INTO\b|UPDATE [^ ]+ SET\b|DELETE FROM\b|WITH [^ ]+ AS\b)' "${SPI_USERS[@]}" bgworker/base/db_calls.c |
		grep -v '\."' || true # a hint is a sentence, and ends like one
}

rule_rows_are_written_in_sql()
{
	fix="rows are written by SQL functions; extension/submit_row.c alone does without, for the speed of submits"
	only_in '\b(heap_insert|(simple_)?table_tuple_(insert|update|delete)|ExecSimpleRelation[A-Z][a-z]+|CatalogTuple[A-Z][a-z]+)\b' \
		extension/submit_row.c
}

rule_versions_in_compat()
{
	fix="what differs between PostgreSQL versions gets a name in extension/compat.h"
	only_in 'PG_VERSION_NUM|PG_MAJORVERSION' extension/compat.h
}

rule_sql_functions_in_their_files()
{
	fix="functions that SQL calls live in: ${SQL_FUNCTIONS[*]}"
	only_in 'PG_FUNCTION_INFO_V1' "${SQL_FUNCTIONS[@]}"
}

rule_transactions_in_db()
{
	fix="a transaction begins in bgworker/base/db.c, so that none is open while we wait"
	only_in '\b(StartTransactionCommand|CommitTransactionCommand)\b' "${TRANSACTIONS[@]}"
}

rule_one_wall_clock()
{
	fix="ask bgworker/base/clock.c for the time, so that a test can set it"
	only_in '\b(GetCurrentTimestamp|GetCurrentIntegerTimestamp|gettimeofday|clock_gettime|uv_clock_gettime|time)[[:space:]]*\(' \
		"${CLOCKS[@]}"
}

rule_nothing_throws_through_curl()
{
	fix="callbacks of foreign libraries only record and return a code; raise the error in queue/ or base/"
	search '\b(ereport|elog|palloc[0-9a-z_]*|repalloc|pstrdup|psprintf|MemoryContext[A-Z][A-Za-z]*|CHECK_FOR_INTERRUPTS)[[:space:]]*\(' \
		bgworker/net extension/core bgworker/sources/peer.c bgworker/sources/peer_end.c bgworker/sources/peer_lws.c \
		bgworker/sources/frames.c
}

# What libuv and libwebsockets call back; the others run in the main loop, or once at the start.
RELAY_CALLED_BACK=(accept answer args class conn hub listen message page routes session session_io session_subs sse text token upgrade web wish)
rule_nothing_throws_through_the_relay()
{
	fix="callbacks of the relay queue a request (request.c) or keep a line (relay_log); only the main loop throws"
	local name
	for name in "${RELAY_CALLED_BACK[@]}"; do
		search '\b(ereport|elog|palloc[0-9a-z_]*|repalloc|pstrdup|psprintf|MemoryContext[A-Z][A-Za-z]*|CHECK_FOR_INTERRUPTS)[[:space:]]*\(' \
			"bgworker/relay/$name.c"
	done
}

rule_first_install_adopts_nothing()
{
	fix="the install script says CREATE, never OR REPLACE or IF NOT EXISTS:
	it must not take over what somebody else put there"
	grep -HniE '^[^-]*\b(OR[[:space:]]+REPLACE|IF[[:space:]]+NOT[[:space:]]+EXISTS)\b' sql/*.sql 2> /dev/null || true
}

rule_no_reg_columns()
{
	fix="pg_upgrade refuses tables with reg* columns: store text, resolve it when it is used"
	[ ! -e sql/10_tables.sql ] ||
		grep -HnE '^[^-]*[[:space:]]reg(class|collation|config|dictionary|namespace|oper|operator|proc|procedure|role|type)\b' \
			sql/10_tables.sql || true
}

# All files that are ours, without what builds and runs leave behind.
all_files()
{
	find . \( -name .git -o -name .demo -o -name build -o -name node_modules -o -name log \
		-o -path ./results -o -path ./dashboard/dist -o -path ./bench/results -o -path ./output_iso -o -path ./tmp_check \) -prune \
		-o -type f -not -name '*.o' -not -name '*.so' -not -name '*.bc' -print
}

rule_no_machine_paths()
{
	fix="a file may not name a place on the machine it was written on"
	all_files | xargs -r grep -HnIE '/(wor)k/|/(far)m/|/(hom)e/[a-z]+|/(roo)t/|[.][.]/(shar)ed/' || true
}

rule_page_shows_text_only()
{
	fix="the dashboard hands text from outside to preact as a child or an attribute, never as markup;
	its CSP allows no inline script or style; only lib/html.js knows the view library"
	[ -d dashboard/src ] || return 0
	grep -rHnE 'dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|srcdoc|javascript:' dashboard/src || true
	grep -rHnE "from '(preact|preact/hooks|htm)'" dashboard/src | grep -v '^dashboard/src/lib/html.js:' || true
	grep -HnE '<style|<script>|<script [^>]*>[^<]| style=| on[a-z]+=' dashboard/src/index.html || true
}

rule_page_has_relative_addresses()
{
	fix="the page works under a path behind a proxy, and loads nothing from elsewhere"
	[ -d dashboard/src ] || return 0
	grep -rHnE 'https?://|["(]//[a-z]|(href|src)=["'\''`]?/|fetch\([`'\''"]/' dashboard/src | grep -v 'http://www.w3.org/' || true
	grep -HnE '"resolved"|registry' dashboard/package*.json tests/browser/package*.json || true
}

rule_no_sleep_in_tests()
{
	fix="a test waits for a state, never for a time: poll for what you expect"
	[ ! -d tests ] || all_files | grep '^\./tests/' | grep -v '^\./tests/rooms\.sh$' |
		xargs -r grep -HnIE 'pg_sleep\(|\bu?sleep *\(|\bsleep +[0-9$]|setTimeout\([^,]*, *[0-9]{3,}' || true
}

includes=$(our_includes)
rules=0
broken=0
for rule in $(declare -F | sed -n 's/^declare -f rule_//p'); do
	rules=$((rules + 1))
	fix=
	exec 3> "$bare/.hits"
	"rule_$rule" >&3
	exec 3>&-
	if [ -s "$bare/.hits" ]; then
		broken=$((broken + 1))
		printf 'rooms: %s is broken\n' "$rule"
		sed 's/^/  /' "$bare/.hits"
		printf '  to fix: %s\n' "$(tr -s '\n\t' '  ' <<< "$fix")"
	fi
done
printf 'rooms: %d rules, %d broken\n' "$rules" "$broken"
[ "$broken" = 0 ]
