# Executors that are told to stop, lose their extension, or are killed by what they run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = errand_node('sql_life', conf => "errand.executors = 2\nmax_worker_processes = 16");
if (sql_error($node, "ALTER SYSTEM SET errand.fault = ''") ne '')
{
	plan skip_all => 'this build has no fault points (make FAULTS=1)';
}
sql($node, q{CREATE TABLE effect (i int);
	CREATE FUNCTION public.effect(a jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.effect VALUES ((a->>'i')::int); END $$;
	CREATE FUNCTION public.spin(a jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.effect VALUES (-1);
		LOOP EXIT WHEN a ? 'once' AND EXISTS (SELECT FROM errand_go.mark); PERFORM 1; END LOOP; END $$;
	CREATE SCHEMA errand_go; CREATE TABLE errand_go.mark (i int)});

sub spinning { return wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand executor' AND backend_xid IS NOT NULL", '1', 15) }

# ---- told to stop ----

my $id = sql($node, q{SELECT errand.call('public.spin(jsonb)', '{"once": 1}', timeout => '1 h', max_attempts => 1)});
ok(spinning(), 'a handler runs');
# the one at work: there may be another that has nothing to do
my $pid = sql($node, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'errand executor' AND backend_xid IS NOT NULL");
sql($node, "SELECT pg_terminate_backend($pid)");
ok(wait_for_sql($node, "SELECT state FROM errand.attempts WHERE task_id = $id AND attempt = 1", 'interrupted', 10), 'pg_terminate_backend() interrupts it');
sql($node, 'INSERT INTO errand_go.mark VALUES (1)');
ok(wait_for_sql($node, "SELECT errand.status($id)", 'succeeded', 15), '... it runs again, and no attempt was used up');
is(sql($node, 'SELECT count(*) FROM effect'), '1', '... what it had done by then is undone');
sql($node, 'TRUNCATE effect; TRUNCATE errand_go.mark');

$id = sql($node, q{SELECT errand.call('public.spin(jsonb)', '{"once": 1}', timeout => '1 h', max_attempts => 1)});
ok(spinning(), 'a handler runs');
$node->restart;
ok(wait_for_sql($node, "SELECT state FROM errand.attempts WHERE task_id = $id AND attempt = 1", 'interrupted', 15), 'a fast shutdown interrupts it');
sql($node, 'INSERT INTO errand_go.mark VALUES (1)');
ok(wait_for_sql($node, "SELECT errand.status($id)", 'succeeded', 15), '... it runs again');
is(sql($node, 'SELECT count(*) FROM effect'), '1', '... and took effect once');
sql($node, 'TRUNCATE effect; TRUNCATE errand_go.mark');

# ---- its extension goes ----

sql($node, q{SELECT errand.call('public.spin(jsonb)', timeout => '1 h')});
ok(spinning(), 'a handler runs');
sql($node, 'DROP EXTENSION pg_errand CASCADE');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand executor'", '0', 15), 'DROP EXTENSION ends executors');
sql($node, 'CREATE EXTENSION pg_errand');
sql($node, 'SELECT errand.wait_until_running()');
is(sql($node, 'SELECT count(*) FROM effect'), '0', '... and undoes what could not be recorded');
$id = sql($node, q{SELECT errand.call('public.effect(jsonb)', '{"i": 1}')});
ok(wait_for_sql($node, "SELECT errand.status($id)", 'succeeded', 15), 'a new one works');
sql($node, 'TRUNCATE effect');

# ---- a claim or a commit that fails, a disk that is full ----

foreach my $point ('handled', 'settle', 'claim', 'commit')
{
	reload_settings($node, 'errand.fault' => "$point=error");
	sql($node, q{SELECT count(errand.call('public.effect(jsonb)', jsonb_build_object('i', i), max_attempts => 100)) FROM generate_series(1, 20) AS i});
	my $log = new_log($node);
	wait_for_line($node, qr/ERROR:  .*fault/, 0);
	reload_settings($node, 'errand.fault' => undef);
	ok(finish_all($node, 40), "errors at \"$point\": all tasks come to an end");
	is(sql($node, 'SELECT count(*), count(DISTINCT i) FROM effect'), '20|20', '... each took effect once') or diag(sql($node, 'SELECT state, count(*), min(error) FROM errand.tasks GROUP BY 1'));
	sql($node, 'TRUNCATE effect');
}

# ---- poison among SQL tasks ----

reload_settings($node, 'errand.fault' => 'run:poison=kill');
sql($node, q{SELECT errand.pause_all();
	SELECT errand.call('public.effect(jsonb)', jsonb_build_object('i', i), max_attempts => 1) FROM generate_series(1, 20) AS i;
	SELECT errand.call('public.effect(jsonb)', '{"i": 0}', queue => 'poison');
	SELECT errand.call('public.effect(jsonb)', jsonb_build_object('i', i), max_attempts => 1) FROM generate_series(21, 40) AS i});
$id = sql($node, "SELECT id FROM errand.tasks WHERE queue = 'poison'");
$node->psql('postgres', 'SELECT errand.resume_all()');
ok(wait_for_sql($node, "SELECT state FROM errand.tasks WHERE id = $id", 'failed', 90), 'a SQL task that kills the server is found');
is(sql($node, "SELECT error FROM errand.tasks WHERE id = $id"), 'crashed the server, twice while it ran alone', '... and says so');
ok(finish_all($node, 40), 'all others come to an end');
is(sql($node, 'SELECT count(*), count(DISTINCT i) FROM effect WHERE i > 0'), '40|40', '... and took effect once');
$node->stop;

done_testing();
