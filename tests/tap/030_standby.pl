# A standby runs nothing; promotion starts it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $web = counting();
my $primary = errand_node('primary', init => [ allows_streaming => 1 ], conf => "max_connections = 40\nshared_buffers = 16MB");
sql($primary, "SELECT errand.http_get('" . $web->url('/json') . "') FROM generate_series(1, 50)");
finish_all($primary);
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# Work that is ready, running, scheduled and retrying at the time of the promotion.
my $before = $web->requests;
sql($primary, "SELECT errand.define_queue('paused'); SELECT errand.pause_queue('paused')");
sql($primary, "SELECT errand.http_get('" . $web->url('/paused') . "', queue => 'paused') FROM generate_series(1, 10)");
sql($primary, "SELECT errand.http_get('" . $web->url('/ahead') . "', run_at => now() + '1 h') FROM generate_series(1, 10)");
sql($primary, "SELECT errand.http_get('" . $web->url('/status/503') . "', backoff_base => '1 h', backoff => 'constant') FROM generate_series(1, 10)");
sql($primary, "SELECT errand.http_get('" . $web->url('/delay/60000') . "', timeout => '2 min') FROM generate_series(1, 10)");
ok(wait_for_sql($primary, "SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM
	(SELECT state, count(*) AS n FROM errand.tasks GROUP BY state) AS s", 'ready 10, retrying 10, running 10, scheduled 10, succeeded 50'),
	'the primary has tasks in many states');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

# ---- nothing runs there ----

is(sql($standby, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'errand%'"), '0', 'a standby has no process of ours');
poll_for(20, 'twenty requests', sub { $web->requests >= $before + 20 });
my $after = $web->requests;
is($after - $before, 20, 'each task was sent once: by the primary');
is(sql($standby, "SELECT count(*) FROM errand.tasks WHERE state = 'succeeded'"), '50', 'tasks can be read there');
like(sql_error($standby, "SELECT errand.http_get('" . $web->url('/json') . "')"), qr/^25006: /m, 'but not submitted');
like(sql_error($standby, "SELECT errand.wait_until_running('200 ms')"), qr/^57014: /m, 'nor waited for');

# ---- promotion ----

$primary->stop('immediate');
$standby->promote;
my $began = time;
ok(poll_for(20, 'requests of the new primary', sub { $web->requests > $after }), 'what was in flight is sent again');
my $took = time - $began;
cmp_ok($took, '<', 10, 'within 10 s of the promotion');
note sprintf 'the first request came after %.2f s', $took;
ok(wait_for_sql($standby, "SELECT count(*) FROM errand.tasks WHERE state = 'running' AND attempt = 2", '10'), 'as attempt 2');
my %keys = map { $_->{key} => 1 } $web->requests(qr/60000/);
is(scalar(keys %keys), 10, 'with the key of attempt 1');
is(sql($standby, "SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM
	(SELECT state, count(*) AS n FROM errand.tasks WHERE state <> 'running' GROUP BY state) AS s"),
	'ready 10, retrying 10, scheduled 10, succeeded 50', 'the rest is where it was');
sql($standby, "SELECT errand.resume_queue('paused')");
sql($standby, "SELECT errand.reschedule(id, now()) FROM errand.tasks WHERE state = 'scheduled'");
ok(wait_for_sql($standby, "SELECT count(*) FROM errand.tasks WHERE state = 'failed' AND error LIKE '%404%'", '20'), 'and goes on');
my $id = sql($standby, "SELECT errand.http_get('" . $web->url('/json') . "')");
is(sql($standby, "SELECT errand.wait_for($id)->>'status'"), '200', 'a new task runs');
$standby->stop(END_STOP);

done_testing();
