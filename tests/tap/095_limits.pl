# Limits, counted where they matter: at the server. Two workers, an immediate
# stop and a kill; queues, task types, hosts; holds and circuits.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = errand_node('limits', conf => "errand.workers = 2\nerrand.breaker_failures = 3");
wait_for_sql($node, "SELECT count(*) FROM errand.stat_workers WHERE kind = 'worker'", '2');

sub submit
{
	my ($n, $url, $options) = @_;
	sql($node, "SELECT count(errand.http_get('$url'" . ($options ? ", $options" : '') . ")) FROM generate_series(1, $n)");
	return;
}

# The most requests in any span of so many seconds: as they arrived, or as they were
# started, whichever is less. A server that the machine kept waiting hears many at once.
sub most_in
{
	my ($seconds, $where, @requests) = @_;
	my $ids = join ',', map { $_->{task} } @requests;
	my @started = split /\n/, sql($where, "SELECT (1000000 * extract(epoch FROM started_at))::bigint FROM errand.attempts
		WHERE task_id IN ($ids) AND state <> 'lost'");
	my ($heard, $sent) = (most_within($seconds, map { $_->{at} } @requests), most_within($seconds, @started));
	note "in $seconds s: $heard arrived, $sent were sent";
	return $heard < $sent ? $heard : $sent;
}

sub most_within
{
	my ($seconds, @times) = @_;
	my @at = sort { $a <=> $b } @times;
	my ($most, $from) = (0, 0);
	foreach my $to (0 .. $#at)
	{
		$from++ while $at[$to] - $at[$from] >= $seconds * 1e6;
		$most = $to - $from + 1 if $to - $from + 1 > $most;
	}
	return $most;
}

sub kill_worker
{
	my $pid = worker_pid($node);
	kill 'KILL', $pid;
	poll_for(10, 'its end', sub { !kill 0, $pid });
	return;
}

# ---- max_running of a queue ----

my $three = counting('three');
sql($node, "SELECT errand.define_queue('three', max_running => 3)");
submit(150, $three->url('/delay/120'), "queue => 'three'");
poll_for(20, 'a third of them', sub { $three->requests >= 50 });
ok(wait_for_sql($node, "SELECT running FROM errand.stat_queues WHERE queue = 'three'", '3'), 'max_running: all places are used');
kill_worker();
wait_for_sql($node, "SELECT count(*) > 60 FROM errand.tasks WHERE state = 'succeeded'");
$node->stop('immediate');
$node->start;
ok(finish_all($node, 60), 'max_running: all done, across a kill and an immediate stop');
is($three->totals->{most_running}, 3, '... and never more than three at once, over two workers');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'succeeded'"), '150', '... all succeeded');
sql($node, "SELECT errand.define_queue('three', max_running => 5)");
submit(50, $three->url('/delay/30'), "queue => 'three'");
ok(finish_all($node), 'max_running can be raised');
is($three->totals->{most_running}, 5, '... and is used');
submit(5, $three->url('/flaky/1'), "queue => 'three', backoff => 'constant', backoff_base => '10 ms'");
my $cancelled = sql($node, "SELECT errand.http_get('" . $three->url('/hang') . "', queue => 'three')");
wait_for_sql($node, "SELECT errand.status($cancelled)", 'running');
sql($node, "SELECT errand.cancel($cancelled)");
finish_all($node);
poll_for(20, 'its connection closed', sub { $three->totals->{running} == 0 });
submit(20, $three->url('/delay/30'), "queue => 'three'");
ok(finish_all($node), 'places of retried and cancelled tasks come free');
is($three->totals->{most_running}, 5, '... no more than these');

# ---- a blocked queue beside a free one ----

my $free = counting('free');
sql($node, "SELECT errand.define_queue('one', max_running => 1), errand.define_queue('never', rate_limit => '1/d')");
submit(300, $three->url('/hang'), "queue => 'one', priority => 5, timeout => '1 h'");
submit(300, $three->url('/ok'), "queue => 'never', priority => 5");
submit(500, $free->url('/ok'));
ok(wait_for_sql($node, "SELECT succeeded FROM errand.stat_queues WHERE queue = 'default'", '500'), 'a blocked queue slows no other');
ok(wait_for_sql($node, "SELECT running || ' ' || ready FROM errand.stat_queues WHERE queue = 'one'", '1 299'), '... it holds one place');
ok(wait_for_sql($node, "SELECT ready FROM errand.stat_queues WHERE queue = 'never'", '300'), '... a bucket begins empty');
sql($node, "SELECT errand.cancel(id) FROM errand.tasks WHERE queue IN ('one', 'never') AND state = 'ready'");
sql($node, "SELECT errand.cancel(id) FROM errand.tasks WHERE queue = 'one'");
finish_all($node);

# ---- rate of a queue ----

my $rate = counting('rate');
sql($node, "SELECT errand.define_queue('rate', rate_limit => '50/s')");
submit(60, $rate->url('/ok'), "queue => 'rate'");
poll_for(20, 'some of them', sub { $rate->requests >= 30 });
$node->stop('immediate');
$node->start;
submit(140, $rate->url('/ok'), "queue => 'rate'");
ok(finish_all($node, 60), 'rate: all done');
cmp_ok(most_in(1, $node, $rate->requests), '<=', 55, '... never more than 55 in any second');
cmp_ok(most_in(0.2, $node, $rate->requests), '<=', 16, '... evenly spaced');
sql($node, "SELECT errand.define_queue('slow', rate_limit => '4/s')");
submit(16, $rate->url('/json'), "queue => 'slow'");
ok(finish_all($node, 60), 'rate: a slow one');
cmp_ok(most_in(1, $node, $rate->requests(qr/json/)), '<=', 4, '... never more than four in any second');

# host places full: what was claimed must not leave in a burst later
my $full = counting('full');
sql($node, "SELECT errand.define_queue('burst', rate_limit => '50/s'), errand.define_host('127.0.0.1:$full->{port}', max_running => 2)");
submit(20, $full->url('/delay/300'));
submit(100, $full->url('/ok'), "queue => 'burst'");
ok(finish_all($node, 60), 'rate: behind a full host');
cmp_ok(most_in(1, $node, $full->requests(qr/ok/)), '<=', 55, '... no burst when it has room');
is($full->totals->{most_running}, 2, 'define_host: max_running over all workers');

# a high rate: what waits for a busy host keeps nobody else back
my ($busy, $idle) = map { counting($_) } 'busy', 'idle';
sql($node, "SELECT errand.define_queue('fast', rate_limit => '100000/s')");
reload_settings($node, 'errand.host_max_running' => 1);
foreach my $worker (1, 2)
{
	submit(4, $busy->url('/hang'), "queue => 'fast', timeout => '1 h'");
	wait_for_sql($node, q{SELECT count(*) FROM errand.tasks WHERE queue = 'fast' AND state = 'ready'}, '0', 10);
}
my $aside = sql($node, "SELECT errand.http_get('" . $idle->url('/ok') . "', queue => 'fast')");
ok(wait_for_sql($node, "SELECT errand.status($aside)", 'succeeded', 20), 'rate: others start while some wait for a busy host');
sql($node, q{SELECT errand.cancel(id) FROM errand.tasks WHERE queue = 'fast' AND state <> 'succeeded'});
ok(finish_all($node, 60), '... and all end');
reload_settings($node, 'errand.host_max_running' => undef);

# ---- task types ----

my $types = counting('types');
sql($node, "SELECT errand.define_task('pair', 'http', template => '{\"url\": \"" . $types->url('/delay/30') . "\"}', max_running => 2)");
sql($node, "SELECT count(errand.submit('pair')) FROM generate_series(1, 100)");
submit(200, $free->url('/ok'));
ok(finish_all($node, 60), 'type: max_running');
is($types->totals->{most_running}, 2, '... never more than two');
sql($node, "SELECT errand.define_task('paced', 'http', template => '{\"url\": \"" . $types->url('/ok') . "\"}', rate_limit => '50/s')");
sql($node, "SELECT count(errand.submit('paced')) FROM generate_series(1, 150)");
ok(finish_all($node, 60), 'type: rate_limit');
cmp_ok(most_in(1, $node, $types->requests(qr/ok/)), '<=', 55, '... never more than 55 in any second');
is(sql($node, "SELECT max(attempt) FROM errand.tasks WHERE task IN ('pair', 'paced')"), '1', '... waiting costs no attempt');

# A lease that lives on names none of the tasks that were parked out of it:
# they will be in another one, with the same number.
sql($node, "SELECT errand.define_task('alone', 'http', template => '{\"url\": \"" . $types->url('/hang') . "\"}', max_running => 1, timeout => '1 h')");
sql($node, "SELECT count(errand.submit('alone')) FROM generate_series(1, 9)");
# those that are tried again are in a lease for a moment, and not parked
ok(wait_for_sql($node, 'SELECT count(*) >= 5 FROM errand.later', 't'), 'parked: most of them');
ok(wait_for_sql($node, 'SELECT count(*) FROM errand.lease AS l, unnest(l.ids) AS i JOIN errand.later AS t ON t.id = i', '0'), '... and in no lease any more');
ok(wait_for_sql($node, 'SELECT count(*) >= 1 FROM errand.lease AS l, unnest(l.ids) AS i WHERE NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = i)', 't'), '... but the one');
sql($node, "SELECT errand.cancel(id) FROM errand.tasks WHERE task = 'alone'");
finish_all($node);

# ---- hosts ----

my $host = counting('host');
sql($node, "SELECT errand.define_host('127.0.0.1:$host->{port}', rate_limit => '50/s')");
submit(150, $host->url('/ok'));
ok(finish_all($node, 60), 'host: rate_limit');
cmp_ok(most_in(1, $node, $host->requests), '<=', 55, '... never more than 55 in any second');
is(sql($node, "SELECT max_running, rate_limit, circuit, held_until FROM errand.stat_hosts WHERE host = '127.0.0.1:$host->{port}'"),
	'64|50/s|closed|', '... stat_hosts shows it');
like(sql_error($node, "SELECT errand.define_host('$_')"), qr/^22023/, "no host: $_")
  foreach 'http://x/', 'x/y', 'a b', 'x:0', 'user@x', '';
like(sql_error($node, "SELECT errand.define_host('x', rate_limit => 'fast')"), qr/^22023/, 'no rate');
like(sql_error($node, "SELECT errand.define_host('x', max_running => 0)"), qr/^22023/, 'no number');
sql($node, "SELECT errand.define_host('X.example:08080')");
is(sql($node, "SELECT host FROM errand.stat_hosts WHERE host ~ 'example'"), 'x.example:8080', 'hosts are named in lower case');
sql($node, "SELECT errand.drop_host('x.EXAMPLE:8080')");
like(sql_error($node, "SELECT errand.drop_host('x.example:8080')"), qr/^42704/, 'drop_host() of none');

# ---- Retry-After holds the host ----

my ($hold, $first, $seconds, %saw);
foreach my $try (3, 12)
{
	$seconds = $try;
	$hold = counting("hold_$seconds");
	my $held = "SELECT held_until > now() FROM errand.stat_hosts WHERE host = '127.0.0.1:$hold->{port}'";
	$first = sql($node, "SELECT errand.http_get('" . $hold->url("/retry-after/$seconds") . "')");
	$saw{held} = wait_for_sql($node, $held);
	submit(100, $hold->url('/ok'));
	submit(100, $free->url('/json'));
	$saw{aside} = wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'scheduled'", '100', $seconds);
	$saw{others} = wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state NOT IN ('succeeded', 'cancelled')", '101', $seconds);
	$saw{sent} = $hold->requests;
	# a longer one if it was over before all of this was seen
	last if sql($node, $held) eq 't';
	finish_all($node, 60);
}
ok($saw{held}, 'Retry-After: the host is held');
ok($saw{aside}, '... its tasks step aside');
ok($saw{others}, '... others go on');
is($saw{sent}, 1, '... nothing was sent to it');
ok(finish_all($node, 60), '... and all run when it is over');
my @held = sort { $a <=> $b } map { $_->{at} } $hold->requests;
cmp_ok($held[1] - $held[0], '>=', $seconds * 1e6 - 10_000, '... not before');
is(sql($node, "SELECT max(attempt) FROM errand.tasks WHERE id > $first"), '1', '... without spending attempts');

# ---- circuits ----

sub circuit { my $server = shift; return "SELECT circuit FROM errand.stat_hosts WHERE host = '127.0.0.1:$server->{port}'" }

my $broken = counting('broken');
foreach my $n (1 .. 3)
{
	submit(2, $broken->url('/status/404'));
	submit(1, $broken->url('/status/500'), 'max_attempts => 1');
	finish_all($node);
}
is(sql($node, circuit($broken)), 'closed', 'a circuit stays closed: answers between failures');
submit(3, $broken->url('/status/500'), 'max_attempts => 1');
ok(wait_for_sql($node, circuit($broken), 'open'), 'three failures in a row open it');
my $last = sql($node, 'SELECT max(id) FROM errand.tasks');
submit(20, $broken->url('/delay/400'));
ok(finish_all($node, 60), '... and it closes again');
is(sql($node, circuit($broken)), 'closed', '... says stat_hosts');
my @at = sort { $a <=> $b } map { $_->{at} } $broken->requests(qr/500/);
my @probe = sort { $a <=> $b } map { $_->{at} } $broken->requests(qr/delay/);
cmp_ok($probe[0] - $at[-1], '>=', 990_000, '... not before its second was over');
cmp_ok($probe[1] - $probe[0], '>=', 400_000, '... one request alone tried it');
is(scalar(@probe), 20, '... each was sent once');
is(sql($node, "SELECT max(attempt) FROM errand.tasks WHERE id > $last"), '1', '... without spending attempts');

# a probe that fails opens it for twice as long
my $dead = counting('dead');
submit(3, $dead->url('/status/500'), 'max_attempts => 1');
wait_for_sql($node, circuit($dead), 'open');
submit(4, $dead->url('/status/500'), 'max_attempts => 1');
ok(finish_all($node, 60), 'a circuit: probe after probe fails');
@at = sort { $a <=> $b } map { $_->{at} } $dead->requests;
is(scalar(@at), 7, '... one request each');
cmp_ok($at[4] - $at[3], '>=', 1_990_000, '... twice as long the second time');

# ---- a thousand queues beside a long one ----

sql($node, 'SELECT errand.pause_all()');
sql($node, "SELECT count(*) FROM errand.submit_many('http', array_fill('{\"url\": \"" . $free->url('/ok') . "\"}'::jsonb, ARRAY[20000]), queue => 'long')");
my $small_queues = sql($node, "SELECT max(id) FROM errand.tasks");
sql($node, "SELECT count(*) FROM generate_series(1, 1000) AS q,
	errand.submit_many('http', array_fill('{\"url\": \"" . $free->url('/ok') . "\"}'::jsonb, ARRAY[20]), queue => 'short ' || q)");
# Both workers start what they claimed, and are kept from looking for a while: that
# tells nothing of the host, nobody is parked for it.
my $faults = sql_error($node, "ALTER SYSTEM SET errand.fault = ''") eq '';
my $offset = -s $node->logfile;
reload_settings($node, 'errand.fault' => 'started=pause') if $faults;
sql($node, 'SELECT errand.resume_all()');
if ($faults)
{
	poll_for(30, 'both workers', sub { 2 == (() = slurp_file($node->logfile, $offset) =~ /fault point started: paused/g) });
	wait_for_sql($node, "SELECT bool_and(claimed_at < clock_timestamp() - interval '600 ms') FROM errand.lease");
	reload_settings($node, 'errand.fault' => undef);
}
ok(wait_for_sql($node, "SELECT count(*) FROM errand.outcome WHERE id > $small_queues", '20000', 120), 'a thousand queues are served');
cmp_ok(sql($node, "SELECT count(*) FROM errand.outcome AS o WHERE o.id BETWEEN $small_queues - 19999 AND $small_queues
	AND o.finished_at < (SELECT max(x.finished_at) FROM errand.outcome AS x WHERE x.id > $small_queues)"),
	'<', 10000, '... while a long one waits for its turns');
ok(finish_all($node, 120), '... and is served, too');

# ---- the role's quota ----

sql($node, "CREATE ROLE app LOGIN; SELECT errand.grant_access('app', 'submit'); ALTER ROLE app SET errand.role_quota = 10");

sub as_app { my $query = shift; my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$query", extra_params => [ '-U', 'app' ]);
	return $status == 0 ? $out : $err =~ /ERROR:\s+(\w{5}): / ? $1 : $err }

my $wait = "run_at => now() + '1 h'";
my $link = $free->url('/ok');
is(as_app("SELECT count(errand.http_get('$link', $wait)) FROM generate_series(1, 6)"), '6', 'role_quota: below it');
is(as_app("SELECT count(errand.http_get('$link', $wait)) FROM generate_series(1, 5)"), '53400', '... one too many in a transaction');
is(as_app("SELECT count(*) FROM errand.submit_many('http', array_fill('{\"url\": \"$link\"}'::jsonb, ARRAY[5]), $wait)"), '53400', '... and at once');
is(as_app("SELECT count(*) FROM errand.submit_many('http', array_fill('{\"url\": \"$link\"}'::jsonb, ARRAY[4]), $wait)"), '4', '... up to it');
is(as_app("SELECT errand.http_get('$link')"), '53400', '... full');
sql($node, "SELECT count(errand.http_get('$link')) FROM generate_series(1, 20)");
is(as_app("SELECT errand.cancel(min(id)) FROM errand.tasks WHERE state = 'scheduled'; SELECT errand.http_get('$link') > 0"), "t\nt", '... one cancelled makes room');
wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'ready' OR state = 'running'", '0');
is(as_app("SELECT errand.http_get('$link', $wait) > 0"), 't', '... and so does one that ran');
is(as_app("SELECT errand.http_get('$link', $wait)"), '53400', '... but no more');
like(sql_error($node, "SET ROLE app; SET errand.role_quota = 0"), qr/^42501/, '... and nobody raises his own');
is(as_app("BEGIN; SELECT count(errand.cancel(id)) FROM errand.tasks WHERE state = 'scheduled'; SELECT count(errand.http_get('$link', $wait)) FROM generate_series(1, 10); ROLLBACK"), "10\n10", '... a transaction counts what it cancels');
is(as_app("SELECT errand.http_get('$link', $wait)"), '53400', '... and forgets it when it is rolled back');
$node->stop('immediate');
$node->start;
is(as_app("SELECT errand.http_get('$link', $wait)"), '53400', '... counted anew after a crash');

# ---- a full table ----

my $small = errand_node('small', conf => "errand.workers = 2\nerrand.max_keys = 64");
my ($over, $other) = (counting('over'), counting('other'));
sql($small, "SELECT count(errand.define_queue('q' || n, max_running => 8)) FROM generate_series(1, 90) AS n");
sql($small, "SELECT count(errand.http_get('" . $over->url('/ok') . "', queue => 'q' || n)) FROM generate_series(1, 90) AS n, generate_series(1, 3)");
ok(finish_all($small, 60), 'more names than the table holds: idle ones make room');
sql($small, "SELECT count(errand.http_get('" . $over->url('/hang') . "', queue => 'q' || n, timeout => '1 h')) FROM generate_series(1, 64) AS n");
ok(wait_for_sql($small, "SELECT count(*) FROM errand.tasks WHERE state = 'running'", '64'), '... 64 of them busy fill it');
sql($small, "SELECT count(errand.http_get('" . $other->url('/delay/50') . "', queue => 'q' || n)) FROM generate_series(65, 67) AS n, generate_series(1, 2)");
ok(wait_for_sql($small, "SELECT count(*) FROM errand.tasks WHERE state IN ('running', 'ready')", '64', 60), '... the others are served all the same');
is(most_in(1, $small, $other->requests), 1, '... but share one slow bucket');
$small->stop;

$node->stop;
done_testing();
