# WebSocket sources against a real server that cuts, floods, refuses and lies:
# what it served is in the target, or counted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $server = stream_server();
my $node = errand_node('stream', conf => "errand.max_response_bytes = 1000000\n");
sql($node, 'CREATE TABLE ticks (seq bigint, name text, price numeric, what text)');

# stream(NAME, PATH, MORE): defines and starts one.
sub define
{
	my ($name, $path, $more) = @_;
	my $url = $path =~ m{^\w+://} ? $path : $server->url($path);
	sql($node, "SELECT errand.define_source('$name', 'websocket', '$url', target => 'ticks', sequence => '\$.seq', batch_interval => '50 ms',
		columns => '{\"seq\": \"\$.seq\", \"name\": \"\$.name\", \"price\": \"\$.price\", \"what\": \"\$.what\"}'" . ($more ? ", $more" : '') . ')');
	return;
}

sub stream
{
	my ($name, @more) = @_;
	define($name, @more);
	sql($node, "SELECT errand.start_source('$name')");
	return;
}

# of(NAME, COLUMNS): what stat_sources says.
sub of { return sql($node, "SELECT $_[1] FROM errand.stat_sources WHERE source = '$_[0]'") }

sub wait_of
{
	my ($name, $condition, $seconds) = @_;
	return wait_for_sql($node, "SELECT $condition FROM errand.stat_sources WHERE source = '$name'", 't', $seconds);
}

sub stream_pid { return (pids_of($node, 'errand stream'))[0] }
sub happened { my ($seconds, $event, $path, $n) = @_; return poll_for($seconds, "$event of $path", sub { ($server->events($event, $path)) >= ($n // 1) }) }

is(stream_pid(), undef, 'no stream process without a stream');

# Those that take their time begin now: a connection that holds for longer than
# ten seconds, one whose handshake is never answered.
stream('hold', '/hold?s=11', "ping_interval => '1 s'");
stream('slow', '/slow');

# ---- what was served is there ----

sql($node, "SELECT errand.set_secret('streamkey', 'CANARY')");
stream('plain', '/count?n=2000&rate=2000&name=plain',
	q{subscribe => ARRAY['{"op": "subscribe", "key": "secret://streamkey"}', '"HELLO"']::jsonb[], headers => '{"X-Key": "secret://streamkey"}', auth => '{"bearer": "secret://streamkey"}'});
ok(wait_for_sql($node, "SELECT count(*) FROM ticks WHERE name = 'plain'", '2000'), 'all messages are in the target');
is(sql($node, "SELECT count(DISTINCT seq), sum(seq), min(price), max(price) FROM ticks WHERE name = 'plain'"), '2000|2001000|0.5|99.5', 'each once, with its values');
is(of('plain', 'state, messages, malformed, dropped, gaps, connects, sequence, connected_since IS NOT NULL, error'), 'running|2000|0|0|0|1|2000|t|', 'and the state tells');
my ($request) = $server->events('request', '/count?n=2000');
is($request->{headers}{'X-Key'} . ' ' . $request->{headers}{Authorization}, 'CANARY Bearer CANARY', 'headers and auth with the values of secrets');
like($request->{headers}{'User-Agent'}, qr{^pg_errand/}, 'a clear User-Agent');
is(join('|', grep { /^(X-Errand|Idempotency|Content|Origin)/i } keys %{ $request->{headers} }), '', 'nothing that belongs to tasks');
is(join('|', map { $_->{message} } $server->events('heard', '/count?n=2000')), '{"op": "subscribe", "key": "CANARY"}|HELLO', 'the frames to begin with: JSON, and a string as it is');
is(sql($node, "SELECT count(*) FROM errand.sources WHERE sources::text LIKE '%CANARY%'"), '0', 'no value of a secret is shown');
like(sql($node, "SELECT state FROM errand.stat_workers WHERE kind = 'stream'"), qr/\w/, 'the process is among the workers');

# ---- every kind of message ----

stream('bytes', '/bytes');
ok(wait_of('bytes', 'messages = 11'), 'binary, fragmented, large and broken messages');
ok(wait_for_sql($node, q{SELECT string_agg(seq || ' ' || left(what, 10) || ' ' || length(what), ', ' ORDER BY seq) FROM ticks WHERE what IS NOT NULL},
	"1 binary 6, 2 fragments 9, 3 \x{c3}\x{bc}ber \x{f0}\x{9f}\x{98}\x{80} 6, 7 zzzzzzzzzz 200000, 8 last 4"), 'the good ones are rows')
  or diag sql($node, 'SELECT * FROM errand.stat_sources');
is(sql($node, q{SELECT string_agg(reason || CASE WHEN times > 1 THEN ' x' || times ELSE '' END, E'\n' ORDER BY reason) FROM errand.rejects WHERE source = 'bytes'}),
	join("\n", 'invalid byte sequence for encoding "UTF8": 0xff', 'invalid input syntax for type json: The input string ended unexpectedly.', 'stack depth limit exceeded',
		('the message is larger than errand.max_response_bytes') x 2, 'unsupported Unicode escape sequence: \\u0000 cannot be converted to text.'),
	'the others are rejects, with the reason');
is(of('bytes', 'malformed, items_rejected, connects, state'), '6|6|1|running', 'and the connection goes on');

# ---- cut at random ----

my $n = 1200;
stream('cut', "/count?n=$n&rate=600&cut=0.5&skip=1&bad=2&name=cut");
ok(happened(180, 'done', "/count?n=$n"), 'the server has served all');
ok(wait_of('cut', "sequence = $n"), 'the last message is there');
my $cuts = $server->events('cut', "/count?n=$n");
my $skipped = $server->events('skipped', "/count?n=$n");
my ($rows, $distinct) = split /\|/, sql($node, "SELECT count(*), count(DISTINCT seq) FROM ticks WHERE name = 'cut'");
my ($missed, $gaps, $malformed, $connects, $messages) = split /\|/, of('cut', 'missed, gaps, malformed, connects, messages');
is($distinct, $rows, "no message twice, over $cuts cuts");
is($rows + $missed, $n, "what is not in the target is counted as missed ($rows + $missed)");
cmp_ok($missed, '>=', $skipped, "... all $skipped that were left out among it");
cmp_ok($gaps, '<=', $skipped + $cuts, '... in as many gaps');
cmp_ok($malformed, '<=', scalar(my @bad = $server->events('bad', "/count?n=$n")), 'malformed ones are counted');
is($messages - $malformed, $rows, '... and stand beside the rows');
ok(wait_of('cut', 'connects = ' . ($cuts + 1)), 'connected again after each cut');

# How long it waited each time: from a quarter of a second to half a minute, doubled at most.
# The server writes of a cut before it cuts, of the end when it comes to that.
my @times = map { [ $_->{event}, $_->{at} ] } grep { $_->{event} =~ /^(request|cut)$/ } $server->events(undef, "/count?n=$n");
my (@waits, $cut);
foreach (@times)
{
	push @waits, $_->[1] - $cut if $_->[0] eq 'request' && defined $cut;
	$cut = $_->[1] if $_->[0] eq 'cut';
}
is(scalar(grep { $_ < 0.24 || $_ > 32 } @waits), 0, "each wait lies within its bounds (@{[map { sprintf '%.2f', $_ } @waits]})");
cmp_ok(scalar(grep { $waits[$_] > 0.5 * 2**$_ + 1 } 0 .. $#waits), '<=', 1, 'none is longer than its turn, unless the machine stood still once');

# ---- silence ----

stream('dead', '/dead', "idle_timeout => '300 ms', ping_interval => '100 ms'");
stream('quiet', '/quiet', "idle_timeout => '6 s', ping_interval => '200 ms'");
ok(wait_of('dead', "connects >= 3 AND connection_error = 'nothing was heard for 0.3 s'"), 'a line that is dead is given up, and tried again');

# ---- who is not welcome does not knock ----

stream("no$_", "/status/$_") foreach 401, 403;
stream("no$_", "/close/$_") foreach 4401, 4403, 1008;
stream('no429', '/status/429');
stream('no500', '/status/500');
stream('loop', '/loop');
ok(wait_of($_, "state = 'degraded'"), "$_: degraded") foreach qw(no401 no403 no4401 no4403 no1008 no429 no500);
is(of('no401', 'error, sqlstate'), 'the server answered with HTTP status 401|28000', '... with the reason');
like(of('no4403', 'error'), qr/^the server closed the connection with code 4403: as asked$/, '... the server\'s own words');
ok(wait_of('no500', "state = 'degraded' AND failures >= 0") && happened(30, 'request', '/status/500', 4), 'while a server that fails is tried again');
ok(happened(30, 'open', '/loop', 4), 'and so is one that cuts at once');
ok(wait_of('loop', "state = 'degraded'"), '... which is trouble, too, when it goes on');
foreach my $path (qw(/status/401 /status/403 /close/4401 /close/4403 /close/1008))
{
	my @requests = $server->events('request', $path);
	cmp_ok(@requests > 1 ? $requests[1]{at} - $requests[0]{at} : 1000, '>=', 29.9, "$path: not asked again for half a minute");
}
happened(30, 'request', '/status/429', 2);
my @asked = $server->events('request', '/status/429');
cmp_ok($asked[1]{at} - $asked[0]{at}, '>=', 1.99, 'Retry-After is honoured');
my $count = $server->events('request', '/status/401');
sql($node, "SELECT errand.stop_source('no401'); SELECT errand.start_source('no401')");
ok(happened(5, 'request', '/status/401', $count + 1), 'who is started anew asks at once');
sql($node, "SELECT errand.stop_source(source) FROM errand.stat_sources WHERE source ~ '^(no|loop|dead|bytes|plain|cut)'");
ok(wait_of('quiet', "connected_since < now() - interval '9 s'"), 'one that answers pings is kept');
is(of('quiet', 'connects, state'), '1|running', '... all the time');

# ---- more than can be stored ----

reload_settings($node, 'errand.memory_limit' => '1MB', 'errand.fault' => 'stream=error');
my $log = new_log($node);
stream('flood', '/count?n=20000&name=flood&big=200');
ok(happened(60, 'done', '/count?n=20000'), 'a flood, while nothing can be stored');
ok(wait_of('flood', 'dropped > 1000'), 'messages are dropped, and that is told');
like(of('flood', 'connection_error'), qr/^a batch cannot be stored: /, '... and why');
reload_settings($node, 'errand.fault' => undef);
ok(wait_of('flood', "dropped + items_stored = 20000", 60), 'when it can be again, what is not dropped is stored') or diag of('flood', 'dropped, items_stored, messages, gaps, missed');
is(sql($node, "SELECT max(seq) - count(*) - (SELECT dropped FROM errand.stat_sources WHERE source = 'flood') FROM ticks WHERE name = 'flood'"), '0', '... the newest of them');
is(of('flood', 'gaps, missed'), '0|0', 'dropped ones are not missed ones');
reload_settings($node, 'errand.memory_limit' => undef);

# ---- the others hardly notice ----

stream('broken', '/count?n=100000&rate=100&name=broken');
sql($node, 'ALTER TABLE ticks ADD CONSTRAINT no_broken CHECK (name <> $$broken$$) NOT VALID');
stream('fine', '/count?n=100000&rate=100&name=fine');
ok(wait_of('fine', 'items_stored > 50'), 'one whose rows are refused does not hold up others');
ok(wait_of('broken', 'items_rejected > 50'), '... and its rows are rejects');
sql($node, "SELECT errand.drop_source('broken')");
ok(happened(5, 'closed', '/count?n=100000&rate=100&name=broken'), 'a source that is dropped is cut off at once');

# ---- steering ----

# goodbye(PATH, N): the code of the Nth end of a connection; the process may be gone before the server has written of it.
sub goodbye { my ($path, $times) = @_; happened(20, 'closed', $path, $times); return (($server->events('closed', $path))[ $times - 1 ] // {})->{code} }
my $fine = '/count?n=100000&rate=100&name=fine';
my ($ended, $rounds);
my $took = best_of(3, 2, sub {
	$rounds = shift;
	sql($node, "SELECT errand.start_source('fine')") if $rounds > 1;
	wait_of('fine', 'connected_since IS NOT NULL');
	$ended = $server->events('open', $fine);
	my $began = time;
	sql($node, "SELECT errand.stop_source('fine')");
	ok(happened(20, 'closed', $fine, $ended), 'stopped: cut off');
	return time - $began; });
cmp_ok($took, '<', 2, '... at once');
is(goodbye($fine, $ended), 1000, '... with a goodbye');
ok(wait_of('fine', "state = 'stopped' AND connected_since IS NULL"), '... and that is told');
# what was served as the line was cut is missed once it goes on
my $away = $rounds > 1 ? 'missed' : '0';
ok(wait_for_sql($node, "SELECT (SELECT count(*) FROM ticks WHERE name = 'fine') + $away - sequence FROM errand.stat_sources WHERE source = 'fine'", '0'), 'what had come is stored');
my $sequence = of('fine', 'sequence');
sql($node, "SELECT errand.start_source('fine')");
ok(wait_of('fine', "sequence > $sequence"), 'started: it goes on');
define('fine', '/count?n=100000&rate=100&name=fine&again=1');
ok(happened(5, 'closed', $fine, $ended + 1) && happened(5, 'open', "$fine&again"), 'defined anew: it connects anew, at once');

# ---- a connection that held for ten seconds is forgiven everything ----

ok(happened(40, 'open', '/hold', 3), 'two connections that held');
ok(wait_for_sql($node, "SELECT failures < 2 FROM errand.stream_state JOIN errand.source ON id = source WHERE name = 'hold' AND connects > 2", 't'),
	'a stable connection makes the next cut the first one');
is(of('hold', 'state'), 'running', '... and is no trouble');
ok(wait_of('slow', "state = 'degraded' AND error LIKE 'timed out: %'", 40), 'a handshake without an answer times out');

# ---- the pause ----

$ended = $server->events('open', '/quiet');
sql($node, 'SELECT errand.pause_all()');
ok(poll_for(10, 'the process leaves', sub { !defined stream_pid() }), 'while the engine rests nobody is connected');
is(goodbye('/quiet', $ended), 1000, '... and that was said');
sql($node, 'SELECT errand.resume_all()');
ok(poll_for(10, 'the process comes back', sub { defined stream_pid() }), 'resumed: it comes back');
ok(wait_of('quiet', 'connected_since IS NOT NULL'), '... and connects');

# ---- the policy changes ----

my $opened = $server->events('open', '/quiet');
reload_settings($node, 'errand.allow_networks' => '::1/128');
ok(wait_of('quiet', "state = 'degraded' AND error LIKE 'egress to 127.0.0.1 (loopback) is not allowed%'"), 'a connection that is not allowed any more is cut') or diag of('quiet', 'state, error, connection_error');
is(of('quiet', 'sqlstate'), '42501', '... with the SQLSTATE of what is not allowed');
reload_settings($node, 'errand.allow_networks' => '127.0.0.1/32, ::1/128');
ok(happened(10, 'open', '/quiet', $opened + 1), 'allowed again: connected at once');

# ---- ends of the process ----

my $pid;
$took = best_of(3, 2, sub {
	wait_of('fine', 'connected_since IS NOT NULL');
	$pid = stream_pid();
	$ended = $server->events('open', "$fine&again");
	my $began = time;
	kill 'TERM', $pid;
	ok(poll_for(20, 'it is gone', sub { !kill 0, $pid }), 'told to leave it leaves');
	my $seconds = time - $began;
	ok(poll_for(10, 'another one', sub { my $new = stream_pid(); defined $new && $new != $pid }), 'another one takes its place');
	return $seconds; });
cmp_ok($took, '<', 2, 'it left promptly');
is(goodbye("$fine&again", $ended), 1001, '... with a goodbye');
$sequence = of('fine', 'sequence');
ok(wait_of('fine', "sequence > $sequence + 100"), '... and goes on');
$pid = stream_pid();
kill 'KILL', $pid;
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand stream' AND pid <> $pid", '1'), 'after a crash, too');
$sequence = of('fine', 'sequence');
ok(wait_of('fine', "sequence > $sequence + 100"), '... it goes on');
sql($node, "SELECT errand.stop_source('fine')");
wait_of('fine', "state = 'stopped' AND connected_since IS NULL");
is(sql($node, "SELECT count(*) - count(DISTINCT seq) FROM ticks WHERE name = 'fine'"), '0', 'over all of that no row twice');
cmp_ok(sql($node, "SELECT max(seq) - count(*) FROM ticks WHERE name = 'fine'"), '<=', of('fine', 'missed'), '... and none missed that is not counted');

# ---- nobody left ----

sql($node, "SELECT errand.stop_source(source) FROM errand.stat_sources");
ok(poll_for(10, 'it leaves', sub { !defined stream_pid() }), 'without a started stream the process leaves');
sql($node, "SELECT errand.start_source('quiet'), errand.start_source('hold')");
ok(wait_of('quiet', 'connected_since IS NOT NULL'), 'and comes with the next one');
$took = best_of(3, 3, sub {
	$ended = $server->events('open', '/quiet');
	my $began = time;
	sql($node, 'DROP EXTENSION pg_errand');
	ok(poll_for(20, 'it leaves', sub { !defined stream_pid() }), 'DROP EXTENSION: it is gone');
	my $seconds = time - $began;
	is(goodbye('/quiet', $ended), 1001, '... and said goodbye');
	sql($node, 'CREATE EXTENSION pg_errand');
	stream('quiet', '/quiet');
	ok(wait_of('quiet', 'connected_since IS NOT NULL'), 'installed again: all works');
	return $seconds; });
cmp_ok($took, '<', 3, 'it left promptly');
$took = best_of(3, 5, sub {
	if ($_[0] > 1)
	{
		$node->start;
		wait_of('quiet', 'connected_since IS NOT NULL');
	}
	my $began = time;
	$node->stop('fast');
	return time - $began; });
cmp_ok($took, '<', 5, 'a fast shutdown is fast');
is(slurp_file($node->logfile) =~ /PANIC|TRAP|segfault|signal 11/ ? 'crash' : '', '', 'no crash');

done_testing();
