# Sources: pages in every mode, cursors, conditional requests, bad items, stages
# with their limits, sources that fail and recover, and that leave others alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting('main');
my $bad = counting('bad');
my $node = errand_node('sources', conf => "errand.executors = 4\nerrand.host_max_running = 100");

sub define
{
	my ($name, $url, $options) = @_;
	sql($node, "SELECT errand.define_source('$name', 'rest', '$url', every => '1 h'" . ($options ? ", $options" : '') . ')');
	return;
}
sub run_now { my $name = shift; return sql($node, "SELECT errand.run_source_now('$name')") }
sub is_over
{
	my ($run, $state, $text) = @_;
	return ok(wait_for_sql($node, "SELECT state FROM errand.source_runs WHERE id = $run", $state, 60), $text);
}
sub of { my ($name, $what) = @_; return sql($node, "SELECT $what FROM errand.stat_sources WHERE source = '$name'") }
sub becomes { my ($name, $what, $expected, $text) = @_; return ok(wait_for_sql($node, "SELECT $what FROM errand.stat_sources WHERE source = '$name'", $expected, 60), $text) }

# ---- pages ----

sql($node, 'CREATE TABLE pages (how text, n bigint, PRIMARY KEY (how, n))');
my %paginate = (
	link => '{"mode": "link"}', next => '{"mode": "next_url", "path": "$.next"}',
	cursor => '{"mode": "cursor", "path": "$.next", "param": "cursor"}', page => '{"mode": "page", "param": "page"}',
	offset => '{"mode": "offset", "param": "offset", "size": 3}', loop => '{"mode": "link", "max_pages": 50}',
	last => '{"mode": "page", "param": "page", "max_pages": 50}', bad => '{"mode": "link"}');
my %pages = (link => 4, next => 4, cursor => 4, page => 4, offset => 4, loop => 2, last => 4, bad => 2);
my %runs;
foreach my $how (sort keys %paginate)
{
	define($how, $web->url("/pages/$how/4"), "items => '\$.items[*]', columns => '{\"how\": {\"value\": \"$how\"}, \"n\": \"\$\"}', target => 'pages',
		on_conflict => 'ignore', paginate => '$paginate{$how}'");
	$runs{$how} = run_now($how);
}
foreach my $how (sort keys %paginate)
{
	is_over($runs{$how}, $how eq 'bad' ? 'failed' : 'succeeded', "pages by $how");
	is(sql($node, "SELECT count(*), min(n), max(n) FROM pages WHERE how = '$how'"), $pages{$how} * 3 . '|1|' . $pages{$how} * 3, "... all items of $pages{$how} pages");
}
is(of('bad', "error, items_stored, state"), 'page 3: HTTP status 404|6|stopped', 'a page that fails fails the run; what came before it is stored');
define('two', $web->url('/pages/link/9'), q{items => '$.items[*]', columns => '{"how": {"value": "two"}, "n": "$"}', target => 'pages', paginate => '{"mode": "link", "max_pages": 2, "delay": "300 ms"}'});
is_over(run_now('two'), 'succeeded', 'max_pages and delay');
is(sql($node, "SELECT pages, finished_at - started_at >= '300 ms' FROM errand.source_runs WHERE source = 'two'"), '2|t', '... are kept');
define('away', $web->url('/pages/away/' . $bad->port), q{items => '$.items[*]', columns => '{"how": {"value": "away"}, "n": "$"}', target => 'pages', paginate => '{"mode": "link"}', auth => '{"bearer": "t0ken"}'});
my $away = run_now('away');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.source_runs WHERE id = $away AND finished_at IS NOT NULL", '1'), 'a page on another host');
unlike(sql($node, "SELECT coalesce(string_agg(payload::text, ''), '') FROM errand.outcomes AS o WHERE o.payload ->> 'url' ~ 'localhost'"), qr/t0ken/, '... is not told the credentials');

# ---- conditional requests: kept only if storing succeeded ----

sql($node, 'CREATE TABLE changing (id bigint)');
define('changing', $web->url('/changing'), q{target => 'changing'});
is_over(run_now('changing'), 'succeeded', 'a page with an ETag');
is_over(run_now('changing'), 'not_modified', '... is not fetched again');
is(of('changing', "items_stored, error, last_success IS NOT NULL"), '1||t', '... which is a success');
wait_done('/version/2');
sub wait_done { my $path = shift; my $id = sql($node, "SELECT errand.http_get('" . $web->url($path) . "')"); wait_for_sql($node, "SELECT errand.status($id)", 'succeeded'); return }
is_over(run_now('changing'), 'succeeded', 'when it has changed it is fetched');
wait_done('/version/3');
sql($node, 'ALTER TABLE changing RENAME TO hidden');
is_over(run_now('changing'), 'failed', 'a table that is gone fails the run');
sql($node, 'ALTER TABLE hidden RENAME TO changing');
is_over(run_now('changing'), 'succeeded', '... and the next one fetches it once more');
is(sql($node, 'SELECT string_agg(id::text, $$,$$ ORDER BY id) FROM changing'), '1,2,3', '... so that nothing is lost');

# ---- a cursor ----

sql($node, 'CREATE TABLE since (id bigint, name text)');
define('since', $web->url('/since/1000?limit=100'), q{items => '$.items[*]', target => 'since', cursor => '{"path": "$.items[*].id", "param": "since"}'});
foreach my $n (1 .. 3)
{
	is_over(run_now('since'), 'succeeded', "run $n goes on");
	is(sql($node, 'SELECT count(*), count(DISTINCT id), max(id) FROM since'), join('|', (100 * $n) x 3), '... where the last one ended');
}
is(of('since', 'cursor_value'), '300', 'errand.stat_sources shows where');
define('all', $web->url('/since/1000?limit=100'), q{items => '$.items[*]', target => 'since', cursor => '{"path": "$.newest", "param": "since", "start": 300}',
	paginate => '{"mode": "cursor", "path": "$.next", "param": "since", "max_pages": 100}'});
is_over(run_now('all'), 'succeeded', 'a cursor, and pages behind it');
is(sql($node, 'SELECT count(*), count(DISTINCT id), max(id) FROM since'), '1000|1000|1000', '... to the end, once each');
is(of('all', 'cursor_value'), '1000', '... where the next one begins');

# ---- bad items, defaults, transform ----

sql($node, q{CREATE TABLE strict (id bigint PRIMARY KEY, name text NOT NULL CHECK (name <> 'item 5'), at timestamptz NOT NULL DEFAULT now());
	CREATE FUNCTION twice(item jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
	BEGIN
		IF item ->> 'id' = '7' THEN RAISE EXCEPTION 'seven is refused'; END IF;
		RETURN NEXT item; RETURN NEXT jsonb_build_object('id', (item ->> 'id')::int + 1000, 'name', CASE WHEN item ->> 'id' <> '9' THEN item ->> 'name' END);
	END $$});
define('strict', $web->url('/since/20?limit=20'), q{items => '$.items[*]', item_key => '$.id', transform => 'twice(jsonb)', target => 'strict', on_conflict => 'update'});
is_over(run_now('strict'), 'succeeded', 'bad items do not fail a run');
is(of('strict', 'items_stored, items_rejected, items_duplicate'), '35|4|0', '... the rest is stored');
is(sql($node, "SELECT string_agg(stage || ' ' || sqlstate || ' ' || coalesce(item_key, ''), ', ' ORDER BY stage DESC, item_key::int) FROM errand.rejects WHERE source = 'strict'"),
	'transform P0001 7, store 23514 5, store 23514 1005, store 23502 1009', 'errand.rejects has them, with the reason');
is_over(run_now('strict'), 'succeeded', 'once more');
is(of('strict', 'items_stored, items_rejected, items_duplicate'), '35|8|35', '... unchanged rows are duplicates');
is(sql($node, "SELECT count(*), sum(times) FROM errand.rejects WHERE source = 'strict'"), '4|8', '... and a bad item is kept once, and counted');
sql($node, 'UPDATE strict SET name = $$changed$$ WHERE id = 3');
is_over(run_now('strict'), 'succeeded', 'on_conflict => update');
is(sql($node, 'SELECT name FROM strict WHERE id = 3'), 'item 3', '... updates what differs');

# ---- stages: at most so many at once, and all of a large page ----

sql($node, q{CREATE TABLE big (id bigint PRIMARY KEY, name text); CREATE TABLE peak (n bigint)});
define('big', $web->url('/since/20000?limit=1000'), q{items => '$.items[*]', target => 'big', on_conflict => 'ignore', paginate => '{"mode": "cursor", "path": "$.next", "param": "since", "max_pages": 20}',
	fetch_workers => 1, transform_workers => 2, store_workers => 2, batch_rows => 200});
my $big = run_now('big');
my $most = 0;
my $held = 0;
ok(poll_for(120, 'the large source', sub {
	my ($state, $running, $depth) = split /\|/, sql($node, "SELECT (SELECT state FROM errand.source_runs WHERE id = $big), max(running), max(depth) FROM errand.stat_stages WHERE source = 'big'");
	$most = $running if $running > $most;
	$held = $depth if $depth > $held;
	return $state eq 'succeeded'; }), '20,000 items through three stages');
is(sql($node, 'SELECT count(*) FROM big'), '20000', '... are all there');
cmp_ok($most, '<=', 2, '... never more tasks at once than workers');
cmp_ok($held, '<=', 40, '... and no stage runs away from the next one');
ok(wait_for_sql($node, "SELECT string_agg(stage || ' ' || depth || ' ' || running || ' ' || failed || ' ' || (done > 0), ', ' ORDER BY stage) FROM errand.stat_stages WHERE source = 'big'",
	'fetch 0 0 0 true, store 0 0 0 true, transform 0 0 0 true'), 'errand.stat_stages');

# ---- a source fails, and recovers; others do not notice ----

my $client = $node->background_psql('postgres');
$client->query_safe('LISTEN errand');
sql($node, 'CREATE TABLE good (id bigint, name text); CREATE TABLE sick (id bigint PRIMARY KEY, name text)');
sql($node, "SELECT errand.define_source('good', 'rest', '" . $web->url('/since/3') . "', every => '1 s', items => '\$.items[*]', target => 'good')");
sql($node, "SELECT errand.define_source('sick', 'rest', '" . $bad->url('/switch') . "', every => '1 s', items => '\$.items[*]', target => 'sick', on_conflict => 'ignore')");
sql($node, "SELECT errand.start_source('good'), errand.start_source('sick')");
becomes('sick', "state IN ('idle', 'running') AND items_stored = 2", 't', 'two sources run');
sub bad_mode { my $mode = shift; my $id = sql($node, "SELECT errand.http_get('" . $bad->url("/mode/$mode") . "')"); wait_for_sql($node, "SELECT errand.status($id)", 'succeeded'); return }
foreach my $case ([ 500, 'HTTP status 500' ], [ 1, 'the answer is no JSON: it begins with' ], [ 2, 'the answer is no JSON: it is an HTML page' ])
{
	bad_mode($case->[0]);
	my $good = of('good', 'runs');
	becomes('sick', "state, error LIKE '$case->[1]%'", 'degraded|t', "degraded: $case->[1]");
	is(of('sick', "age IS NOT NULL, degraded_since IS NOT NULL, next_run - now() < interval '16 min'"), 't|t|t', '... with the age of the last good data');
	becomes('good', "runs > $good AND state <> 'degraded'", 't', '... the other one goes on');
	bad_mode(0);
	becomes('sick', 'state <> $$degraded$$ AND error IS NULL AND failures = 0', 't', '... it recovers by itself');
}
bad_mode(429);
becomes('sick', "state, error", 'degraded|HTTP status 429', 'degraded: Retry-After');
bad_mode(0);
becomes('sick', 'state <> $$degraded$$', 't', '... it recovers');
sql($node, "SELECT errand.stop_source('sick'), errand.stop_source('good')");
becomes('sick', 'state, next_run IS NULL', 'stopped|t', 'stopped');
my @told = ();
ok(poll_for(20, 'notices', sub { push @told, grep { /"source":"sick"/ } split /\n/, $client->query_safe('SELECT 1'); return grep { /stopped/ } @told }), 'LISTENers hear of it');
my $told = join '', @told;
is(scalar(() = $told =~ /"state":"degraded"/g), 4, '... of each change to degraded once');
$client->quit;

# ---- one run at a time; stop and drop while one is open ----

define('slow', $web->url('/delay/10000'), q{target => 'good'});
my $slow = run_now('slow');
is(run_now('slow'), $slow, 'one run at a time');
is(of('slow', 'state'), 'running', '... it is running');
is(sql($node, "SELECT errand.drop_source('slow'), errand.drop_source('slow')"), 't|f', 'dropped while it runs');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.source_run WHERE id = $slow", '0'), '... the leader clears up');
ok(wait_for_sql($node, "SELECT errand.status($slow)", 'succeeded'), '... and the request ends by itself');
define('slow', $web->url('/hang'), q{target => 'good', timeout => '500 ms'});
$slow = run_now('slow');
is_over($slow, 'failed', 'a fetch has its time');
like(of('slow', 'error'), qr/no answer within 500 ms/, '... and says so');

# ---- nothing is left ----

ok(wait_for_sql($node, 'SELECT count(*) FROM errand.source_piece', '0'), 'no piece is left');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'nothing crashed');
done_testing();
