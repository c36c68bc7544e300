# Where tasks may go: the egress policy against every spelling of an address,
# in a network namespace without any route, with traps that must hear nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Socket;
use Test::More;

BEGIN
{
	# Begin anew in a namespace of our own: loopback only.
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

# A trap listens on all addresses there are, v4 and v6; another server is allowed.
my $trap = counting('trap', '--address', '::');
my $web = counting('allowed');
my $web6 = counting('allowed6', '--address', '::1');
my $port = $trap->port;

# The postmaster is told to use the trap as a proxy.
$ENV{$_} = "http://127.0.0.1:$port" for qw(http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY);
my $node = errand_node('policy', conf => "errand.allow_networks = ''");
delete $ENV{$_} for qw(http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY);

# How often the trap was connected to, but for our own questions.
my $asked = 0;
sub sprung { return $trap->totals->{connections} - ++$asked }

sub fate
{
	my $id = shift;
	wait_for_sql($node, "SELECT errand.status($id) IN ('succeeded', 'failed', 'unknown')");
	return split /\|/, sql($node, "SELECT state, sqlstate, attempt, error FROM errand.task($id)");
}

# ---- every address that is not the public internet's ----

my @hosts = (
	# one address in many spellings
	qw(127.0.0.1 2130706433 0x7f.1 0x7f000001 017700000001 0177.0.0.1 127.1 127.0.0.2 127.255.255.254 0 0.0.0.0),
	qw([::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1]),
	# those that embed one
	qw([64:ff9b::a9fe:a9fe] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::]),
	# metadata, private, shared, reserved, multicast
	qw(169.254.169.254 10.0.0.1 100.64.0.1 172.16.0.1 172.31.255.254 192.168.1.1 192.0.0.1 192.0.2.1 198.18.0.1),
	qw(198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255),
	qw([fd00::1] [fc00::1] [fe80::1] [ff02::1] [2001:db8::1]),
	qw(localhost LOCALHOST));
my (%ids, @open, @unclear);
foreach my $host (@hosts)
{
	$ids{$host} = sql($node, "SELECT errand.http_get('http://$host:$port/', timeout => '5 s')");
}
foreach my $host (@hosts)
{
	my ($state, $sqlstate, $attempt, $error) = fate($ids{$host});
	push @open, "$host: $state $sqlstate attempt $attempt" if "$state $sqlstate $attempt" ne 'failed 42501 1';
	push @unclear, "$host: $error" if $error !~ /errand\.allow_networks = '.+'/;
}
is("@open", '', scalar(@hosts) . ' addresses are refused, once and for good');
is("@unclear", '', 'each error has the line that would allow it');
is(sprung(), 0, 'and nobody was connected to');

# ---- a name that changes its mind ----

socket(my $dns, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
bind($dns, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
my ($dns_port) = sockaddr_in(getsockname $dns);
defined(my $server = fork) or die "fork: $!";
if ($server == 0)
{
	# a public address, then a forbidden one, in turn; no address of version 6
	my @answers = ('93.184.216.34', '127.0.0.1');
	my $n = 0;
	alarm 120;
	while (my $from = recv($dns, my $query, 512, 0))
	{
		my ($question) = substr($query, 12) =~ /^((?:[^\0]+)\0.{4})/s or next;
		my $v4 = substr($question, -4, 2) eq "\0\1";
		my $answer = $v4 ? "\xc0\x0c\0\1\0\1" . pack('Nn', 0, 4) . inet_aton($answers[ $n++ % 2 ]) : '';
		send($dns, substr($query, 0, 2) . pack('n5', 0x8180, 1, $v4 ? 1 : 0, 0, 0) . $question . $answer, 0, $from);
	}
	POSIX::_exit(0);
}
reload_settings($node, 'errand.dns_servers' => "127.0.0.1:$dns_port");
my @rebinding = split /\n/, sql($node, "SELECT errand.http_get('http://n' || i || '.rebind.test:$port/',
	timeout => '20 s', max_attempts => 2, backoff_base => '10 ms') FROM generate_series(1, 50) AS i");
finish_all($node, 90);
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE id BETWEEN $rebinding[0] AND $rebinding[-1] AND state = 'failed'"), '50',
	'a name that leads to a forbidden address every other time');
cmp_ok(sql($node, "SELECT count(*) FROM errand.attempts WHERE task_id >= $rebinding[0] AND sqlstate = '42501'"), '>=', 20,
	'... is refused when it does');
is(sprung(), 0, '... and the trap hears nothing');
kill 'TERM', $server;
waitpid $server, 0;
reload_settings($node, 'errand.dns_servers' => undef);

# ---- what is allowed, is; nothing beside it ----

reload_settings($node, 'errand.allow_networks' => '127.0.0.1/32:' . $web->port . ', ::1/128:' . $web6->port);
my $id = sql($node, "SELECT errand.http_get('" . $web->url('/json') . "')");
is((fate($id))[0], 'succeeded', 'an allowed address and port');
$id = sql($node, "SELECT errand.http_get('http://127.0.0.1:$port/')");
is((fate($id))[1], '42501', 'another port of it is not');
is(sprung(), 0, 'no proxy of the environment is used');

# ---- redirects ----

my @places = ('http://169.254.169.254/latest/meta-data/', "http://127.0.0.1:$port/", "http://2130706433:$port/",
	"//127.0.0.1:$port/", 'file:///etc/hostname', 'ftp://127.0.0.1/', 'gopher://127.0.0.1/', "http://a\@127.0.0.1:$port/", 'dict://127.0.0.1:11/');
my @followed;
foreach my $place (@places)
{
	$id = sql($node, "SELECT errand.http_get('" . $web->url("/to/$place") . "', follow_redirects => 5)");
	my ($state, $sqlstate, $attempt, $error) = fate($id);
	push @followed, "$place: $state $sqlstate $attempt $error"
	  unless $state eq 'failed' && $attempt == 1 && $error =~ /errand\.allow_networks|redirect refused/;
}
is(join("\n", @followed), '', 'redirects to ' . scalar(@places) . ' forbidden places are refused');
is(sprung(), 0, 'and lead nowhere');
$id = sql($node, "SELECT errand.http_get('" . $web->url('/redirect/9') . "', follow_redirects => 5)");
like((fate($id))[3], qr/more than 5 redirects/, 'nor do they go on for ever');
$id = sql($node, "SELECT errand.http_get('" . $web->url('/redirect/1') . "')");
like((fate($id))[3], qr/HTTP status 302/, 'unasked none is followed');

# Credentials stay with the host they were meant for.
my $headers = q{'{"Authorization": "Bearer SECRET", "Cookie": "c=SECRET", "X-Api-Key": "SECRET", "X-Plain": "plain"}'};
my %seen;
foreach my $to ($web, $web6)
{
	my $host = $to == $web6 ? '[::1]' : '127.0.0.1';
	$id = sql($node, "SELECT errand.http_get('" . $web->url("/to/http://$host:" . $to->port . '/echo')
		. "', headers => $headers, cookies => '{\"d\": \"SECRET\"}', follow_redirects => 5)");
	$seen{$host} = sql($node, "SELECT errand.wait_for($id)->>'body'");
}
my $kept = () = $seen{'127.0.0.1'} =~ /SECRET/g;
cmp_ok($kept, '>=', 3, 'credentials are sent on to the same host');
unlike($seen{'[::1]'}, qr/SECRET/, '... and dropped at another');
like($seen{'[::1]'}, qr/X-Plain/, '... which gets the rest');

# ---- rows that somebody edited ----

sql($node, 'SELECT errand.pause_all()');
my @bad = ('file:///etc/hostname', 'ftp://127.0.0.1/', 'gopher://127.0.0.1/', "http://a\@127.0.0.1:$port/", "http://127.0.0.1:$port\\\\\@b/");
my @edited = split /\n/, sql($node, "SELECT errand.http_get('" . $web->url('/json') . "') FROM generate_series(1, " . @bad . ")");
sql($node, "UPDATE errand.task SET payload = jsonb_set(payload, '{url}', '\"$bad[$_]\"') WHERE id = $edited[$_]") for 0 .. $#bad;
sql($node, 'SELECT errand.resume_all()');
is(join(' ', map { (fate($_))[1] } @edited), join(' ', ('22023') x @bad), 'the engine checks them again');
is(sprung(), 0, 'and sends nothing');

$node->stop;
done_testing();
