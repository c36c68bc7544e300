# Steering: order, times, deadlines, keys, cancelling, pausing, draining.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('steering', conf => 'errand.host_max_running = 100');

sub submit
{
	my ($path, $options) = @_;
	return sql($node, "SELECT errand.http_get('" . $web->url($path) . "'" . ($options ? ", $options" : '') . ')');
}
sub status { my $id = shift; return sql($node, "SELECT errand.status($id)") }
sub becomes { my ($id, $state, $what) = @_; return ok(wait_for_sql($node, "SELECT errand.status($id)", $state), $what) }
sub under_way { my $id = shift; return poll_for(10, "a request of $id", sub { scalar $web->of_task($id) }) }
sub hits { my $id = shift; return scalar $web->of_task($id) }

# ---- cancel() ----

my $id = submit('/hang', "timeout => '1 h', key => 'held'");
under_way($id);
my $aborted = $web->totals->{aborted};
is(sql($node, "SELECT errand.cancel($id, 'enough')"), 't', 'cancel() of a running task');
becomes($id, 'cancelled', '... ends it');
ok(poll_for(30, 'the cut', sub { $web->totals->{aborted} > $aborted }), '... cuts off its transfer');
is(sql($node, "SELECT sqlstate, error FROM errand.task($id)"), '57014|enough', '... and keeps the reason');
is(sql($node, "SELECT errand.cancel($id)"), 'f', 'cancel() of a final task does nothing');
isnt(submit('/json', "key => 'held'"), $id, 'its key is free again');
foreach my $options ("run_at => now() + '1 h'", "queue => 'stopped'")
{
	sql($node, "SELECT errand.define_queue('stopped'); SELECT errand.pause_queue('stopped')");
	$id = submit('/never', $options);
	is(sql($node, "SELECT errand.cancel($id), errand.status($id)"), 't|scheduled', "cancel() of one that waits ($options)") if $options =~ /run_at/;
	sql($node, "SELECT errand.cancel($id)");
	is(status($id), 'cancelled', "... is final at once ($options)");
	is(sql($node, "SELECT sqlstate FROM errand.task($id)"), '57014', '... as cancelled');
}
$id = submit('/status/503', "backoff => 'constant', backoff_base => '1 h'");
becomes($id, 'retrying', 'a task that waits to be tried again');
sql($node, "SELECT errand.cancel($id)");
is(status($id), 'cancelled', '... can be cancelled');
sql($node, 'SELECT errand.retry(id) FROM errand.tasks WHERE id = ' . $id);
becomes($id, 'retrying', 'and retry() takes it up again');
is(hits($id), 2, '... with another request');
sql($node, "BEGIN; SELECT errand.cancel($id); ROLLBACK");
is(status($id), 'retrying', 'a cancel() that is rolled back is none');
is(sql($node, 'SELECT count(*) FROM errand.cancel_request'), '0', 'no request to cancel is left');

# ---- order ----

sql($node, 'SELECT errand.pause_all()');
my @order;
push @order, [ $_, submit("/order/$_", "priority => $_") ] for (0, 5, -7, 32767, 5, -32768);
my @even = (map { submit("/a$_", "queue => 'a', priority => 100") } 1 .. 4), map { submit("/b$_", "queue => 'b', priority => 100") } 1 .. 4;
my $last = submit('/order/lifted');
is(sql($node, "SELECT errand.reprioritize($last, 200)"), 't', 'reprioritize()');
is(sql($node, "SELECT priority FROM errand.tasks WHERE id = $last"), '200', '... shows');
reload_settings($node, 'errand.max_in_flight' => 1);
sql($node, 'SELECT errand.resume_all()');
wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE id >= $order[0][1] AND state = 'failed'", '15');
is(join(' ', map { $_->{path} =~ m{/order/(.*)} ? $1 : () } $web->requests(qr/order/)), '32767 lifted 5 5 0 -7 -32768', 'higher priorities go first');
my $queues = join '', map { $_->{path} =~ m{^/([ab])\d} ? $1 : () } $web->requests(qr{^/[ab]\d});
like($queues, qr/^(?=.{0,3}b)(?=.{0,3}a)/, 'queues of one priority take turns') or diag $queues;
is(join(' ', sort { $a <=> $b } map { $_->{task} } $web->requests(qr{^/a\d})), join(' ', map { $_->{task} } $web->requests(qr{^/a\d})), 'within one the oldest is first');
reload_settings($node, 'errand.max_in_flight' => undef, 'errand.host_max_running' => 1);
sql($node, 'SELECT errand.pause_all()');
submit("/batch/$_->[0]", "priority => $_->[1]") foreach [ 'b', 3 ], [ 'c', 3 ], [ 'd', 1 ], [ 'a', 9 ];
sql($node, 'SELECT errand.resume_all()');
poll_for(10, "four requests", sub { $web->requests(qr{batch}) == 4 });
is(join('', map { $_->{path} =~ m{/batch/(.*)} } $web->requests(qr/batch/)), 'abcd', 'and so they do when one host has to take them one by one');
reload_settings($node, 'errand.host_max_running' => undef);
is(sql($node, "SELECT errand.reprioritize($last, 1)"), 'f', 'what is final has no place');
like(sql_error($node, "SELECT errand.reprioritize($last, 40000)"), qr/^22023: /m, 'priorities have bounds');

# ---- times ----

# looked at in the same transaction: it cannot be late for that
my ($state, $run_at);
($id, $state, $run_at) = split /\n/, sql($node, "BEGIN; SELECT errand.http_get('" . $web->url('/json') . "', run_at => now() + '3 s') AS id \\gset\nSELECT :id; SELECT errand.status(:id); SELECT run_at FROM errand.tasks WHERE id = :id; COMMIT");
is($state, 'scheduled', 'run_at ahead: scheduled');
becomes($id, 'succeeded', '... and run then');
is(sql($node, "SELECT started_at >= '$run_at' AND started_at < timestamptz '$run_at' + '10 s' FROM errand.tasks WHERE id = $id"), 't', '... in time');
$id = submit('/json', "run_at => now() + '1 h'");
is(sql($node, "SELECT errand.reschedule($id, now() + '2 h')"), 't', 'reschedule() to later');
is(sql($node, "SELECT state, run_at > now() + '100 min' FROM errand.tasks WHERE id = $id"), 'scheduled|t', '... shows');
sql($node, "SELECT errand.reschedule($id, now())");
becomes($id, 'succeeded', 'reschedule() to now runs it');
$id = submit('/json', "run_at => now() - interval '1 day'");
becomes($id, 'succeeded', 'run_at in the past is now');
like(sql_error($node, "SELECT errand.http_get('http://h/', run_at => 'infinity')"), qr/^22023: /m, 'there is no infinity');

# ---- deadlines ----

my %late = (
	running => submit('/hang', "deadline => '600 ms', timeout => '1 h'"),
	scheduled => submit('/never', "run_at => now() + '1 h', deadline => '300 ms'"),
	ready => submit('/never', "queue => 'stopped', deadline => '300 ms'"),
	retrying => submit('/status/503', "backoff => 'constant', backoff_base => '1 h', deadline => '500 ms'"));
foreach my $state (sort keys %late)
{
	becomes($late{$state}, 'failed', "a deadline ends one that is $state");
	my $error = sql($node, "SELECT sqlstate || ' ' || error FROM errand.task($late{$state})");
	if ($state eq 'retrying') { like($error, qr/^57014 deadline exceeded|^38000 HTTP status 503/, '... and says so') }
	else { is($error, '57014 deadline exceeded', '... and says so') }
}
is(sql($node, 'SELECT count(*) FROM errand.deadline WHERE at < now()'), '0', 'no deadline is left behind');
becomes(submit('/json', "deadline => '1 h'"), 'succeeded', 'one that is in time succeeds');

# ---- keys ----

sql($node, 'SELECT errand.pause_all()');
wait_for_sql($node, "SELECT errand.health()->'checks'->'paused'->>'status'", 'warn');
my $first = submit('/json', "key => 'k'");
is(submit('/json', "key => 'k'"), $first, 'a second submit with a key gives the first one\'s id');
isnt(submit('/json', "key => 'k', queue => 'other'"), $first, '... but for another queue');
sql($node, 'SELECT errand.resume_all()');
becomes($first, 'succeeded', '... which runs once');
my $second = submit('/json', "key => 'k'");
isnt($second, $first, 'a final task holds no key');
is(sql($node, "SELECT count(DISTINCT errand.http_get('" . $web->url('/never') . "', key => 'many', queue => 'stopped')) FROM generate_series(1, 20)"), '1', 'many in one statement');
sql($node, "BEGIN; SELECT errand.http_get('" . $web->url('/never') . "', key => 'undone', queue => 'stopped'); ROLLBACK");
like(submit('/never', "key => 'undone', queue => 'stopped'"), qr/^\d+$/, 'a key that was rolled back is free');

# ---- queues ----

my $stopped = sql($node, "SELECT id FROM errand.tasks WHERE key = 'many'");
is(status($stopped), 'ready', 'a paused queue rests');
$node->restart;
sql($node, 'SELECT errand.wait_until_running()');
becomes(submit('/json'), 'succeeded', 'after a restart others run');
is(hits($stopped), 0, '... and it still rests');
sql($node, "SELECT errand.resume_queue('stopped')");
becomes($stopped, 'failed', 'until it is resumed');
sql($node, 'SELECT errand.pause_all()');
$id = submit('/json');
ok(wait_for_sql($node, "SELECT errand.health()->'checks'->'paused'->>'status'", 'warn'), 'pause_all() shows in health()');
$node->restart;
sql($node, 'SELECT errand.wait_until_running(); SELECT errand.wake()');
is(status($id), 'ready', 'pause_all() outlives a restart');
sql($node, 'SELECT errand.resume_all()');
becomes($id, 'succeeded', 'resume_all() ends it');

# Draining: no new ones, and back when the last is done.
my @drained = map { submit("/delay/$_", "queue => 'drained'") } 100, 200, 300;
is(sql($node, "SELECT errand.drain_queue('drained', '20 s')"), 't', 'drain_queue() returns');
is(join(' ', map { status($_) } @drained), 'succeeded succeeded succeeded', '... when all is done');
like(sql_error($node, "SELECT errand.http_get('http://h/', queue => 'drained')"), qr/^55000: .*HINT: .*resume_queue/ms, '... and refuses new ones');
sql($node, "SELECT errand.resume_queue('drained')");
becomes(submit('/json', "queue => 'drained'"), 'succeeded', '... until it is resumed');
submit('/hang', "queue => 'stuck', timeout => '1 h'");
is(sql($node, "SELECT errand.drain_queue('stuck', '300 ms')"), 'f', 'drain_queue() gives up in time');
sql($node, "SELECT errand.define_queue('deep', max_depth => 3); SELECT errand.pause_queue('deep')");
submit('/never', "queue => 'deep'") for 1 .. 3;
like(sql_error($node, "SELECT errand.http_get('http://h/', queue => 'deep')"), qr/^53400: .*HINT: /ms, 'max_depth is a limit');
like(sql_error($node, "SELECT errand.pause_queue('none such')"), qr/^42704: /m, 'there is no such queue');

# The counters agree with the tables, at rest.
ok(wait_for_sql($node, q{SELECT string_agg(concat_ws(' ', queue, depth, ready, scheduled, running, paused), ', ' ORDER BY queue)
	FROM errand.stat_queues WHERE depth + running > 0}, 'deep 3 3 0 0 t, default 1 0 1 0 f, stuck 0 0 0 1 f', 15), 'stat_queues is exact') or
	diag sql($node, "SELECT * FROM errand.stat_queues");
$node->stop;

done_testing();
