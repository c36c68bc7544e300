# shellcheck shell=bash
# What the test runner, the demo and the benchmark share. Source it.

# where nginx and runuser are, which not everybody has in the path
PATH=$PATH:/usr/sbin:/sbin
# the makes we start have jobs and variables of their own
unset MAKEFLAGS MFLAGS MAKELEVEL

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Wait a moment (a twentieth of a second) without starting a process.
moment() { read -r -t 0.05 <> <(:) || true; }

# wait_until SECONDS COMMAND...: poll until the command succeeds.
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		moment
	done
}

# free_ports N: that many different TCP ports nobody listens on, below the
# range from which the system takes the ports of outgoing connections.
free_ports()
{
	perl -MIO::Socket::INET -e '
		my ($want, @held) = (shift);
		for (1 .. 2000) {
			last if @held == $want;
			my $socket = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
				LocalPort => 20000 + int(rand(12000)), Listen => 1, ReuseAddr => 1);
			push @held, $socket if $socket;
		}
		die "no free port found\n" if @held < $want;
		print join(" ", map { $_->sockport } @held), "\n";' "$1"
}

# The user under whom PostgreSQL may run: ourselves, or if we are root another.
server_user()
{
	if [ "$(id -u)" != 0 ]; then
		id -un
	elif id -u postgres > /dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# as_server COMMAND...: run it as that user.
as_server()
{
	if [ "$(id -u)" != 0 ]; then
		"$@"
	else
		runuser -u "$(server_user)" -- "$@"
	fi
}

# pg_config_path: the pg_config of the PostgreSQL to use, as a full path.
# PG_CONFIG decides if set; else the newest server whose headers are installed.
pg_config_path()
{
	local path
	if [ -n "${PG_CONFIG:-}" ] && [ "$PG_CONFIG" != pg_config ]; then
		command -v "$PG_CONFIG" && return
		return 1
	fi
	for path in $(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -t/ -k5 -rn); do
		if [ -x "$path" ] && [ -e "$("$path" --includedir-server)/postgres.h" ]; then
			echo "$path"
			return
		fi
	done
	command -v pg_config
}

# copy_tree FROM TO: the sources without what git and builds leave behind.
copy_tree()
{
	mkdir -p "$2"
	tar -C "$1" --exclude=./.git --exclude=./.demo --exclude=./log --exclude=./results \
		--exclude=./output_iso --exclude=./tmp_check --exclude=build --exclude='*.o' \
		--exclude='*.so' --exclude='*.bc' --exclude=./bench/results --exclude=node_modules \
		-cf - . | tar -C "$2" -xf -
}

# npm_packages DIR: what its package-lock.json lists, unless it is there already.
npm_packages()
{
	local done_=$1/node_modules/.package-lock.json
	if [ -e "$done_" ] && [ ! "$1/package-lock.json" -nt "$done_" ]; then return 0; fi
	(cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

# stop_pid_file FILE [SIGNAL]: end the process whose id the file holds, and wait.
stop_pid_file()
{
	local pid
	[ -s "$1" ] || return 0
	read -r pid < "$1"
	if kill "-${2:-TERM}" "$pid" 2> /dev/null; then
		wait_until 10 not_running "$pid" || kill -KILL "$pid" 2> /dev/null || true
	fi
	rm -f "$1"
}

# A process that has ended may still wait for its parent to notice.
not_running()
{
	local stat
	kill -0 "$1" 2> /dev/null || return 0
	read -r stat 2> /dev/null < "/proc/$1/stat" || return 1
	[[ $stat == *") Z "* ]]
}
