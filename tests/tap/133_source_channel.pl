# What sources tell watchers: the channel source:NAME, and their history.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting('main');
my $node = relay_node('channel');
relay_program($node, 'sources.py', COUNT_PORT => $web->port);

# ---- history?source= ----

sub history
{
	my ($source, $what) = @_;
	my $all = decode_json(sql($node, "SELECT errand._api('history', jsonb_build_object('source', '$source'), now())"));
	my $sum = 0;
	$sum += $_ // 0 foreach @{ $all->{$what} };
	return $sum;
}
sub run_now
{
	my $source = shift;
	my $run = sql($node, "SELECT errand.run_source_now('$source')");
	wait_for_sql($node, "SELECT finished_at IS NOT NULL FROM errand.source_runs WHERE id = $run", 't');
	return;
}
sql($node, q{CREATE TABLE strict (id bigint PRIMARY KEY, name text CHECK (name <> 'item 2'))});
sql($node, "SELECT errand.define_source('q\"\\{}', 'rest', '" . $web->url('/since/5') . "', items => '\$.items[*]', target => 'strict', on_conflict => 'update')");
run_now('q"\\{}');
run_now('q"\\{}');
is(join(' ', map { history('q"\\{}', $_) } qw(found stored rejected duplicate)), '10 4 2 4', 'the history of a source: its items');
is(history('q"\\{}', 'succeeded'), sql($node, q{SELECT done FROM errand.stat_stages WHERE source = 'q"\\{}' AND stage = 'store'}), '... and the tasks of its last stage');
is(sql($node, "SELECT sum(submitted), sum(succeeded), sum(failed), sum(cancelled) FROM errand.stat_history WHERE kind = 'source' AND name = 'q\"\\{}'"), '10|4|2|4', 'errand.stat_history has it');
my $sum = history('many', 'stored');
is($sum, sql($node, "SELECT items_stored FROM errand.stat_sources WHERE source = 'many'"), 'so for every run');
cmp_ok($sum, '>=', 110, '... and there were some');
is(history('few" OR true --', 'stored'), 0, 'a source that is not there has none');

# ---- the dashboard's heavy reads go through the query cache, and wait for nobody ----

my $client = $node->background_psql('postgres');
$client->query_safe('BEGIN');
$client->query_safe(q{SELECT 1 FROM errand.cached('dashboard: history', '20 s', $$SELECT errand._history_range('30d', 'all', '', now())$$)});
like(ask('/api/v1/history?range=30d'), qr{^HTTP/1.1 200 }, 'a client that keeps the lock of a key does not hold up the relay');
$client->query_safe('COMMIT');
$client->quit;
my $hits = sql($node, 'SELECT hits FROM errand.stat_cache');
like(ask('/api/v1/history?range=30d'), qr{^HTTP/1.1 200 }, '... once it lets go');
is(sql($node, 'SELECT hits FROM errand.stat_cache'), $hits + 1, '... what was kept is taken');

# ---- metrics ----

sql($node, "SELECT errand.define_source('changing', 'rest', '" . $web->url('/changing') . "', target => 'strict', on_conflict => 'ignore')");
run_now('changing');
run_now('changing');
sql($node, "SELECT errand.define_source('bad', 'rest', '" . $web->url('/status/500') . "', every => '1 s', target => 'strict', on_conflict => 'ignore'), errand.start_source('bad')");
ok(wait_for_sql($node, "SELECT state FROM errand.stat_sources WHERE source = 'bad'", 'degraded'), 'one is degraded');
my @before = split /\|/, sql($node, 'SELECT hits, misses FROM errand.stat_cache');
sql($node, "SELECT errand.cached('k', '1 h', 'SELECT 1')") foreach 1 .. 3;
foreach my $open ('false', 'true')
{
	my $text = sql($node, "SELECT errand.metrics($open)");
	my $odd = 'source="q\\"\\\\{}"';
	foreach my $wanted (
		"errand_source_runs_total{$odd,outcome=\"ok\"} 2", 'errand_source_runs_total{source="changing",outcome="ok"} 1',
		'errand_source_runs_total{source="changing",outcome="not_modified"} 1', "errand_source_items_total{$odd,outcome=\"stored\"} 4",
		"errand_source_items_total{$odd,outcome=\"rejected\"} 2", "errand_source_items_total{$odd,outcome=\"duplicate\"} 4",
		'errand_source_state{source="bad",state="degraded"} 1', 'errand_source_state{source="bad",state="idle"} 0',
		'errand_source_state{source="changing",state="stopped"} 1', "errand_query_cache_requests_total{outcome=\"hit\"} " . ($before[0] + 2),
		"errand_query_cache_requests_total{outcome=\"miss\"} " . ($before[1] + 1))
	{
		like($text, qr/^\Q$wanted\E$/m, "metrics: $wanted");
	}
	like($text, qr/^errand_source_lag_seconds\{source="bad"\} [\d.]+$/m, '... how far behind a started one is');
	unlike($text, qr/^errand_source_lag_seconds\{source="changing"\}/m, '... a stopped one is not');
	like($text, qr/^errand_source_last_success_timestamp_seconds\{source="changing"\} 1\d{9}\.\d+$/m, '... when the last success was');
}
sql($node, "SELECT errand.define_source('x' || n, 'rest', '" . $web->url('/since/5') . "', target => 'strict') FROM generate_series(1, 220) AS n");
my $text = sql($node, 'SELECT errand.metrics()');
my %sources;
$sources{$1} = 1 while $text =~ /^errand_source_\w+\{source="((?:[^"\\]|\\.)*)"/mg;
is(scalar keys %sources, 201, 'no more than 200 sources have a label');
is($sources{other}, 1, '... the others share one');
SKIP: {
	skip 'promtool is not installed', 2 unless grep { -x "$_/promtool" } split /:/, $ENV{PATH};
	my $file = "$PostgreSQL::Test::Utils::tmp_check/sources.txt";
	append_to_file($file, "$text\n");
	my $said = `promtool check metrics < $file 2>&1`;
	is($?, 0, 'promtool check metrics') or diag $said;
	is($said, '', 'it has nothing to remark');
}
my ($relayed) = grep { /^errand_source_runs_total/ } split /\n/, ask('/metrics');
ok($relayed, 'the relay tells the same');
sub ask
{
	my $path = shift;
	my $token = sql($node, "SELECT errand.issue_token('" . getpwuid($>) . "', 'monitor')");
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . relay_port($node)) or die "no relay: $!";
	print $socket "GET $path HTTP/1.1\r\nHost: 127.0.0.1:" . relay_port($node) . "\r\nAuthorization: Bearer $token\r\nConnection: close\r\n\r\n";
	local $/ = undef;
	return <$socket>;
}

unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'nothing crashed');
done_testing();
