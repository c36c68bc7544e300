# Without faults nothing comes twice; what commits late, half or in two phases
# counts as it should; and every kind of process that is told to end comes back.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = counting();
my $node = errand_node('quiet', conf => "errand.host_max_running = 200\nerrand.executors = 2\nerrand.token_secret = '"
	  . 'a1b2' x 16 . "'\nerrand.port = " . PostgreSQL::Test::Cluster::get_free_port());

# ---- 2,000 requests without a fault: each is sent once ----

my $get = "errand.http_get('" . $web->url('/json') . "')";
sql($node, "SELECT count($get) FROM generate_series(1, 2000)");
ok(finish_all($node, 30), '2,000 tasks come to an end');
my %hits;
$hits{ $_->{task} }++ foreach $web->requests;
is(scalar(keys %hits), 2000, 'each was sent');
is(scalar(grep { $_ != 1 } values %hits), 0, '... once');
is(sql($node, 'SELECT count(*), count(DISTINCT task_id), max(attempt) FROM errand.attempts'), '2000|2000|1', '... at its first attempt');

# ---- what commits ----

my $before = $web->requests;
my $began = time;
sql($node, "SELECT count($get) FROM generate_series(1, 10000)");
ok(finish_all($node, 60), '10,000 of one transaction come to an end');
note sprintf '%.1f s', time - $began;
is($web->requests - $before, 10000, '... each sent once');
$before = $web->requests;
sql($node, "BEGIN; SELECT $get; SAVEPOINT a; SELECT $get FROM generate_series(1, 50); ROLLBACK TO a; SELECT $get; SAVEPOINT b; SELECT $get; RELEASE b; COMMIT");
sql($node, "BEGIN; SELECT $get FROM generate_series(1, 20); ROLLBACK");
sql($node, "BEGIN; SELECT $get FROM generate_series(1, 5); PREPARE TRANSACTION 'five'");
sql($node, "BEGIN; SELECT $get FROM generate_series(1, 7); PREPARE TRANSACTION 'seven'");
ok(poll_for(10, 'three', sub { $web->requests == $before + 3 }), 'savepoints: what was rolled back is not there');
finish_all($node);
is(sql($node, "SELECT count(*), count(*) FILTER (WHERE state = 'succeeded') FROM errand.tasks"), '12003|12003', 'what is prepared is not committed');
$node->stop('immediate');
$node->start;
wait_for_sql($node, 'SELECT errand.wait_until_running() IS NOT NULL');
is($web->requests, $before + 3, '... nor by a crash');
$began = time;
sql($node, "COMMIT PREPARED 'five'");
sql($node, "ROLLBACK PREPARED 'seven'");
ok(poll_for(20, 'five', sub { $web->requests >= $before + 8 }), 'COMMIT PREPARED: they run');
cmp_ok(time - $began, '<', 10, '... within seconds: somebody looks each five');
ok(finish_all($node), '... to their ends');
is($web->requests, $before + 8, '... and the others never');

# ---- all kinds of processes are told to end, under load ----

sql($node, 'CREATE FUNCTION public.beat(a jsonb) RETURNS void LANGUAGE sql AS $$ SELECT count(*) FROM generate_series(1, 20000) $$');
my $load = "SELECT count(errand.http_get('" . $web->url('/delay/20') . "')), count(errand.call('public.beat(jsonb)')) FROM generate_series(1, 10)";
my $offset = new_log($node);
foreach my $type ('errand relay', 'errand executor')
{
	my @times;
	foreach my $round (1 .. 20)
	{
		sql($node, $load);
		my $pid;
		poll_for(20, "an $type", sub { ($pid) = pids_of($node, $type) }) or last;
		$began = time;
		sql($node, "SELECT pg_terminate_backend($pid)");
		sql($node, $load);
		poll_for(20, "another $type", sub { my ($new) = grep { $_ != $pid } pids_of($node, $type); return $new }) or last;
		push @times, time - $began;
	}
	is(scalar(@times), 20, "$type: told to end 20 times, each time back");
	@times = sort { $b <=> $a } @times;
	# the machine may stand still once
	cmp_ok($times[1] // 99, '<', 6, '... within 6 s');
	note sprintf '%s: %s s at most', $type, join ', ', map { sprintf '%.2f', $_ } @times[0 .. 1];
}
ok(finish_all($node, 40), 'all comes to an end');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE state <> 'succeeded'"), '0', '... well');
unlike(slurp_file($node->logfile, $offset), qr/terminated by signal|all server processes terminated/, 'the cluster was never reset');
$node->stop;

done_testing();
