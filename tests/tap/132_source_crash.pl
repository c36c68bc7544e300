# Cursor and rows commit together: 10,000 items behind a cursor, into a table
# without a key, while processes are killed and the server is stopped at random
# moments. No gap, no item twice, and no run is lost.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $ITEMS = 10_000;
my $web = counting();
my $node = errand_node('source_crash');
seed();

sql($node, 'CREATE TABLE item (id bigint, name text)');
my $url = $web->url("/since/$ITEMS?limit=100");
sql($node, qq(SELECT errand.define_source('items', 'rest', '$url', every => '1 s', items => '\$.items[*]', target => 'item', batch_rows => 40,
	cursor => '{"path": "\$.newest", "param": "since"}', paginate => '{"mode": "cursor", "path": "\$.next", "param": "since", "max_pages": 7}')));
sql($node, "SELECT errand.start_source('items')");

sub kill_one
{
	my @pids = map { eval { pids_of($node, "errand $_") } } qw(worker executor);
	kill 'KILL', pick(@pids) if @pids;
	return;
}
sub stop_start
{
	$node->stop('immediate');
	$node->start;
	return;
}
sub done { my $n = eval { sql($node, 'SELECT count(*) FROM item') }; return defined $n && $n >= $ITEMS }

my $crashes = 0;
my $seen = 0;
while ($crashes < 12)
{
	# a moment in the middle of something: when so many more items are there
	my $wanted = $seen + chance(1, 400);
	poll_for(60, "$wanted items", sub { $seen = eval { sql($node, 'SELECT count(*) FROM item') } // $seen; return $seen >= $wanted || done() })
	  or last;
	last if done();
	chance(0, 2) ? kill_one() : stop_start();
	$crashes++;
}
cmp_ok($crashes, '>=', 3, "$crashes crashes");
ok(poll_for(120, 'all items', \&done), 'everything arrives');
ok(wait_for_sql($node, "SELECT cursor_value FROM errand.stat_sources", $ITEMS, 60), 'the cursor is at the end');
is(sql($node, 'SELECT count(*), count(DISTINCT id), min(id), max(id) FROM item'), "$ITEMS|$ITEMS|1|$ITEMS", 'no gap, nothing twice');
sql($node, "SELECT errand.stop_source('items')");
ok(wait_for_sql($node, "SELECT state, items_stored, items_rejected FROM errand.stat_sources", "stopped|$ITEMS|0", 60), 'the counts are right, too');
is(sql($node, "SELECT count(*) FROM errand.source_runs WHERE state = 'failed'"), '0', 'no run failed: a crash is nobody\'s fault');
ok(wait_for_sql($node, 'SELECT count(*) FROM errand.source_piece', '0', 60), 'no piece is left');
done_testing();
