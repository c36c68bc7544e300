# Nothing that a user submits becomes another header line, another request or
# another host: it is refused at submit, or arrives as the value it is.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('injection');
my $echo = $web->url('/echo');

# Submits one request for each byte from 0 to 255, built by an expression over
# c, the character of that number; what is refused is noted with its SQLSTATE.
sql($node, 'CREATE TABLE sweep (what text, byte int, id bigint, sqlstate text)');

sub sweep
{
	my ($what, $call) = @_;
	sql($node, qq{DO \$do\$
	DECLARE v_id bigint; c text;
	BEGIN
		FOR b IN 0 .. 255 LOOP
			BEGIN
				c := '\\u' || lpad(to_hex(b), 4, '0');  -- as JSON has it
				v_id := $call;
				INSERT INTO sweep VALUES ('$what', b, v_id);
			EXCEPTION WHEN OTHERS THEN
				INSERT INTO sweep VALUES ('$what', b, NULL, SQLSTATE);
			END;
		END LOOP;
	END \$do\$});
	return;
}

sub refused
{
	my ($what, $sqlstate) = @_;
	return sql($node, "SELECT coalesce(string_agg(byte::text, ' ' ORDER BY byte), '') FROM sweep
		WHERE what = '$what' AND sqlstate = '$sqlstate'");
}

# Bytes whose character may not stand in a token (RFC 9110), but NUL.
my $no_tokens = join ' ', grep { chr($_) !~ /^[A-Za-z0-9!#\$%&'*+.^_`|~-]$/ } 1 .. 255;
my $controls = join ' ', grep { $_ != 9 } 1 .. 31, 127;

sweep('value', qq{errand.http_get('$echo', headers => ('{"X-Sweep": "a' || c || 'X-Evil: 1"}')::jsonb)});
sweep('name', qq{errand.http_get('$echo', headers => ('{"X' || c || 'Y": "1"}')::jsonb)});
sweep('method', qq{errand.http('$echo', method => ('"G' || c || 'T"')::jsonb #>> '{}')});
sweep('cookie', qq{errand.http_get('$echo', cookies => ('{"c": "a' || c || 'b"}')::jsonb)});
sweep('bearer', qq{errand.http_get('$echo', auth => ('{"bearer": "a' || c || 'b"}')::jsonb)});
sweep('query', qq{errand.http_get('$echo', params => ('{"q": "a' || c || 'b"}')::jsonb)});
sweep('key', qq{errand.http_get('$echo', key => ('"k' || c || 'k"')::jsonb #>> '{}')});
sweep('trace', qq{errand.http_get('$echo', traceparent => ('"00-' || c || '"')::jsonb #>> '{}')});

# A NUL cannot even be written in jsonb.
is(sql($node, "SELECT string_agg(DISTINCT sqlstate, ' ') FROM sweep WHERE byte = 0"), '22P05', 'NUL comes through nowhere');
is(refused('value', '22023'), $controls, 'values: control characters are refused');
is(refused('name', '22023'), $no_tokens, 'names: all that is no token is refused');
is(refused('method', '22023'), $no_tokens, 'methods: all that is no token is refused');
like(refused('cookie', '22023'), qr/^1 .*\b10 .*13 .*59\b/, 'cookies: controls and semicolons are refused');
is(refused('bearer', '22023'), $controls, 'tokens: control characters are refused');
like(' ' . refused('trace', '22023') . ' ', qr/ 10 .*13 /, 'traceparent: no line breaks');
is(sql($node, "SELECT count(*) FROM sweep WHERE sqlstate NOT IN ('22023', '22P05')"), '0', 'refused is refused as a bad argument');

# What was not refused arrives whole, as one header.
ok(finish_all($node, 40), 'all the others run');
my %lines;
my @wrong;
my $json = JSON::PP->new->latin1;
my $rows = sql($node, q{SELECT s.what, s.byte, t.state, encode(r.body, 'hex') FROM sweep AS s JOIN errand.tasks AS t USING (id)
	LEFT JOIN LATERAL errand.response(s.id) AS r ON true ORDER BY 1, 2});
foreach (split /\n/, $rows)
{
	my ($what, $byte, $state, $body) = split /\|/;
	my $echoed = eval { $json->decode(pack 'H*', $body) };
	if ($state ne 'succeeded' || !$echoed)
	{
		push @wrong, "$what $byte: $state";
		next;
	}
	my @names = map { lc $_->[0] } @{ $echoed->{headers} };
	push @wrong, "$what $byte: @names" if grep { /evil/ } @names;
	$lines{$what}{ scalar @names }++;
	if ($what eq 'value')
	{
		my ($value) = map { $_->[1] } grep { $_->[0] eq 'X-Sweep' } @{ $echoed->{headers} };
		push @wrong, "value $byte: " . ($value // 'nothing') if !defined $value || $value !~ /X-Evil: 1$/;
	}
}
is("@wrong", '', 'each arrives as what it is');
my $arrived = 0;
$arrived += $_ foreach map { values %$_ } values %lines;
is($arrived, sql($node, 'SELECT count(id) FROM sweep'), "$arrived requests were looked at");
foreach my $what (sort keys %lines)
{
	is(scalar(keys %{ $lines{$what} }), 1, "$what: none has a header line more than another") or diag explain $lines{$what};
}

# ---- headers that belong to the connection ----

foreach my $name ('Host', 'content-length', 'Transfer-Encoding', 'CONNECTION', 'Upgrade', 'Expect', 'Proxy-Authorization', 'proxy-connection')
{
	like(sql_error($node, qq{SELECT errand.http_get('$echo', headers => '{"$name": "x"}')}), qr/^22023: /m, "$name is refused");
}

# ---- URLs ----

my @urls = ('http://u@h/', 'http://u:p@h/', 'http://a@127.0.0.1:1@b/', 'http://127.0.0.1\\@b/', 'http://127.0.0.1:80\\b/',
	'http://h/a b', "http://h/\ta", "http://h/\na", "http://h\r/", 'http:///x', 'http://', 'http:/h/', '//h/', 'h/', '', 'http://[::1/',
	'http://[fe80::1%25eth0]/', 'http://h:0/', 'http://h:65536/', 'http://h:x/', 'http://[::1]x/', ' http://h/', 'http://h /');
my @schemes = map { "$_://h/" } qw(file ftp ftps gopher dict ldap smtp telnet tftp ws scp javascript data);
my @let = grep { (my $q = $_) =~ s/'/''/g; sql_error($node, "SELECT errand.http_get('$q')") !~ /^22023: /m } @urls, @schemes;
is(join(' ', @let), '', scalar(@urls) . ' bad URLs and ' . scalar(@schemes) . ' schemes are refused at submit');
like(sql_error($node, q{SELECT errand.submit('http', '{"url": "file:///etc/hostname"}')}), qr/^22023: /m, '... by submit()');
like(sql_error($node, q{SELECT errand.submit_many('http', ARRAY['{"url": "file:///etc/hostname"}']::jsonb[])}), qr/^22023: /m, '... by submit_many()');
like(sql_error($node, q{SELECT errand.define_task('x', 'http', template => '{"url": "gopher://h/"}')}), qr/^22023: /m, '... and by define_task()');
is(sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker'"), '1', 'the worker lives');
unlike(slurp_file($node->logfile), qr/terminated by signal/, 'and never died');
$node->stop;

done_testing();
