# Name servers that say nothing: who asks waits, nobody else does; and a worker
# that waits for them obeys at once, through a storm of signals.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use IO::Socket::INET;
use Socket qw(MSG_DONTWAIT);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = counting();
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die "no socket: $!";
my $node = errand_node('silent_dns', conf => "errand.dns_servers = '127.0.0.1:" . $silent->sockport . "'");

sub is_asked { my $bits = ''; vec($bits, fileno($silent), 1) = 1; return select($bits, undef, undef, 0) > 0 }

# ---- twenty names that nobody answers for, and good tasks beside them ----

sql($node, 'CREATE TABLE asked (id bigint, round int)');
my ($rounds, $waiting);
my $took = best_of(3, 3, sub {
	$rounds = shift;
	finish_all($node, 60);
	my $question;
	recv $silent, $question, 1000, MSG_DONTWAIT while is_asked();
	sql($node, "INSERT INTO asked SELECT errand.http_get('http://n' || i || '.round$rounds.silent.test/', timeout => '25 s', max_attempts => 1), $rounds FROM generate_series(1, 20) AS i");
	ok(poll_for(20, 'questions', \&is_asked), 'the name server is asked');
	my $began = time;
	sql($node, "SELECT count(errand.http_get('" . $web->url('/json') . "')) FROM generate_series(1, 10)") foreach 1 .. 5;
	ok(poll_for(20, 'the good ones', sub { $web->requests >= 50 * $rounds }), '50 good tasks run meanwhile');
	$waiting = sql($node, "SELECT count(*) FROM errand.tasks WHERE id IN (SELECT id FROM asked WHERE round = $rounds) AND state = 'running'");
	return time - $began; });
cmp_ok($took, '<', 3, '... without waiting');
is($waiting, '20', '... while the others still wait');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE id IN (SELECT id FROM asked) AND state = 'failed'", 20 * $rounds, 60), 'which fail in time');
unlike(sql($node, 'SELECT min(error) FROM errand.tasks WHERE id IN (SELECT id FROM asked)'), qr/^$/, '... and say why: ' . sql($node, 'SELECT min(error) FROM errand.tasks WHERE id IN (SELECT id FROM asked)'));

# ---- a storm of signals while names are asked for and transfers run ----

sql($node, "SELECT count(errand.http_get('http://m' || i || '.silent.test/', timeout => '60 s', max_attempts => 100, backoff => 'constant', backoff_base => '10 ms')) FROM generate_series(1, 20) AS i");
sql($node, "SELECT count(errand.http_get('" . $web->url('/delay/500') . "')) FROM generate_series(1, 60)");
my $pid = worker_pid($node);
my $sent = 0;
poll_for(30, 'the storm', sub { kill 'USR1', $pid; select(undef, undef, undef, 0.001), kill('USR1', $pid) foreach 1 .. 100; return ($sent += 101) > 2000 });
is(worker_pid($node), $pid, "$sent signals later it is the same worker");
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'succeeded'", 50 * $rounds + 60, 60), '... and all transfers came through');

# ---- told to end ----

sub asks_again { return ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'running'", '20', 60), '... and asks again') }

$took = best_of(3, 3, sub {
	$pid = worker_pid($node);
	my $began = time;
	sql($node, "SELECT pg_terminate_backend($pid)");
	ok(poll_for(20, 'its end', sub { !kill 0, $pid }), 'told to end, it ends');
	my $seconds = time - $began;
	ok(poll_for(30, 'another worker', sub { my ($new) = pids_of($node, 'errand worker'); return $new && $new != $pid }), 'another one comes');
	asks_again();
	return $seconds; });
cmp_ok($took, '<', 3, 'it ended at once, though names were asked for');
$took = best_of(3, 3, sub {
	if ($_[0] > 1)
	{
		$node->start;
		asks_again();
	}
	my $began = time;
	$node->stop('fast');
	return time - $began; });
cmp_ok($took, '<', 3, 'a fast shutdown does not wait for name servers');
unlike(slurp_file($node->logfile), qr/terminated by signal/, 'nothing crashed');

done_testing();
