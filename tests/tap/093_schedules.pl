# Schedules: even runs, no overlap, pauses, restarts without burst or gap, and
# crashes at random moments, after which no time has run twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('schedules', conf => 'errand.host_max_running = 100');
if (sql_error($node, "ALTER SYSTEM SET errand.fault = ''") ne '')
{
	plan skip_all => 'this build has no fault points (make FAULTS=1)';
}

sub schedule
{
	my ($name, $cron, $path, $options) = @_;
	sql($node, "SELECT errand.schedule('$name', '$cron', 'http', '{\"url\": \"" . $web->url($path) . "\"}'" . ($options ? ", $options" : '') . ')');
	return;
}
sub of { my ($name, $what) = @_; return sql($node, "SELECT $what FROM errand.schedules WHERE name = '$name'") }
sub becomes { my ($name, $what, $expected, $text) = @_; return ok(wait_for_sql($node, "SELECT $what FROM errand.schedules WHERE name = '$name'", $expected), $text) }

# Times at which it was due that are not the next one after the run before. A run
# that is late, because the machine stood still, makes up for what it missed.
sub gaps
{
	my ($name, $from) = @_;
	return sql($node, "SELECT count(*) FROM (SELECT r.due_at, lag(greatest(t.submitted_at, r.due_at)) OVER (ORDER BY r.due_at) AS before
			FROM errand.schedule_runs AS r JOIN errand.tasks AS t ON t.id = r.task_id WHERE r.schedule = '$name' AND r.due_at >= '$from') AS r
		JOIN errand.schedules AS s ON s.name = '$name' WHERE r.due_at <> errand._next_run(s.cron, s.timezone, r.before)");
}
# Runs and requests: each time once, each task once.
sub once_each
{
	my ($name, $text) = @_;
	is(sql($node, "SELECT count(*) - count(DISTINCT due_at), count(*) - count(DISTINCT task_id), count(*) - count(t.id),
			count(*) FILTER (WHERE t.run_at <> r.due_at)
		FROM errand.schedule_runs AS r LEFT JOIN errand.tasks AS t ON t.id = r.task_id WHERE r.schedule = '$name'"), '0|0|0|0', $text);
	return;
}

# ---- every second, evenly ----

# in one transaction: nothing has moved it on yet
is(sql($node, "BEGIN; SET LOCAL client_min_messages = warning;
	DO \$\$ BEGIN PERFORM errand.schedule('tick', 'every 1 s', 'http', '{\"url\": \"" . $web->url('/echo?tick') . "\"}', overlap => true); END \$\$;
	SELECT next_run > now(), next_run <= clock_timestamp() + interval '1 s', date_trunc('second', next_run) = next_run
	FROM errand.schedules WHERE name = 'tick'; COMMIT"), 't|t|t', 'due at the next whole second');
becomes('tick', 'runs >= 4', 't', 'it runs');
is(gaps('tick', '2000-01-01'), '0', 'at every second');
cmp_ok(sql($node, "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.submitted_at - r.due_at))
	FROM errand.schedule_runs AS r JOIN errand.tasks AS t ON t.id = r.task_id WHERE r.schedule = 'tick'"), '<', 0.5, 'in time, without drift');
once_each('tick', 'each time once');
ok(poll_for(10, 'requests', sub { $web->requests(qr/tick/) >= 4 }), 'and its tasks run');
ok(wait_for_sql($node, "SELECT last_state, last_run >= now() - interval '5 s', skipped FROM errand.schedules WHERE name = 'tick'", 'succeeded|t|0'), 'errand.schedules tells');

# ---- pause and resume ----

sql($node, "SELECT errand.pause_schedule('tick')");
my $runs = of('tick', 'runs');
schedule('other', 'every 1 s', '/other');
becomes('other', 'runs >= 2', 't', 'another one runs');
is(of('tick', 'runs, next_run IS NULL'), "$runs|t", 'a paused one does not');
my $last = sql($node, "SELECT max(due_at) FROM errand.schedule_runs WHERE schedule = 'tick'");
my $resumed = sql($node, 'SELECT now()');
sql($node, "SELECT errand.resume_schedule('tick')");
becomes('tick', "runs >= $runs + 2", 't', 'resume_schedule() sets it going');
is(sql($node, "SELECT min(due_at) > '$resumed' FROM errand.schedule_runs WHERE schedule = 'tick' AND due_at > '$last'"), 't', '... with nothing made up');
is(gaps('tick', $resumed), '0', '... from the next second on');
is(sql($node, "SELECT errand.unschedule('other'), errand.unschedule('other')"), 't|f', 'unschedule()');

# ---- no overlap ----

schedule('slow', 'every 1 s', '/hang', "timeout => '1 h'");
becomes('slow', 'skipped >= 2', 't', 'a run that is not over holds up the next');
is(of('slow', 'runs, last_state'), '1|running', '... it stays the only one');
like(of('slow', 'skip_reason'), qr/^its last run, task \d+, was not over$/, '... and errand.schedules says so');
is($web->requests(qr/hang/), 1, '... one request');
sql($node, "SELECT errand.cancel(last_task) FROM errand.schedules WHERE name = 'slow'");
becomes('slow', 'runs >= 2', 't', 'when it is over the next one runs');
schedule('slow', 'every 1 s', '/hang', "timeout => '1 h', overlap => true");
becomes('slow', 'runs >= 5', 't', 'overlap => true runs them side by side');
ok(poll_for(10, 'side by side', sub { $web->totals->{running} >= 3 }), '... at once');
is(of('slow', 'last_run IS NOT NULL AND skip_reason IS NULL'), 't', 'redefining keeps what ran');
sql($node, "SELECT errand.unschedule('slow'); SELECT errand.cancel(id) FROM errand.tasks WHERE state IN ('running', 'ready', 'retrying')");

# ---- what cannot run ----

sql($node, "CREATE ROLE gone; SELECT errand.grant_access('gone', 'submit')");
sql($node, "SET ROLE gone; SELECT errand.schedule('orphan', 'every 1 s', 'http', '{\"url\": \"" . $web->url('/orphan') . "\"}')");
sql($node, "SELECT errand.revoke_access('gone'); DROP ROLE gone");
becomes('orphan', 'skipped >= 2', 't', 'a schedule whose owner is gone is skipped');
like(of('orphan', 'skip_reason'), qr/^role changed: /, '... and says why');
$runs = of('tick', 'runs');
becomes('tick', "runs > $runs", 't', 'others go on');
sql($node, "SELECT errand.unschedule('orphan')");
sql($node, "SELECT errand.define_queue('full', max_depth => 1); SELECT errand.pause_queue('full')");
schedule('deep', 'every 1 s', '/deep', "queue => 'full', overlap => true");
becomes('deep', "runs, skipped >= 1, skip_reason", '1|t|queue "full" is full', 'a full queue is not filled');
sql($node, "SELECT errand.unschedule('deep'); SELECT errand.cancel(id) FROM errand.tasks WHERE queue = 'full'");

# ---- keys ----

my $client = $node->background_psql('postgres', on_error_stop => 0);
$client->query_safe("BEGIN; SELECT errand.http_get('" . $web->url('/held') . "', key => 'k')");
schedule('keyed', 'every 1 s', '/keyed', "key => 'k'");
becomes('keyed', 'skipped >= 1', 't', 'a run whose key a client holds waits in the outbox');
$runs = of('tick', 'runs');
becomes('tick', "runs >= $runs + 2", 't', '... and holds up no other');
is($web->requests(qr/keyed|held/), 0, '... nor is it sent');
$client->query_safe('ROLLBACK');
$client->quit;
ok(poll_for(15, 'its request', sub { $web->requests(qr/keyed/) > 0 }), '... until the client lets go');
is(($web->requests(qr/keyed/))[0]->{key}, 'k', '... with its key');
sql($node, "SELECT errand.unschedule('keyed')");

# ---- while the engine rests, or the server is down ----

sub is_made_up
{
	my ($name, $text, $before) = @_;
	becomes($name, "runs > $before", 't', "$text: it goes on");
	return;
}
schedule('rare', '* * * * *', '/rare');
foreach my $how (qw(pause fast immediate))
{
	# three runs are missed: its time lies three minutes back
	sql($node, 'SELECT errand.pause_all()');
	ok(wait_for_sql($node, "SELECT errand.health()->'checks'->'paused'->>'status'", 'warn'), "$how: the engine rests");
	sql($node, "UPDATE errand.schedule SET next_run = date_trunc('minute', now()) - interval '3 min' WHERE name = 'rare'");
	sql($node, "DELETE FROM errand.schedule_run WHERE schedule = 'rare'");
	my $before = of('rare', 'runs');
	my $ticks = of('tick', 'runs');
	if ($how ne 'pause')
	{
		$node->stop($how);
		$node->start;
		sql($node, 'SELECT errand.wait_until_running(); SELECT errand.wake()');
	}
	is(of('rare', 'runs'), $before, "$how: nothing is fired meanwhile");
	is(of('tick', 'runs'), $ticks, "$how: nor anything else");
	sql($node, 'SELECT errand.resume_all()');
	becomes('rare', "runs > $before", 't', "$how: what was missed is made up");
	# a minute may begin while we look
	is(of('rare', "runs - $before - (SELECT count(*) FROM errand.schedule_runs WHERE schedule = 'rare' AND due_at > date_trunc('minute', last_run) - interval '2 min')"), '1',
		"$how: ... by one run");
	is(of('rare', "next_run > clock_timestamp() - interval '5 s' AND next_run <= clock_timestamp() + interval '1 min' AND next_run = date_trunc('minute', next_run)"), 't', "$how: ... and then its next regular time");
	becomes('tick', "runs >= $ticks + 2", 't', "$how: the other goes on");
}
once_each('tick', 'each time once, through all this');

# ---- crashes while it fires ----

seed();
schedule("crash $_", 'every 1 s', "/crash/$_", 'overlap => true') foreach 1 .. 5;
foreach my $round (1 .. 4)
{
	my $before = of('crash 1', 'runs');
	my $fault = pick('fire', 'fired', 'committed');
	my $offset = new_log($node);
	# the worker may fall before anybody could look whether it took the setting
	append_to_file($node->data_dir . '/postgresql.auto.conf', "errand.fault = '$fault=kill'\n");
	$node->reload;
	ok(wait_for_line($node, qr/all server processes terminated; reinitializing/, $offset), "a crash at $fault");
	append_to_file($node->data_dir . '/postgresql.auto.conf', "errand.fault = ''\n");
	$node->reload;
	ok(wait_for_sql($node, "SELECT runs >= $before + 2 FROM errand.schedules WHERE name = 'crash 1'", 't', 30), '... and goes on');
}
sql($node, "SELECT errand.pause_schedule(name) FROM errand.schedules");
ok(finish_all($node, 40), 'all tasks come to an end');
foreach my $n (1 .. 5)
{
	once_each("crash $n", "crash $n: each time once, each with its task");
	is(sql($node, "SELECT count(*) - (SELECT runs FROM errand.schedules WHERE name = 'crash $n') FROM errand.tasks AS t JOIN errand.outcomes AS o USING (id)
		WHERE o.payload ->> 'url' LIKE '%/crash/$n'"), '0', '... no task without a run');
}
is(sql($node, "SELECT count(*) FROM errand.schedule AS s WHERE s.name LIKE 'crash%'
	AND s.runs <> (SELECT count(*) FROM errand.schedule_run AS r WHERE r.schedule = s.name)"), '0', 'counted once each');

# ---- pg_dump ----

sql($node, "SELECT errand.unschedule(name) FROM errand.schedules WHERE name LIKE 'crash%'");
my $census = "SELECT name, cron, paused, runs, last_task, next_run FROM errand.schedule ORDER BY name";
my $all = sql($node, $census);
my $base = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$base/dump", $node->connstr('postgres') ], 'pg_dump');
sql($node, 'CREATE DATABASE copy');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('copy'), "$base/dump" ], 'pg_restore');
is(sql($node, $census, 'copy'), $all, 'schedules are in a dump');
sql($node, 'UPDATE errand.schedule SET paused = false', 'copy');
sql($node, 'SELECT errand.wait_until_running(); SELECT errand.wake()', 'copy');
is(sql($node, $census, 'copy'), $all =~ s/\|t\|/|f|/gr, '... and rest in a copy');
sql($node, 'SELECT errand.resume_all()', 'copy');
ok(wait_for_sql($node, "SELECT runs > " . of('tick', 'runs') . " FROM errand.schedules WHERE name = 'tick'", 't', 30, 'copy'), '... until it is resumed');
$node->stop(END_STOP);

done_testing();
