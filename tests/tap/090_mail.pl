# E-mail: what a real server gets, as another library reads it; what is tried
# again and what is not; TLS and AUTH; and nothing that a field can smuggle in.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Encode ();
use JSON::PP ();
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

my $sink = mail_server();
my $node = errand_node('mail', conf => Encode::encode_utf8("errand.allow_networks = ''\nerrand.smtp_from = 'Datenbank Ü <db\@example.com>'\n"));
my $quick = "backoff => 'constant', backoff_base => '30 ms'";

sub final
{
	my $id = shift;
	wait_for_sql($node, "SELECT errand.status($id) IN ('succeeded', 'failed', 'unknown', 'cancelled')");
	return sql($node, "SELECT state || ' ' || attempt FROM errand.tasks WHERE id = $id");
}

sub email
{
	my ($arguments, $options) = @_;
	return sql($node, Encode::encode_utf8("SELECT errand.email($arguments, " . ($options // $quick) . ')'));
}

sub error_of { return sql($node, "SELECT sqlstate || ' ' || error FROM errand.task($_[0])") }

# ---- no server yet ----

like(sql_error($node, "SELECT errand.email('{a\@b}', 'x')"), qr/55000.*ALTER SYSTEM SET errand\.smtp_url/s, 'without a server: refused, with the line to set');
reload_settings($node, 'errand.smtp_url' => $sink->url);
is(sql($node, 'SELECT kind FROM errand.task_types WHERE name = $$email$$'), 'email', 'email is a built-in type');

# ---- a whole message ----

my $bytes = join '', map { chr($_ % 256) } 0 .. 100_000;
my $file = encode_base64($bytes);
my $id = email("ARRAY['Ann Lee <ann\@example.com>', '\"Ünal, Öz\" <oz\@example.com>'], 'Grüße aus der Datenbank: ' || repeat('Schöne Wörter ', 20),
	body => E'Hallo,\\n.\\nein Punkt allein, ein =, ein € \\n.. und\\r\\nFrom me\\n' || repeat('lange Zeile ', 200),
	html => '<p>Grüße</p>', cc => '{cc\@example.com}', bcc => '{bcc\@example.com}', reply_to => 'Antwort <reply\@example.com>',
	headers => '{\"X-Campaign\": \"Frühling\", \"List-Unsubscribe\": \"<https://example.com/u?a=1>\"}',
	attachments => jsonb_build_array(jsonb_build_object('filename', 'böse € Datei.bin', 'content_base64', '$file'),
		jsonb_build_object('filename', 'a.csv', 'content_type', 'text/csv; charset=utf-8', 'content', E'a,b\\nü,2\\n'))");
is(final($id), 'succeeded 1', 'a message with everything');
my $mail = $sink->mail;
my $subject = 'Grüße aus der Datenbank: ' . 'Schöne Wörter ' x 20;
is($mail->{from}, 'db@example.com', 'envelope: the sender of errand.smtp_from');
is("@{$mail->{to}}", 'ann@example.com oz@example.com cc@example.com bcc@example.com', '... all recipients');
is($mail->{subject}, $subject, 'the subject, decoded');
is($mail->{structure}, 'multipart/mixed(multipart/alternative(text/plain, text/html), application/octet-stream, text/csv)', 'its structure');
is(join('|', map { "@$_" } @{$mail->{names}}), 'Datenbank Ü db@example.com|Ann Lee ann@example.com|Ünal, Öz oz@example.com| cc@example.com', 'names');
(my $text = $mail->{parts}[0]{text}) =~ s/\r\n/\n/g;
is($text, "Hallo,\n.\nein Punkt allein, ein =, ein € \n.. und\nFrom me\n" . 'lange Zeile ' x 200, 'the text as it was');
is($mail->{parts}[1]{text} =~ s/\s+$//r, '<p>Grüße</p>', 'the HTML');
is($mail->{parts}[2]{filename}, 'böse € Datei.bin', 'the name of a file');
ok(decode_base64($mail->{parts}[2]{base64}) eq $bytes, '... and its bytes');
is(Encode::decode_utf8(decode_base64($mail->{parts}[3]{base64})), "a,b\nü,2\n", 'a text attached');
my %headers = map { lc $_->[0] => $_->[1] } @{$mail->{headers}};
is($headers{'x-campaign'}, 'Frühling', 'a header of one\'s own');
is($headers{'list-unsubscribe'}, '<https://example.com/u?a=1>', '... that is plain');
is($headers{'reply-to'}, 'Antwort <reply@example.com>', 'Reply-To');
ok(!exists $headers{bcc}, 'Bcc does not show');
like($headers{date}, qr/^\w{3}, \d+ \w{3} 20\d\d \d\d:\d\d:\d\d \+0000$/, 'Date');
like($headers{'message-id'}, qr/^<[0-9a-f]{32}\@example\.com>$/, 'Message-ID, of the sender\'s domain');
is("@{$mail->{defects}}", '', 'no defects');
cmp_ok($mail->{longest}, '<=', 998, 'no line is too long');
is($mail->{bare}, 0, 'no bare CR or LF');
ok(!$mail->{eight_bit}, 'seven bits');
is(sql($node, "SELECT errand.result($id) ->> 'message_id'"), $headers{'message-id'}, 'result(): the Message-ID');
is(sql($node, "SELECT errand.result($id) ->> 'reply'"), '250 2.0.0 kept as 1', '... and the reply');
is(sql($node, "SELECT status_code FROM errand.attempts WHERE task_id = $id"), '250', 'attempts: its code');

foreach my $case ([ "body => 'x'", 'text/plain' ], [ "html => '<b>x</b>'", 'text/html' ], [ 'NULL', 'text/plain' ],
	[ "body => 'x', html => 'y'", 'multipart/alternative(text/plain, text/html)' ])
{
	final(email("'{a\@example.com}', 's', $case->[0]"));
	is($sink->mail->{structure}, $case->[1], "structure with $case->[0]");
}

# ---- submit() and task types ----

$id = sql($node, q{SELECT errand.submit('email', '{"recipient": "one@example.com", "subject": "by submit", "queue": "mail", "sender": "me@other.example"}')});
is(final($id), 'succeeded 1', 'submit(): one recipient may stand alone');
is(sql($node, "SELECT queue FROM errand.task($id)"), 'mail', '... its queue');
is($sink->mail->{from}, 'me@other.example', '... its sender');
sql($node, q{SELECT errand.define_task('welcome', 'email', template => '{"subject": "Welcome", "body": "Hello!", "headers": {"X-A": "1"}}', max_attempts => 7)});
$id = sql($node, q{SELECT errand.submit('welcome', '{"recipient": ["new@example.com"], "headers": {"X-B": "2"}}')});
is(final($id), 'succeeded 1', 'a task type');
is($sink->mail->{subject} . $sink->mail->{to}[0], 'Welcomenew@example.com', '... its template and the payload over it');
is(join(',', map { $_->[1] } grep { $_->[0] =~ /^X-[AB]$/ } @{ $sink->mail->{headers} }), '1,2', '... headers of both');
like(sql_error($node, q{SELECT errand.submit('email', '{"recipient": ["a@b"], "subject": "x", "url": "http://x"}')}), qr/22023.*no "url"/s, 'an e-mail has no URL');
like(sql_error($node, q{SELECT errand.submit('http', '{"url": "http://127.0.0.1/", "subject": "x"}')}), qr/22023.*no "subject"/s, 'a request has no subject');

# ---- connections ----

my $before = $sink->count;
sql($node, "SELECT count(errand.email(ARRAY['n' || i || '\@example.com'], 'many')) FROM generate_series(1, 100) AS i");
finish_all($node);
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE state <> 'succeeded'"), '0', 'a hundred');
is($sink->count - $before, 100, '... each came once');
my %recipients = map { $sink->mail($_)->{to}[0] => 1 } $before + 1 .. $before + 100;
is(scalar(keys %recipients), 100, '... to whom it should');
cmp_ok($sink->mail->{mails_in_session}, '>', 3, 'connections are used again');
ok(wait_for_sql($node, "SELECT requests >= 100 AND running = 0 FROM errand.stat_hosts WHERE host = '127.0.0.1:$sink->{port}'"), 'stat_hosts knows the server');

# ---- replies ----

my $many = $sink->count;
$id = email("'{fine\@example.com,reply-550-x\@example.com}', 'x'");
is(final($id), 'failed 1', '5xx to a recipient: not tried again');
like(error_of($id), qr/^38000 .*refused the recipient reply-550-x\@example\.com: 550 5\.1\.1 not/, '... the reply says why');
$id = email("'{reply-450-x\@example.com,fine\@example.com}', 'x'");
is(final($id), 'failed 3', '4xx to a recipient: tried again');
is($sink->count, $many, 'one refused recipient: nobody gets it');
$id = email("'{data-554-x\@example.com}', 'x'");
is(final($id), 'failed 1', '5xx to the message: not tried again');
like(error_of($id), qr/^38000 .*554 4\.0\.0 said so/, '... the reply says why');
$id = email("'{once-451-x\@example.com}', 'x'");
is(final($id), 'succeeded 2', '4xx to the message: tried again');
my @ids = map { (grep { $_->[0] eq 'Message-ID' } @{ $sink->mail($sink->count - $_)->{headers} })[0][1] } 0, 1;
is($ids[0], $ids[1], '... under one Message-ID');
$id = email("'{hang-x\@example.com}', 'x'", "$quick, max_attempts => 1, timeout => '300 ms'");
is(final($id), 'failed 1', 'no answer');
like(error_of($id), qr/^57014 /, '... is a time-out');
is(final(email("'{drop-x\@example.com}', 'x'")), 'failed 3', 'a lost connection: tried again');
$id = email("'{hang-x\@example.com}', 'x'", "timeout => '1 h'");
wait_for_sql($node, "SELECT errand.status($id)", 'running');
sql($node, "SELECT errand.cancel($id)");
is(final($id), 'cancelled 1', 'cancel()');

# ---- at most once ----

my $once = "delivery => 'at_most_once', $quick";
is(final(email("'{drop-x\@example.com}', 'x'", $once)), 'unknown 1', 'at_most_once: nobody knows');
is(final(email("'{data-450-x\@example.com}', 'x'", $once)), 'failed 1', '... it was refused');
is(final(email("'{reply-450-x\@example.com}', 'x'", $once)), 'failed 3', '... nothing was sent yet');
is(final(email("'{fine\@example.com}', 'x'", $once)), 'succeeded 1', '... all is well');

# ---- limits ----

is(final(email("ARRAY(SELECT 'r' || i || '\@example.com' FROM generate_series(1, 100) AS i), 'x'")), 'succeeded 1', 'a hundred recipients');
is(scalar(@{ $sink->mail->{to} }), 100, '... get it');
like(sql_error($node, "SELECT errand.email(ARRAY(SELECT 'r' || i || '\@example.com' FROM generate_series(1, 100) AS i), 'x', cc => '{a\@b}')"), qr/22023.*at most 100/s, '101 are too many');
my $large = "jsonb_build_array(jsonb_build_object('filename', 'x', 'content', repeat('x', 10485760 + %d)))";
like(sql_error($node, "SELECT errand.email('{a\@b}', 'x', attachments => " . sprintf($large, 1) . ')'), qr/22023.*too large/s, 'attachments: more than 10 MB');
is(final(email("'{a\@example.com}', 'x', attachments => " . sprintf($large, 0))), 'succeeded 1', '... 10 MB are fine');
is(length(decode_base64($sink->mail->{parts}[1]{base64})), 10485760, '... all of them');

# ---- hostile input ----

my @bad = (
	(map { [ recipient => $_ ] } "a\@b\r\nRCPT TO:<x\@y>", "a\@b\nBcc: x\@y", "a\@b>\r\nDATA", 'a@b> <c@d>', '<a@b><c@d>', 'a@b,c@d', 'a@b;c@d', 'a@b c@d',
		"A\r\nBcc: x\@y <a\@b>", 'A <a@b', 'A a@b>', 'A <a@b> B', '"A" B" <a@b>', '"A\" <a@b>', '<>', '', '@', 'a@', '@b', 'a', 'a@@b', 'a b@c', 'ü@b', 'a@ü.example',
		'a@b SIZE=0', "a\@b\t", "A\x0b <a\@b>", "A\x7f <a\@b>", '<@x:a@b>', 'g: a@b;', '"a b"@c', 'a@[127.0.0.1]', 'x@y <a@b>'),
	(map { [ sender => $_ ] } "a\@b\r\nRCPT TO:<x\@y>", 'a@b> SIZE=1', '<>', "A\nX: y <a\@b>"),
	(map { [ reply_to => $_ ] } "a\@b\r\nBcc: x\@y", 'a@b, c@d'),
	(map { [ subject => $_ ] } "x\r\nBcc: x\@y", "x\nTo: x\@y", "x\r\n\r\nbody", "x\r.", "x\x01"),
	(map { [ headers => $_ ] } { "X: y\r\nBcc" => 'x' }, { "X-A" => "1\r\nBcc: x\@y" }, { 'X-A' => "1\n\nbody" }, { Bcc => 'x@y' }, { 'bcc' => 'x@y' }, { To => 'x@y' },
		{ 'Content-Type' => 'text/html' }, { 'X A' => '1' }, { '' => '1' }, { 'X-A' => [1] }, { 'Resent-Bcc' => 'x@y' }),
	(map { [ attachments => [ { filename => 'a', content => 'b', %$_ } ] ] } { filename => "a\r\nX: y" }, { filename => 'a"; x="' }, { filename => '../a' }, { filename => '' },
		{ filename => '<a>' }, { content_type => "text/plain\r\nX: y" }, { content_type => 'text' }, { content_type => 'text/plain; a="b"c' }, { content_type => 'multipart/mixed' },
		{ content_base64 => 'AA==' }, { more => 'x' }, { content => 1 }));
$before = $sink->count;
my @passed;
foreach my $case (@bad)
{
	my ($field, $value) = @$case;
	my %payload = (recipient => ['a@example.com'], subject => 's', $field => $field eq 'recipient' ? [$value] : $value);
	my $json = Encode::decode_utf8(JSON::PP->new->utf8->ascii->canonical->encode(\%payload)) =~ s/'/''/gr;
	my $error = sql_error($node, "SELECT errand.submit('email', E'" . ($json =~ s/\\/\\\\/gr) . "')");
	push @passed, $json unless $error =~ /^22023/m && $error =~ /HINT/;
}
is("@passed", '', scalar(@bad) . ' hostile inputs are refused with a hint');
like(sql_error($node, q{SELECT errand.submit('email', '{"recipient": ["a@b"], "subject": "\u0000"}')}), qr/22P05/, 'NUL is no text');
is(final(email("'{last\@example.com}', 's'")), 'succeeded 1', 'one after them');
is($sink->count, $before + 1, '... is all that the server got');

# what was checked is checked again: a row that somebody edited
sql($node, "SELECT errand.pause_all()");
$id = email("'{a\@example.com}', 's'");
sql($node, "UPDATE errand.task SET payload = jsonb_set(payload, '{recipient}', jsonb_build_array(E'a\@b>\\r\\nRCPT TO:<x\@y')) WHERE id = $id");
sql($node, "SELECT errand.resume_all()");
is(final($id), 'failed 1', 'an edited row is not sent');
is($sink->count, $before + 1, '... nothing came');

# ---- a name instead of an address; no server ----

reload_settings($node, 'errand.smtp_url' => "smtp://localhost:$sink->{port}/client.example");
is(final(email("'{a\@example.com}', 'x'")), 'succeeded 1', 'a server with a name');
is($sink->mail->{helo}, 'client.example', '... and what EHLO says');
reload_settings($node, 'errand.smtp_url' => 'smtp://127.0.0.1:9');
$id = email("'{a\@example.com}', 'x'");
is(final($id), 'failed 3', 'nobody listens: tried again');
like(error_of($id), qr/^08006 .*127\.0\.0\.1:9/, '... and said so');
reload_settings($node, 'errand.smtp_url' => 'smtp://nowhere.invalid');
$id = email("'{a\@example.com}', 'x'", 'max_attempts => 1');
is(final($id), 'failed 1', 'no such name');
like(error_of($id), qr/^08006 could not look up nowhere\.invalid/, '... and said so');
foreach my $bad ('http://x', 'smtp://u:p@x', 'x', 'smtp://x:99999')
{
	like(sql_error($node, "ALTER SYSTEM SET errand.smtp_url = '$bad'"), qr/22023/, "errand.smtp_url = '$bad' is refused");
}

# ---- TLS and AUTH ----

my $certs = PostgreSQL::Test::Utils::tempdir('certs');
system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
	'-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', "$certs/key", '-out', "$certs/cert");
my @cert = ('--cert', "$certs/cert", '--key', "$certs/key");
my $starttls = mail_server('--tls', 'starttls', @cert, '--auth', 'dbuser:s3cret-Pass');
my $smtps = mail_server('--tls', 'smtps', @cert);
my $offset = new_log($node);

reload_settings($node, 'errand.smtp_url' => $smtps->url('smtps'));
$id = email("'{a\@example.com}', 'x'");
is(final($id), 'failed 1', 'smtps: an unknown certificate is refused, for good');
like(error_of($id), qr/^08006 .*certificate/i, '... and said so');
is($smtps->count, 0, '... nothing came');
reload_settings($node, 'errand.smtp_ca_file' => "$certs/cert");
is(final(email("'{a\@example.com}', 'x'")), 'succeeded 1', 'smtps: with errand.smtp_ca_file');
is(final(email("'{a\@example.com}', 'x', attachments => " . sprintf($large, 0))), 'succeeded 1', '... 10 MB over TLS');
is(length(decode_base64($smtps->mail->{parts}[1]{base64})), 10485760, '... all of them');

sql($node, "ALTER SYSTEM SET errand.smtp_password = 's3cret-Pass'");
reload_settings($node, 'errand.smtp_url' => $starttls->url, 'errand.smtp_user' => 'dbuser');
is(final(email("'{a\@example.com}', 'x'")), 'succeeded 1', 'STARTTLS and AUTH');
is($starttls->mail->{tls} . $starttls->mail->{user}, '1dbuser', '... both');
is(sql($node, 'SHOW errand.smtp_password'), '********', 'the password is not shown');
is(sql($node, "SELECT count(*) FROM pg_settings WHERE setting ~ 's3cret'"), '0', '... nowhere');
sql($node, 'CREATE ROLE nobody');
like(sql_error($node, 'SET ROLE nobody; SHOW errand.smtp_password'), qr/42501/, '... and to others not at all');
sql($node, "ALTER SYSTEM SET errand.smtp_password = 'wrong'");
reload_settings($node, 'errand.log_failures' => 'on');
$id = email("'{a\@example.com}', 'x'");
is(final($id), 'failed 1', 'a wrong password');
like(error_of($id), qr/^38000 .*refused errand\.smtp_user: 535/, '... is told');

# the login in secrets: one that nobody shares, then the right one, then another
sql($node, "ALTER SYSTEM SET errand.smtp_password = 'secret://mail.password'");
reload_settings($node, 'errand.smtp_user' => 'secret://mail.user');
$id = email("'{a\@example.com}', 'x'");
is(final($id), 'failed 1', 'the login refers to a secret that is not there');
like(error_of($id), qr/secret:\/\/mail\.user.*set_secret/, '... and said so');
sql($node, "SELECT errand.set_secret('mail.user', 'dbuser', shared => true), errand.set_secret('mail.password', 's3cret-Pass', shared => true)");
is(final(email("'{a\@example.com}', 'x'")), 'succeeded 1', 'AUTH from secrets');
is($starttls->mail->{user}, 'dbuser', '... as who they say');
sql($node, "SELECT errand.set_secret('mail.password', 'changed', shared => true)");
like(error_of((map { final($_); $_ } email("'{a\@example.com}', 'x'"))[0]), qr/535/, '... a changed secret counts at once');
sql($node, "SELECT errand.set_secret('mail.password', 's3cret-Pass', shared => true)");
is(final(email("'{a\@example.com}', 'x'")), 'succeeded 1', '... and back');
is(sql($node, "SELECT count(*) FROM pg_settings WHERE setting ~ 's3cret'"), '0', '... shown nowhere');
unlike(slurp_file($node->logfile, $offset), qr/parameter "errand.smtp_password"|changed to "s3cret/, 'the log has no password');

# ---- the worker waits for nobody ----

reload_settings($node, 'errand.smtp_url' => $sink->url, 'errand.smtp_user' => undef);
my $web = counting();
reload_settings($node, 'errand.allow_networks' => '127.0.0.1/32');
sql($node, "SELECT count(errand.email('{hang-y\@example.com}', 'x', timeout => '1 h')) FROM generate_series(1, 20)");
wait_for_sql($node, "SELECT running >= 8 FROM errand.stat_hosts WHERE host = '127.0.0.1:$sink->{port}'");
my $request = sql($node, "SELECT errand.http_get('" . $web->url('/json') . "')");
is(sql($node, "SELECT errand.wait_for($request, '20 s') ->> 'status'"), '200', 'requests go on while a mail server says nothing');
is(sql($node, "SELECT count(errand.cancel(id)) FROM errand.tasks WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'unknown')"), '20', 'cancel() of all');
ok(finish_all($node), '... ends them');
is(sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker'"), '1', 'the worker is well');
$node->stop;

done_testing();
