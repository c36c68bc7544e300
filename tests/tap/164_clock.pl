# The wall clock jumps an hour ahead and back: no living worker is taken for
# dead, nothing runs twice, and nothing new waits.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

(my $library = $ENV{ERRAND_COUNTING}) =~ s/counting$/clock.so/;    # tests/servers/clock.c
my $web = counting();
my $ahead = PostgreSQL::Test::Utils::tempdir('clock') . '/ahead';

# In place, since the processes have mapped the file.
sub jump
{
	my $seconds = shift;
	open my $f, (-e $ahead ? '+<' : '>'), $ahead or die "no file: $!";
	syswrite $f, pack('q', $seconds);
	close $f;
	return;
}
jump(0);
my $node = PostgreSQL::Test::Cluster->new('clock');
$node->init(extra => [ '-E', 'UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', conf_of('errand.workers = 2'));
{
	local @ENV{qw(LD_PRELOAD ERRAND_CLOCK)} = ($library, $ahead);
	$node->start;
}
sql($node, 'CREATE EXTENSION pg_errand');

sub submit { my ($path, $n, $more) = @_; return sql($node, "SELECT min(errand.http_get('" . $web->url($path) . "'" . ($more ? ", $more" : '') . ")) FROM generate_series(1, $n)") }
sub database_clock { return sql($node, 'SELECT extract(epoch FROM clock_timestamp())::bigint') }

# That all are sent and end, at their first attempt, once.
sub once
{
	my ($path, $n, $what) = @_;
	ok(poll_for(20, "$n of $path", sub { scalar($web->requests(qr/^\Q$path\E/)) >= $n }), "$what: all are sent");
	ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state IN ('running', 'ready')", '0', 20), '... and end');
	is(scalar($web->requests(qr/^\Q$path\E/)), $n, '... each was sent once');
	return;
}

# ---- ahead ----

submit('/delay/3001', 20);
ok(poll_for(10, 'requests', sub { scalar($web->requests) >= 20 }), '20 are under way');
my $later = submit('/later', 1, "run_at => now() + '30 min'");
jump(3600);
cmp_ok(database_clock(), '>', time + 3500, 'the clock jumps an hour ahead');
ok(wait_for_sql($node, "SELECT state FROM errand.tasks WHERE id = $later", 'failed', 20), 'what was due in half an hour runs');
once('/delay/3001', 20, 'what was under way');
submit('/json?a', 50);
once('/json?a', 50, 'new ones');

# ---- and back ----

submit('/delay/3002', 20);
ok(poll_for(10, 'requests', sub { scalar($web->requests(qr/3002/)) >= 20 }), '20 are under way');
jump(0);
cmp_ok(database_clock(), '<', time + 100, 'the clock jumps back');
submit('/json?b', 50);
once('/json?b', 50, 'new ones');
once('/delay/3002', 20, 'what was under way');
my $began = time;
submit('/soon', 1, "run_at => now() + '1 s'");
ok(poll_for(15, 'one second', sub { scalar($web->requests(qr/soon/)) }), 'what is to run in a second does');
note sprintf 'after %.1f s', time - $began;

# ---- a crash while the clock is wrong ----

submit('/delay/9003', 20);
ok(poll_for(10, 'requests', sub { scalar($web->requests(qr/9003/)) >= 20 }), '20 are under way');
jump(-3600);
my $pid = worker_pid($node);
kill 'KILL', $_ foreach pids_of($node, 'errand worker');
wait_for_sql($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'errand worker' AND pid <> $pid");
$began = time;
ok(poll_for(20, 'them again', sub { scalar($web->requests(qr/9003/)) >= 40 }), 'after a crash an hour back they are sent again');
cmp_ok(time - $began, '<', 12, '... without waiting for the hour to pass');
ok(finish_all($node, 60), 'all comes to an end');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE state <> 'succeeded' AND id NOT IN (SELECT id FROM errand.tasks WHERE error LIKE '%404%')"), '0', '... well');
$node->stop(END_STOP);

done_testing();
