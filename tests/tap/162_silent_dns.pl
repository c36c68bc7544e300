# Name servers that say nothing: who asks waits, nobody else does; and a worker
# that waits for them obeys at once, through a storm of signals.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = counting();
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die "no socket: $!";
my $node = errand_node('silent_dns', conf => "errand.dns_servers = '127.0.0.1:" . $silent->sockport . "'");

# ---- twenty names that nobody answers for, and good tasks beside them ----

sql($node, "CREATE TABLE asked AS SELECT errand.http_get('http://n' || i || '.silent.test/', timeout => '6 s', max_attempts => 1) AS id FROM generate_series(1, 20) AS i");
ok(poll_for(10, 'questions', sub { my $bits = ''; vec($bits, fileno($silent), 1) = 1; return select($bits, undef, undef, 0) > 0 }), 'the name server is asked');
my $began = time;
foreach my $batch (1 .. 5)
{
	sql($node, "SELECT count(errand.http_get('" . $web->url('/json') . "')) FROM generate_series(1, 10)");
}
ok(poll_for(5, 'the good ones', sub { $web->requests >= 50 }), '50 good tasks run meanwhile');
cmp_ok(time - $began, '<', 3, '... without waiting');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE id IN (SELECT id FROM asked) AND state = 'running'"), '20', '... while the others still wait');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE id IN (SELECT id FROM asked) AND state = 'failed'", '20', 30), 'which fail in time');
unlike(sql($node, 'SELECT min(error) FROM errand.tasks WHERE id IN (SELECT id FROM asked)'), qr/^$/, '... and say why: ' . sql($node, 'SELECT min(error) FROM errand.tasks WHERE id IN (SELECT id FROM asked)'));

# ---- a storm of signals while names are asked for and transfers run ----

sql($node, "SELECT count(errand.http_get('http://m' || i || '.silent.test/', timeout => '20 s')) FROM generate_series(1, 20) AS i");
sql($node, "SELECT count(errand.http_get('" . $web->url('/delay/500') . "')) FROM generate_series(1, 60)");
my $pid = worker_pid($node);
my $sent = 0;
poll_for(30, 'the storm', sub { kill 'USR1', $pid; select(undef, undef, undef, 0.001), kill('USR1', $pid) foreach 1 .. 100; return ($sent += 101) > 2000 });
is(worker_pid($node), $pid, "$sent signals later it is the same worker");
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'succeeded'", '110', 20), '... and all transfers came through');

# ---- told to end ----

$began = time;
sql($node, "SELECT pg_terminate_backend($pid)");
ok(poll_for(10, 'its end', sub { !kill 0, $pid }), 'told to end, it ends');
cmp_ok(time - $began, '<', 3, '... at once, though names are asked for');
isnt(worker_pid($node), $pid, 'another one comes');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'running'", '20', 20), '... and asks again');
$began = time;
$node->stop('fast');
cmp_ok(time - $began, '<', 3, 'a fast shutdown does not wait for name servers');
unlike(slurp_file($node->logfile), qr/terminated by signal/, 'nothing crashed');

done_testing();
