# Proxies of hosts: only those use one that were given it, by HTTP, CONNECT and
# SOCKS, with credentials that nobody sees.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Recorder;
use PostgreSQL::Test::Utils;
use Test::More;

my @missing = grep { system("command -v $_ > /dev/null 2>&1") != 0 } qw(tinyproxy microsocks);
plan skip_all => "there is no @missing" if @missing;

# ---- two proxies; nothing of loopback is allowed to tasks ----

my $base = PostgreSQL::Test::Utils::tempdir('proxies');
my @started;

sub start_program
{
	my ($port, @command) = @_;
	defined(my $pid = fork) or die "cannot fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>>', "$base/$command[0].log";
		open STDERR, '>&', \*STDOUT;
		exec { $command[0] } @command or POSIX::_exit(1);
	}
	push @started, $pid;
	poll_for(10, "$command[0] listens", sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") })
	  or die "no $command[0]\n";
	return;
}

END
{
	my $status = $?;
	foreach my $pid (@started)
	{
		kill 'TERM', $pid;
		waitpid $pid, 0;
	}
	$? = $status;
}

my $web = Errand::Recorder->start;
my ($http, $socks) = (Errand::Recorder::free_port(), Errand::Recorder::free_port());
append_to_file("$base/tinyproxy.conf", <<"END");
Port $http
Listen 127.0.0.1
Timeout 60
LogLevel Connect
LogFile "$base/requests.log"
MaxClients 50
BasicAuth me CANARYhttp
ConnectPort ${\$web->port}
END
start_program($http, 'tinyproxy', '-d', '-c', "$base/tinyproxy.conf");
start_program($socks, 'microsocks', '-i', '127.0.0.1', '-p', $socks, '-u', 'me', '-P', 'CANARYsocks');

my $node = errand_node('proxies', conf => "errand.allow_networks = ''\nlog_min_messages = debug5\n");
my $port = $web->port;

sub submit
{
	my $id = sql($node, 'SELECT errand.' . shift);
	finish_all($node);
	return $id;
}

sub fate { return sql($node, 'SELECT state, sqlstate, error FROM errand.task(' . submit(shift) . ')') }

# Waits until the worker has read what was defined before.
sub define
{
	my ($host, $proxy) = @_;
	sql($node, "SELECT errand.define_host('$host', proxy => " . (defined $proxy ? "'$proxy'" : 'NULL') . ')');
	return;
}

# ---- none ----

like(fate("http_get('http://localhost:$port/none')"), qr/^failed\|42501\|egress to localhost/, 'a host without a proxy is under the egress policy');

# ---- HTTP ----

sql($node, "SELECT errand.set_secret('http_proxy', 'me:CANARYhttp', true)");
sql($node, "SELECT errand.set_secret('socks_password', 'CANARYsocks', true)");
define("localhost:$port", "http://secret://http_proxy\@127.0.0.1:$http");
is(fate("http_get('http://localhost:$port/plain', headers => '{\"X-Mine\": \"1\"}')"), 'succeeded||', 'a host with a proxy');
like($web->heard, qr{^GET /plain HTTP/1\..*^Via: }msi, '... is asked by the proxy');
unlike($web->heard, qr/Proxy-Authorization|CANARY/i, '... which keeps the credentials');
like(fate("http_get('https://localhost:$port/tunnel', max_attempts => 1)"), qr/^failed\|08006\|no TLS connection to localhost:$port/, 'https goes through a tunnel');
like(slurp_file("$base/requests.log"), qr/CONNECT localhost:$port/, '... that CONNECT makes');
like($web->heard, qr/^\x16\x03/m, '... and TLS begins with the server behind it');
like(fate("http_get('http://127.0.0.1:$port/literal')"), qr/^failed\|42501\|/, 'an address is another host');
define("127.0.0.1:$port", "http://secret://http_proxy\@127.0.0.1:$http");
like(fate("http_get('http://127.0.0.1:$port/literal')"), qr/^failed\|42501\|egress to 127/, '... and refused through a proxy, too');
unlike($web->heard, qr{/literal}, '... before anything is sent');

# ---- a proxy with a name; a rule for the name alone ----

my $bare = Errand::Recorder->start;
define('localhost', "http://me:secret://missing\@localhost:$http");
like(fate("http_get('" . "http://localhost:" . $bare->port . "/bare', max_attempts => 1)"), qr/^failed\|08006\|the proxy of localhost:\d+ cannot be used: there is no secret "missing"/,
	'a proxy whose secret is missing is never gone round');
sql($node, "SELECT errand.set_secret('missing', 'CANARYhttp', true)");
like(fate("http_get('http://localhost:" . $bare->port . "/bare')"), qr/^succeeded/, 'a secret that is set is read at once; the proxy has a name');
like($bare->heard, qr{^GET /bare .*^Via: }msi, '... for any port');
define('localhost', "http://127.0.0.1:" . Errand::Recorder::free_port());
like(fate("http_get('http://localhost:" . $bare->port . "/refused', max_attempts => 1)"), qr/^failed\|08006\|could not connect to the proxy of localhost/, 'a proxy that is not there');
define('localhost', "http://me:wrong\@127.0.0.1:$http");
like(fate("http_get('http://localhost:" . $bare->port . "/denied', max_attempts => 1)"), qr/^failed\|38000\|HTTP status 40[17]/, 'a proxy that refuses us');

# ---- SOCKS ----

# it may find ::1 first
my $six = eval { Errand::Recorder->start(LocalAddr => '::1', LocalPort => $bare->port) };
define('localhost', "socks5h://me:secret://socks_password\@localhost:$socks");
is(fate("http_get('http://localhost:" . $bare->port . "/socks')"), 'succeeded||', 'SOCKS, which looks the name up');
like($bare->heard . ($six ? $six->heard : ''), qr{^GET /socks HTTP}m, '... gets there');
like(fate("http_get('http://localhost:" . Errand::Recorder::free_port() . "/nobody', max_attempts => 1)"), qr/^failed\|08006\|the proxy of localhost:\d+ does not connect to it: /,
	'a server that its proxy cannot reach is not called a proxy that is not there');

# ---- taken away ----

define('localhost');
like(fate("http_get('http://localhost:" . $bare->port . "/gone')"), qr/^failed\|42501\|/, 'without its proxy the host is refused again');
unlike($bare->heard, qr{/gone}, '... though connections are kept');

# ---- after a restart they are there before the first claim ----

define('localhost', "http://me:secret://missing\@127.0.0.1:$http");
sql($node, "SELECT errand.pause_all()");
my $id = sql($node, "SELECT errand.http_get('http://localhost:" . $bare->port . "/restarted')");
sql($node, "SELECT errand.resume_all()");
$node->restart;
finish_all($node);
is(sql($node, "SELECT errand.status($id)"), 'succeeded', 'a restart');

my $pid = worker_pid($node);
opendir my $threads, "/proc/$pid/task" or die "no /proc: $!";
is(scalar(grep { /^\d/ } readdir $threads), 1, 'no thread was ever started');
$node->stop;
unlike(slurp_file($node->logfile), qr/CANARY/, 'the log has no credentials');
$web->stop;
$bare->stop;
done_testing();
