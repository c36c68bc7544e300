# Metrics as Prometheus' own tool reads them, and numbers that outlive a restart.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $node = errand_node('metrics');
my $count = counting();
my $ok = $count->url('/ok');
my $bad = $count->url('/status/404');

# names that would break a label, and every kind of outcome
sql($node, "SELECT errand.http_get('$ok', queue => 'q\"\\{}') FROM generate_series(1, 20)");
sql($node, "SELECT errand.http_get('$bad', max_attempts => 1) FROM generate_series(1, 5)");
sql($node, "SELECT errand.http_get('$ok', run_at => now() + '1 h')");
sql($node, "SELECT errand.http_get('" . $count->url('/drop') . "', delivery => 'at_most_once') FROM generate_series(1, 4)");
wait_for_sql($node, "SELECT count(*) = 29 FROM errand.tasks WHERE state IN ('succeeded', 'failed', 'unknown')");

SKIP: {
	skip 'promtool is not installed', 3 unless grep { -x "$_/promtool" } split /:/, $ENV{PATH};
	my $text = "$PostgreSQL::Test::Utils::tmp_check/metrics.txt";
	append_to_file($text, sql($node, 'SELECT errand.metrics()') . "\n");
	my $said = `promtool check metrics < $text 2>&1`;
	is($?, 0, 'promtool check metrics') or diag $said;
	is($said, '', 'it has nothing to remark');
	$said = `promtool check rules $root/docs/grafana/alerts.yml 2>&1`;
	is($?, 0, 'promtool check rules') or diag $said;
}
my $dashboard = decode_json(slurp_file("$root/docs/grafana/pg_errand.json"));
my $metrics = sql($node, 'SELECT errand.metrics()');
my %unknown;
for my $expr ((map { $_->{expr} } map { @{ $_->{targets} } } @{ $dashboard->{panels} }), slurp_file("$root/docs/grafana/alerts.yml"))
{
	for my $name ($expr =~ /\b(errand_[a-z_]+)/g)
	{
		(my $family = $name) =~ s/_(bucket|count|sum)$//;
		$unknown{$name} = 1 unless $metrics =~ /^# TYPE $family /m;
	}
}
is(join(' ', sort keys %unknown), '', 'the dashboard and the alerts ask for metrics that there are');

# a clean restart loses nothing
my $counts = "SELECT errand._api('overview', '{}', now()) -> 'counts'";
sub finals { my $c = decode_json(sql($node, $counts)); return "$c->{succeeded} $c->{failed} $c->{unknown} $c->{scheduled}" }
sub become { my ($expected, $text) = @_; poll_for(20, $expected, sub { finals() eq $expected }); return is(finals(), $expected, $text) }
become('20 5 4 1', 'counts before the restart');
# one that is taken up again is not in two states
my $again = sql($node, "SELECT min(id) FROM errand.tasks WHERE state = 'failed'");
sql($node, 'SELECT errand.pause_all()');
sql($node, "SELECT errand.retry($again)");
is(finals(), '20 4 4 1', '... of what is taken up again');
sql($node, "SELECT errand.cancel($again)");
is(finals(), '20 4 4 1', '... and cancelled');
sql($node, 'SELECT errand.stat_reset()');
is(finals(), '20 4 4 1', 'they are no statistics that could be reset');
sql($node, 'SELECT errand.resume_all()');
$node->restart;
wait_for_sql($node, "SELECT errand.wait_until_running() IS NOT NULL");
wait_for_sql($node, "SELECT (errand._api('overview', '{}', now()) -> 'counts' ->> 'succeeded')::int = 20");
become('20 4 4 1', 'and after it');
is(sql($node, "$counts ->> 'cancelled'"), '1', '... the cancelled one, too');
is( sql($node, "SELECT sum(v::int) FROM jsonb_array_elements_text(errand._api('history', '{}', now()) -> 'succeeded') AS v"), '20',
	'history has them once');
is( sql($node, q{SELECT sum(v::int) FROM jsonb_array_elements_text(errand._api('history', '{"queue": "q\"\\\\{}"}', now()) -> 'succeeded') AS v}), '20',
	'by queue, too');
is( sql($node, "SELECT count(*) > 0 FROM jsonb_array_elements(errand._api('history', '{}', now()) -> 'run_p95_ms') AS v WHERE jsonb_typeof(v) = 'number'"), 't',
	'with their times');

# old minutes go
sql($node, "UPDATE errand.rollup SET minute = minute - interval '31 days'");
wait_for_sql($node, "SELECT count(*) = 0 FROM errand.rollup WHERE minute < now() - interval '30 days'", 't', 90);
pass('what is older than 30 days goes');

done_testing();
