# Logical replication of all tables, ours among them: the publisher works on,
# the subscriber rests, and takes over when it is told to.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $pub = errand_node('pub', init => [ allows_streaming => 'logical' ]);
my $sub = errand_node('sub', init => [ allows_streaming => 'logical' ]);
sql($_, "SELECT errand.wait_until_running()") foreach $pub, $sub;
my $url = $web->url('/json');
my $census = q{SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM errand.tasks GROUP BY 1) AS s};

# ---- the publisher's own deletes and updates ----

my $offset = new_log($pub);
sql($pub, 'CREATE PUBLICATION everything FOR ALL TABLES');
my $group = sql($pub, "SELECT errand.open_group('all')");
my @first = split /\n/, sql($pub, "SELECT errand.http_get('$url', task_group => $group) FROM generate_series(1, 20)");
my $child = sql($pub, "SELECT errand.http_get('$url', after => ARRAY[$first[0]], key => 'child')");
my $hangs = sql($pub, "SELECT errand.http_get('" . $web->url('/hang') . "', timeout => '1 h')");
ok(wait_for_sql($pub, "SELECT errand.status($hangs)", 'running'), 'with a publication of all tables: tasks run');
sql($pub, "SELECT errand.cancel($hangs)");
sql($pub, "SELECT errand.close_group($group)");
ok(finish_all($pub, 60), '... all come to an end');
is(sql($pub, $census), 'cancelled 1, succeeded 21', '... as they should');
ok(wait_for_sql($pub, "SELECT finished_at IS NOT NULL FROM errand.task_groups WHERE id = $group", 't', 30), '... groups, too');
ok(wait_for_sql($pub, 'SELECT count(*) FROM errand.cancel_request', '0', 30), '... and what was asked for is put away');
unlike(slurp_file($pub->logfile, $offset), qr/replica identity/, '... nothing lacks a replica identity');

# ---- the subscriber rests ----

sql($pub, 'SELECT errand.pause_all()');
sql($pub, "SELECT errand.http_get('$url') FROM generate_series(1, 10)");
sql($pub, "SELECT errand.http_get('$url', run_at => now() + '2 s') FROM generate_series(1, 5)");
my $sent = $web->requests;
$sub->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '" . $pub->connstr('postgres') =~ s/'/''/gr . "' PUBLICATION everything");
ok(wait_for_sql($sub, "SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel", 't', 120), 'a subscription brings all tables') or
  diag slurp_file($sub->logfile);
ok(wait_for_sql($pub, "SELECT count(*) FROM errand.tasks WHERE state = 'ready'", '15', 30), 'what is due there is ready there');
ok(wait_for_sql($sub, $census, 'cancelled 1, ready 15, succeeded 21', 30), '... and here: the same tasks');
is(sql($sub, "SELECT errand.health()->'checks'->'paused'->>'status'"), 'warn', '... which rest');
sql($sub, 'SELECT errand.worker_restart(), errand.wait_until_running(), errand.wake()');
is(scalar($web->requests), $sent, '... nothing was sent');
sql($pub, 'SELECT errand.resume_all()');
ok(finish_all($pub, 60), 'the publisher runs them');
ok(wait_for_sql($sub, $census, 'cancelled 1, succeeded 36', 60), '... the subscriber sees that') or diag slurp_file($sub->logfile);
is(scalar($web->requests), $sent + 15, '... each was sent once');
like(sql_error($sub, 'SELECT errand.resume_all()'), qr/^55000: .*subscription/m, 'resume_all() is refused while they come from there');

# ---- it takes over ----

sql($pub, 'SELECT errand.pause_all()');
sql($pub, "SELECT errand.http_get('$url') FROM generate_series(1, 3)");
ok(wait_for_sql($sub, "SELECT count(*) FROM errand.tasks WHERE state = 'ready'", '3', 30), 'three more come');
my $last = sql($sub, 'SELECT max(id) FROM errand.tasks');
$pub->stop('fast');
$sub->safe_psql('postgres', $_)
  foreach 'ALTER SUBSCRIPTION everything DISABLE', 'ALTER SUBSCRIPTION everything SET (slot_name = NONE)', 'DROP SUBSCRIPTION everything';
sql($sub, 'SELECT errand.wake()');
is(sql($sub, "SELECT count(*) FROM errand.tasks WHERE state = 'ready'"), '3', 'without the subscription they rest still: it is a copy');
sql($sub, 'SELECT errand.resume_all()');
ok(finish_all($sub, 60), 'resume_all(): they run here');
is(scalar($web->requests), $sent + 18, '... once');
cmp_ok(sql($sub, "SELECT errand.http_get('$url')"), '>', $last, '... new ids go on from those of the publisher');
ok(finish_all($sub), '... and run');

done_testing();
