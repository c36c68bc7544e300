# Follow-ups: each form, each final state, crashes at random moments: a
# follow-up is there once if its parent's outcome is, and never without it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('follow_ups', conf => "errand.host_max_running = 100\nerrand.public_url = 'https://errand.example.com/'");
if (sql_error($node, "ALTER SYSTEM SET errand.fault = ''") ne '')
{
	plan skip_all => 'this build has no fault points (make FAULTS=1)';
}

sub json { my ($path, $more) = @_; return '{"task": "http", "payload": {"url": "' . $web->url($path) . '"}' . ($more ? ", $more" : '') . '}' }
sub submit
{
	my ($path, $options) = @_;
	return sql($node, "SELECT errand.http_get('" . $web->url($path) . "'" . ($options ? ", $options" : '') . ')');
}
sub becomes { my ($id, $state, $what) = @_; return ok(wait_for_sql($node, "SELECT errand.status($id)", $state), $what) }
sub child { my $id = shift; return sql($node, "SELECT follow_up FROM errand.follow_ups WHERE task_id = $id") }
sub both { my ($yes, $no) = @_; return "on_success => '" . json("/status/200?$yes") . "', on_failure => '" . json("/status/200?$no") . "'" }

# ---- each final state ----

my $hangs = submit('/hang', both('no1', 'no2') . ", timeout => '1 h', notify => 'mine'");
my @listening;
my $listener = $node->background_psql('postgres', on_error_stop => 0);
$listener->query_safe('LISTEN mine');
my %task = (
	succeeded => submit('/json', both('yes1', 'no3') . ", notify => 'mine'"),
	failed => submit('/status/404', both('no4', 'yes2') . ", notify => 'mine'"),
	unknown => submit('/reset', both('no5', 'yes3') . ", delivery => 'at_most_once', notify => 'mine'"),
	expired => submit('/never', both('no6', 'yes4') . ", run_at => now() + '1 h', deadline => '200 ms', notify => 'mine'"),
	retried => submit('/flaky/1', both('yes5', 'no7') . ", backoff => 'constant', backoff_base => '1 ms', notify => 'mine'"));
my $withdrawn = submit('/never', both('no8', 'no9') . ", run_at => now() + '1 h', notify => 'mine'");
ok(poll_for(10, 'it hangs', sub { scalar $web->of_task($hangs) }), 'a task under way');
sql($node, "SELECT errand.cancel($hangs), errand.cancel($withdrawn)");
becomes($task{$_}, { expired => 'failed', retried => 'succeeded' }->{$_} // $_, "one is $_") foreach sort keys %task;
becomes($hangs, 'cancelled', 'one is cancelled under way');
becomes($withdrawn, 'cancelled', 'one before');
ok(finish_all($node), 'their follow-ups end, too');
is(sql($node, 'SELECT count(*), count(follow_up), count(error) FROM errand.follow_ups'), '5|5|0', 'one for each but those that were cancelled');
my @followed = sort map { $_->{path} =~ /\?(.*)/ ? $1 : () } $web->requests(qr/status.200/);
is("@followed", 'yes1 yes2 yes3 yes4 yes5', 'on_success after success, on_failure after failure and unknown');
is(sql($node, "SELECT string_agg(DISTINCT state, ',') FROM errand.tasks JOIN errand.follow_ups ON id = follow_up"), 'succeeded', 'and they succeed');

# notify: each final state, once
my %heard;
poll_for(10, 'seven notifications', sub {
	my $out = $listener->query('SELECT 1');
	$heard{$1}{$2}++ while $out =~ /"mine" with payload .*?"id":(\d+),.*?"state":"(\w+)"/g;
	return keys %heard == 7;
});
is(join(' ', map { keys %{ $heard{$_} } } @task{qw(succeeded failed unknown expired retried)}, $hangs, $withdrawn),
	'succeeded failed unknown failed succeeded cancelled cancelled', 'notify: the final state of each');
is(join(' ', map { values %$_ } values %heard), '1 1 1 1 1 1 1', '... once');
$listener->quit;

# a retry() may end in another way
sql($node, "SELECT errand.retry($task{failed})");
ok(wait_for_sql($node, "SELECT count(*), count(DISTINCT follow_up) FROM errand.follow_ups WHERE task_id = $task{failed}", '2|2'), 'another run has its own follow-up');

# ---- Slack ----

my $slack = $web->url('/echo');
sub slack_text
{
	my $id = shift;
	ok(wait_for_sql($node, "SELECT errand.status(follow_up) FROM errand.follow_ups WHERE task_id = $id", 'succeeded'), 'slack: sent');
	return sql($node, "SELECT convert_from(decode(errand.result(follow_up) #>> '{body,body}', 'base64'), 'UTF8')::jsonb ->> 'text'
		FROM errand.follow_ups WHERE task_id = $id");
}
my $id = submit('/json', "on_success => '{\"slack\": \"$slack\"}'");
is(slack_text($id), "Task $id (http) succeeded\nhttps://errand.example.com/#/tasks/$id", 'slack: what it says of success');
is(sql($node, "SELECT errand.result(" . child($id) . ") #>> '{body,method}'"), 'POST', '... by POST');
$id = submit('/status/404', "on_failure => '{\"slack\": \"$slack\", \"queue\": \"alerts\", \"max_attempts\": 9}'");
is(slack_text($id), "Task $id (http) failed: HTTP status 404\nhttps://errand.example.com/#/tasks/$id", '... and of failure');
is(sql($node, "SELECT queue, max_attempts FROM errand.tasks WHERE id = " . child($id)), 'alerts|9', '... with options of its own');
reload_settings($node, 'errand.public_url' => '');
$id = submit('/json', "on_success => '{\"slack\": \"$slack\"}'");
is(slack_text($id), "Task $id (http) succeeded", 'no link without errand.public_url');
like(sql_error($node, "ALTER SYSTEM SET errand.public_url = 'javascript:x'"), qr/^22023: /m, 'which must be a URL');

# ---- a follow-up that cannot be submitted leaves its parent as it is ----

sql($node, "SELECT errand.define_task('short', 'http', template => '{\"url\": \"" . $web->url('/json') . "\"}')");
sql($node, 'SELECT errand.pause_all()');
wait_for_sql($node, "SELECT errand.health()->'checks'->'paused'->>'status'", 'warn');
my $held = submit('/json', "on_success => '{\"task\": \"short\"}'");
sql($node, "SELECT errand.drop_task('short'), errand.resume_all()");
my $offset = new_log($node);
becomes($held, 'succeeded', 'its type was dropped: the parent succeeds');
is(sql($node, "SELECT follow_up IS NULL, error FROM errand.follow_ups WHERE task_id = $held"), 't|the task type "short" was dropped or changed', '... and it is recorded');
ok(wait_for_line($node, qr/WARNING: .*the follow-up of task $held was not submitted: the task type/, 0), '... and logged');
$id = submit('/json', "on_success => '" . json('/status/404', '"max_attempts": 1') . "'");
ok(wait_for_sql($node, "SELECT errand.status(follow_up) FROM errand.follow_ups WHERE task_id = $id", 'failed'), 'one that fails');
is(sql($node, "SELECT errand.status($id)"), 'succeeded', '... leaves its parent as it was, too');

# ---- keys: never in the way of a settle ----

my $client = $node->background_psql('postgres', on_error_stop => 0);
$client->query_safe("BEGIN; SELECT errand.http_get('" . $web->url('/never') . "', key => 'k')");
$id = submit('/json', "on_success => '" . json('/status/200?keyed', '"key": "k"') . "'");
my $plain = submit('/json', "on_success => '" . json('/status/200?plain') . "'");
becomes($id, 'succeeded', 'a client holds the key of what follows');
becomes($plain, 'succeeded', '... nobody waits for it');
ok(wait_for_sql($node, "SELECT errand.status(follow_up) FROM errand.follow_ups WHERE task_id = $plain", 'succeeded'), '... others are followed');
is(scalar($web->requests(qr/keyed/)), 0, '... and it waits in the outbox');
$client->query_safe('ROLLBACK');
$client->quit;
ok(wait_for_sql($node, "SELECT errand.status(follow_up) FROM errand.follow_ups WHERE task_id = $id", 'succeeded'), '... until the client lets go');
is(sql($node, 'SELECT count(*) FROM errand.outbox'), '0', '... and the outbox is empty');

# ---- the fall of the server is an end, too ----

$id = submit('/hang', both('no', 'fell') . ", delivery => 'at_most_once', timeout => '1 h', notify => 'mine'");
ok(poll_for(10, 'it hangs', sub { scalar $web->of_task($id) }), 'an at_most_once task under way');
sql($node, 'SELECT errand.pause_all()');
kill 'KILL', worker_pid($node);
ok(wait_for_sql($node, "SELECT errand.status($id)", 'unknown'), 'is unknown after a crash');
sql($node, 'SELECT errand.resume_all()');
ok(wait_for_sql($node, "SELECT errand.status(follow_up) FROM errand.follow_ups WHERE task_id = $id", 'succeeded'), '... and is followed');

# ---- crashes ----

seed();
ok(finish_all($node), 'all is over');
my $before = $web->requests;
my $total = 1200;
sub many
{
	my $n = shift;
	my $urls = join ',', map { "'" . $web->url(pick('/json', '/delay/20', '/status/404', '/delay/60')) . "'" } 1 .. $n;
	# the server may fall meanwhile
	$node->psql('postgres', "SELECT count(errand.http_get(u, tags => '{parent}', on_success => '" . json('/status/200?then', '"tags": ["child"]')
		. "', on_failure => '" . json('/status/200?else', '"tags": ["child"]') . "')) FROM unnest(ARRAY[$urls]) AS u");
	return;
}
many($total / 4);
foreach my $round (1 .. 4)
{
	my $at = $before + ($round - 1) * $total / 4 + chance(20, $total / 4);
	poll_for(30, "$at requests", sub { $web->requests > $at }) or diag 'no work is left';
	if ($round % 2) { $node->stop('immediate'); $node->start }
	else
	{
		my $fault = pick('settle', 'commit', 'committed');
		my $mark = new_log($node);
		append_to_file($node->data_dir . '/postgresql.auto.conf', "errand.fault = '$fault=kill'\n");
		$node->reload;
		many(20);
		ok(wait_for_line($node, qr/all server processes terminated; reinitializing/, $mark), "a crash at $fault");
		append_to_file($node->data_dir . '/postgresql.auto.conf', "errand.fault = ''\n");
		$node->reload;
	}
	wait_for_sql($node, 'SELECT true');
	many($total / 4) if $round < 4;
}
ok(finish_all($node, 60), 'all tasks come to an end');
my $parents = sql($node, "SELECT count(*) FROM errand.tasks WHERE tags = '{parent}'");
is(sql($node, "SELECT count(*), count(f.follow_up), count(DISTINCT f.follow_up), count(c.id) FROM errand.tasks AS t
	LEFT JOIN errand.follow_ups AS f ON f.task_id = t.id LEFT JOIN errand.tasks AS c ON c.id = f.follow_up WHERE t.tags = '{parent}'"),
	"$parents|$parents|$parents|$parents", 'each parent has one follow-up');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE tags = '{child}'"), $parents, 'and there are no others');
is(sql($node, "SELECT count(*) FROM errand.follow_ups AS f JOIN errand.tasks AS t ON t.id = f.task_id JOIN errand.outcomes AS o ON o.id = f.follow_up
	WHERE t.tags = '{parent}' AND (t.state = 'succeeded') <> (o.payload ->> 'url' LIKE '%then')"), '0', 'each fits the outcome');
$node->stop;

done_testing();
