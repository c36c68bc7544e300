# Processes come, go and come back: one cluster, hanging transfers all the time.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = counting();

# Submits tasks that never get an answer, and waits until they are all under way.
sub hang
{
	my ($node, $n, $database) = @_;
	my $before = $web->totals->{running};
	sql($node, "SELECT count(errand.http_get('" . $web->url('/hang') . "', queue => 'hanging', timeout => '1 h'))
		FROM generate_series(1, $n)", $database);
	return poll_for(20, "$n hanging transfers", sub { $web->totals->{running} >= $before + $n });
}

# One task from submit to its result.
sub works
{
	my ($node, $name, $database) = @_;
	sql($node, "SELECT errand.wait_until_running()", $database);
	my $id = sql($node, "SELECT errand.http_get('" . $web->url('/json') . "')", $database);
	is(sql($node, "SELECT errand.wait_for($id)->>'status'", $database), '200', $name);
	return;
}

sub took_less
{
	my ($seconds, $name, $sub) = @_;
	my $began = time;
	$sub->();
	my $took = time - $began;
	cmp_ok($took, '<', $seconds, $name);
	note sprintf '%s: %.2f s', $name, $took;
	return;
}

# ---- CREATE EXTENSION is noticed without a restart ----

my $node = errand_node('lifecycle', extension => 0, conf => "errand.host_max_running = 300\nautovacuum = off");
is(join(',', pids_of($node, 'errand worker')), '', 'no worker without the extension');
sql($node, 'CREATE EXTENSION pg_errand');
works($node, 'CREATE EXTENSION is enough');
my $worker = worker_pid($node);
is(sql($node, "SELECT string_agg(DISTINCT backend_type, ',') FROM pg_stat_activity WHERE backend_type LIKE 'errand%'"),
	'errand launcher,errand worker', 'processes name themselves');

# ---- what a worker is like while transfers are in flight ----

ok(hang($node, 100), '100 transfers hang');
my $named = sql($node, "SELECT errand.http_get('http://localhost:" . $web->port . "/json', timeout => '5 s')");
wait_for_sql($node, "SELECT state IN ('succeeded', 'failed') FROM errand.tasks WHERE id = $named");
ok(wait_for_sql($node, "SELECT backend_xmin IS NULL, backend_xid IS NULL, xact_start IS NULL FROM pg_stat_activity WHERE pid = $worker",
	't|t|t', 20), 'no transaction is open while transfers are in flight');
is(scalar(glob_count("/proc/$worker/task/*")), 1, 'a worker is one thread');
ok(wait_for_sql($node, "SELECT running >= 100 FROM errand.stat_workers WHERE pid = $worker", 't'), 'stat_workers knows');
ok(wait_for_sql($node, "SELECT query ~ '^errand: in flight: \\d+\$' FROM pg_stat_activity WHERE pid = $worker", 't'),
	'pg_stat_activity tells what it does');
ok(wait_for_sql($node, "SELECT n_tup_del > 100 AND n_dead_tup > 100 FROM pg_stat_all_tables
	WHERE schemaname = 'errand' AND relname = 'ready'", 't', 30), 'the work of a worker reaches the statistics');

sub glob_count { my @all = glob shift; return scalar @all }

# ---- settings at reload ----

reload_settings($node, 'errand.user_agent' => 'tester/1');
my $agent = sql($node, "SELECT errand.http_get('" . $web->url('/echo') . "')");
like(sql($node, "SELECT errand.wait_for($agent)->>'body'"), qr{tester/1}, 'a reload reaches the worker');
reload_settings($node, 'errand.allow_networks' => '');
my $refused = sql($node, "SELECT errand.http_get('" . $web->url('/json') . "')");
like(sql_error($node, "SELECT errand.wait_for($refused)"), qr/errand\.allow_networks/, 'a network that is allowed no more');
ok(poll_for(10, 'connections cut', sub { $web->totals->{running} == 0 }), 'kept connections to it are closed');
reload_settings($node, 'errand.allow_networks' => undef, 'errand.user_agent' => undef);
works($node, 'and one that is allowed again');

# ---- terminated processes come back ----

sql($node, "SELECT errand.cancel(id) FROM errand.tasks WHERE queue = 'hanging' AND state IN ('running', 'ready', 'retrying')");
finish_all($node);
hang($node, 20);
foreach my $type ('errand worker', 'errand launcher')
{
	my @took;
	foreach my $round (1 .. 10)
	{
		my ($pid) = pids_of($node, $type);
		my $began = time;
		sql($node, "SELECT pg_terminate_backend($pid)");
		sql($node, "SELECT count(errand.http_get('" . $web->url('/delay/10') . "')) FROM generate_series(1, 20)");
		poll_for(40, "another $type", sub { my ($new) = pids_of($node, $type); return $new && $new != $pid });
		push @took, time - $began;
	}
	# a machine that stands still makes some of them longer
	@took = sort { $a <=> $b } @took;
	cmp_ok($took[4], '<', 6, "$type is back within 6 s");
	cmp_ok($took[-1], '<', 20, '... or not much later, ten times');
	note sprintf '%s: %.2f s at most', $type, $took[-1];
}
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE queue = 'default' AND state <> 'succeeded' AND id > $refused", '0', 30),
	'nothing was lost');
is(sql($node, "SELECT count(*) FROM errand.attempts WHERE state = 'lost'"), '0', 'each worker settled before it left');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE queue = 'hanging' AND state = 'running'", '20'), 'what hung hangs again');
ok(-e $node->data_dir . '/postmaster.pid' && slurp_file($node->logfile) !~ /terminating any other active server processes/,
	'the cluster was never reset');

# ---- DROP EXTENSION under load ----

ok(hang($node, 100), 'another 100 hang');
took_less(15, 'DROP EXTENSION with hanging transfers', sub { sql($node, 'DROP EXTENSION pg_errand') });
ok(poll_for(10, 'connections closed', sub { $web->totals->{running} == 0 }), 'its transfers are cut off');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker'", '0'), 'and its worker leaves');
sql($node, 'CREATE EXTENSION pg_errand');
works($node, 'a new installation works');
is(sql($node, 'SELECT count(*) FROM errand.tasks'), '1', 'and begins empty');

# ---- fast and immediate shutdown ----

ok(hang($node, 100), '100 transfers hang once more');
took_less(15, 'fast shutdown', sub { $node->stop('fast') });
$node->start;
ok(poll_for(20, 'attempt 2', sub { $web->totals->{running} >= 100 }), 'they go on after the start');
is(sql($node, "SELECT state, count(*) FROM errand.attempts WHERE attempt = 1 AND task_id IN
		(SELECT id FROM errand.tasks WHERE queue = 'hanging') GROUP BY 1"), 'interrupted|100', 'their first attempt was interrupted');
is(sql($node, "SELECT DISTINCT attempt FROM errand.tasks WHERE queue = 'hanging'"), '2', 'and they are at their second');
took_less(15, 'immediate shutdown', sub { $node->stop('immediate') });
$node->start;
ok(wait_for_sql($node, "SELECT DISTINCT attempt, state FROM errand.tasks WHERE queue = 'hanging'", '3|running'), 'and then at their third');
took_less(15, 'worker_restart() with hanging transfers', sub {
	my $old = worker_pid($node);
	sql($node, 'SELECT errand.worker_restart()');
	wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker' AND pid <> $old", '1');
});
$node->stop;

done_testing();
