# Tasks that wait for others, and groups: under load, and through crashes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

seed();
my $web = counting();
my $node = errand_node('dependencies', conf => 'errand.host_max_running = 100');

sub submit
{
	my ($path, $options) = @_;
	return sql($node, "SELECT errand.http_get('" . $web->url($path) . "'" . ($options ? ", $options" : '') . ')');
}

sub states { my $ids = join ',', @_; return sql($node, "SELECT string_agg(state, ' ' ORDER BY id) FROM errand.tasks WHERE id IN ($ids)") }
sub nothing_left { return wait_for_sql($node, 'SELECT (SELECT count(*) FROM errand.dependency) + (SELECT count(*) FROM errand.later)', '0', shift // 30) }

# When the requests of a task arrived.
sub arrived { my @r = $web->of_task(shift); return @r ? $r[0]{at} : undef }

# ---- a diamond ----

sql($node, q{SELECT errand.define_queue('gate'), errand.pause_queue('gate')});
my $top = submit('/delay/50', "queue => 'gate'");
my ($left, $right) = map { submit('/delay/50', "after => ARRAY[$top]") } 1 .. 2;
my $bottom = submit('/json', "after => ARRAY[$left, $right, $left]");
is(states($left, $right, $bottom), 'waiting waiting waiting', 'a diamond waits');
ok(wait_for_sql($node, "SELECT waiting FROM errand.stat_queues WHERE queue = 'default'", '3'), '... and is counted');
sql($node, q{SELECT errand.resume_queue('gate')});
is(sql($node, "SELECT errand.wait_for($bottom)->>'status'"), '200', '... and runs');
is(states($top, $left, $right, $bottom), 'succeeded succeeded succeeded succeeded', '... all of it');
ok(arrived($top) <= arrived($left) && arrived($left) <= arrived($bottom) && arrived($right) <= arrived($bottom), '... in order');
is(sql($node, "SELECT count(*), bool_and(satisfied) FROM errand.dependencies WHERE task_id IN ($left, $right, $bottom)"), '4|t', 'its edges stay');
wait_for_sql($node, "SELECT waiting + ready + running FROM errand.stat_queues WHERE queue = 'default'", '0', 10);
ok(wait_for_sql($node, "SELECT waiting FROM errand.stat_queues WHERE queue = 'default'", '0'), '... and nothing is counted as waiting');

# ---- the leader has looked at all that waits, and settles go on freeing ----

sql($node, q{SELECT errand.pause_queue('gate')});
$top = submit('/ok', "queue => 'gate'");
my @links = ($top);
push @links, submit('/ok', "after => ARRAY[$links[-1]]") for 1 .. 8;
# each of these gets the leader up, which looks once a second
my $looked = time + 2.5;
poll_for(20, 'looks', sub { submit('/ok'); return time > $looked });
sql($node, q{SELECT errand.resume_queue('gate')});
is(sql($node, "SELECT errand.wait_for($links[-1])->>'status'"), '200', 'a chain runs');
cmp_ok(sql($node, "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) FROM (SELECT 1000 * extract(epoch FROM finished_at - lag(finished_at) OVER (ORDER BY id)) AS gap
	FROM errand.tasks WHERE id IN (" . join(',', @links) . ')) AS g'), '<', 300, '... and its links do not wait for the next look');

# ---- a failed ancestor ----

my @chain = (submit('/delay/100'));
push @chain, submit('/status/404', "after => ARRAY[$chain[0]]");
push @chain, submit('/never', "after => ARRAY[$chain[-1]]") for 1 .. 5;
my $done = submit('/json', "after => ARRAY[$chain[1], $chain[-1]], after_policy => 'done'");
is(sql($node, "SELECT errand.wait_for($done)->>'status'"), '200', "after_policy 'done' runs after a failure, and after a chain of cancellations");
is(states(@chain), 'succeeded failed cancelled cancelled cancelled cancelled cancelled', 'what waits for a failed task is cancelled, and so on');
is(sql($node, 'SELECT string_agg(DISTINCT error, $$,$$) FROM errand.tasks WHERE id = ANY (ARRAY[' . join(',', @chain[ 2 .. 6 ]) . '])'),
	"cancelled: task $chain[1], which it waits for, failed", '... by the one that failed');
is(sql($node, "SELECT string_agg(satisfied::text, ' ' ORDER BY task_id, parent_id) FROM errand.dependencies WHERE task_id IN ($chain[2], $done)"), 'false true true', '... whose edge is not satisfied');
my $late = submit('/never', "after => ARRAY[$chain[5]]");
is(states($late), 'cancelled', 'a new one is cancelled at once');
like(sql_error($node, "SELECT errand.result($late)"), qr/^57014: cancelled: task $chain[1], which it waits for, failed/m, '... for the same reason');
is(scalar($web->requests(qr/never/)), 0, '... and none of them was sent');

# ---- waiting tasks can be steered ----

my $held = submit('/hang', "timeout => '1 h'");
my @steered = map { submit('/json', "after => ARRAY[$held]") } 1 .. 3;
is(sql($node, "SELECT errand.cancel($steered[0]), errand.reschedule($steered[1], now() + '1 h'), errand.reprioritize($steered[2], 7), errand.retry($steered[2])"),
	't|t|t|f', 'a waiting task is cancelled, rescheduled, reprioritized, not retried');
is(states(@steered), 'cancelled waiting waiting', '... and waits on');
sql($node, "SELECT errand.cancel($held)");
ok(wait_for_sql($node, "SELECT string_agg(state, ' ' ORDER BY id) FROM errand.tasks WHERE id IN ($held, $steered[1], $steered[2])", 'cancelled cancelled cancelled'),
	'what waits for a cancelled one is cancelled');
$held = submit('/hang', "timeout => '1 h'");
my $timed = submit('/json', "after => ARRAY[$held], after_policy => 'done', run_at => now() + '1 h'");
my $expired = submit('/json', "after => ARRAY[$held], deadline => '50 ms'");
ok(wait_for_sql($node, "SELECT errand.status($expired)", 'failed'), 'a deadline ends one that waits');
sql($node, "SELECT errand.cancel($held)");
ok(wait_for_sql($node, "SELECT errand.status($timed)", 'scheduled'), 'run_at counts once it is free');
sql($node, "SELECT errand.cancel($timed)");

# ---- a client that holds a child holds up nobody else ----

sql($node, q{SELECT errand.pause_queue('gate')});
$top = submit('/ok', "queue => 'gate'");
my ($mine, $other) = map { submit('/json', "after => ARRAY[$top]") } 1 .. 2;
my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; SELECT errand.reprioritize($mine, 5)");
sql($node, q{SELECT errand.resume_queue('gate')});
is(sql($node, "SELECT errand.wait_for($other)->>'status'"), '200', 'another child runs');
is(states($mine), 'waiting', '... the held one waits');
$holder->query_safe('COMMIT');
$holder->quit;
is(sql($node, "SELECT errand.wait_for($mine)->>'status'"), '200', '... until the client is done');

# ---- a prepared transaction tells nobody ----

$top = submit('/delay/100');
sql($node, "BEGIN; SELECT errand.http_get('" . $web->url('/json') . "', key => 'prepared', after => ARRAY[$top]); PREPARE TRANSACTION 'p'");
sql($node, "SELECT errand.wait_for($top)->>'status'");
sql($node, "COMMIT PREPARED 'p'");
ok(wait_for_sql($node, q{SELECT state FROM errand.tasks WHERE key = 'prepared'}, 'succeeded', 30), 'the child of a prepared transaction runs');
ok(nothing_left(), 'nothing is left');

# ---- many ----

my $n = 10_000;
$top = submit('/delay/200');
my $began = time;
is(sql($node, "SELECT count(*) FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', '" . $web->url('/ok') . "', 'store', 'discard')
	FROM generate_series(1, $n)), queue => 'fan', after => ARRAY[$top])"), $n, "$n children of one parent");
note sprintf 'submitted in %.1f s', time - $began;
sql($node, "SELECT errand.wait_for($top)->>'status'");
$began = time;
ok(wait_for_sql($node, q{SELECT waiting FROM errand.stat_queues WHERE queue = 'fan'}, '0', 30), 'all are freed');
note sprintf 'freed in %.1f s', time - $began;
ok(wait_for_sql($node, q{SELECT succeeded FROM errand.stat_queues WHERE queue = 'fan'}, $n, 60), '... and succeed');
note sprintf 'done in %.1f s', time - $began;

sql($node, q{SELECT errand.define_queue('held'), errand.pause_queue('held')});
my $many = "errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', '" . $web->url('/ok') . "', 'store', 'discard') FROM generate_series(1, $n)), queue => 'held')";
sql($node, "CREATE TABLE parents AS SELECT p AS id FROM $many AS p");
my $join = submit('/json', 'after => ARRAY(SELECT id FROM parents)');
$began = time;
is(sql($node, "SELECT count(errand.http_get('" . $web->url('/ok') . "', store => 'discard', queue => 'one', after => ARRAY[id])) FROM parents"), $n, "$n parents, a child each, and a child of all");
note sprintf 'submitted in %.1f s', time - $began;
$began = time;
sql($node, q{SELECT errand.resume_queue('held')});
ok(wait_for_sql($node, q{SELECT succeeded FROM errand.stat_queues WHERE queue = 'one'}, $n, 90), '... succeed');
note sprintf 'done in %.1f s', time - $began;
is(sql($node, "SELECT errand.wait_for($join)->>'status'"), '200', '... and so does the child of all');
ok(nothing_left(), 'nothing is left');

# ---- a cancelled ancestor of many ----

$top = submit('/never', "run_at => now() + '1 h'");
sql($node, "SELECT count(*) FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', '" . $web->url('/never') . "')
	FROM generate_series(1, 3000)), queue => 'doomed', after => ARRAY[$top])");
sql($node, "SELECT errand.cancel($top)");
ok(wait_for_sql($node, q{SELECT count(*) FROM errand.tasks WHERE queue = 'doomed' AND state = 'cancelled'}, '3000', 30), '3000 are cancelled with their parent');
is(sql($node, q{SELECT count(DISTINCT o.xmin::text) >= 2 FROM errand.outcome AS o JOIN errand.task AS t USING (id) WHERE t.queue = 'doomed'}), 't', '... not in one transaction');

# ---- groups ----

my $group = sql($node, q{SELECT errand.open_group('fails')});
my @hanging = map { submit('/hang', "task_group => $group, timeout => '1 h'") } 1 .. 20;
my $waiting = submit('/never', "task_group => $group, after => ARRAY[$hanging[0]], after_policy => 'done'");
poll_for(10, 'twenty requests', sub { $web->requests(qr/hang/) >= 22 });
my $fails = submit('/status/404', "task_group => $group");
$began = time;
is(sql($node, "SELECT errand.wait_group($group)"), 'f', 'wait_group() tells of a failure');
cmp_ok(time - $began, '<', 20, '... soon: running siblings are cut off');
is(sql($node, "SELECT total, pending, succeeded, failed, cancelled, failed_task FROM errand.task_groups WHERE id = $group"), "22|0|0|1|21|$fails", '... and all are cancelled');
is(sql($node, "SELECT string_agg(DISTINCT error, ',') FROM errand.tasks WHERE id IN (" . join(',', @hanging, $waiting) . ')'), "cancelled: task $fails of its group failed", '... for that reason');
like(sql_error($node, "SELECT errand.http_get('http://127.0.0.1/', task_group => $group)"), qr/^55000: .*HINT: /ms, 'a failed group takes no more');

$group = sql($node, q{SELECT errand.open_group('goes on', fail_fast => false)});
submit($_, "task_group => $group") for '/status/404', '/delay/300', '/json';
is(sql($node, "SELECT errand.close_group($group)"), 't', 'a group is closed');
is(sql($node, "SELECT errand.wait_group($group)"), 'f', 'without fail_fast the others go on');
ok(wait_for_sql($node, "SELECT state, total, succeeded, failed, finished_at IS NOT NULL FROM errand.task_groups WHERE id = $group", 'failed|3|2|1|t', 10), '... and it is finished');

my $woken = best_of(3, 2, sub {
	my $id = sql($node, "SELECT errand.open_group('waits ' || $_[0])");
	my $slow = submit('/delay/1500', "task_group => $id");
	my $session = $node->background_psql('postgres');
	$session->query_until(qr/begun/, "\\echo begun\nSELECT 'woken ' || errand.wait_group($id);\n");
	sql($node, "SELECT errand.wait_for($slow)->>'status'");
	my $since = time;
	like($session->query_safe('SELECT 1'), qr/woken true/, 'wait_group() is woken');
	my $took = time - $since;
	$session->quit;
	return $took;
});
cmp_ok($woken, '<', 2, '... at once');
like(sql_error($node, "SELECT errand.wait_group(" . submit_group('/hang') . ", '100 ms')"), qr/^57014: .*HINT: /ms, '... or gives up');

sub submit_group
{
	my $id = sql($node, q{SELECT errand.open_group('more')});
	submit($_, "task_group => $id, timeout => '1 h'") for @_;
	return $id;
}

$group = submit_group('/hang', '/hang');
sql($node, "SELECT count(*) FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', '" . $web->url('/ok') . "')
	FROM generate_series(1, 2000)), run_at => now() + '1 h', task_group => $group)");
is(sql($node, "SELECT errand.cancel_group($group, 'enough')"), 't', 'a group is cancelled');
is(sql($node, "SELECT errand.wait_group($group, '30 s')"), 'f', '... all of it');
is(sql($node, "SELECT cancelled, pending FROM errand.task_groups WHERE id = $group"), '2002|0', '... running or not');

# ---- falls ----

my $layers = 20;
my $wide = 100;
sql($node, q{SELECT errand.cancel(id) FROM errand.tasks WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'unknown')});
finish_all($node, 30);
my $grouped = sql($node, q{SELECT errand.open_group('layers', fail_fast => false)});
sql($node, 'CREATE TABLE layer (l int, id bigint)');
my @spoilt = map { chance(1, $wide) } 1 .. 2;
foreach my $l (0 .. $layers - 1)
{
	# each waits for three of the layer before; two of the third layer fail
	sql($node, "INSERT INTO layer SELECT $l, errand.http_get('" . $web->url('') . "' || CASE WHEN $l = 2 AND n IN ($spoilt[0], $spoilt[1]) THEN '/status/404' ELSE '/delay/' || n % 7 END,
		queue => 'layers', task_group => $grouped, after => (SELECT array_agg(id) FROM (SELECT id FROM layer WHERE l = $l - 1 ORDER BY hashtext(id::text || n) LIMIT 3) AS x))
		FROM generate_series(1, $wide) AS n");
	if ($l == 3 || $l == 9 || $l == 15)
	{
		$node->stop('immediate');
		$node->start;
		wait_for_sql($node, 'SELECT true');
	}
}
sql($node, "SELECT errand.close_group($grouped)");
ok(finish_all($node, 120), 'a graph in layers comes to its end, through three falls');
is(sql($node, 'SELECT count(*) FROM layer JOIN errand.tasks USING (id)'), $layers * $wide, 'all are there');
is(sql($node, q{SELECT count(*) FROM errand.tasks AS t JOIN errand.dependencies AS d ON d.task_id = t.id WHERE t.queue = 'layers'
	AND (t.state <> 'cancelled') <> (SELECT bool_and(x.satisfied) FROM errand.dependencies AS x WHERE x.task_id = t.id)}), '0', 'who ran had all parents, who was cancelled had not');
is(sql($node, q{SELECT count(*) FROM errand.tasks AS t JOIN errand.dependencies AS d ON d.task_id = t.id JOIN errand.tasks AS p ON p.id = d.parent_id
	WHERE t.queue = 'layers' AND t.state = 'succeeded' AND t.started_at < p.finished_at}), '0', '... and ran after them');
is(sql($node, q{SELECT count(*) FROM errand.tasks WHERE queue = 'layers' AND state = 'failed'}), 0 + keys %{ { map { $_ => 1 } @spoilt } }, '... and none failed but those that had to');
ok(wait_for_sql($node, "SELECT total = $layers * $wide AND pending = 0 AND finished_at IS NOT NULL FROM errand.task_groups WHERE id = $grouped", 't', 20), 'the counts of its group are right');
is(sql($node, "SELECT g.succeeded = count(*) FILTER (WHERE t.state = 'succeeded') AND g.cancelled = count(*) FILTER (WHERE t.state = 'cancelled')
	FROM errand.task_groups AS g JOIN errand.tasks AS t ON t.task_group = g.id WHERE g.id = $grouped GROUP BY g.succeeded, g.cancelled"), 't', '... each of them');
ok(nothing_left(), 'nothing is left');

done_testing();
