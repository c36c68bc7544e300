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

done_testing();
