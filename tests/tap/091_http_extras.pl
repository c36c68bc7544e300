# Answers that are kept, pages, large bodies in chunks, cookies.
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
my $node = errand_node('extras', conf => 'errand.retention = \'succeeded=7d,failed=7d\'');
my $pretty = JSON::PP->new->canonical;

# Submits an errand.FUNCTION(ARGUMENTS), and returns the id when it is final.
sub submit
{
	my $id = sql($node, 'SELECT errand.' . shift);
	wait_for_sql($node, "SELECT errand.status($id) IN ('succeeded', 'failed', 'cancelled', 'unknown')", 't', 60);
	return $id;
}

sub get { my ($path, $rest) = @_; return "http_get('" . $web->url($path) . "'" . ($rest ? ", $rest" : '') . ')' }
sub result { my $id = shift; return decode_json(sql($node, "SELECT errand.result($id)")) }
sub failure { my $id = shift; return sql($node, "SELECT state || ': ' || error FROM errand.tasks WHERE id = $id") }
sub asked { my $id = shift; return join ' ', map { $_->{path} } $web->of_task($id) }

# Looked at far below: it waits between pages, and must not while it would be late.
my $patient = sql($node, 'SELECT errand.' . get('/pages/link/9', q{paginate => '{"mode": "link", "delay": "6 s"}', timeout => '10 s', max_attempts => 1}));

# ---- answers that are kept ----

my $ttl = "cache_ttl => '1 hour'";
my $first = submit(get('/etag/1', $ttl));
my $second = submit(get('/etag/1', $ttl));
is(scalar($web->of_task($first)), 1, 'cache_ttl: the first one asks');
is(scalar($web->of_task($second)), 0, '... the second does not');
is(result($second)->{body}{bodies}, result($first)->{body}{bodies}, '... and has the same answer');
is(result($second)->{headers}{etag}, '"v1"', '... with its headers');
ok(result($second)->{cached} && !exists result($first)->{cached}, '... which says that it was kept');
is(sql($node, "SELECT string_agg(r.cached::text, ' ' ORDER BY r.id) FROM (VALUES ($first), ($second)) AS i (id), errand.response(i.id) AS r"),
	'false true', '... in the response, too');
is(scalar($web->of_task(submit(get('/etag/1', "$ttl, headers => '{\"X-A\": \"1\"}'")))), 1, 'other headers are another request');
is(scalar($web->of_task(submit(get('/etag/1', "$ttl, params => '{\"a\": 1}'")))), 1, 'other parameters, too');
is(scalar($web->of_task(submit(get('/etag/1', "$ttl, auth => '{\"bearer\": \"b\"}'")))), 1, 'and other credentials');
is(scalar($web->of_task(submit(get('/etag/1')))), 1, 'who does not wish for the cache does not get it');
sql($node, q{CREATE ROLE alice; SELECT errand.grant_access('alice', 'submit')});
my $hers = sql($node, 'SET ROLE alice; SELECT errand.' . get('/etag/1', $ttl));
wait_for_sql($node, "SELECT errand.status($hers) = 'succeeded'");
is(scalar($web->of_task($hers)), 1, 'another role has a cache of her own');
like(sql_error($node, 'SET ROLE alice; SELECT * FROM errand.http_cache'), qr/^42501/, '... and sees none');

my $stale = "UPDATE errand.http_cache SET stored_at = now() - interval '2 h', fresh_until = now() - interval '1 h'";
foreach my $how (1, 2)
{
	my $with = submit(get("/etag/$how", $ttl));
	sql($node, $stale);
	my $again = submit(get("/etag/$how", $ttl));
	is(join(' ', map { $_->{status} } $web->of_task($again)), '304', 'an old answer is asked for: by ' . ($how == 1 ? 'ETag' : 'Last-Modified'));
	is($pretty->encode(result($again)->{body}), $pretty->encode(result($with)->{body}), '... and stands for the 304');
	ok(result($again)->{cached} && result($again)->{status} == 200, '... as a success');
	is(scalar($web->of_task(submit(get("/etag/$how", $ttl)))), 0, '... and is fresh again');
}
sql($node, $stale);
is(join(' ', map { $_->{status} } $web->of_task(submit(get('/etag/1', "$ttl, headers => '{\"If-None-Match\": \"\\\"v1\\\"\"}', success_codes => '[200,400)'")))),
	'304', 'conditions of one\'s own are sent as they are');
submit(get('/etag/3', $ttl));
sql($node, $stale);
my $changed = submit(get('/etag/3', $ttl));
ok(!result($changed)->{cached}, 'an answer that has changed is taken in');
is(scalar($web->of_task(submit(get('/etag/3', $ttl)))), 0, '... and kept');
is(scalar($web->of_task(submit(get('/nostore', $ttl)))) + scalar($web->of_task(submit(get('/nostore', $ttl)))), 2, 'no-store is obeyed');
submit(get('/status/404', $ttl)) for 1 .. 2;
is(scalar($web->requests(qr{/status/404})), 2, 'failures are not kept');
my $before = scalar($web->requests(qr{/etag/4}));
submit(get('/etag/4', "cache_ttl => '1 ms'"));
submit(get('/etag/4', "cache_ttl => '1 ms'"));
is(scalar($web->requests(qr{/etag/4})) - $before, 2, 'no max-age makes it fresh for longer than said');
my $head = "http_head('" . $web->url('/etag/5') . "', $ttl)";
submit($head);
is(scalar($web->of_task(submit($head))), 0, 'HEAD is kept, too');
sql($node, "SELECT errand.define_task('kept', 'http', template => '{\"url\": \"" . $web->url('/etag/6') . "\"}', cache_ttl => '1 h')");
submit("submit('kept')");
is(scalar($web->of_task(submit("submit('kept')"))), 0, 'a type\'s cache_ttl');
my $kept = sql($node, 'SELECT count(*) FROM errand.http_cache');
sql($node, q{INSERT INTO errand.http_cache (owner_oid, key, stored_at, fresh_until, status_code)
	SELECT 10, int8send(g), now() - interval '30 days', now() + interval '1 day', 200 FROM generate_series(1, 10100) AS g});
sql($node, q{SELECT errand._cache_trim(now()) FROM generate_series(1, 2)});
is(sql($node, q{SELECT count(*) FROM errand.http_cache}), '10000', 'the cache is bounded');
is(sql($node, q{SELECT count(*) FROM errand.http_cache WHERE length(key) = 32}), $kept, '... the oldest go first');

# ---- pages ----

sub pages
{
	my ($path, $paginate, $rest) = @_;
	return submit(get($path, "paginate => '$paginate'" . ($rest ? ", $rest" : '')));
}

sub numbers { return join ' ', map { $_->{page} // '?' } @{ result(shift)->{body} } }

my $id = pages('/pages/link/3', '{"mode": "link"}');
is(numbers($id), '1 2 3', 'paginate by link: all pages, in order');
is(result($id)->{pages} . ' ' . result($id)->{status}, '3 200', '... and how many');
is(asked($id), '/pages/link/3 /pages/link/3?page=2 /pages/link/3?page=3', '... one request each');
$id = pages('/pages/next/3', '{"mode": "next_url", "path": "$.next"}');
is(numbers($id), '1 2 3', 'by a URL in the body');
$id = pages('/pages/cursor/4', '{"mode": "cursor", "path": "$.next", "param": "cursor"}');
is(numbers($id), '1 2 3 4', 'by a cursor');
is(asked($id), '/pages/cursor/4 ' . join(' ', map { "/pages/cursor/4?cursor=100$_" } 2 .. 4), '... sent as a parameter');
$id = pages('/pages/page/3', '{"mode": "page", "param": "page"}', q{params => '{"q": "ä", "page": 2}'});
is(numbers($id), '2 3', 'by a number, from where the parameters say, to an empty page');
like(asked($id), qr{^/pages/page/3\?q=%C3%A4&page=2 .*page=4$}, '... the others stay');
$id = pages('/pages/offset/3', '{"mode": "offset", "param": "offset", "size": 3}');
is(numbers($id), '1 2 3', 'by an offset');
like(asked($id), qr{offset=0 .*offset=3 .*offset=6 .*offset=9$}, '... in steps of the size');
$id = pages('/pages/offset/2', '{"mode": "offset", "param": "offset", "size": 4, "path": "$.items"}');
is(asked($id), '/pages/offset/2?offset=0', 'a short page is the last');
$id = pages('/pages/last/2', '{"mode": "page", "param": "page"}');
is(numbers($id), '1 2', 'a server that repeats its last page ends it');
is(numbers(pages('/pages/loop/1', '{"mode": "link"}')), '1 2 1', 'a circle ends where it closes');
is(numbers(pages('/pages/link/30', '{"mode": "link"}')), join(' ', 1 .. 10), 'ten pages by default');
is(numbers(pages('/pages/link/30', '{"mode": "link", "max_pages": 2}')), '1 2', 'as many as said');
is($pretty->encode(result(pages('/ok', '{"mode": "link"}'))->{body}), '["ok\n"]', 'a page that is no JSON is text');
is(failure(pages('/pages/bad/5', '{"mode": "link"}')), 'failed: page 3: HTTP status 404', 'a page that fails fails the task');
like(failure(pages('/pages/policy/1', '{"mode": "link"}')), qr/^failed: page 2: egress to 192\.168\.77\.77/, 'the policy looks at each page');
like(failure(pages('/pages/link/30', '{"mode": "link"}', 'max_body_bytes => 200')), qr/^failed: page \d+: the pages are larger than 200 bytes together/, 'the cap counts over all pages');
my $began = time;
is(numbers(pages('/pages/link/3', '{"mode": "link", "delay": "300 ms"}')), '1 2 3', 'a delay between pages');
cmp_ok(time - $began, '>=', 0.6, '... is kept');
wait_for_sql($node, "SELECT errand.status($patient)", 'failed');
like(failure($patient), qr/^failed: page 3: the time for all pages is over/, 'the timeout is for all pages');
is(asked($patient), '/pages/link/9 /pages/link/9?page=2', '... it ends before the page that would be late');
$id = sql($node, 'SELECT errand.' . get('/pages/link/9', q{paginate => '{"mode": "link", "delay": "1 hour"}', timeout => '3 h'}));
poll_for(20, 'the first page', sub { $web->of_task($id) });
sql($node, "SELECT errand.cancel($id)");
ok(wait_for_sql($node, "SELECT errand.status($id) = 'cancelled'"), 'a task that waits between pages can be cancelled');

sub headers { my ($page) = @_; return { map { lc $_->[0] => $_->[1] } @{ $page->{headers} } } }
$id = pages('/cookie/7', '{"mode": "link"}', q{cookies => '{"n": "1", "mine": "2"}', auth => '{"bearer": "t"}'});
my $sent = headers(result($id)->{body}[1]);
is("$sent->{cookie} $sent->{authorization}", 'mine=2; n=7 Bearer t', 'cookies that a page sets go to the next one');
$id = pages('/pages/away/' . $web->port, '{"mode": "link"}', q{cookies => '{"n": "1"}', auth => '{"bearer": "t"}', headers => '{"X-Kept": "1"}'});
$sent = headers(result($id)->{body}[1]);
is(join(' ', map { $sent->{$_} // '-' } qw(cookie authorization x-kept)), '- - 1', 'another host gets neither cookies nor credentials');

# ---- large bodies ----

sub in_rows { return sql($node, 'SELECT count(*) FROM errand.chunk') }
$id = submit(get('/large/1000000', q{store => 'chunks'}));
is(sql($node, "SELECT count(*), min(n), max(n), sum(length(data)), max(length(data)) FROM errand.chunks($id)"), '4|1|4|1000000|262144', 'chunks: rows of a bounded size');
is(sql($node, "SELECT length(body), content IS NULL, md5(body) = md5((SELECT string_agg(data, '' ORDER BY n) FROM errand.chunks($id))) FROM errand.response($id)"), '1000000|t|t', '... whole in the response');
is(sql($node, "SELECT bool_and(get_byte(body, g) = g % 256) FROM errand.response($id), generate_series(0, 999999, 997) AS g"), 't', '... byte by byte');
is_deeply([ @{ result($id) }{qw(status body chunks bytes)} ], [ 200, undef, 4, 1000000 ], '... and told in the result');
like(sql_error($node, "SET ROLE alice; SELECT * FROM errand.chunks($id)"), qr/^42704/, 'another role has nothing of it');
is(sql($node, "SET ROLE alice; SELECT count(*) FROM errand.body_chunks"), '0', '... in the view neither');
is(sql($node, 'SELECT count(*) FROM errand.chunks(' . submit(get('/large/0', q{store => 'chunks'})) . ')'), '0', 'an empty body has no chunks');
is(failure(submit(get('/large/2000000', q{store => 'chunks', max_body_bytes => 1000000}))), 'failed: the response is larger than 1000000 bytes', 'chunks: max_body_bytes');
like(failure(submit(get('/large/1100000000', q{store => 'chunks'}))), qr/larger than 1073741824 bytes/, '... 1 GB if not said');
sql($node, "SELECT errand.retry($id)");
wait_for_sql($node, "SELECT errand.status($id) = 'succeeded'");
is(sql($node, "SELECT count(*), sum(length(data)) FROM errand.chunks($id)"), '4|1000000', 'retry() begins anew');
ok(wait_for_sql($node, 'SELECT count(*) FROM errand.chunk', '4'), '... the old ones go');

my $memory = sql($node, 'SELECT rss_bytes FROM errand.stat_workers');
my $most = $memory;
my $bytes = 256 * 1024 * 1024;
$began = time;
my $large = sql($node, 'SELECT errand.' . get("/large/$bytes", q{store => 'chunks', timeout => '2 min'}));
my $good = sql($node, 'SELECT errand.' . get('/json'));
poll_for(120, 'the large body', sub {
	my $now = sql($node, 'SELECT rss_bytes FROM errand.stat_workers');
	$most = $now if $now > $most;
	return sql($node, "SELECT errand.status($large)") =~ /succeeded|failed/;
});
is(sql($node, "SELECT errand.status($large) || ' ' || errand.status($good)"), 'succeeded succeeded', '256 MB come in chunks');
note sprintf '256 MB in %.1f s; the worker grew by %d kB', time - $began, ($most - $memory) / 1024;
cmp_ok($most - $memory, '<', 20 * 1024 * 1024, '... and the worker does not grow by 20 MB');
is(sql($node, "SELECT count(*), sum(length(data)) FROM errand.chunks($large)"), "1024|$bytes", '... all of it');
sql($node, "UPDATE errand.outcome SET finished_at = now() - interval '8 days' WHERE id = $large");
sql($node, "SELECT errand._retain(0, now() - interval '7 days', now() - interval '7 days', 2000)");
ok(wait_for_sql($node, "SELECT count(*) FROM errand.chunk WHERE task_id = $large", '0', 60), 'retention takes the chunks along');

# a connection that breaks, a cancel, a crash in the middle
$id = sql($node, 'SELECT errand.' . get('/large/900000000', q{store => 'chunks', timeout => '5 min'}));
wait_for_sql($node, "SELECT count(*) > 5 FROM errand.chunk WHERE task_id = $id");
like(sql_error($node, "SELECT * FROM errand.chunks($id)"), qr/^55000/, 'there is nothing to read before the end');
sql($node, "SELECT errand.cancel($id)");
ok(wait_for_sql($node, "SELECT errand.status($id) = 'cancelled'"), 'a large transfer is cut off');
ok(wait_for_sql($node, 'SELECT count(*) FROM errand.chunk', '4', 60), '... and its chunks go');

$id = sql($node, 'SELECT errand.' . get('/large/200000000', q{store => 'chunks', timeout => '5 min'}));
wait_for_sql($node, "SELECT count(*) > 100 FROM errand.chunk WHERE task_id = $id");
$node->stop('immediate');
$node->start;
ok(wait_for_sql($node, "SELECT errand.status($id) = 'succeeded'", 't', 120), 'after a crash in the middle the body comes again');
is(sql($node, "SELECT sum(length(data)) FROM errand.chunks($id)"), '200000000', '... whole');
is(sql($node, "SELECT attempt FROM errand.tasks WHERE id = $id"), '2', '... in the second attempt');
ok(wait_for_sql($node, "SELECT string_agg(DISTINCT attempt::text, ' ') FROM errand.chunk WHERE task_id = $id", '2', 60), '... and nothing is left of the first');
ok(wait_for_sql($node, 'SELECT count(*) FROM errand.chunk_drop', '0'), '... nor a mark of it');

# ---- a body that is null ----

$id = submit("http_patch('" . $web->url('/echo') . "', 'null'::jsonb)");
is(result($id)->{body}{body}, 'bnVsbA==', 'http_patch with JSON null sends null');
$node->stop;

done_testing();
