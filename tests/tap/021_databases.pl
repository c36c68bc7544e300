# Several databases, and all that can be wrong with a cluster: no preload, no
# free worker slots, databases that are dropped under load.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = counting();

sub submit
{
	my ($node, $path, $n, $database) = @_;
	sql($node, "SELECT count(errand.http_get('" . $web->url($path) . "', timeout => '1 h')) FROM generate_series(1, $n)", $database);
	return;
}

sub workers
{
	my $node = shift;
	return sql($node, "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_stat_activity WHERE backend_type = 'errand worker'");
}

# ---- without preload ----

my $bare = errand_node('bare', extension => 0, conf => "shared_preload_libraries = ''");
my $error = sql_error($bare, 'CREATE EXTENSION pg_errand');
like($error, qr/^55000: /m, 'without preload CREATE EXTENSION fails');
like($error, qr/HINT: .*shared_preload_libraries = 'pg_errand'/, 'and names the line to add');
is(sql($bare, "SELECT count(*) FROM pg_namespace WHERE nspname = 'errand'"), '0', 'and leaves nothing');

# ---- with too few worker slots ----

# one is the logical replication launcher's, one our launcher's
$bare->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_errand'\nmax_worker_processes = 2");
my $offset = new_log($bare);
$bare->restart;
sql($bare, 'CREATE EXTENSION pg_errand');
my $full = qr/WARNING: +no background worker slot is free for pg_errand.*?HINT: [^\n]*max_worker_processes = \d+/s;
ok(wait_for_line($bare, $full, $offset), 'too few worker slots: a warning with the line to change');
submit($bare, '/json', 5);
sql($bare, 'CREATE DATABASE another');
like(sql($bare, "SELECT errand.health()->>'status'"), qr/^(warn|fail)$/, 'health() is not well');
like(sql_error($bare, "SELECT errand.wait_until_running('300 ms')"), qr/^57014: /m, 'wait_until_running() says so');
my $warnings = () = slurp_file($bare->logfile, $offset) =~ /no background worker slot is free/g;
is($warnings, 1, 'one warning, not one a try');
$bare->append_conf('postgresql.conf', 'max_worker_processes = 8');
$bare->restart;
ok(finish_all($bare), 'after a restart with more of them it works');
is(sql($bare, "SELECT state, count(*) FROM errand.tasks GROUP BY 1"), 'succeeded|5', 'what waited was done');
$bare->stop;

# ---- two databases at once ----

my $node = errand_node('databases', conf => 'errand.host_max_running = 500');
sql($node, "CREATE DATABASE $_") for qw(second plain1 plain2 plain3);
sql($node, 'CREATE EXTENSION pg_errand', 'second');
submit($node, '/delay/20', 100, $_) for qw(postgres second);
ok(finish_all($node, 30, $_), "$_ finishes") for qw(postgres second);
is(workers($node), 'postgres,second', 'each database has a worker of its own');
is(sql($node, 'SELECT DISTINCT state FROM errand.tasks', $_), 'succeeded', "tasks of $_") for qw(postgres second);
is(sql($node, 'SELECT DISTINCT database FROM errand.stat_workers', $_), $_, "stat_workers of $_") for qw(postgres second);
is(scalar($web->requests(qr/delay/)), 200, 'each was sent once');

# A restart finds them by itself.
$node->restart;
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker'", '2'), 'a restart finds both');

# ---- databases that go away under load ----

sub took
{
	my ($name, $query) = @_;
	my $began = time;
	is(sql_error($node, $query), '', $name);
	return time - $began;
}
sub timely { my ($name, $query) = @_; return cmp_ok(took($name, $query), '<', 15, "$name: at once") }

submit($node, '/hang', 100, $_) for qw(postgres second);
ok(poll_for(20, '200 hanging', sub { $web->totals->{running} >= 200 }), '200 transfers hang');
$offset = new_log($node);
cmp_ok(best_of(3, 3, sub { took('DROP DATABASE of another', "DROP DATABASE plain$_[0]") }), '<', 3, 'DROP DATABASE of another: at once');
is(workers($node), 'postgres,second', 'no worker minds');

# one of ours in which somebody else is busy: refused, and the tasks go on
my $guest = $node->background_psql('second');
my $refused = sql_error($node, 'DROP DATABASE second');
like($refused, qr/^55006: .*being accessed by other users/m, 'DROP DATABASE of one that is in use is refused');
like($refused, qr/There is 1 other session/, 'but not because of us');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker' AND datname = 'second'", '1'),
	'and its worker comes back');
ok(poll_for(20, 'them to hang again', sub { $web->totals->{running} >= 200 }), 'its tasks go on');
$guest->quit;

timely('DROP DATABASE of ours', 'DROP DATABASE second');
ok(poll_for(10, 'connections closed', sub { $web->totals->{running} == 100 }), 'its transfers are cut off');
sql($node, 'CREATE DATABASE second');
sql($node, 'CREATE EXTENSION pg_errand', 'second');
submit($node, '/hang', 100, 'second');
ok(poll_for(20, '200 hanging', sub { $web->totals->{running} >= 200 }), 'a new one of that name works');
timely('DROP DATABASE WITH (FORCE)', 'DROP DATABASE second WITH (FORCE)');
is(workers($node), 'postgres', 'the other worker is there');
sql($node, 'CREATE DATABASE third');
sql($node, 'CREATE EXTENSION pg_errand', 'third');
ok(wait_for_sql($node, 'SELECT errand.wait_until_running() IS NOT NULL', 't', 20, 'third'), 'and yet another gets one');
timely('ALTER DATABASE RENAME', 'ALTER DATABASE third RENAME TO fourth');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker' AND datname = 'fourth'", '1'),
	'its worker follows');
submit($node, '/hang', 10, 'fourth');
timely('CREATE DATABASE from ours', 'CREATE DATABASE copied TEMPLATE fourth');
ok(wait_for_sql($node, "SELECT errand.health()->'checks'->'paused'->>'status'", 'warn', 20, 'copied'), 'the copy has a worker, and rests');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'running'", '10', 20, 'fourth'), 'the original goes on');
is(sql($node, "SELECT count(*) FROM errand.tasks", 'copied'), '10', 'the copy has all tasks, too');
my %gone;
$gone{$_}++ foreach slurp_file($node->logfile, $offset) =~ /FATAL: +database (.*) does not exist/g;
is(join(' ', grep { $gone{$_} > 1 } sort keys %gone), '', 'nobody keeps looking for what is gone');

# ---- an unrelated backend dies ----

my $victim = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $victim->query_safe('SELECT pg_backend_pid()');
my $old = worker_pid($node);
kill 'KILL', $pid;
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker' AND pid <> $old", '3', 20),
	'workers return after the crash of somebody else');
ok(poll_for(20, '100 hanging again', sub { $web->totals->{running} >= 100 }), 'and so do their transfers');
is(sql($node, "SELECT DISTINCT state FROM errand.attempts WHERE task_id IN
	(SELECT id FROM errand.tasks WHERE state = 'running') AND finished_at IS NOT NULL AND error LIKE '%crashed%'"), 'lost', 'the lost attempts are on record');
$node->stop(END_STOP);

done_testing();
