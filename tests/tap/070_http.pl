# Requests and responses: what is sent, what is kept, and what is too much.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $web6 = counting('six', '--address', '::1');
my $nginx = nginx();
my $node = errand_node('http');

# Submits an errand.FUNCTION(ARGUMENTS), and returns the id when it is final.
sub submit
{
	my $id = sql($node, 'SELECT errand.' . shift);
	wait_for_sql($node, "SELECT errand.status($id) IN ('succeeded', 'failed', 'unknown')");
	return $id;
}

sub asked { my ($function, $rest) = @_; return "$function('" . $web->url('/echo') . "'" . ($rest ? ", $rest" : '') . ')' }

# What /echo says it got.
sub echo
{
	my $id = submit(shift);
	my $got = decode_json(sql($node, "SELECT errand.result($id)->'body'"));
	$got->{body} = decode_base64($got->{body});
	$got->{header}{ lc $_->[0] } = $_->[1] foreach @{ $got->{headers} };
	return $got;
}

# ---- methods and bodies ----

foreach my $method (qw(get delete post put patch))
{
	is(echo(asked("http_$method"))->{method}, uc $method, "http_$method()");
}
my $id = submit(asked('http_head'));
is(sql($node, "SELECT state, attempt FROM errand.tasks WHERE id = $id"), 'succeeded|1', 'http_head() expects no body');
is(($web->of_task($id))[0]{method}, 'HEAD', '... and sends HEAD');
is(echo(asked('http', "method => 'PROPFIND'"))->{method}, 'PROPFIND', 'any other method');

my $got = echo(asked('http_post', q{'{"a": [1, null, "ü"]}'}));
is_deeply(decode_json($got->{body}), { a => [ 1, undef, "\x{fc}" ] }, 'a jsonb body');
is($got->{header}{'content-type'}, 'application/json', '... says what it is');
$got = echo(asked('http', q{method => 'POST', body => 'plain', headers => '{"content-type": "text/x-mine"}'}));
is("$got->{header}{'content-type'} $got->{body}", 'text/x-mine plain', 'a text body with a type of its own');
my $bytes = join '', map { chr } 0 .. 255;
$got = echo(asked('http_put', q{body_bytes => decode('} . unpack('H*', $bytes) . q{', 'hex')}));
is($got->{body}, $bytes, 'a binary body');
$got = echo(asked('http_post', q{form => '{"a": "1 2", "b": "&"}'}));
like("$got->{header}{'content-type'} $got->{body}", qr{^application/x-www-form-urlencoded a=1(%20|\+)2&b=%26$}, 'a form');
$got = echo(asked('http_get', q{params => '{"q": "ü&=", "n": 1}'}));
like($got->{target}, qr{^/echo\?(q=%C3%BC%26%3D&n=1|n=1&q=%C3%BC%26%3D)$}, 'parameters');
$got = echo(asked('http_get', q{auth => '{"basic": ["me", "pass:word"]}', cookies => '{"c": "1"}', headers => '{"X-A": "b"}'}));
is($got->{header}{authorization}, 'Basic ' . encode_base64('me:pass:word', ''), 'basic authorization');
is("$got->{header}{cookie} $got->{header}{'x-a'}", 'c=1 b', 'cookies and headers');
is(echo(asked('http_get', q{auth => '{"bearer": "abc"}'}))->{header}{authorization}, 'Bearer abc', 'bearer authorization');

# ---- what goes with every request ----

my $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
$id = submit(asked('http_get', "traceparent => '$trace'"));
my %header = map { lc $_->[0] => $_->[1] } @{ decode_json(sql($node, "SELECT errand.result($id)->'body'->'headers'")) };
is($header{traceparent}, $trace, 'traceparent is sent on');
like($header{'idempotency-key'}, qr/^"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"$/, 'Idempotency-Key is a quoted random one');
is("$header{'x-errand-task'} $header{'x-errand-attempt'}", "$id 1", 'X-Errand-Task and X-Errand-Attempt');
is(echo(asked('http_get', "key => 'mine \"1\"'"))->{header}{'idempotency-key'}, '"mine \\"1\\""', 'a key of the user\'s own');

# ---- responses ----

$id = submit("http_get('" . $web->url('/bytes/512') . "')");
is(sql($node, "SELECT encode(body, 'hex') FROM errand.response($id)"), unpack('H*', $bytes x 2), 'a binary response is kept byte by byte');
is(sql($node, "SELECT content IS NULL, content_type, status_code, timed_out, error_msg IS NULL FROM errand.response($id)"),
	't|application/octet-stream|200|f|t', '... which is no text');
is(sql($node, "SELECT errand.result($id)->>'encoding', errand.result($id)->>'body'"), 'base64|' . encode_base64($bytes x 2, ''), '... and base64 in the result');
$id = submit("http_get('" . $web->url('/repeat') . "')");
is(sql($node, "SELECT headers->'x-repeated', headers->'set-cookie' FROM errand.response($id)"), '["one", "two"]|["a=1", "b=2"]', 'repeated headers are kept, in order');
is(sql($node, "SELECT errand.result($id)->'body'->>'status'"), '200', 'JSON is JSON');
$id = submit("http_get('" . $web->url('/ok') . "')");
is(sql($node, "SELECT errand.result($id)->>'body', content FROM errand.response($id)"), "ok\n|ok\n", 'text is text');
$id = submit("http_get('" . $web->url('/json') . "', store => 'discard')");
is(sql($node, "SELECT status_code, body IS NULL FROM errand.response($id)"), '200|t', 'a discarded body');
$id = submit("http_get('http://127.0.0.1:$nginx->{web}/gzip')");
is(sql($node, "SELECT length(body), headers->>'content-encoding' FROM errand.response($id)"), '65536|gzip', 'a compressed response');
$id = submit("http_get('" . $web6->url('/json') =~ s/127\.0\.0\.1/[::1]/r . "')");
is(sql($node, "SELECT status_code FROM errand.response($id)"), '200', 'IPv6');
$id = submit("http_get('" . $web->url('/status/418') . "', success_codes => '[418,419)')");
is(sql($node, "SELECT errand.status($id)"), 'succeeded', 'success is what the user says');
$id = submit("http_get('" . $web->url('/status/204') . "')");
is(sql($node, "SELECT errand.result($id)->'status', coalesce(length(body), 0) FROM errand.response($id)"), '204|0', 'no content');
$id = submit("http_get('" . $web->url('/redirect/3') . "', follow_redirects => 3)");
is(sql($node, "SELECT status_code, length(body) FROM errand.response($id)"), '200|1024', 'redirects are followed when asked');
$id = submit("http_post('" . $web->url('/redirect/1') . "', '{}', follow_redirects => 1)");
is(join(' ', map { $_->{method} } $web->of_task($id)), 'POST GET', 'a 302 turns a POST into a GET');
ok(sql($node, "SELECT bool_and(timings ?& ARRAY['dns_ms', 'connect_ms', 'tls_ms', 'wait_ms', 'transfer_ms'])
	FROM errand.attempts WHERE task_id = $id"), 'the time is split');

# ---- too much of everything, at once, beside good tasks ----

my $worker = worker_pid($node);
sub most_memory { my ($kb) = slurp_file("/proc/$worker/status") =~ /VmHWM:\s+(\d+)/; return $kb }
sql($node, "SELECT count(errand.http_get('" . $web->url('/json') . "', queue => 'warm')) FROM generate_series(1, 50)");
finish_all($node);
my $memory = most_memory();
my $once = 'max_attempts => 1';
my %bombs = (
	bomb => [ "http://127.0.0.1:$nginx->{web}/bomb", "$once, timeout => '20 s'", qr/larger than 1048576 bytes/ ],
	endless => [ $web->url('/endless'), $once, qr/larger than 1048576 bytes/ ],
	small => [ $web->url('/bytes/1001'), "$once, max_body_bytes => 1000", qr/larger than 1000 bytes/ ],
	claimed => [ $web->url('/bytes/50000000'), $once, qr/larger than 1048576 bytes/ ],
	headers => [ $web->url('/bighead'), $once, qr/header/ ],
	drip => [ $web->url('/drip/100'), "$once, timeout => '4 s'", qr/(not complete|no answer) within 4 s/ ],
	silent => [ $web->url('/hang'), "$once, timeout => '4 s'", qr/no answer within 4 s/ ],
	loop => [ "http://127.0.0.1:$nginx->{web}/redirect-loop", "$once, follow_redirects => 10", qr/more than 10 redirects/ ],
	nothing => [ $web->url('/bytes/1000'), "$once, max_body_bytes => 1000", undef ]);
my %ids;
foreach my $name (keys %bombs)
{
	$ids{$name} = sql($node, "SELECT errand.http_get('$bombs{$name}[0]', queue => 'bombs', $bombs{$name}[1])");
}
sql($node, "SELECT count(errand.http_get('" . $web->url('/json') . "', queue => 'good')) FROM generate_series(1, 50)");
ok(finish_all($node, 30), 'all bombs go off');
foreach my $name (sort keys %bombs)
{
	my $error = sql($node, "SELECT state || ': ' || coalesce(error, '') FROM errand.tasks WHERE id = $ids{$name}");
	if (defined $bombs{$name}[2]) { like($error, qr/^failed: .*$bombs{$name}[2]/, "$name is defused") }
	else { is($error, 'succeeded: ', "$name is no bomb") }
}
is(sql($node, "SELECT timed_out FROM errand.response($ids{silent})"), 't', 'a time-out says so');
is(sql($node, "SELECT count(*), max(finished_at - submitted_at) < '10 s' FROM errand.tasks WHERE queue = 'good' AND state = 'succeeded'"),
	'50|t', 'good tasks beside them are not held up');
is(worker_pid($node), $worker, 'the worker lives');
my $grown = most_memory() - $memory;
cmp_ok($grown, '<', 20 * 1024, 'and has not grown by 20 MB');
note "it has grown by $grown kB";
$node->stop;

done_testing();
