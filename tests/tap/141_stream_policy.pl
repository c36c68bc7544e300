# Where streams may go: the egress policy, redirects, rebinding, proxies of the
# environment; and whose certificates they trust.  In a network namespace
# without any route, with a trap that must hear nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Socket;
use Test::More;

BEGIN
{
	my @unshare = qw(unshare --user --map-current-user --keep-caps --net --);
	if (!$ENV{ERRAND_OWN_NETWORK})
	{
		if (system("@unshare true > /dev/null 2>&1") != 0)
		{
			plan skip_all => 'this user may not unshare a network namespace';
		}
		$ENV{ERRAND_OWN_NETWORK} = 1;
		exec @unshare, $^X, $0 or die "cannot unshare: $!";
	}
	socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
	my $up = pack 'a16 s x14', 'lo', 1;
	ioctl($socket, 0x8914, $up) or plan skip_all => "loopback does not come up: $!";    # SIOCSIFFLAGS, IFF_UP
}

use Errand;
use PostgreSQL::Test::Utils;

my $trap = counting('trap', '--address', '::');
my $port = $trap->port;
my $server = stream_server();

# The postmaster is told to use the trap as a proxy.
my @proxies = qw(http_proxy https_proxy all_proxy socks_proxy HTTPS_PROXY ALL_PROXY);
$ENV{$_} = "http://127.0.0.1:$port" for @proxies;
$ENV{socks_proxy} = "127.0.0.1:$port";
my $node = errand_node('stream_policy', conf => "errand.allow_networks = ''");
delete $ENV{$_} for @proxies;
sql($node, 'CREATE TABLE ticks (seq bigint, name text)');

my $asked = 0;
sub sprung { return $trap->totals->{connections} - ++$asked }

my $number = 0;

sub stream
{
	my $url = shift;
	my $name = 's' . ++$number;
	sql($node, "SELECT errand.define_source('$name', 'websocket', '$url', target => 'ticks', columns => '{\"seq\": \"\$.seq\", \"name\": \"\$.name\"}');
		SELECT errand.start_source('$name')");
	return $name;
}

sub of { return sql($node, "SELECT $_[1] FROM errand.stat_sources WHERE source = '$_[0]'") }

sub drop_all { sql($node, 'SELECT errand.drop_source(source) FROM errand.stat_sources'); return }

# ---- every address that is not the public internet's ----

my @hosts = (
	qw(127.0.0.1 2130706433 0x7f.1 0x7f000001 017700000001 0177.0.0.1 127.1 127.0.0.2 127.255.255.254 0 0.0.0.0),
	qw([::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1]),
	qw([64:ff9b::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::]),
	qw(169.254.169.254 10.0.0.1 100.64.0.1 172.16.0.1 192.168.1.1 192.0.0.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255),
	qw([fd00::1] [fe80::1] [ff02::1] [2001:db8::1] localhost LOCALHOST));
my %names = map { $_ => stream("ws://$_:$port/") } @hosts;
ok(wait_for_sql($node, "SELECT count(*) FROM errand.stat_sources WHERE state = 'degraded' AND sqlstate = '42501'", scalar(@hosts)),
	scalar(@hosts) . ' addresses are refused');
is(sql($node, "SELECT count(*) FROM errand.stat_sources WHERE error !~ 'egress to .* is not allowed .*errand\\.allow_networks'"), '0',
	'each error has what would allow it');
is(sprung(), 0, 'and nobody was connected to');
drop_all();

# ---- a name that changes its mind ----

socket(my $dns, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
bind($dns, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
my ($dns_port) = sockaddr_in(getsockname $dns);
defined(my $resolver = fork) or die "fork: $!";
if ($resolver == 0)
{
	# names that begin with m have a public address beside a forbidden one; r: in turn
	my @answers = ('93.184.216.34', '127.0.0.1');
	my $n = 0;
	alarm 120;
	while (my $from = recv($dns, my $query, 512, 0))
	{
		my ($question) = substr($query, 12) =~ /^((?:[^\0]+)\0.{4})/s or next;
		my $v4 = substr($question, -4, 2) eq "\0\1";
		my @give = !$v4 ? () : substr($query, 13, 1) eq 'm' ? @answers : $answers[ $n++ % 2 ];
		my $answer = join '', map { "\xc0\x0c\0\1\0\1" . pack('Nn', 0, 4) . inet_aton($_) } @give;
		send($dns, substr($query, 0, 2) . pack('n5', 0x8180, 1, scalar(@give), 0, 0) . $question . $answer, 0, $from);
	}
	POSIX::_exit(0);
}
reload_settings($node, 'errand.dns_servers' => "127.0.0.1:$dns_port");
my @rebinding = map { stream("ws://r$_.rebind.test:$port/") } 1 .. 20;
my $mixed = stream("ws://mixed.rebind.test:$port/");
ok(wait_for_sql($node, "SELECT count(*) FROM errand.stat_sources WHERE state = 'degraded'", '21', 60), 'names that lead to forbidden addresses');
cmp_ok(sql($node, "SELECT count(*) FROM errand.stat_sources WHERE sqlstate = '42501'"), '>=', 8, '... are refused when they do');
like(of($mixed, 'error'), qr/93\.184\.216\.34/, 'of several addresses only the allowed ones are tried');
is(sprung(), 0, '... and the trap hears nothing');
kill 'TERM', $resolver;
waitpid $resolver, 0;
reload_settings($node, 'errand.dns_servers' => undef);
drop_all();

# ---- what is allowed, is; nothing beside it ----

reload_settings($node, 'errand.allow_networks' => '127.0.0.1/32:' . $server->port);
my $good = stream($server->url('/quiet'));
ok(wait_for_sql($node, "SELECT connected_since IS NOT NULL FROM errand.stat_sources WHERE source = '$good'"), 'an allowed address and port');
my $redirected = stream($server->url("/redirect?to=ws://127.0.0.1:$port/"));
my $relative = stream($server->url('/redirect?to=/quiet'));
ok(wait_for_sql($node, "SELECT count(*) FROM errand.stat_sources WHERE error = 'the server answered with HTTP status 302'", '2'), 'redirects are not followed');
is(sprung(), 0, '... nor is the trap connected to, as a proxy or else');
is(scalar(my @request = $server->events('request', '/quiet')), 1, '... nor what a relative one names');
like(sql_error($node, "SELECT errand.define_source('x', 'websocket', 'https://example.com/', target => 'ticks')"), qr/^22023: .*wss:/s, 'https is no stream');
like(sql_error($node, "SELECT errand.define_source('x', 'websocket', 'wss://user:pw\@example.com/', target => 'ticks')"), qr/^22023/, 'no credentials in the URL');
drop_all();

# ---- a host that has a proxy is not reached without one ----

sql($node, "SELECT errand.define_host('127.0.0.1', proxy => 'http://127.0.0.1:$port')");
my $proxied = stream($server->url('/quiet?proxied'));
ok(wait_for_sql($node, "SELECT error LIKE '%proxy%' FROM errand.stat_sources WHERE source = '$proxied'"), 'a stream does not go past the proxy of its host') or diag of($proxied, 'state, error');
is(scalar($server->events('request', '/quiet?proxied')), 0, '... nor directly');
sql($node, "SELECT errand.drop_host('127.0.0.1')");
drop_all();

# ---- certificates ----

my $base = PostgreSQL::Test::Utils::tempdir('certificates');
append_to_file("$base/san", "subjectAltName=DNS:localhost\n");
append_to_file("$base/san.other", "subjectAltName=DNS:other.test\n");
foreach my $command (
	"openssl req -x509 -newkey rsa:2048 -nodes -keyout $base/ca.key -out $base/ca.pem -days 2 -subj /CN=CA",
	(map { "openssl req -newkey rsa:2048 -nodes -keyout $base/$_.key -out $base/$_.csr -subj /CN=$_" } qw(localhost other old)),
	"openssl x509 -req -in $base/localhost.csr -CA $base/ca.pem -CAkey $base/ca.key -CAcreateserial -days 2 -extfile $base/san -out $base/localhost.pem",
	"openssl x509 -req -in $base/other.csr -CA $base/ca.pem -CAkey $base/ca.key -CAcreateserial -days 2 -extfile $base/san.other -out $base/other.pem",
	"openssl x509 -req -in $base/old.csr -CA $base/ca.pem -CAkey $base/ca.key -CAcreateserial -days -1 -extfile $base/san -out $base/old.pem")
{
	system("$command > $base/log 2>&1") == 0 or BAIL_OUT("$command: " . slurp_file("$base/log"));
}
my %tls = map { $_ => stream_server('--cert', "$base/$_.pem", '--key', "$base/$_.key") } qw(localhost other old);
reload_settings($node, 'errand.allow_networks' => '127.0.0.1/32, ::1/128');
my %wss = map { $_ => stream("wss://localhost:" . $tls{$_}->port . "/count?n=50&name=$_") } keys %tls;
ok(wait_for_sql($node, "SELECT count(*) FROM errand.stat_sources WHERE error LIKE 'the server''s certificate is not trusted: %'", '3'), 'a CA that nobody knows is not trusted')
  or diag sql($node, 'SELECT source, error FROM errand.stat_sources');
reload_settings($node, 'errand.ca_file' => "$base/ca.pem");
ok(wait_for_sql($node, "SELECT count(*) FROM ticks WHERE name = 'localhost'", '50', 60), 'with errand.ca_file it is');
ok(wait_for_sql($node, "SELECT error LIKE '%certificate is not trusted: hostname mismatch' FROM errand.stat_sources WHERE source = '$wss{other}'"), '... not for another host')
  or diag of($wss{other}, 'error');
ok(wait_for_sql($node, "SELECT error LIKE '%certificate is not trusted: certificate has expired' FROM errand.stat_sources WHERE source = '$wss{old}'"), '... nor for ever')
  or diag of($wss{old}, 'error');
is(scalar(grep { scalar $tls{$_}->events('request') } qw(other old)), 0, 'nobody untrusted was asked for anything');
my $address = stream("wss://127.0.0.1:" . $tls{localhost}->port . '/quiet?address');
ok(wait_for_sql($node, "SELECT error LIKE '%certificate is not trusted: %mismatch' FROM errand.stat_sources WHERE source = '$address'"), 'an address is no name')
  or diag of($address, 'error');
$node->stop('fast');
done_testing();
