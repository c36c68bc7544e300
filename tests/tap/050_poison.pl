# A task that kills the server each time it runs is found and stopped; those
# that were in flight beside it lose nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

seed();
my $web = counting();
my $node = errand_node('poison', conf => 'errand.host_max_running = 100');
if (sql_error($node, "ALTER SYSTEM SET errand.fault = ''") ne '')
{
	plan skip_all => 'this build has no fault points (make FAULTS=1)';
}

sub crashes
{
	my $n = () = slurp_file($node->logfile, shift) =~ /all server processes terminated; reinitializing/g;
	return $n;
}

# Bystanders around it, some in flight at each crash, one with a single attempt.
my $bystanders = 40;
my $before = chance(5, $bystanders - 5);
my $url = $web->url('/delay/50');
my $offset = new_log($node);
reload_settings($node, 'errand.fault' => 'run:poison=kill');
sql($node, "SELECT errand.pause_all();
	SELECT errand.http_get('$url', max_attempts => 1) FROM generate_series(1, $before);
	SELECT errand.http_get('$url', queue => 'poison', key => 'venom');
	SELECT errand.http_get('$url', max_attempts => 1) FROM generate_series($before + 1, $bystanders);
	SELECT errand.http_get('$url', max_attempts => 1, delivery => 'at_most_once', queue => 'once');");
my $poison = sql($node, "SELECT id FROM errand.tasks WHERE queue = 'poison'");
my $once = sql($node, "SELECT id FROM errand.tasks WHERE queue = 'once'");
$node->psql('postgres', 'SELECT errand.resume_all()');    # which may not live to see the answer

ok(wait_for_sql($node, "SELECT state FROM errand.tasks WHERE id = $poison", 'failed', 50), 'the poisonous task fails');
my $falls = crashes($offset);
note "$falls crashes";
is(sql($node, "SELECT sqlstate, error FROM errand.task($poison)"), '57P02|crashed the server, twice while it ran alone',
	'it says that it crashed the server');
like(sql_error($node, "SELECT errand.result($poison)"), qr/^57P02: /m, 'and so does its result');
ok(finish_all($node), 'all others come to an end');
is(sql($node, "SELECT state, count(*) FROM errand.tasks WHERE queue = 'default' GROUP BY 1"), "succeeded|$bystanders",
	'bystanders succeed, however few attempts they had');
like(sql($node, "SELECT errand.status($once)"), qr/^(succeeded|unknown)$/, 'at_most_once keeps its word');
cmp_ok(scalar($web->of_task($once)), '<=', 1, '... and is sent once at most');
is(scalar($web->of_task($poison)), 0, 'the poison never got to send anything');

# Two falls among all, one for each halving of the group, two alone: no more.
cmp_ok($falls, '>=', 4, 'proof takes two falls among others and two alone');
cmp_ok($falls, '<=', 2 + 7 + 2, 'halving finds it in a few falls');
is(sql($node, "SELECT array_agg(a.attempt ORDER BY a.attempt) = ARRAY(SELECT generate_series(1, $falls))
	FROM errand.attempts AS a WHERE a.task_id = $poison"), 't', 'each of its falls is on record');
is(sql($node, 'SELECT count(*) FROM errand.suspect'), '0', 'nobody is under suspicion any more');
is(sql($node, "SELECT count(*) FROM errand.task_key WHERE key = 'venom'"), '0', 'its key is free again');

# ---- the cluster is well ----

sql($node, "SELECT errand.http_get('" . $web->url('/json') . "') FROM generate_series(1, 50)");
ok(finish_all($node), 'work goes on');
is(crashes($offset), $falls, 'and the cluster stays up');

# When what ailed it is mended, a user can have it run again.
reload_settings($node, 'errand.fault' => undef);
is(sql($node, "SELECT errand.retry($poison)"), 't', 'retry() takes it up again');
ok(wait_for_sql($node, "SELECT errand.status($poison)", 'succeeded'), '... and it succeeds');

# ---- while the engine rests ----

sql($node, 'SELECT errand.pause_all()');
my $suspect = sql($node, "SELECT errand.http_get('$url', queue => 'suspect')");
sql($node, "WITH gone AS (DELETE FROM errand.ready WHERE id = $suspect RETURNING *)
	INSERT INTO errand.suspect (id, group_no, attempt, priority, failures, run, alone_falls, queue)
	SELECT id, 1, attempt, priority, failures, run, 0, queue FROM gone");
sql($node, 'SELECT errand.worker_restart(), errand.wait_until_running()');    # who leads anew looks for suspects
my $due = sql($node, "SELECT errand.http_get('$url', run_at => now() + '200 ms')");
ok(wait_for_sql($node, "SELECT errand.status($due)", 'ready'), 'paused: the leader has looked');
is(sql($node, "SELECT count(*) FROM errand.suspect WHERE id = $suspect") . ' ' . $web->of_task($suspect), '1 0', '... a suspect rests, too');
sql($node, 'SELECT errand.resume_all()');
ok(wait_for_sql($node, "SELECT errand.status($suspect)", 'succeeded'), '... until resume_all()');
$node->stop;

done_testing();
