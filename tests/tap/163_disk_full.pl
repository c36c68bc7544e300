# The disk is full: work stops, nothing is lost, the server stays up, and all goes
# on by itself when there is room. In a mount namespace, with a small file system.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Test::More;

BEGIN
{
	my @unshare = qw(unshare --user --map-current-user --keep-caps --mount --);
	if (!$ENV{ERRAND_OWN_MOUNTS})
	{
		if (system("@unshare true > /dev/null 2>&1") != 0)
		{
			plan skip_all => 'this user may not unshare a mount namespace';
		}
		$ENV{ERRAND_OWN_MOUNTS} = 1;
		exec @unshare, $^X, $0 or die "cannot unshare: $!";
	}
}

use Errand;
use PostgreSQL::Test::Utils;

my $small = PostgreSQL::Test::Utils::tempdir('small');
my @mount = ("tmpfs\0", "$small\0", "tmpfs\0", 0, "size=48m,mode=0700\0");
if (syscall(165, @mount) != 0)    # mount(2)
{
	plan skip_all => "no small file system: $!";
}
my $web = counting();
my $node = errand_node('disk_full', extension => 0, conf => 'autovacuum = off');
mkdir "$small/space" or die $!;
sql($node, "CREATE TABLESPACE small LOCATION '$small/space'");
sql($node, 'CREATE DATABASE crowded TABLESPACE small');
sql($node, 'CREATE EXTENSION pg_errand', 'crowded');
sql($node, 'SELECT errand.wait_until_running()', 'crowded');

sub submit { my ($path, $n) = @_; return sql($node, "SELECT count(errand.http_get('" . $web->url($path) . "')) FROM generate_series(1, $n)", 'crowded') }

sub fill
{
	open my $f, '>', "$small/filler" or die $!;
	my $room = 1024 * 1024;
	while ($room >= 512)
	{
		my $n = syswrite $f, "\0" x $room;
		$room /= 2 if !defined $n || $n < $room;
	}
	close $f;
	return;
}

submit('/json', 10);
ok(finish_all($node, 30, 'crowded'), 'it works while there is room');
# answers of 200 kB, which are to be stored when nothing can be
submit('/bytes/200000', 40);
sql($node, "SELECT count(errand.http_get('" . $web->url('/delay/1500') . "')) FROM generate_series(1, 200)", 'crowded');
my $offset = new_log($node);
fill();
ok(wait_for_line($node, qr/No space left on device/, $offset, 30), 'the disk is full');
like(sql_error($node, "SELECT errand.http_get('http://127.0.0.1/', params => jsonb_build_object('x', repeat('y', 7000))) FROM generate_series(1, 200)", 'crowded'),
	qr/^53100: /m, 'who submits is told so');
is(sql($node, 'SELECT true', 'crowded'), 't', 'the server is up');
is(sql($node, "SELECT count(*) FROM errand.tasks WHERE state IN ('failed', 'unknown')", 'crowded'), '0', 'no task has failed for it');
my $errors = () = slurp_file($node->logfile, $offset) =~ /No space left on device/g;
unlink "$small/filler";
ok(finish_all($node, 60, 'crowded'), 'when there is room all comes to an end');
is(sql($node, 'SELECT state, count(*) FROM errand.tasks GROUP BY state', 'crowded'), 'succeeded|250', '... well');
is(sql($node, q{SELECT count(*) FROM (SELECT task_id FROM errand.attempts GROUP BY task_id
	HAVING array_agg(attempt::int ORDER BY attempt) <> ARRAY(SELECT generate_series(1, max(attempt)::int))) AS g}, 'crowded'), '0', '... attempts without a gap');
cmp_ok($errors, '<', 300, "the log is not flooded ($errors lines)");
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'nothing crashed');
$node->stop(END_STOP);

done_testing();
