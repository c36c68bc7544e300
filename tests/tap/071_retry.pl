# Attempts: what is tried again, when, under which key, and what is not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('retry', conf => "errand.host_max_running = 100\nerrand.breaker_failures = 0\nerrand.host_hold_max = 0");
my $quick = "backoff => 'constant', backoff_base => '30 ms'";

sub submit
{
	my ($path, $options) = @_;
	my $url = $path =~ /^http/ ? $path : $web->url($path);
	return sql($node, "SELECT errand.http_get('$url', " . ($options // $quick) . ')');
}

sub final
{
	my $id = shift;
	wait_for_sql($node, "SELECT errand.status($id) IN ('succeeded', 'failed', 'unknown', 'cancelled')");
	return sql($node, "SELECT state || ' ' || attempt FROM errand.tasks WHERE id = $id");
}

# The attempts of a task, as "state status sqlstate, ...".
sub attempts
{
	my $id = shift;
	return sql($node, "SELECT string_agg(concat_ws(' ', state, status_code, sqlstate), ', ' ORDER BY attempt)
		FROM errand.attempts WHERE task_id = $id");
}

# ---- tried again ----

my %ids = (
	flaky => submit('/flaky/2'), s408 => submit('/status/408'), s425 => submit('/status/425'), s429 => submit('/status/429'),
	s500 => submit('/status/500'), s503 => submit('/status/503'), drop => submit('/drop'), reset => submit('/reset'),
	half => submit('/half'), slow => submit('/hang', "$quick, timeout => '1500 ms'"), refused => submit('http://127.0.0.1:9/'));
my %want = (
	flaky => 'failed 503 38000, failed 503 38000, succeeded 200', s408 => 'failed 408 38000', s425 => 'failed 425 38000',
	s429 => 'failed 429 38000', s500 => 'failed 500 38000', s503 => 'failed 503 38000', drop => 'failed 200 38000', reset => 'failed 38000',
	half => 'failed 200 38000', slow => 'failed 57014', refused => 'failed 08006');
foreach my $name (sort keys %ids)
{
	my $id = $ids{$name};
	is(final($id), $name eq 'flaky' ? 'succeeded 3' : 'failed 3', "$name: three attempts");
	my $all = $want{$name} =~ /,/ ? $want{$name} : join ', ', ($want{$name}) x 3;
	is(attempts($id), $all, '... each on record');
	next if $name eq 'refused';
	# a kept connection that turns out dead is replaced within the attempt
	my (%attempt, %key);
	$attempt{ $_->{attempt} } = $key{ $_->{key} } = 1 foreach $web->of_task($id);
	is(join(' ', sort keys %attempt), '1 2 3', '... X-Errand-Attempt rises');
	is(scalar(keys %key), 1, '... under one Idempotency-Key');
}
like(sql($node, "SELECT error FROM errand.tasks WHERE id = $ids{refused}"), qr/127\.0\.0\.1:9\b.*refused/i, 'errors name the host');
is(sql($node, "SELECT timed_out FROM errand.response($ids{slow})"), 't', 'and tell a time-out');

# ---- not tried again ----

foreach my $path ('/status/400', '/status/401', '/status/404', '/status/410', '/status/422', '/status/501', '/status/302')
{
	my $id = submit($path);
	is(final($id), 'failed 1', "$path will not get better");
}
is(final(submit('/flaky/5', "$quick, max_attempts => 5")), 'failed 5', 'max_attempts is kept');
is(final(submit('/flaky/5', "$quick, max_attempts => 6")), 'succeeded 6', 'to the last');

# ---- when ----

# Waiting times between attempts, in ms, from the server's own clock.
sub gaps
{
	my @at = map { $_->{at} / 1000 } $web->of_task(shift);
	return map { $at[$_] - $at[ $_ - 1 ] } 1 .. $#at;
}

my %options = (
	constant => "backoff => 'constant', backoff_base => '200 ms', max_attempts => 4",
	linear => "backoff => 'linear', backoff_base => '200 ms', max_attempts => 4",
	exponential => "backoff_base => '200 ms', backoff_factor => 3, max_attempts => 4",
	capped => "backoff_base => '1 h', backoff_max => '100 ms', max_attempts => 4");
my %backoff = map { $_ => submit('/flaky/3', $options{$_}) } sort keys %options;
my %most = (constant => [ 200, 200, 200 ], linear => [ 200, 400, 600 ], exponential => [ 200, 600, 1800 ], capped => [ 100, 100, 100 ]);
my $after = submit('/retry-after/1');
my $date = submit('/retry-date/2');
my $hour = submit('/retry-after/3600');
foreach my $name (sort keys %backoff)
{
	my (@gaps, @wrong);
	# a machine that stands still makes one of them longer: then once more
	foreach my $try (1 .. 3)
	{
		my $task = $try == 1 ? $backoff{$name} : submit('/flaky/3', $options{$name});
		is(final($task), 'succeeded 4', "$name backoff");
		@gaps = gaps($task);
		@wrong = grep { $gaps[$_] > $most{$name}[$_] + 700 } 0 .. 2;
		last if !@wrong;
	}
	is("@wrong", '', '... waits no longer than it should') or diag "@gaps";
}
is(final($after), 'succeeded 2', 'Retry-After in seconds');
cmp_ok((gaps($after))[0], '>=', 990, '... is waited for');
is(final($date), 'succeeded 2', 'Retry-After as a date');
cmp_ok((gaps($date))[0], '>=', 900, '... is waited for');
wait_for_sql($node, "SELECT errand.status($hour)", 'retrying');
is(sql($node, "SELECT run_at BETWEEN now() + '55 min' AND now() + '65 min', error FROM errand.tasks WHERE id = $hour"), 't|HTTP status 429', 'a long one is kept');

# ---- retry() ----

is(sql($node, "SELECT errand.retry($hour)"), 't', 'retry() of one that waits');
is(final($hour), 'succeeded 2', '... runs it at once');
my $id = $ids{s500};
sql($node, "SELECT errand.retry($id)");
is(final($id), 'failed 6', 'retry() of a failed one begins a new run: its attempts go on');
my @keys = map { $_->{key} } $web->of_task($id);
is(scalar(@keys), 6, '... of three more');
isnt($keys[3], $keys[0], '... under a new key');
is($keys[5], $keys[3], '... the same for all of them');
is(sql($node, "SELECT errand.retry(id) FROM errand.tasks WHERE id = $ids{flaky}"), 't', 'retry() of a succeeded one');
is(final($ids{flaky}), 'succeeded 6', '... flaky again, under its new key');
is(sql($node, 'SELECT errand.retry(99999999)'), 'f', 'retry() of none');

# ---- at most once ----

my $once = "delivery => 'at_most_once', $quick";
my %state = (
	'/json' => 'succeeded 1', '/status/503' => 'failed 1', '/drop' => 'unknown 1', '/reset' => 'unknown 1', '/half' => 'unknown 1');
foreach my $path (sort keys %state)
{
	my $took = best_of(3, 3, sub {
		my $task = submit($path, $once);
		is(final($task), $state{$path}, "at_most_once: $path");
		is(scalar($web->of_task($task)), 1, '... sent once');
		return sql($node, "SELECT extract(epoch FROM finished_at - submitted_at) FROM errand.tasks WHERE id = $task");
	});
	cmp_ok($took, '<', 3, '... at once');
}
my $never = submit('http://127.0.0.1:9/', $once);
is(final($never), 'failed 3', 'at_most_once: what never connected is tried again');
my $hang = submit('/hang', "$once, timeout => '1 h'");
my $waits = submit('/hang', "$once, timeout => '1 h', run_at => now() + '1 h'");
poll_for(10, 'the request', sub { $web->of_task($hang) });
my $worker = worker_pid($node);
kill 'KILL', $worker;
poll_for(10, 'its end', sub { !kill 0, $worker });
is(final($hang), 'unknown 1', 'at_most_once: a crash in the middle leaves it unknown');
like(sql_error($node, "SELECT errand.result($hang)"), qr/must not be sent again/, '... and says why');
is(sql($node, "SELECT errand.status($waits)"), 'scheduled', '... one that had not begun waits on');
is(final(submit('/json')), 'succeeded 1', '... work goes on');
is(scalar($web->of_task($hang)), 1, '... it was sent once');
is(sql($node, 'SELECT count(*) FROM errand.mark'), '0', 'no mark is left');
$node->stop;

done_testing();
