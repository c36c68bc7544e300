# Nothing grows: memory and descriptors of each process of ours, over thousands
# of tasks of each kind that succeed, fail, are tried again and are cancelled.
# 8,000 here, 50,000 in `make check-long`; `make soak` goes on for an hour, as
# ERRAND_GROWTH says in minutes.
use strict;
use warnings;
use FindBin;
use POSIX ();
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $long = $ENV{ERRAND_LONG} || $ENV{ERRAND_GROWTH};
my $rounds = $long ? 50 : 8;
my $minutes = $ENV{ERRAND_GROWTH} || 0;
my $web = counting();
my $mail = mail_server();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $node = errand_node('growth', conf => "errand.host_max_running = 200\nerrand.executors = 1\nerrand.smtp_url = '" . $mail->url
	  . "'\nerrand.smtp_from = 'a\@example.com'\nerrand.token_secret = '" . 'a1b2' x 16 . "'\nerrand.port = $port"
	  . ($minutes ? "\nerrand.retention = 'succeeded=1m,failed=1m'" : ''));
sql($node, q{CREATE FUNCTION public.turn(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		IF (a->>'i')::int % 7 = 0 THEN RAISE EXCEPTION 'so it is'; END IF;
		RETURN jsonb_build_object('text', repeat('x', 1000));
	END $$});

# Somebody who listens to all of it: else the relay would rest.
my $token = sql($node, "SELECT errand.issue_token(current_user, 'admin', ttl => '24 h')");
my $test = $$;
my $listener = fork // die "cannot fork: $!";
if ($listener == 0)
{
	exec 'sh', '-c', "while kill -0 $test; do curl -sfN -o /dev/null -H 'Authorization: Bearer $token' http://127.0.0.1:$port/api/v1/events?channel=tasks; done"
	  or POSIX::_exit(1);
}
END { kill 'TERM', $listener if $listener }

sub listens { return `curl -sf -m 10 -H 'Authorization: Bearer $token' http://127.0.0.1:$port/metrics` =~ /^errand_ws_clients [1-9]/m }

# A thousand tasks of all kinds.
sub round_of_tasks
{
	my $base = $web->url('');
	sql($node, qq{SELECT count(errand.http_get('$base' || (ARRAY['/json', '/bytes/20000', '/flaky/1', '/status/404', '/half', '/ok'])[1 + i % 6],
			max_attempts => 2, backoff_base => '5 ms')),
		count(CASE WHEN i % 2 = 0 THEN errand.call('public.turn(jsonb)', jsonb_build_object('i', i), max_attempts => 1) END),
		count(CASE WHEN i % 50 = 0 THEN errand.email(ARRAY['a\@example.com'], 's', repeat('text ', 500)) END),
		count(CASE WHEN i % 20 = 0 THEN errand.cancel(errand.http_get('$base/hang', run_at => now() + '1 h')) END)
		FROM generate_series(1, 600) AS i});
	return finish_all($node, 60);
}

# Of each kind of process: kB of memory of its own, and descriptors.
sub measure
{
	my %found;
	ok(poll_for(30, 'who listens', \&listens), 'somebody listens');
	foreach my $type ('errand launcher', 'errand worker', 'errand executor', 'errand relay')
	{
		my ($pid) = pids_of($node, $type) or next;
		my ($anon) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
		my @open = glob "/proc/$pid/fd/*";
		$found{$type} = { pid => $pid, kb => $anon, fds => scalar @open };
	}
	return \%found;
}

# kB that the server's own memory contexts hold, of the worker and the executor:
# what is lost there is lost for good, and no library's heap blurs it.
sub contexts
{
	my %kb;
	foreach my $type ('errand worker', 'errand executor')
	{
		my ($pid) = pids_of($node, $type);
		my $offset = new_log($node);
		sql($node, "SELECT pg_log_backend_memory_contexts($pid)");
		wait_for_line($node, qr/\[$pid\] LOG:  Grand total/, $offset) or next;
		($kb{$type}) = slurp_file($node->logfile, $offset) =~ /\[$pid\] LOG:  level: [01]; TopMemoryContext: .* (\d+) used/;
		$kb{$type} = defined $kb{$type} ? int($kb{$type} / 1024) : die 'what the contexts hold was not told';
	}
	return \%kb;
}

# What is made once, is: connections, plans, caches. That takes longer than the
# short form lasts, and so does filling the relay's history of 65,536 events: the
# short form finds what loses two kilobytes a task. A soak begins to look after five
# minutes. Descriptors move with what is under way, 200 requests at most.
my ($most, $most_fds) = $long ? (3000, 100) : (16000, 40);
my $warm = time + ($minutes ? 300 : 0);
my $rounds_first = $long ? 25 : 3;
while ($rounds_first-- > 0 || time < $warm) { round_of_tasks() }
my $before = measure();
my $held = contexts();
my $began = time;
is(join(', ', sort keys %$before), 'errand executor, errand launcher, errand relay, errand worker', 'all kinds of processes are there');
my ($good, $done, $told) = (1, 0, 0);
for (; $good && ($done < $rounds || time - $began < 60 * $minutes); $done++)
{
	$good = round_of_tasks();
	next if time - $began < 300 * ($told + 1);
	$told++;
	my $now = measure();
	diag sprintf('minute %d, %d,000 tasks: ', (time - $began) / 60, $done + 1)
	  . join(', ', map { "$_ $now->{$_}{kb} kB, $now->{$_}{fds}" } sort keys %$now);
}
ok($good, 'all tasks come to an end');
my $after = measure();
my $holds = contexts();
cmp_ok($holds->{$_} - $held->{$_}, '<', 300, "$_: nothing is left in its longest memory context ($held->{$_} kB, then $holds->{$_} kB)")
  foreach sort keys %$held;
is(scalar keys %$holds, 2, 'both told what they hold');
foreach my $type (sort keys %$before)
{
	my ($b, $a) = ($before->{$type}, $after->{$type});
	is($a->{pid}, $b->{pid}, "$type: the same process");
	cmp_ok($a->{kb} - $b->{kb}, '<', $most, "... its memory stays ($b->{kb} kB, then $a->{kb} kB)");
	cmp_ok(abs($a->{fds} - $b->{fds}), '<', $most_fds, "... and its descriptors ($b->{fds}, then $a->{fds})");
	diag "$type: $b->{kb} kB, $b->{fds} descriptors; after $done,000 tasks $a->{kb} kB, $a->{fds}" if $long;
}
$node->stop;

done_testing();
