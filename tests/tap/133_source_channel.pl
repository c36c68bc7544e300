# What sources tell watchers: the channel source:NAME, and their history.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting('main');
my $node = relay_node('channel');
relay_program($node, 'sources.py', COUNT_PORT => $web->port);

# ---- history?source= ----

my $name = 'many';
my $stored = sql($node, "SELECT items_stored FROM errand.stat_sources WHERE source = '$name'");
sub history { my $args = shift; return decode_json(sql($node, "SELECT errand._api('history', '$args', now())")) }
ok(poll_for(30, 'the history', sub {
	my $sum = 0;
	$sum += $_ foreach @{ history(qq({"source": "$name"}))->{succeeded} };
	return $sum == sql($node, "SELECT done FROM errand.stat_stages WHERE source = '$name' AND stage = 'store'"); }),
	'the history of a source is that of its last stage');

unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'nothing crashed');
done_testing();
