# Secrets: what is sent has the value, and nothing that can be looked at has it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Recorder;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = Errand::Recorder->start;
my $other = Errand::Recorder->start;
my $node = errand_node('secrets', conf => "log_min_messages = debug5\nerrand.notify = on\n");

# ---- set ----

my @names = qw(url path header basic bearer cookie param form json text body307 multi);
my %value = map { $_ => "CANARY-$_-" . join '', map { chr chance(97, 122) } 1 .. 12 } @names;
$value{$_} .= " ;&=%\"'/?#\x{7e}+" foreach qw(url param form json text);
sub quoted { my $v = shift; $v =~ s/'/''/g; return "'$v'" }
sql($node, "SELECT errand.set_secret('$_', " . quoted($value{$_}) . ')') foreach @names;
my $activity = sql($node, "SELECT errand.set_secret('multi', '$value{multi}')\\; SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()");
unlike($activity, qr/CANARY/, 'pg_stat_activity does not show who sets one');
like(sql_error($node, "SELECT errand.set_secret('bad name', 'CANARY-error')"), qr/^22023/, 'a bad name is refused');
like(sql_error($node, "SELECT errand.set_secret('s', 'CANARY-long' || repeat('x', 5000))"), qr/^22023/, 'a long value is refused');
sql($node, 'ANALYZE errand.secret');

# ---- used, with every end that there is ----

my $w = $web->url('');
my $closed = Errand::Recorder::free_port();
my $headers = q{headers => '{"X-Plain": "plain", "X-Any": "a secret://header b"}', auth => '{"bearer": "secret://bearer"}', cookies => '{"c": "secret://cookie"}'};
my $query = "$w/%s?a=1&k=secret://url";
my %task = (
	ok => sprintf("http_get('$query', $headers, params => '{\"p\": \"secret://param\"}')", 'ok/secret://path'),
	basic => "http_get('$w/basic', auth => '{\"basic\": [\"me\", \"secret://basic\"]}')",
	form => "http_post('$w/form', form => '{\"f\": \"secret://form\"}')",
	json => q{http_post('} . "$w/json" . q{', '{"a": [{"b": "x secret://json y"}], "n": 1}')},
	text => "http('$w/text', method => 'POST', body => 'x secret://text y')",
	missing => sprintf("http_get('$query', $headers)", 'status/404'),
	broken => sprintf("http_get('$query', $headers, max_attempts => 2, backoff_base => '1 ms')", 'status/500'),
	refused => "http_get('http://127.0.0.1:$closed/?k=secret://url', $headers, max_attempts => 1)",
	timeout => sprintf("http_get('$query', $headers, timeout => '300 ms', max_attempts => 1)", 'hang'),
	tls => "http_get('https://127.0.0.1:" . $web->port . "/?k=secret://url', $headers, max_attempts => 1)",
	policy => "http_get('http://169.254.169.254/?k=secret://url', $headers)",
	redirect => "http_get('$w/to/302/" . $other->url('/landed') . "', $headers, follow_redirects => 3)",
	redirect307 => "http_post('$w/to/307/" . $other->url('/landed307') . "', '{\"b\": \"secret://body307\"}', follow_redirects => 3)",
	cancelled => sprintf("http_get('$query', $headers, timeout => '60 s')", 'hang'));
my $heard = sql($node, join ";\n", 'LISTEN errand',
	(map { "SELECT '$_', errand.$task{$_}" } sort keys %task), 'SELECT errand.http_get(\'' . $other->url('/last') . '\')');
my %id = $heard =~ /^(\w+)\|(\d+)$/mg;
wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state IN ('succeeded', 'failed')", scalar(keys %task));
sql($node, "SELECT errand.cancel($id{cancelled})");
finish_all($node);
my %state = map { split /\|/ } split /\n/, sql($node, 'SELECT id, state FROM errand.tasks');
is(join(' ', map { "$_:$state{$id{$_}}" } sort keys %task), 'basic:succeeded broken:failed cancelled:cancelled form:succeeded json:succeeded '
	. 'missing:failed ok:succeeded policy:failed redirect:succeeded redirect307:failed refused:failed text:succeeded timeout:failed tls:failed', 'all came to their ends');

# ---- what was sent ----

my $sent = $web->heard;
sub encoded { my $v = shift; $v =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge; return $v }
like($sent, qr{^GET /ok/\Q$value{path}\E\?a=1&k=\Q@{[encoded($value{url})]}\E&p=\Q@{[encoded($value{param})]}\E HTTP}m, 'path, query and params');
like($sent, qr{^X-Any: a \Q$value{header}\E b\r$}m, 'a header');
like($sent, qr{^Authorization: Bearer \Q$value{bearer}\E\r$}m, 'a bearer token');
like($sent, qr{^Cookie: c=\Q$value{cookie}\E\r$}m, 'a cookie');
require MIME::Base64;
like($sent, qr{^Authorization: Basic \Q@{[MIME::Base64::encode_base64("me:$value{basic}", '')]}\E\r$}m, 'a password');
like($sent, qr{^f=\Q@{[encoded($value{form})]}\E$}m, 'a form');
(my $json = $value{json}) =~ s/(["\\])/\\$1/g;
like($sent, qr{"x \Q$json\E y"}, 'a JSON body, escaped');
like($sent, qr{^x \Q$value{text}\E y}m, 'a text body');
is(() = $sent =~ m{^GET /status/500}mg, 2, 'each attempt has them');
like($other->heard, qr{^GET /landed HTTP.*X-Plain: plain}ms, 'a redirect leads to another host with what is plain');
unlike($other->heard, qr/CANARY|Authorization|Cookie|X-Any/, '... and with nothing secret');
unlike($other->heard, qr/landed307/, 'a body with a secret is not carried to another host');
like(sql($node, "SELECT error FROM errand.tasks WHERE id = $id{redirect307}"), qr/redirect refused: it would carry a secret in the body/, '... and says so');

# ---- what cannot be sent ----

sql($node, "SELECT errand.set_secret('crlf', E'CANARY-a\\r\\nX-Evil: 1')");
sql($node, "SELECT errand.set_secret('semicolon', 'CANARY-a; b=2')");
sql($node, "SELECT errand.set_secret('colon', 'CANARY-u:p')");
my %bad = (
	header => [ q{headers => '{"X-A": "secret://crlf"}'}, qr/the value of secret "crlf" holds a control character/ ],
	cookie => [ q{cookies => '{"c": "secret://semicolon"}'}, qr/the value of secret "semicolon" holds a semicolon/ ],
	user => [ q{auth => '{"basic": ["secret://colon", "p"]}'}, qr/the value of secret "colon" holds a colon/ ]);
foreach my $name (sort keys %bad)
{
	my $id = sql($node, "SELECT errand.http_get('$w/bad', $bad{$name}[0])");
	finish_all($node);
	my ($state, $sqlstate, $attempt, $error) = split /\|/, sql($node, "SELECT state, sqlstate, attempt, error FROM errand.task($id)");
	is("$state $sqlstate $attempt", 'failed 22023 1', "$name: refused before anything is sent");
	like($error, $bad{$name}[1], '... and says why');
}
my $id = sql($node, "SELECT errand.http_get('$w/crlf?x=secret://crlf')");
finish_all($node);
like($web->heard, qr{^GET /crlf\?x=CANARY-a%0D%0AX-Evil%3A%201 HTTP}m, 'a line break in a query is encoded');
unlike($web->heard, qr{^X-Evil|^GET /bad}m, 'nothing of it reached the server');

# ---- where no value may be ----

my $found = '';
foreach my $relation (split /\n/, sql($node, "SELECT c.oid::regclass FROM pg_class AS c WHERE c.relkind IN ('r', 'v', 'm', 'S')
	AND c.oid <> 'errand.secret'::regclass AND c.relname NOT IN ('pg_hba_file_rules') AND c.relpersistence = 'p'"))
{
	my ($status, $out) = $node->psql('postgres', "SELECT count(*) FROM $relation AS x WHERE x::text LIKE '%CANA' || 'RY-%'");
	$found .= "$relation " if ($out || 0) > 0;
}
is($found, '', 'no value in any table or view');
cmp_ok(sql($node, "SELECT count(*) FROM errand.secret AS x WHERE x::text LIKE '%CANA' || 'RY-%'"), '>', 10, '... but in errand.secret, so we looked well');
like($heard, qr/Asynchronous notification "errand"/, 'notifications were heard');
unlike($heard, qr/CANARY/, '... without a value');
my ($dump) = run_command([ 'pg_dumpall', '--no-sync', '-h', $node->host, '-p', $node->port ]);
like($dump, qr/secret:\/\/url/, 'a dump has the references');
unlike($dump, qr/CANARY/, '... and no value');
is(sql($node, "SELECT string_agg(DISTINCT payload ->> 'url', ' ') FROM errand.outcomes WHERE id = $id{missing}"), sprintf($query, 'status/404'), 'the stored payload, too');
$node->stop;
my $log = slurp_file($node->logfile);
like($log, qr/DEBUG:/, 'the log has debug messages');
unlike($log, qr/CANARY/, '... and no value');

$web->stop;
$other->stop;
done_testing();
