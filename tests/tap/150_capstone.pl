# The capstone: the dashboard of examples/09_dashboard, one minute with all
# faults on (five in `make check-long`). At the end the tables hold what the
# servers say they served: nothing lost, nothing twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{ERRAND_LONG} ? 300 : 60;
my $example = "$FindBin::RealBin/../../examples/09_dashboard";
my $dir = PostgreSQL::Test::Utils::tempdir('dashboard');
my $node = errand_node('capstone', conf => "errand.executors = 4\n");
my $servers = IPC::Run::start([ "$example/servers", '--port-file', "$dir/ports", '--ledger', "$dir/ledger", '--seconds', $seconds,
		'--seed', seed(), '--die-with-parent' ], '<', \undef, '>&', "$dir/log");
END { local $?; $servers->kill_kill if $servers }
poll_for(20, 'the servers', sub { -s "$dir/ports" }) or die 'no servers: ' . slurp_file("$dir/log");
my %port = map { lc } slurp_file("$dir/ports") =~ /(\w+)_PORT=(\d+)/g;

# What each source is called, where its server is, its table, and a row's key as the ledger has it.
my %source = (
	stocks => [ 'stocks', 'http', '/v1/quotes', 'quote', q{symbol || ' ' || extract(epoch FROM at)::bigint} ],
	weather => [ 'weather', 'http', '/v1/forecast', 'weather JOIN dashboard.city USING (city)', q{latitude || ' ' || extract(epoch FROM at)::bigint} ],
	rss => [ 'news rss', 'http', '/rss.xml', "news WHERE feed = 'wire'", 'guid' ],
	atom => [ 'news atom', 'http', '/atom.xml', "news WHERE feed = 'gazette'", 'guid' ],
	crypto => [ 'crypto', 'ws', '/', 'tick', 'sequence::text' ],
	social => [ 'social', 'http', '/api/v1/timelines/public', 'post', 'id::text' ]);

sub of { my ($name, $what) = @_; return sql($node, "SELECT $what FROM errand.stat_sources WHERE source = '$source{$name}[0]'") }

# The ledger: events, and for each source the keys that were served, good and bad.
sub ledger { return map { JSON::PP::decode_json($_) } split /\n/, slurp_file("$dir/ledger") }

sub served
{
	my ($which, @events) = @_;
	my %keys = map { $_ => {} } keys %source;
	foreach my $event (grep { $_->{event} eq 'served' } @events)
	{
		$keys{ $event->{source} }{$_} = 1 foreach @{ $event->{$which} };
	}
	return \%keys;
}

# What is in the tables and is not served, or the other way round; one short text a source.
sub difference
{
	my ($name, $served) = @_;
	my %stored = map { $_ => 1 } split /\n/, sql($node, "SELECT $source{$name}[4] FROM dashboard.$source{$name}[3]");
	my @lost = grep { !$stored{$_} } sort keys %$served;
	my @odd = grep { !$served->{$_} } sort keys %stored;
	return join ' ', map { $_ // () } (@lost ? "lost: @lost[0 .. ($#lost < 4 ? $#lost : 4)]" : undef), (@odd ? "odd: @odd[0 .. ($#odd < 4 ? $#odd : 4)]" : undef);
}

# ---- the public APIs: they are defined as they should, and never asked, since nothing commits ----

my ($out, $err);
IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'BEGIN', '-f', "$example/public_apis.sql", '-c',
		q{SELECT string_agg(kind || ' ' || started, ', ' ORDER BY name) FROM errand.sources}, '-c', 'ROLLBACK' ], '<', \undef, '>', \$out, '2>', \$err);
is($err, '', 'the public APIs are defined without a complaint');
like($out, qr/^websocket true, feed true, feed true, rest true, rest true, rest true$/m, '... all six, and started');
is(sql($node, 'SELECT count(*) FROM errand.sources'), '0', '... and taken back');

# ---- it starts as the example says ----

my @set = map { ('-v', "$_=$source{$_}[1]://127.0.0.1:$port{$_}$source{$_}[2]") } sort keys %source;
ok(IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), @set, '-f', "$example/09_dashboard.sql" ], '<', \undef, '>', \$out, '2>', \$err), 'the example runs');
is($err, '', '... without a complaint');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.stat_sources WHERE items_stored > 0", '6', 40), 'all six sources store');
ok(wait_for_sql($node, 'SELECT count(DISTINCT stage) FROM errand.stat_stages WHERE done > 0', '3'), '... through three stages');
is(sql($node, q{SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(dashboard.page()) AS k}), 'coins movers news posts sources weather', '... and the page has it all');

is(sql($node, q{SELECT dashboard.trim('{}')}), '', '... and old prices can be let go');

# ---- an outage ----

my $down = poll_for(60, 'an outage', sub { my ($e) = grep { $_->{event} eq 'down' } ledger(); return $e });
isnt($down, undef, 'a source goes down') or BAIL_OUT('no outage');
my $who = $down->{source};
ok(wait_for_sql($node, "SELECT state, error <> '' FROM errand.stat_sources WHERE source = '$source{$who}[0]'", 'degraded|t', 30), "$who is degraded, with the reason");
ok(poll_for(40, 'its end', sub { grep { $_->{event} eq 'up' } ledger() }), '... and comes back');
my $others = sql($node, "SELECT count(DISTINCT source) FROM errand.source_items WHERE source <> '$source{$who}[0]' AND at > to_timestamp($down->{at}) AND at < to_timestamp($down->{at}) + interval '8 s'");
cmp_ok($others, '>=', 3, "the others did not notice ($others of 5 stored meanwhile)");

# ---- the end ----

ok(poll_for($seconds + 30, 'calm', sub { grep { $_->{event} eq 'calm' } ledger() }), 'the servers have nothing new, and fail no more');
ok(wait_for_sql($node, "SELECT count(*) FILTER (WHERE state IN ('idle', 'running') AND error IS NULL AND degraded_since IS NULL), min(last_run) > to_timestamp($down->{at}) FROM errand.stat_sources", '6|t', 90), 'every source is well')
  or diag sql($node, 'SELECT source, state, error, connection_error, next_run FROM errand.stat_sources');
my (@events, $good);
sub last_post { return (sort { $b <=> $a } keys %{ served('good', @_)->{social} })[0] // 0 }
ok(poll_for(60, 'the last posts', sub { last_post(ledger()) >= $seconds * 5 - 5 }), 'social: it has come up to the last posts');
foreach my $name (sort keys %source)
{
	ok(poll_for(60, "the rows of $name", sub { @events = ledger(); $good = served('good', @events)->{$name}; return difference($name, $good) eq '' }),
		"$name: the table holds what was served") or diag difference($name, $good);
	my $rows = sql($node, "SELECT count(*) FROM dashboard.$source{$name}[3]");
	cmp_ok($rows, '>', 10, "... $rows rows");
	is(of($name, 'items_stored >= ' . $rows), 't', '... which are counted');
	my $bad = keys %{ served('bad', @events)->{$name} };
	ok(wait_for_sql($node, "SELECT count(*) FROM errand.rejects WHERE source = '$source{$name}[0]'", $bad), "... and $bad bad items are rejects");
}
my $last = last_post(@events);
my %posts = map { %{ served($_, @events)->{social} } } qw(good bad);
is(join(',', grep { !$posts{$_} } 1 .. $last), '', "social: by its cursor it has seen each of $last posts");
my @ticks = sort { $a <=> $b } grep { /^\d/ } map { keys %{ served($_, @events)->{crypto} } } qw(good bad);
ok(wait_for_sql($node, "SELECT missed, dropped, sequence FROM errand.stat_sources WHERE source = 'crypto'", join('|', $ticks[-1] - $ticks[0] + 1 - @ticks, 0, $ticks[-1])), 'crypto: ticks that nobody was sent are counted as missed');
cmp_ok(sql($node, q{SELECT count(*) FROM dashboard.news WHERE title LIKE '%(updated)'}), '>', 2, 'news: titles that changed were changed');

# ---- what it was put through, and how it took it ----

my %happened;
$happened{ $_->{status} // $_->{event} }++ foreach @events;
diag join ', ', map { "$_: $happened{$_}" } sort keys %happened;
cmp_ok($happened{$_} // 0, '>', 0, "there was: $_") foreach qw(429 500 304 slow cut down);
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE kind = 'source' AND state NOT IN ('succeeded', 'ready', 'running')"), '0', 'no transform or store failed');
cmp_ok(sql($node, 'SELECT count(*) FROM dashboard.top_movers WHERE percent IS NOT NULL'), '>', 100, 'the views have their numbers');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
