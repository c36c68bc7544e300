# Nothing committed is lost: immediate stops and killed workers at random moments.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $tasks = 2000;
seed();
my $web = counting();
my $node = errand_node('crash', conf => 'errand.host_max_running = 40');

# Some answers are slow, so that each fall catches tasks in each of their states.
sub submit
{
	my $n = shift;
	my $urls = join ',', map { "'" . $web->url(pick('/json', '/delay/5', '/delay/40', '/delay/150')) . "'" } 1 .. $n;
	sql($node, "SELECT count(errand.http_get(u)) FROM unnest(ARRAY[$urls]) AS u");
	return;
}

# Falls happen when so many requests have arrived.
my @falls = sort { $a->{at} <=> $b->{at} }
  map { { how => $_, at => chance(50, $tasks - 100) } } ('stop') x 5, ('kill') x 2;
my $share = int($tasks / 4);
my $submitted = $share * 2;
my $longest = 0;
submit($submitted);

foreach my $fall (@falls)
{
	poll_for(30, "$fall->{at} requests", sub { ($web->requests > $fall->{at}) || ($web->requests >= $submitted) });

	# what never commits must leave no trace
	my $open = $node->background_psql('postgres', on_error_stop => 0);
	$open->query_safe("BEGIN; SELECT errand.http_get('" . $web->url('/never') . "')");

	# one at least is in flight
	my $slow = sql($node, "SELECT errand.http_get('" . $web->url('/delay/2000') . "')");
	poll_for(10, 'a slow one', sub { scalar $web->of_task($slow) });

	my $pid = worker_pid($node);
	if ($fall->{how} eq 'stop')
	{
		$node->stop('immediate');
	}
	else
	{
		kill 'KILL', $pid;
	}
	poll_for(10, "the end of $pid", sub { !kill 0, $pid }) or die 'it does not end';
	my $arrived = $web->size;
	$node->start if $fall->{how} eq 'stop';
	wait_for_sql($node, 'SELECT true');
	my $began = time;
	$open->{run}->kill_kill if $open->{run};
	if ($submitted < $tasks)
	{
		my $since = time;
		submit($share);
		$submitted += $share;
		$began += time - $since;
	}
	ok(poll_for(20, 'work goes on', sub { $web->size > $arrived || $web->requests >= $tasks }),
		"at work again after $fall->{how} at $fall->{at}");
	my $took = time - $began;
	$longest = $took if $took > $longest;
}
cmp_ok($longest, '<', 10, 'at work within 10 s after each recovery');
note sprintf 'the longest pause was %.1f s', $longest;

submit($tasks - $submitted) if $submitted < $tasks;
$tasks += @falls;    # the slow ones
ok(finish_all($node, 40), 'all tasks come to an end');
is(sql($node, 'SELECT state, count(*), count(DISTINCT id) FROM errand.tasks GROUP BY state'),
	"succeeded|$tasks|$tasks", 'all succeeded, each is there once');
is(sql($node, "SELECT count(*) FROM errand.lease"), '0', 'no lease is left');
is(sql($node, 'SELECT (SELECT count(*) FROM errand.ready) + (SELECT count(*) FROM errand.later)
		+ (SELECT count(*) FROM errand.suspect)'), '0', 'no row is left in a queue');
is(sql($node, q{SELECT count(*) FROM (
		SELECT t.id FROM errand.tasks AS t JOIN errand.attempts AS a ON a.task_id = t.id
		GROUP BY t.id, t.attempt
		HAVING array_agg(a.attempt ORDER BY a.attempt) <> ARRAY(SELECT generate_series(1, t.attempt))) AS gaps}),
	'0', 'attempts are 1 to n without a gap');

# what the server saw
my (%hits, %keys, %doubled);
foreach my $r ($web->requests)
{
	$hits{ $r->{task} }++;
	$keys{ $r->{task} }{ $r->{key} } = 1;
	$doubled{"$r->{task}/$r->{attempt}"}++;
}
is($web->requests(qr/never/), 0, 'nothing was sent of what did not commit');
is(scalar(keys %hits), $tasks, 'each task was sent');
is(scalar(grep { keys %{ $keys{$_} } != 1 } keys %keys), 0, 'each with one key in all its attempts');
my @twice = grep { $doubled{$_} > 1 } sort keys %doubled;
is(scalar(@twice), 0, 'no attempt was sent twice') or diag "task/attempt: @twice";
my $sent = $web->requests;
note sprintf '%d requests for %d tasks', $sent, $tasks;
cmp_ok(sql($node, "SELECT count(*) FROM errand.attempts WHERE state = 'lost'"), '>', 0, 'falls caught some in flight');
my %attempts = map { split /\|/ } split /\n/, sql($node, 'SELECT id, attempt FROM errand.tasks');
is(scalar(grep { $hits{$_} > $attempts{$_} } keys %hits), 0, 'no more requests than attempts');

$node->stop;
done_testing();
