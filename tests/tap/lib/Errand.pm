# What the TAP tests share: clusters with the extension, the counting server
# and its ledger, waiting for something to become true, and chance with a seed.
package Errand;

use strict;
use warnings;
use DBI;
use DBD::Pg;
use Exporter 'import';
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(END_STOP errand_node conf_of sql sql_error wait_for_sql poll_for best_of reload_settings
  pids_of worker_pid new_log wait_for_line seed chance pick counting nginx mail_server stream_server finish_all);

# How a test ends its server.
use constant END_STOP => $ENV{COVERAGE} ? 'fast' : 'immediate';

my @nodes;

# errand_node(NAME, conf => TEXT, init => [...], extension => 0, databases => [...])
# A running cluster with the extension in its database postgres.
sub errand_node
{
	my ($name, %o) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '-E', 'UTF8', '--no-locale' ], @{ $o{init} || [] });
	$node->append_conf('postgresql.conf', conf_of($o{conf}));
	$node->start;
	push @nodes, $node;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_errand') if $o{extension} // 1;
	return $node;
}

# What a process has counted it writes at its end, not when it is killed (make coverage).
END
{
	my $status = $?;
	if ($ENV{COVERAGE}) { $_->stop('fast', fail_ok => 1) foreach @nodes }
	$? = $status;
}

# The settings that all of them have, and more after them.
sub conf_of
{
	my $more = shift // '';
	return <<"END";
shared_preload_libraries = 'pg_errand'
restart_after_crash = on
log_statement = none
max_connections = 40
max_worker_processes = 16
max_prepared_transactions = 5
errand.allow_networks = '127.0.0.1/32, ::1/128'
$more
END
}

# sql(NODE, QUERY [, DATABASE]): what it returns, unaligned; dies on an error.
sub sql
{
	my ($node, $query, $database) = @_;
	$database //= 'postgres';
	return is_single($query) ? ask($node, $query, $database) : $node->safe_psql($database, $query);
}

# Whether it is one statement, and none of psql's.
sub is_single
{
	my $query = shift;
	return $query !~ /\\|;\s*\S/;
}

# One statement in a session of its own, as psql -At would show it, without starting
# a psql: that takes most of the time of a test that asks again and again.
sub ask
{
	my ($node, $query, $database) = @_;
	my $db = DBI->connect('dbi:Pg:' . $node->connstr($database), '', '',
		{ RaiseError => 1, PrintError => 0, PrintWarn => 0, pg_bool_tf => 1, pg_enable_utf8 => 0, pg_expand_array => 0 });
	my $out = eval {
		my $statement = $db->prepare($query, { pg_direct => 1, pg_placeholder_dollaronly => 1 });
		$statement->execute;
		$statement->{NUM_OF_FIELDS} ? rows_of($statement) : '';
	};
	my $error = $@;
	$db->disconnect;
	die $error unless defined $out;
	return $out;
}

sub rows_of
{
	my $statement = shift;
	my @type = @{ $statement->{pg_type} };
	my @lines;
	while (my $row = $statement->fetchrow_arrayref)
	{
		push @lines, join '|', map {
			!defined $row->[$_] ? '' : $type[$_] eq 'bytea' ? '\\x' . unpack('H*', $row->[$_]) : $row->[$_]
		} 0 .. $#type;
	}
	return join "\n", @lines;
}

# sql_error(NODE, QUERY): "SQLSTATE: what it raised", or nothing.
sub sql_error
{
	my ($node, $query, $database) = @_;
	my ($status, $out, $err) =
	  $node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$query");
	return '' if $status == 0;
	$err =~ s/^psql:<stdin>:\d+: //mg;
	$err =~ s/^\w+: +(\w{5}): /$1: /m;
	return $err;
}

# poll_for(SECONDS, WHAT, SUB): look until SUB returns true, and return that;
# nothing when the time is over.
sub poll_for
{
	my ($seconds, $what, $sub) = @_;
	my $end = time + $seconds;
	my $pause = 0.01;
	while (1)
	{
		my $found = $sub->();
		return $found if $found;
		last if time > $end;
		# what takes long is asked less often: asking costs those who work
		select(undef, undef, undef, $pause);
		$pause *= 1.2 if $pause < 0.15;
	}
	diag "waited $seconds s in vain: $what";
	return;
}

# best_of(TRIES, LIMIT, SUB): SUB does it once, told which try this is, and returns
# the seconds; again only while that is not below LIMIT: the machine may stand still
# for a while, a defect stays. Returns the best.
sub best_of
{
	my ($tries, $limit, $sub) = @_;
	my $best;
	foreach my $try (1 .. $tries)
	{
		my $took = $sub->($try);
		$best = $took if !defined $best || $took < $best;
		last if $best < $limit;
	}
	return $best;
}

# wait_for_sql(NODE, QUERY [, EXPECTED, SECONDS, DATABASE]): poll until the query
# returns that; also over times when nobody can connect.
sub wait_for_sql
{
	my ($node, $query, $expected, $seconds, $database) = @_;
	my $got = '';
	$expected //= 't';
	my $good = poll_for(
		$seconds // 30,
		"$query gives $expected",
		sub {
			# who is refused may be gone before he was asked
			$got = eval { sql($node, $query, $database) };
			return 1 if defined $got && $got eq $expected;
			$got //= "($@)";
			return 0;
		});
	diag "it gives: $got" unless $good;
	return $good;
}

# Waits until nothing is left to do, and tells whether that came true.
sub finish_all
{
	my ($node, $seconds, $database) = @_;
	return wait_for_sql($node, q{SELECT count(*) FROM errand.tasks
		WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'unknown')}, '0', $seconds, $database);
}

# Where the log ends now; wait_for_line(NODE, PATTERN, OFFSET) looks behind it.
sub new_log
{
	my $node = shift;
	return -s $node->logfile;
}

sub wait_for_line
{
	my ($node, $pattern, $offset, $seconds) = @_;
	return poll_for($seconds // 20, "$pattern in the log",
		sub { return slurp_file($node->logfile, $offset // 0) =~ $pattern });
}

# Change settings for good. When the postmaster has logged the change it has
# told everybody; a new connection comes after that.
sub reload_settings
{
	my ($node, %settings) = @_;
	my $offset = new_log($node);
	my $query = join '', map {
		defined $settings{$_} ? "ALTER SYSTEM SET $_ = '$settings{$_}';\n" : "ALTER SYSTEM RESET $_;\n"
	} sort keys %settings;
	sql($node, $_) for split /(?<=;)\n/, $query;
	sql($node, 'SELECT pg_reload_conf()');
	foreach my $name (keys %settings)
	{
		wait_for_line($node, qr/parameter "\Q$name\E" (changed to|removed)/, $offset)
		  or die "$name did not change";
	}
	sql($node, 'SELECT 1');
	return;
}

# The processes of a backend type, as pg_stat_activity names them.
sub pids_of
{
	my ($node, $type, $database) = @_;
	my $where = defined $database ? "AND datname = '$database'" : '';
	my $pids = sql($node, "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' $where ORDER BY pid");
	return split /\n/, $pids;
}

# The worker of a database, once it is there.
sub worker_pid
{
	my ($node, $database) = @_;
	my $pid;
	$database //= 'postgres';
	poll_for(30, "a worker in $database",
		sub { ($pid) = eval { pids_of($node, 'errand worker', $database) }; return $pid })
	  or die 'no worker came';
	return $pid;
}

# ---- chance ----

my $seed;

# The seed of this run: ERRAND_SEED repeats one.
sub seed
{
	if (!defined $seed)
	{
		$seed = $ENV{ERRAND_SEED} || int(rand(1_000_000_000));
		note "ERRAND_SEED=$seed repeats this run";
		srand $seed;
	}
	return $seed;
}

# A whole number from LOW to HIGH.
sub chance
{
	my ($low, $high) = @_;
	seed();
	return $low + int(rand($high - $low + 1));
}

sub pick { return $_[ chance(0, $#_) ] }

# ---- the counting server ----

my @running;

# counting(NAME): starts one with a ledger of its own; it ends with the test.
sub counting
{
	my ($name, @options) = @_;
	my $program = $ENV{ERRAND_COUNTING} or die "ERRAND_COUNTING names no program\n";
	my $base = PostgreSQL::Test::Utils::tempdir("counting_" . ($name // 'server'));
	my $self = bless { ledger => "$base/ledger", at => 0 }, 'Errand::Counting';
	open my $touch, '>', $self->{ledger} or die "no ledger: $!";
	close $touch;
	defined(my $pid = fork) or die "cannot fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$base/log";
		open STDERR, '>&', \*STDOUT;
		exec { $program } $program, '--port-file', "$base/port", '--ledger', $self->{ledger},
		  '--die-with-parent', @options
		  or POSIX::_exit(1);
	}
	push @running, $pid;
	$self->{pid} = $pid;
	poll_for(10, 'the counting server', sub { -s "$base/port" }) or die "no counting server\n";
	$self->{port} = slurp_file("$base/port") + 0;
	return $self;
}

# ---- nginx ----

my @served;

# nginx(): starts one; returns the ports of what works, limits, fails and is slow.
sub nginx
{
	my $program = $ENV{ERRAND_WEB} or die "ERRAND_WEB names no program\n";
	my $base = PostgreSQL::Test::Utils::tempdir('nginx');
	system_or_bail($program, 'start', $base);
	push @served, $base;
	my %ports = slurp_file("$base/ports") =~ /(\w+)_PORT=(\d+)/g;
	return { dir => $base, map { lc $_ => $ports{$_} } keys %ports };
}

# ---- mail ----

# mail_server(OPTION...): a real one that keeps what it gets (tests/servers/smtp).
# With cert => DIR its certificate is the one made there, for localhost.
sub mail_server
{
	my @options = @_;
	my $base = PostgreSQL::Test::Utils::tempdir('mail');
	(my $program = $ENV{ERRAND_WEB}) =~ s/web$/smtp/;
	mkdir "$base/store" or die "no store: $!";
	defined(my $pid = fork) or die "cannot fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$base/log";
		open STDERR, '>&', \*STDOUT;
		exec { $program } $program, '--port-file', "$base/port", '--store', "$base/store", '--die-with-parent', @options
		  or POSIX::_exit(1);
	}
	push @running, $pid;
	poll_for(20, 'the mail server', sub { -s "$base/port" }) or die "no mail server\n";
	(my $reader = $program) =~ s/smtp$/mail-text/;
	return bless { pid => $pid, store => "$base/store", port => slurp_file("$base/port") + 0, reader => $reader }, 'Errand::Mail';
}

# ---- streams ----

# stream_server(OPTION...): a WebSocket server that does what the path says
# (tests/servers/stream), with a ledger.
sub stream_server
{
	my @options = @_;
	my $base = PostgreSQL::Test::Utils::tempdir('stream');
	(my $program = $ENV{ERRAND_WEB}) =~ s/web$/stream/;
	defined(my $pid = fork) or die "cannot fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$base/log";
		open STDERR, '>&', \*STDOUT;
		exec { $program } $program, '--port-file', "$base/port", '--ledger', "$base/ledger", '--die-with-parent',
		  '--seed', seed(), @options
		  or POSIX::_exit(1);
	}
	push @running, $pid;
	poll_for(20, 'the stream server', sub { -s "$base/port" }) or die "no stream server\n";
	return bless { pid => $pid, ledger => "$base/ledger", port => slurp_file("$base/port") + 0 }, 'Errand::Stream';
}

END
{
	my $status = $?;
	system($ENV{ERRAND_WEB}, 'stop', $_) foreach @served;
	foreach my $pid (@running)
	{
		kill 'TERM', $pid;
		waitpid $pid, 0;
	}
	$? = $status;
}

package Errand::Mail;

use strict;
use warnings;
use JSON::PP ();

sub url { my ($self, $scheme) = @_; return ($scheme // 'smtp') . "://127.0.0.1:$self->{port}" }

# How many messages came.
sub count { my @files = glob "$_[0]{store}/*.json"; return scalar @files }

# The Nth message, the last one if there is no N, as Python's mail library reads it.
sub mail
{
	my ($self, $n) = @_;
	$n //= $self->count;
	open my $reader, '-|', $self->{reader}, "$self->{store}/$n.json" or die "no reader: $!";
	my $text = do { local $/; <$reader> };
	close $reader or die 'the mail cannot be read';
	return JSON::PP::decode_json($text);
}

package Errand::Stream;

use strict;
use warnings;
use JSON::PP ();
use PostgreSQL::Test::Utils ();

sub port { return $_[0]->{port} }
sub url { my ($self, $path) = @_; return "ws://127.0.0.1:$self->{port}$path" }

# What happened, in order, as hashes: of one kind of event, on a path that begins so.
sub events
{
	my ($self, $event, $path) = @_;
	return grep { (!defined $event || $_->{event} eq $event) && (!defined $path || index($_->{path}, $path) == 0) }
	  map { JSON::PP::decode_json($_) } split /\n/, PostgreSQL::Test::Utils::slurp_file($self->{ledger});
}

package Errand::Counting;

use strict;
use warnings;
use JSON::PP ();
use PostgreSQL::Test::Utils ();

sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}$path" }
sub port { return $_[0]->{port} }
sub size { return -s $_[0]->{ledger} }

# Every request that arrived, as a hash; only those whose path matches, if given.
sub requests
{
	my ($self, $pattern) = @_;
	my @requests;
	foreach (split /\n/, PostgreSQL::Test::Utils::slurp_file($self->{ledger}))
	{
		my %r;
		@r{qw(at method path key attempt task status)} = split / /;
		push @requests, \%r if !defined $pattern || $r{path} =~ $pattern;
	}
	return @requests;
}

# The requests of one task, in the order of their arrival.
sub of_task
{
	my ($self, $id) = @_;
	return grep { $_->{task} eq $id } $self->requests;
}

# What GET /_count tells of connections and running requests.
sub totals
{
	my $self = shift;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 10)
	  or die "no counting server: $!";
	print $socket "GET /_count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	my $answer = do { local $/; <$socket> };
	$answer =~ s/.*?\r\n\r\n//s;
	return JSON::PP::decode_json($answer);
}

1;
