# Memory runs out in the relay, for libwebsockets and for our own code, and in the
# stream process for our own code, allocation after allocation: once each gap between
# two failures here, ten times in `make check-long`. Processes stay, and what is lost
# is told.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $walks = $ENV{ERRAND_LONG} ? 10 : 1;
my $server = stream_server();
my $node = relay_node('memory');

# ---- the relay ----

relay_program($node, 'memory.py', PATIENCE => 3, WALKS => $walks);

# ---- the stream process ----

sql($node, 'CREATE TABLE ticks (seq bigint, name text)');

sub stream
{
	my ($name, $path) = @_;
	sql($node, qq{SELECT errand.define_source('$name', 'websocket', '@{[$server->url($path)]}', target => 'ticks', sequence => '\$.seq',
		batch_interval => '50 ms', columns => '{"seq": "\$.seq", "name": "\$.name"}'); SELECT errand.start_source('$name')});
	return;
}

sub failures
{
	my $offset = shift;
	return scalar(() = slurp_file($node->logfile, $offset) =~ /fault point memory/g);
}

# What has no memory is counted as dropped, or as malformed where its text had none.
my ($n, $sources) = (2000 * $walks, 12);
stream('hold', '/hold?s=600');
ok(poll_for(30, 'a stream process', sub { pids_of($node, 'errand stream') }), 'streams begin');
my ($pid) = pids_of($node, 'errand stream');
my $offset = new_log($node);
reload_settings($node, 'errand.fault' => 'memory:stream=chance');
stream("count$_", "/count?n=$n&rate=500&name=count$_") foreach 1 .. $sources;
ok(poll_for(120 * $walks, 'failures', sub { failures($offset) >= 50 * $walks }), 'memory runs out while they connect and listen');
reload_settings($node, 'errand.fault' => '');
diag failures($offset) . ' allocations failed; ' . sql($node, 'SELECT sum(connects), sum(dropped), sum(missed) FROM errand.stat_sources') . ' connections, messages dropped, missed';
ok(wait_for_sql($node, "SELECT count(*) FROM errand.stat_sources WHERE source ~ 'count' AND sequence = $n", $sources, 120), 'the last message of each is there');
ok(wait_for_sql($node, 'SELECT (SELECT count(*) FROM ticks) + sum(missed + dropped + malformed) FROM errand.stat_sources', $n * $sources, 60),
	'... what does not come to the target is counted');
is(sql($node, 'SELECT count(*) - count(DISTINCT (seq, name)) FROM ticks'), '0', '... no message twice');
is((pids_of($node, 'errand stream'))[0], $pid, 'by the same process');

unlike(slurp_file($node->logfile), qr/terminated by signal|exited with exit code|PANIC/, 'nobody ended');
$node->stop;

done_testing();
