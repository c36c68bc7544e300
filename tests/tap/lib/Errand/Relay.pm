# What the tests of the relay need beside Errand.pm: a cluster whose relay
# listens, and the Python programs of tests/ws that talk to it.
package Errand::Relay;

use strict;
use warnings;
use Exporter 'import';
use Errand;
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(relay_node relay_port relay_up relay_pid relay_program SECRET);

use constant SECRET => 'CANARY-secret-of-the-tests-0123456789';

my %ports;

# relay_node(NAME, conf => TEXT, ...): as errand_node, with a relay that answers,
# and public.noop(jsonb) for tasks.
sub relay_node
{
	my ($name, %o) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $node = errand_node($name, %o, conf => "errand.port = $port\nerrand.token_secret = '@{[SECRET]}'\n" . ($o{conf} // ''));
	$ports{$node} = $port;
	sql($node, 'CREATE FUNCTION public.noop(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$');
	relay_up($node) or BAIL_OUT('no relay came up');
	return $node;
}

sub relay_port { return $ports{$_[0]} }

# Until the relay of that port says that it is ready.
sub relay_up
{
	my ($node, $port) = @_;
	$port //= $ports{$node};
	return poll_for(30, "a relay at port $port", sub { http_status($port, '/readyz') == 200 });
}

sub http_status
{
	my ($port, $path) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5) or return 0;
	local $SIG{PIPE} = 'IGNORE';
	print $socket "GET $path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\nConnection: close\r\n\r\n";
	my $line = <$socket> // '';
	return $line =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0;
}

sub relay_pid
{
	my ($node, $database) = @_;
	my ($pid) = pids_of($node, 'errand relay', $database // 'postgres');
	return $pid;
}

# relay_program(NODE, PROGRAM, NAME => VALUE...): runs tests/ws/PROGRAM with these
# in its environment; each of its assertions becomes one of this test.
sub relay_program
{
	my ($node, $program, %env) = @_;
	local %ENV = (
		%ENV,
		PGHOST         => $node->host,
		PGPORT         => $node->port,
		PGUSER         => scalar getpwuid($>),
		PGDATABASE     => 'postgres',
		PGDATA         => $node->data_dir,
		PGLOG          => $node->logfile,
		RELAY_PORT     => $ports{$node},
		RELAY_SECRET   => SECRET,
		PYTHONPATH     => "$FindBin::RealBin/../ws",
		PYTHONDONTWRITEBYTECODE => 1,
		%env);
	my @command = $program =~ /\.py$/ ? ('/usr/bin/python3') : ('node');
	my ($output, $errors) = ('', '');
	IPC::Run::run([ @command, "$FindBin::RealBin/../ws/$program" ], '<', \undef, '>', \$output, '2>', \$errors);
	my ($planned) = $output =~ /^1\.\.(\d+)$/m;
	my $seen = 0;
	foreach my $line (split /\n/, $output)
	{
		if ($line =~ /^ok \d+ - (.*)/)        { $seen++; pass("$program: $1") }
		elsif ($line =~ /^not ok \d+ - (.*)/) { $seen++; fail("$program: $1") }
		elsif ($line =~ /^# (.*)/)            { diag("$program: $1") }
	}
	is($seen, $planned // 'a plan', "$program ran to its end") or diag($errors);
	diag($errors) if $errors ne '' && !defined $planned;
	return;
}

1;
