# Waiting for results and hearing of changes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = counting();
my $node = errand_node('waiting', conf => 'errand.host_max_running = 100');

sub submit
{
	my ($path, $options) = @_;
	return sql($node, "SELECT errand.http_get('" . $web->url($path) . "'" . ($options ? ", $options" : '') . ')');
}

# ---- wait_for() ----

my $id = submit('/delay/200');
is(sql($node, "SELECT errand.wait_for($id)->'body'->>'delay_ms'"), '200', 'wait_for() returns the result');
is(sql($node, "SELECT errand.wait_for($id)->>'status'"), '200', '... of one that is final, too');
$id = submit('/status/404');
like(sql_error($node, "SELECT errand.wait_for($id)"), qr/^38000: HTTP status 404/m, '... or raises its error');
like(sql_error($node, 'SELECT errand.wait_for(99999999)'), qr/^42704: /m, '... or that there is none');

$id = submit('/hang', "timeout => '1 h'");
my $began = time;
like(sql_error($node, "SELECT errand.wait_for($id, '300 ms')"), qr/^57014: .*HINT|^57014: /ms, 'wait_for() gives up in time');
cmp_ok(time - $began, '<', 20, '... at once');
ok(wait_for_sql($node, "SELECT errand.status($id)", 'cancelled'), '... and has the task cancelled, though its error rolls back');
$id = submit('/never', "run_at => now() + '1 h'");
sql_error($node, "BEGIN; SELECT errand.wait_for($id, '50 ms'); COMMIT");
ok(wait_for_sql($node, "SELECT errand.status($id)", 'cancelled'), '... one that waits, too');

# A client that holds the task in its open transaction holds up nobody but itself.
$id = submit('/never', "run_at => now() + '1 h'");
my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; SELECT errand.reprioritize($id, 5)");
like(sql_error($node, "SELECT errand.wait_for($id, '50 ms')"), qr/^57014: /m, 'wait_for() of a task that a client holds');
is(sql($node, 'SELECT errand.wait_for(' . submit('/json') . ")->>'status'"), '200', '... whose cancellation holds up no other task');
$holder->query_safe('COMMIT');
$holder->quit;
ok(wait_for_sql($node, "SELECT errand.status($id)", 'cancelled'), '... and is made when the client is done');

my $mine = 'SELECT errand.http_get(\'' . $web->url('/json') . '\')';
like(sql_error($node, "BEGIN; $mine AS id \\gset\nSELECT errand.wait_for(:id);"), qr/^55000: .*HINT: .*commit/ms, 'waiting for a task of the same transaction');
like(sql_error($node, "BEGIN; $mine AS id \\gset\nSELECT * FROM errand.gather(ARRAY[:id]);"), qr/^55000: .*HINT: /ms, '... with gather()');
like(sql_error($node, "BEGIN; SAVEPOINT s; $mine AS id \\gset\nROLLBACK TO s; SELECT errand.wait_for(:id);"), qr/^42704: /m, '... or of a savepoint that is gone');

$id = submit('/delay/500');
is(sql($node, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) = 1 FROM errand.task($id);
	SELECT errand.wait_for($id)->>'status'; COMMIT"), "t\n200", 'under REPEATABLE READ the result is seen');
$id = submit('/hang', "timeout => '1 h'");
like(sql_error($node, "SET statement_timeout = '200 ms'; SELECT errand.wait_for($id)"), qr/^57014: .*statement timeout/m, 'statement_timeout ends it');
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_until(qr/begun/, "\\echo begun\nSELECT errand.wait_for($id, '1 h');\n");
wait_for_sql($node, "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid");
sql($node, "SELECT pg_cancel_backend($pid)");
ok(wait_for_sql($node, "SELECT state FROM pg_stat_activity WHERE pid = $pid", 'idle'), 'pg_cancel_backend() ends it');
ok(wait_for_sql($node, "SELECT errand.status($id)", 'running'), '... and neither cancels the task');
$session->query_until(qr/again/, "\\echo again\nSELECT errand.wait_for($id, '1 h');\n");
wait_for_sql($node, "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid");
sql($node, "SELECT pg_terminate_backend($pid)");
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", '0'), 'pg_terminate_backend() ends it');
sql($node, "SELECT errand.cancel($id)");

# Twenty at once, each for one of its own and one of all.
my $shared = submit('/delay/600');
my @sessions = map { $node->background_psql('postgres') } 1 .. 20;
$sessions[$_]->query_until(qr/begun/, "\\echo begun\nSELECT errand.wait_for($shared)->>'status' || '/' || count(*) FROM errand.gather(ARRAY["
	  . submit('/delay/300') . ", $shared]);\n") for 0 .. 19;
is(join(' ', map { $_->query_safe('SELECT 1') =~ m{200/2} ? 'ok' : 'bad' } @sessions), join(' ', ('ok') x 20), 'twenty sessions wait for one task');
$_->quit foreach @sessions;

# ---- gather() ----

my @ids = (submit('/delay/300'), submit('/status/404'), submit('/json'));
my $ids = 'ARRAY[' . join(',', @ids) . ']';
is(sql($node, "SELECT ord, state, result->>'status', error FROM errand.gather($ids, return_exceptions => true)"),
	"1|succeeded|200|\n2|failed||HTTP status 404\n3|succeeded|200|", 'gather() keeps the order');
like(sql_error($node, "SELECT * FROM errand.gather($ids)"), qr/^38000: HTTP status 404/m, '... raises the first failure');
my $slow = submit('/hang', "timeout => '1 h'");
$began = time;
like(sql_error($node, "SELECT * FROM errand.gather(ARRAY[$slow, $ids[1]])"), qr/^38000: /m, '... without waiting for the rest');
cmp_ok(time - $began, '<', 20, '... at once');
like(sql_error($node, "SELECT * FROM errand.gather(ARRAY[$slow], timeout => '200 ms')"), qr/^57014: .*HINT: /ms, '... or gives up');
is(sql($node, "SELECT errand.status($slow)"), 'running', '... and cancels nothing');
is(sql($node, "SELECT count(*) FROM errand.gather('{}'::bigint[])"), '0', 'gather() of nothing');
is(sql($node, "SELECT count(*) FROM errand.gather(ARRAY[$ids[0], $ids[0]])"), '2', 'gather() of one twice');
is(sql($node, "SELECT state, error FROM errand.gather(ARRAY[$ids[0]::int, 99999999], true)"), "succeeded|\n|there is no such task",
	'gather() of integers, and of one that is not there');
sql($node, "SELECT errand.cancel($slow)");

# ---- LISTEN ----

my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN errand; LISTEN "mine too"');

# All that was heard of a task, on a channel, in order.
my $heard = '';
sub heard
{
	my ($channel, $task) = @_;
	$heard .= $listener->query_safe('SELECT 1') . "\n";
	my @all = map { decode_json($_) } $heard =~ /notification "$channel" with payload "(.*?)" received/g;
	return grep { $_->{id} == $task } @all;
}
sub story { my ($channel, $task) = @_; return join ' ', map { "$_->{state}$_->{attempt}" } heard($channel, $task) }

# each is heard of before any is claimed
sql($node, 'SELECT errand.pause_all()');
wait_for_sql($node, "SELECT errand.health()->'checks'->'paused'->>'status'", 'warn');
my %story = (
	submit('/delay/10') => 'ready0 running1 succeeded1',
	submit('/flaky/1', "backoff => 'constant', backoff_base => '50 ms', notify => 'mine too'") => 'ready0 running1 retrying1 ready1 running2 succeeded2',
	submit('/json', "run_at => now() + '100 ms'") => 'scheduled0 ready0 running1 succeeded1',
	submit('/status/404', "queue => 'päck\"s', notify => 'mine too'") => 'ready0 running1 failed1');
my $cancelled = submit('/never', "run_at => now() + '1 h', notify => 'mine too'");
sql($node, "SELECT errand.cancel($cancelled)");
$story{$cancelled} = 'scheduled0 cancelled0';
foreach my $task (sort { $a <=> $b } keys %story)
{
	my ($first) = split / /, $story{$task};
	poll_for(30, "the beginning of $task", sub { story('errand', $task) =~ /^$first/ });
}
sql($node, 'SELECT errand.resume_all()');
foreach my $task (sort { $a <=> $b } keys %story)
{
	poll_for(30, "the story of $task", sub { story('errand', $task) eq $story{$task} });
	is(story('errand', $task), $story{$task}, "LISTEN errand: $story{$task}");
}
my ($failed) = grep { $story{$_} =~ /failed/ } keys %story;
my ($flaky) = grep { $story{$_} =~ /retrying/ } keys %story;
is_deeply((heard('errand', $failed))[-1], { v => 1, id => $failed + 0, queue => "p\x{e4}ck\"s", task => 'http', state => 'failed', attempt => 1 }, 'what it carries');
is(story('mine too', $_->[0]), $_->[1], "a channel of one's own hears the end: $_->[1]") foreach [ $flaky, 'succeeded2' ], [ $failed, 'failed1' ], [ $cancelled, 'cancelled0' ];

# ---- very many at once ----

my $many = 20_000;
$began = time;
is(sql($node, "SELECT count(*) FROM errand.submit_many('http', ARRAY(SELECT jsonb_build_object('url', '" . $web->url('/ok') . "', 'store', 'discard')
	FROM generate_series(1, $many)), queue => 'many')"), $many, "submit_many() of $many");
note sprintf 'submitted in %.1f s', time - $began;
ok(wait_for_sql($node, "SELECT succeeded FROM errand.stat_queues WHERE queue = 'many'", $many, 60), 'all succeed');
note sprintf 'done in %.1f s', time - $began;
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE queue = 'many' AND state = 'succeeded' AND attempt = 1"), $many, '... each at the first attempt');
is(scalar(keys %{ { map { $_->{task} => 1 } grep { $_->{path} eq '/ok' } $web->requests } }), $many, '... and each was sent');
$listener->quit;
$node->stop;

done_testing();
