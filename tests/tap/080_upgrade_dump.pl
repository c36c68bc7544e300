# ALTER EXTENSION UPDATE to a synthetic next version while tasks flow, and a
# dump that is restored into another cluster.
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
my $node = errand_node('upgrade', extension => 0, conf => 'errand.host_max_running = 20');

# ---- a next version ----

# Only for as long as this runs, and only where somebody installed just for us.
my $folder = `pg_config --sharedir`;
chomp $folder;
$folder .= '/extension';
my ($version) = slurp_file("$folder/pg_errand.control") =~ /default_version *= *'(.*?)'/;
my $next = '99.0.0';
my $script = "$folder/pg_errand--$version--$next.sql";

SKIP:
{
	skip "$folder is not for us to write to", 12 unless -w $folder;
	open my $file, '>', $script or die "cannot write $script: $!";
	print $file <<'END';
\echo Use "ALTER EXTENSION pg_errand UPDATE" to load this file. \quit
-- what a next version may do: a column, a function that a worker calls, a view
ALTER TABLE errand.task ADD COLUMN colour text;
ALTER TABLE errand.lease ADD COLUMN shape text DEFAULT 'round';
CREATE VIEW errand.colours AS SELECT t.colour, count(*) AS n FROM errand.task AS t GROUP BY 1;
REVOKE ALL ON errand.colours FROM PUBLIC;
DO $do$
DECLARE
	f record;
BEGIN
	-- each worker function is made anew: other oids, other plans
	FOR f IN SELECT p.oid::regprocedure::text AS name, pg_get_functiondef(p.oid) AS def FROM pg_proc AS p
		WHERE p.pronamespace = 'errand'::regnamespace AND p.proname IN ('_claim', '_lease_lock', '_lease_drop', '_queues')
	LOOP
		EXECUTE 'ALTER EXTENSION pg_errand DROP FUNCTION ' || f.name;
		EXECUTE 'DROP FUNCTION ' || f.name;
		EXECUTE f.def;
		EXECUTE 'REVOKE ALL ON FUNCTION ' || f.name || ' FROM PUBLIC';
	END LOOP;
END $do$;
END
	close $file;
	sql($node, 'CREATE EXTENSION pg_errand');
	my $worker = worker_pid($node);
	my $n = 600;
	my $urls = join ',', map { "'" . $web->url($_) . "'" } ('/json', '/delay/20', '/delay/60');
	my $submit = "SELECT count(errand.http_get((ARRAY[$urls])[1 + i % 3])) FROM generate_series(1, $n) AS i";
	sql($node, $submit);
	sql($node, "SELECT errand.http_get('" . $web->url('/delay/3000') . "', queue => 'long') FROM generate_series(1, 5)");
	poll_for(20, 'some of them', sub { $web->requests >= 100 });
	my $began = time;
	sql($node, "ALTER EXTENSION pg_errand UPDATE TO '$next'");
	cmp_ok(time - $began, '<', 5, 'ALTER EXTENSION UPDATE while tasks run');
	unlink $script;
	sql($node, $submit);
	is(sql($node, "SELECT extversion FROM pg_extension WHERE extname = 'pg_errand'"), $next, '... is a newer version');
	ok(finish_all($node, 30), '... and the tasks come to an end');
	is(sql($node, 'SELECT state, count(*), max(attempt) FROM errand.tasks GROUP BY 1'), 'succeeded|' . (2 * $n + 5) . '|1', '... each at its first attempt');
	my %hits;
	$hits{ $_->{task} }++ foreach $web->requests;
	is(scalar(grep { $_ > 1 } values %hits), 0, '... none was sent twice');
	is(sql($node, 'SELECT count(*) FROM errand.colours'), '1', '... with what is new');
	is(worker_pid($node), $worker, '... and the same worker');
	is(sql($node, "SELECT count(*) FROM pg_proc AS p, aclexplode(p.proacl) AS a WHERE p.pronamespace = 'errand'::regnamespace AND a.grantee = 0
		OR p.pronamespace = 'errand'::regnamespace AND p.proacl IS NULL"), '0', '... and nothing granted to PUBLIC');

	# An update that fails half-way leaves all as it was, and the worker at work.
	sql($node, 'DROP EXTENSION pg_errand; CREATE EXTENSION pg_errand');
	open $file, '>', $script or die "cannot write $script: $!";
	print $file "DROP VIEW errand.attempts CASCADE;\nSELECT 1 / 0;\n";
	close $file;
	like(sql_error($node, "ALTER EXTENSION pg_errand UPDATE TO '$next'"), qr/^22012: /m, 'an update that fails');
	unlink $script;
	sql($node, "SELECT errand.http_get('" . $web->url('/json') . "') FROM generate_series(1, 20)");
	ok(finish_all($node), '... disturbs nobody');
	is(sql($node, "SELECT count(*) FROM errand.attempts WHERE state = 'succeeded'"), '20', '... and changes nothing');
	unlike(slurp_file($node->logfile), qr/(PANIC|TRAP|terminated by signal)/, 'nobody fell');
	sql($node, 'DROP EXTENSION pg_errand');
}
END { unlink $script if defined $script }

# ---- dump and restore ----

sql($node, 'CREATE ROLE alice; CREATE ROLE nobody_there; CREATE EXTENSION pg_errand');
sql($node, "SELECT errand.grant_access('alice', 'submit'), errand.grant_access('nobody_there', 'submit')");
sql($node, "SELECT errand.define_queue('kept', description => 'ü'); SELECT errand.define_task('mine', 'http', template => '{\"url\": \"" . $web->url('/json') . "\"}')");
sql($node, "SELECT errand.http_get('" . $web->url('/json') . "') FROM generate_series(1, 10)");
finish_all($node);
sql($node, "SELECT errand.http_get('" . $web->url('/held') . "', run_at => now() + '1 h', key => 'k' || i, tags => ARRAY['a'], deadline => '2 h') FROM generate_series(1, 10) AS i");
sql($node, "SELECT errand.http_get('" . $web->url('/status/503') . "', backoff => 'constant', backoff_base => '1 h') FROM generate_series(1, 10)");
sql($node, "SELECT errand.http_get('" . $web->url('/hang') . "', timeout => '1 h') FROM generate_series(1, 10)");
sql($node, "SELECT errand.pause_queue('kept'); SELECT errand.submit('mine', queue => 'kept') FROM generate_series(1, 10)");
sql($node, "SET ROLE alice; SELECT errand.submit('mine', queue => 'kept')");
sql($node, "SET ROLE nobody_there; SELECT errand.submit('mine', queue => 'kept')");
my $census = q{SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM errand.tasks GROUP BY 1) AS s};
ok(wait_for_sql($node, $census, 'ready 12, retrying 10, running 10, scheduled 10, succeeded 10'), 'a queue in all states');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
my $last = sql($node, 'SELECT max(id) FROM errand.tasks');
$node->stop;

my $copy = errand_node('copy', extension => 0);
sql($copy, 'CREATE ROLE zoe; CREATE ROLE alice');    # other oids than there
sql($copy, 'CREATE DATABASE restored');
my $before = $web->requests;
$copy->command_ok([ 'pg_restore', '--exit-on-error', '-x', '-d', $copy->connstr('restored'), $dump ], 'pg_restore into another cluster');
sql($copy, "SELECT errand.wait_until_running(); SELECT errand.wake()", 'restored');
ok(wait_for_line($copy, qr/tasks rest: this database is a copy of another.*?HINT: [^\n]*errand\.resume_all\(\)/s), 'its worker says that it rests');
ok(wait_for_sql($copy, $census, 'ready 22, retrying 10, scheduled 10, succeeded 10', 10, 'restored'),
	'all tasks are there, and none runs');
is(sql($copy, "SELECT errand.health()->'checks'->'paused'->>'status'", 'restored'), 'warn', 'health() tells');
sql($copy, "SELECT errand.http_get('" . $web->url('/new') . "')", 'restored');
sql($copy, "SELECT errand.reschedule(id, now()) FROM errand.tasks WHERE state = 'scheduled'", 'restored');
$copy->restart;
sql($copy, "SELECT errand.wait_until_running(); SELECT errand.wake()", 'restored');
is($web->requests - $before, 0, 'nothing is sent, not after a restart either');

my ($status, $out, $err) = $copy->psql('restored', 'SELECT errand.resume_all()');
like($err, qr/WARNING: +1 tasks? belongs? to roles that do not exist here/, 'resume_all() tells of roles that are missing');
wait_for_sql($copy, "SELECT count(*) FROM errand.tasks WHERE state = 'running' AND attempt = 2", '10', 20, 'restored');
is(sql($copy, "SELECT count(*) FROM errand.attempts WHERE state = 'lost'", 'restored'), '10', 'what ran there runs again');
sql($copy, "SELECT errand.resume_queue('kept')", 'restored');
ok(wait_for_sql($copy, "SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM errand.tasks
	WHERE task = 'mine' GROUP BY 1) AS s", 'failed 1, succeeded 11', 20, 'restored'), 'tasks of known roles run, those of others fail');
ok(wait_for_sql($copy, "SELECT count(*) FROM errand.tasks WHERE state = 'failed' AND key LIKE 'k%'", '10', 20, 'restored'), 'scheduled ones run');
cmp_ok(sql($copy, "SELECT errand.http_get('" . $web->url('/new') . "')", 'restored'), '>', $last, 'new ids go on from the old ones');
$copy->stop('immediate');

done_testing();
