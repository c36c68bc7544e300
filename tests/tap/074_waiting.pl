# Waiting for some of many tasks: concurrency, cursors, cancels, very many waiters.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $waiters = 200;
my $web = counting();
my $node = errand_node('waiting_sets', conf => "max_connections = 260\nerrand.host_max_running = 400");

sub submit
{
	my ($path, $options) = @_;
	return sql($node, "SELECT errand.http_get('" . $web->url($path) . "'" . ($options ? ", $options" : '') . ')');
}

# Begins a query in a session of its own and comes back when the server sleeps in it.
sub begin_waiting
{
	my ($query) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_until(qr/begun/, "\\echo begun\n$query;\n");
	wait_for_sql($node, "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid") or die 'does not wait';
	return ($session, $pid);
}

my $hang = submit('/hang', "timeout => '1 h'");

# ---- a cursor has each row as it comes ----

my $session = $node->background_psql('postgres');
# submitted together, so that the second is final long before the first
my @ids = split /,/, sql($node, "SELECT string_agg(errand.http_get(url)::text, ',' ORDER BY ord) FROM unnest(ARRAY['"
	. $web->url('/delay/3000') . "', '" . $web->url('/delay/50') . "']) WITH ORDINALITY AS u (url, ord)");
$session->query_safe("BEGIN; DECLARE c CURSOR FOR SELECT (errand.as_completed(ARRAY[$hang, $ids[0], $ids[1]])).id");
is($session->query_safe('FETCH 1 FROM c'), $ids[1], 'FETCH 1 returns before the slow ones finish');
is(sql($node, "SELECT errand.status($hang)"), 'running', '... one still runs');
my $ready = submit('/ok');
is(sql($node, "SELECT errand.wait_for($ready)->>'status'"), '200', '... and an idle cursor holds up nobody');
is($session->query_safe('FETCH 1 FROM c'), $ids[0], '... the next row is the next that finished');
$session->query_safe('COMMIT');
is($session->query_safe("SELECT count(*) FROM errand.as_completed(ARRAY[$ids[0], $ids[1]])"), '2', 'FROM gives all');

# psql's FETCH_COUNT prints a row while the server waits for the next; since 17 it is no cursor
sub later { return submit('/ok', "run_at => now() + '1 day'") }
sub start_now { my $id = shift; return sql($node, "SELECT errand.reschedule($id, now())") }
@ids = (submit('/ok'), later());
my $pid = $session->query_safe('SELECT pg_backend_pid()');
SKIP:
{
	skip 'psql asks for rows in another way', 2 if $node->pg_version >= 17;
	$session->query_safe('\set FETCH_COUNT 1');
	like($session->query_until(qr/^\d+\|succeeded/m,
		"SELECT (c).id, (c).state FROM (SELECT errand.as_completed(ARRAY[$ids[0], $ids[1], $hang]) AS c OFFSET 0) AS x;\n"),
		qr/^\Q$ids[0]\E\|succeeded$/m, 'FETCH_COUNT shows a row while others wait');
	start_now($ids[1]);
	like($session->query_until(qr/^\d+\|succeeded/m, ''), qr/^\n\Q$ids[1]\E\|succeeded$/, '... and the next while one runs on');
}
sql($node, "SELECT errand.cancel($ids[1])");
sql($node, "SELECT pg_cancel_backend($pid)");
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND state = 'active'", '0', 30), '... until it is cancelled');
$session->{run}->kill_kill;

# a cursor WITH HOLD waits at COMMIT; under REPEATABLE READ rows still come
@ids = (later(), later());
$session = $node->background_psql('postgres');
is($session->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM errand.tasks WHERE id IN ($ids[0], $ids[1]) AND state = 'succeeded'"),
	'0', 'under REPEATABLE READ');
$session->query_safe("DECLARE c CURSOR FOR SELECT (errand.as_completed(ARRAY[$ids[1], $ids[0]])).id");
foreach my $id (@ids)
{
	start_now($id);
	is($session->query_safe('FETCH 1 FROM c'), $id, '... a row comes when its task is over');
}
is($session->query_safe("FETCH 1 FROM c; SELECT state FROM errand.wait(ARRAY[$ids[1]]); SELECT id FROM errand.race(ARRAY[$ids[1]]); COMMIT"),
	"succeeded\n$ids[1]", '... and no more of them');
$session->quit;
is(sql($node, "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT (errand.as_completed(ARRAY[$ids[0], $ids[1]])).id; COMMIT; FETCH ALL FROM c"),
	"$ids[0]\n$ids[1]", 'a cursor WITH HOLD');

# ---- woken by other sessions, in order ----

# Seconds from a cancel of these until the session has told all that it waited for.
sub woken
{
	my ($waiting, $expected, $name, @cancel) = @_;
	my ($waiter) = begin_waiting($waiting);
	my $since = time;
	sql($node, "SELECT errand.cancel($_)") foreach @cancel;
	is($waiter->query_safe('SELECT 1'), "$expected\n1", $name);
	my $took = time - $since;
	$waiter->quit;
	return $took;
}

# who is not woken looks again after five seconds
cmp_ok(best_of(3, 4, sub {
	@ids = map { later() } 1 .. 3;
	return woken("SELECT (c).id FROM (SELECT errand.as_completed(ARRAY[$ids[0], $ids[1], $ids[2]]) AS c OFFSET 0) AS x",
		"$ids[2]\n$ids[0]\n$ids[1]", 'as_completed() gives tasks in the order in which they ended', @ids[ 2, 0, 1 ]);
}), '<', 4, '... woken by each');

foreach my $when ('FIRST_COMPLETED', 'ALL_COMPLETED')
{
	cmp_ok(best_of(3, 4, sub {
		my $id = later();
		my $other = $when eq 'FIRST_COMPLETED' ? $hang : $id;
		return woken("SELECT state FROM errand.wait(ARRAY[$id, $other], '$when') WHERE done", 'cancelled', "wait() is woken: $when", $id);
	}), '<', 4, '... at once');
}

# ---- cancels and timeouts, each of all four ----

foreach my $query ("SELECT * FROM errand.wait(ARRAY[$hang])", "SELECT errand.as_completed(ARRAY[$hang])", "SELECT * FROM errand.race(ARRAY[$hang])",
	"CALL errand.run('http', '{\"url\": \"" . $web->url('/hang') . "\"}', timeout => '1 h')")
{
	my ($name) = $query =~ /errand\.(\w+)/;
	my $pid;
	($session, $pid) = begin_waiting($query);
	sql($node, "SELECT pg_cancel_backend($pid)");
	ok(wait_for_sql($node, "SELECT state FROM pg_stat_activity WHERE pid = $pid", 'idle', 30), "$name(): pg_cancel_backend() ends it");
	$session->query_until(qr/again/, "\\echo again\n$query;\n");
	wait_for_sql($node, "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid");
	sql($node, "SELECT pg_terminate_backend($pid)");
	ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", '0', 30), "$name(): pg_terminate_backend() ends it");
	like(sql_error($node, "SET statement_timeout = '200 ms'; $query"), qr/^57014: .*statement timeout/m, "$name(): statement_timeout ends it");
}
is(sql($node, "SELECT errand.status($hang)"), 'running', '... and none cancels the task');
is(sql($node, "SELECT errand.cancel_where(jsonb_build_object('min_id', $hang + 1))"), '3', '... nor those that run() submitted');

# A wait whose error a function caught leaves nothing behind that is woken for ever.
is(sql($node, "SET statement_timeout = '1 s'; DO \$\$ BEGIN PERFORM errand.race(ARRAY[$hang]); EXCEPTION WHEN query_canceled THEN NULL; END \$\$;
	RESET statement_timeout;
	SELECT count(*) FROM errand.wait(ARRAY[$hang], timeout => '0')"), '1', 'a wait that failed and was caught');

# ---- race(): what it cancels stays cancelled, though the transaction rolls back ----

@ids = (submit('/hang', "timeout => '1 h'"), submit('/never', "run_at => now() + '1 day'"), submit('/delay/50'));
is(sql($node, "BEGIN; SELECT id FROM errand.race(ARRAY[$ids[0], $ids[1], $ids[2]]); ROLLBACK"), $ids[2], 'race()');
is(sql($node, "SELECT string_agg(state || ' ' || coalesce(error, ''), ',' ORDER BY ord) FROM errand.gather(ARRAY[$ids[0], $ids[1]], true)"),
	'cancelled cancelled: another one won the race,cancelled cancelled: another one won the race', '... cancels the rest, even if it rolls back');
my $last = submit('/never', "run_at => now() + '1 day'");
($session) = begin_waiting("SELECT * FROM errand.race(ARRAY[" . submit('/status/404') . ", $last])");
sql($node, "SELECT errand.cancel($last, 'the last word')");
$session->query('SELECT 1');
like($session->{stderr}, qr/the last word/, 'race(): the last error, if all fail');
$session->quit;
# more losers than the mailbox holds
my $many = 600;
my $winner = submit('/ok');
sql($node, "SELECT errand.wait_for($winner)");
sql($node, "CREATE TABLE losers AS SELECT x AS id FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', '" . $web->url('/ok')
	  . "') FROM generate_series(1, $many)), queue => 'losers', run_at => now() + '1 day') AS x");
is(sql($node, "SELECT id FROM errand.race($winner || ARRAY(SELECT id FROM losers))"), $winner, "race() against $many");
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE queue = 'losers' AND state = 'cancelled'", $many, 20), '... all of them are cancelled');

# ---- run() ----

is(sql($node, "CALL errand.run('http', '{\"url\": \"" . $web->url('/delay/100') . "\"}') \\gset\nSELECT :'result'::jsonb->>'status'"), '200', 'run() gives the result');
like(sql_error($node, "BEGIN; CALL errand.run('http', '{\"url\": \"" . $web->url('/ok') . "\"}');"), qr/^2D000: .*HINT: .*COMMIT/ms, '... not inside a transaction block');
like(sql_error($node, "CALL errand.run('http', '{\"url\": \"" . $web->url('/hang') . "\"}', timeout => '100 ms')"), qr/^57014: .*asked to stop.*HINT/ms, '... or gives up');
ok(wait_for_sql($node, "SELECT state FROM errand.tasks ORDER BY id DESC LIMIT 1", 'cancelled', 30), '... and has the task cancelled');
is(sql($node, "SET default_transaction_isolation = 'repeatable read'; CALL errand.run('http', '{\"url\": \"" . $web->url('/delay/100')
	  . "\"}') \\gset\nSELECT :'result'::jsonb->>'status'"), '200', '... under REPEATABLE READ');
# it holds no snapshot while it waits
($session, $pid) = begin_waiting("CALL errand.run('http', '{\"url\": \"" . $web->url('/hang') . "\"}', timeout => '1 h')");
ok(wait_for_sql($node, "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE pid = $pid", 't', 30), '... holds no snapshot while it waits');
sql($node, "SELECT errand.cancel_where('{\"min_id\": " . ($hang + 1) . '}\')');
$session->quit;

# ---- steering very many ----

$many = 100_000;
sql($node, "SELECT count(*) FROM errand.submit_many('http', array_fill(jsonb_build_object('url', '" . $web->url('/ok') . "'), ARRAY[$many]), queue => 'crowd', run_at => now() + '1 day')");
my $began = time;
is(sql($node, q(SELECT errand.cancel_where('{"queue": "crowd"}'))), $many, "cancel_where() of $many");
note sprintf 'in %.1f s', time - $began;
is(sql($node, q(SELECT depth || ' ' || (SELECT cancelled FROM errand.stat_tasks WHERE task = 'http') FROM errand.stat_queues WHERE queue = 'crowd')) =~ /^0 (\d+)/ && $1 >= $many, 1, '... and the counters know');
$began = time;
is(sql($node, q(SELECT errand.purge('{"queue": "crowd"}'))), $many, "purge() of $many");
note sprintf 'in %.1f s', time - $began;

# Cancelling and retrying while workers claim and settle the very same tasks: no deadlock, nothing lost.
sql($node, "SELECT count(*) FROM errand.submit_many('http', array_fill(jsonb_build_object('url', '" . $web->url('/ok') . "'), ARRAY[4000]), queue => 'fray')");
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 3;
my $steer = q(SELECT errand.cancel_where('{"queue": "fray"}'); SELECT errand.retry_where('{"queue": "fray", "state": "cancelled"}'););
$_->query_until(qr/begun/, "\\echo begun\n" . ("$steer\n" x 3)) foreach @sessions;
$_->query('SELECT 1') foreach @sessions;
$_->quit foreach @sessions;
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'steering in the fray: no deadlock');
sql($node, "SELECT errand.cancel($hang)");
ok(finish_all($node, 60), '... and every task comes to an end');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE queue = 'fray'"), '4000', '... exactly once');

# ---- two hundred waiters ----

$hang = submit('/hang', "timeout => '1 h'");
my $shared = submit('/never', "run_at => now() + '1 day'");
@sessions = ();
foreach my $n (1 .. $waiters)
{
	my $s = $node->background_psql('postgres');
	$s->set_query_timer_restart(1);    # to start all of them may take longer than one query may
	my $query = $n % 4 == 0 ? "SELECT 'state=' || state FROM errand.wait(ARRAY[$shared, $hang], 'FIRST_COMPLETED') WHERE done"
	  : $n % 4 == 1 ? "SELECT 'state=' || state FROM errand.gather(ARRAY[$shared], true)"
	  : $n % 4 == 2 ? "SELECT 'state=' || state FROM errand.as_completed(ARRAY[$shared])"
	  : "SELECT 'state=' || state FROM errand.wait((SELECT array_agg(-g) || ${shared}::bigint FROM generate_series(1, 40) AS g))  WHERE id > 0";
	$s->query_until(qr/begun/, "\\echo begun\n$query;\n");
	push @sessions, $s;
}
my $sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND backend_type = 'client backend'";
ok(wait_for_sql($node, $sleeping, $waiters, 60), "$waiters sessions wait");
$began = time;
sql($node, "SELECT count(*) FROM errand.submit_many('http', array_fill(jsonb_build_object('url', '" . $web->url('/ok') . "', 'store', 'discard'), ARRAY[20000]), queue => 'many')");
ok(wait_for_sql($node, "SELECT succeeded FROM errand.stat_queues WHERE queue = 'many'", '20000', 60), '... 20,000 tasks settle past them');
note sprintf 'in %.1f s', time - $began;
ok(wait_for_sql($node, $sleeping, $waiters, 20), '... and they sleep on');
$began = time;
sql($node, "SELECT errand.cancel($shared)");
is(scalar(grep { $_->query_safe('SELECT 1') =~ /state=cancelled/ } @sessions), $waiters, '... until the one they wait for ends');
cmp_ok(time - $began, '<', 20, '... all of them woken');
note sprintf 'in %.1f s', time - $began;
$_->quit foreach @sessions;
sql($node, "SELECT errand.cancel($hang)");
$node->stop;

done_testing();
