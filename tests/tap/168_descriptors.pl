# A worker and a relay that may open no more files: what needs one fails, and is
# tried again; both stay, and go on when there is room.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = relay_node('descriptors', conf => 'errand.host_max_running = 100');
my $offset = new_log($node);

# Leaves a process so many files to open; squeeze(PID) gives back what it had.
my %had;
sub squeeze
{
	my ($pid, $spare) = @_;
	my $open = () = glob "/proc/$pid/fd/*";
	$had{$pid} //= (split ' ', (grep { /^Max open files/ } split /\n/, slurp_file("/proc/$pid/limits"))[0])[3];
	my $most = defined $spare ? $open + $spare : $had{$pid};
	return system('prlimit', "--pid=$pid", "--nofile=$most:") == 0;
}

# ---- the worker ----

sql($node, "SELECT errand.http_get('" . $web->url('/json') . "')");
finish_all($node);
my $worker = worker_pid($node);
ok(squeeze($worker, 3), 'a worker may open three files more');
sql($node, "SELECT errand.http_get('" . $web->url('/delay/100') . "', max_attempts => 100, backoff => 'constant', backoff_base => '300 ms')
	FROM generate_series(1, 40)");
ok(wait_for_sql($node, "SELECT count(*) >= 20 FROM errand.attempts WHERE state = 'failed'", 't', 60), 'attempts fail for that');
note sql($node, "SELECT error, count(*) FROM errand.attempts WHERE state = 'failed' GROUP BY 1");
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE state IN ('failed', 'unknown', 'cancelled')"), '0', '... no task does');
ok(squeeze($worker), 'it may open files again');
ok(finish_all($node, 60), 'all come to an end');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'succeeded'"), '41', '... they succeed');
is(worker_pid($node), $worker, '... by the same worker');

# ---- the relay ----

my $relay = relay_pid($node);
ok(squeeze($relay, 2), 'a relay may open two files more');
my @clients = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . relay_port($node), Timeout => 5) } 1 .. 30;
$_ && print {$_} "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n" foreach @clients;    # an end of it does not come
sql($node, "SELECT errand.http_get('" . $web->url('/json') . "') FROM generate_series(1, 20)");
ok(finish_all($node, 30), 'tasks run meanwhile');
ok(squeeze($relay), 'it may open files again');
$_ && close $_ foreach @clients;
ok(relay_up($node), '... and answers');
is(relay_pid($node), $relay, '... it is the same process');

my $log = slurp_file($node->logfile, $offset);
unlike($log, qr/PANIC|terminated by signal|exited with exit code/, 'nobody ended');
$node->stop;

done_testing();
