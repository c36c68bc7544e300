# The fence: a worker whose lease was taken away cannot write a result, and a
# task that was settled while its lease was taken away does not run again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('zombie', conf => 'errand.workers = 2');
if (sql_error($node, "ALTER SYSTEM SET errand.fault = ''") ne '')
{
	plan skip_all => 'this build has no fault points (make FAULTS=1)';
}

sub submit
{
	my ($path, $n) = @_;
	return split /\n/, sql($node, "SELECT errand.http_get('" . $web->url($path) . "', success_codes => '[200,500)')
		FROM generate_series(1, $n)");
}

sub under_way { my $id = shift; return poll_for(10, "a request of $id", sub { scalar $web->of_task($id) }) }
sub outcome { my $id = shift; return sql($node, "SELECT state, attempt FROM errand.tasks WHERE id = $id") }

# How many results the fence has dropped since the start.
sub dropped
{
	return sql($node, "SELECT coalesce(substring(errand.health()->'checks'->'fence'->>'output' FROM '^\\d+'), '0')");
}

# Reaping as the leader does it, of all leases, in the two statements it takes.
my $take = q{CREATE TEMP TABLE dead ON COMMIT DROP AS SELECT * FROM errand._reap_take('{}', 0, now(), 100);};
my $look = q{CREATE TEMP TABLE lost ON COMMIT DROP AS SELECT l.*, d.pid, d.claimed_at FROM dead AS d
	CROSS JOIN LATERAL errand._reap_lost(d.ids, d.attempts, d.failures, d.runs) AS l;};

sub put_back
{
	my $state = shift;
	return qq{SELECT errand._reap_return(array_agg(id), array_agg(attempt), array_agg(failures), array_agg(run),
		array_agg('$state'::"char"), array_agg(0::bigint), array_agg(0::smallint), '57P03', 'reaped by a test',
		max(pid), max(claimed_at), now()) FROM lost HAVING count(*) > 0;};
}

# ---- a zombie: stopped before its settle, and taken for dead ----

my $offset = new_log($node);
reload_settings($node, 'errand.fault' => 'settle=pause');
my ($id) = submit('/json', 1);
wait_for_line($node, qr/fault point settle: paused/, $offset);
my ($zombie) = slurp_file($node->logfile, $offset) =~ /\[(\d+)\][^\n]*fault point settle: paused/;
kill 'STOP', $zombie;
reload_settings($node, 'errand.fault' => undef);
is(outcome($id), 'running|1', 'a worker stands still before its settle');
sql($node, "BEGIN; $take $look " . put_back('q') . ' COMMIT; SELECT errand.wake()');
ok(wait_for_sql($node, "SELECT state, attempt FROM errand.tasks WHERE id = $id", 'succeeded|2'), 'another worker runs the task again');
my $finished = sql($node, "SELECT finished_at FROM errand.tasks WHERE id = $id");
$offset = new_log($node);
kill 'CONT', $zombie;
ok(wait_for_line($node, qr/a result of task $id, attempt 1, was dropped/, $offset), 'the first one wakes up: its result is dropped');
is(dropped(), '1', '... and counted');
is(sql($node, "SELECT finished_at FROM errand.tasks WHERE id = $id"), $finished, 'the result is the second one\'s');
is(sql($node, "SELECT string_agg(attempt || ' ' || state, ', ' ORDER BY attempt) FROM errand.attempts WHERE task_id = $id"),
	'1 lost, 2 succeeded', 'attempts tell the story');
is(scalar($web->of_task($id)), 2, 'it was sent twice');
is((map { $_->{key} } $web->of_task($id))[0], (map { $_->{key} } $web->of_task($id))[1], 'with one key');

# ---- a reap that meets a settle which has not committed ----

my ($quick, $slow);
$offset = new_log($node);
reload_settings($node, 'errand.fault' => 'settle=pause');
sql($node, "CREATE TABLE pair AS SELECT errand.http_get('" . $web->url('/json') . "') AS quick,
	errand.http_get('" . $web->url('/hang') . "', timeout => '1 h') AS slow");
($quick, $slow) = split /\|/, sql($node, 'SELECT * FROM pair');
wait_for_line($node, qr/fault point settle: paused/, $offset);
is(sql($node, 'SELECT count(*) FROM errand.lease'), '1', 'two tasks in one lease');
$offset = new_log($node);
reload_settings($node, 'errand.fault' => 'commit=pause');
wait_for_line($node, qr/fault point commit: paused/, $offset);
my $reaper = $node->background_psql('postgres', on_error_stop => 0);
my $reaper_pid = $reaper->query_safe('SELECT pg_backend_pid()');
$reaper->query_until(qr/begun/, "\\echo begun\nBEGIN; $take\n");
ok(wait_for_sql($node, "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $reaper_pid", 'Lock'), 'a reap waits for a settle');
reload_settings($node, 'errand.fault' => undef);
$reaper->query_safe($look);
is($reaper->query_safe('SELECT string_agg(id::text, chr(32)) FROM lost'), $slow, '... and then finds only what was not settled');
$reaper->query_safe(put_back('F') . ' COMMIT;');
$reaper->quit;
is(outcome($quick), 'succeeded|1', 'the settled one stays settled');
is(scalar($web->of_task($quick)), 1, '... and is not sent again');
is(outcome($slow), 'failed|1', 'the other one went where the reaper put it');

# ---- a settle that meets a reap which has not committed ----

$offset = new_log($node);
reload_settings($node, 'errand.fault' => 'settle=pause');
# long enough that another one of the same worker is claimed, too
($id) = submit('/delay/300', 1);
my ($bystander) = submit('/delay/300', 1);
wait_for_line($node, qr/fault point settle: paused/, $offset);
under_way($id);
$reaper = $node->background_psql('postgres', on_error_stop => 0);
$reaper->query_safe("BEGIN; CREATE TEMP TABLE dead ON COMMIT DROP AS WITH d AS
	(DELETE FROM errand.lease WHERE $id = ANY (ids) RETURNING *) SELECT * FROM d");
reload_settings($node, 'errand.fault' => undef);
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker'
	AND wait_event_type = 'Lock'", '1'), 'a settle waits for a reap');
$reaper->query_safe($look);
is($reaper->query_safe('SELECT string_agg(id::text, chr(32)) FROM lost'), $id, '... which finds the task unsettled');
$reaper->query_safe(put_back('q') . ' COMMIT; SELECT errand.wake();');
$reaper->quit;
ok(wait_for_sql($node, "SELECT state, attempt FROM errand.tasks WHERE id = $id", 'succeeded|2'), 'it runs again');
ok(wait_for_line($node, qr/a result of task $id, attempt 1, was dropped/, $offset), '... and its first result is dropped');
ok(wait_for_sql($node, "SELECT state, attempt FROM errand.tasks WHERE id = $bystander", 'succeeded|1'),
	'a task of another lease in the same batch is settled');
is(dropped(), '2', 'the fence counts');
$node->stop;

done_testing();
