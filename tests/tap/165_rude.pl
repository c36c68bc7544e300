# Handlers, settings and neighbours that know no manners: each spoils its own
# task at most.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('rude', conf => "autovacuum = off\nmax_connections = 12\nsuperuser_reserved_connections = 3\nerrand.executors = 2");

# ---- handlers ----

my %handler = (
	palloc => [ q{PERFORM repeat('x', 2000000000)}, qr/^54000$/ ],
	alloc => [ q{PERFORM array_fill(0, ARRAY[1000000000])}, qr/^(54000|22000|XX000|53200)$/ ],
	commit => [ 'COMMIT', qr/^2D000$/ ],
	rollback => [ 'ROLLBACK', qr/^2D000$/ ],
	recursion => [ q{PERFORM public.recursion(a)}, qr/^54001$/ ],
	assert => [ q{ASSERT false}, qr/^P0004$/ ],
	truncate => [ q{TRUNCATE errand.task}, qr/^42501$/ ],
	load => [ q{LOAD 'plpgsql'}, undef ],
);
sql($node, 'CREATE ROLE alice LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO alice');
sql($node, "SELECT errand.grant_access('alice', 'submit')");
foreach my $name (sort keys %handler)
{
	sql($node, "SET ROLE alice; CREATE FUNCTION public.$name(a jsonb) RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN $handler{$name}[0]; END \$\$");
}
my $offset = new_log($node);
my %id = map { $_ => sql($node, "SET ROLE alice; SELECT errand.call('public.$_(jsonb)', max_attempts => 1, timeout => '20 s')") } sort keys %handler;
ok(finish_all($node, 60), 'all handlers come to an end');
foreach my $name (sort keys %handler)
{
	my ($state, $sqlstate) = split /\|/, sql($node, "SELECT state, coalesce(sqlstate, '') FROM errand.task($id{$name})");
	next if $name eq 'load';
	is($state, 'failed', "$name fails");
	like($sqlstate, $handler{$name}[1], '... and says why') if $handler{$name}[1];
}
is(sql($node, 'SELECT count(*) > 5 FROM errand.tasks'), 't', 'the tasks are there');
unlike(slurp_file($node->logfile, $offset), qr/terminated by signal|PANIC/, 'nothing crashed');

# ---- settings of the database, the role and the cluster ----

sql($node, q{CREATE FUNCTION public.fine(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS 'BEGIN RETURN a; END'});
foreach my $set ('default_transaction_read_only = on', 'default_transaction_isolation = serializable', q{search_path = ''},
	q{statement_timeout = '1ms'}, q{lock_timeout = '1ms'}, 'synchronous_commit = off', q{idle_in_transaction_session_timeout = '1ms'},
	q{DateStyle = 'German'}, q{IntervalStyle = 'sql_standard'}, q{TimeZone = 'Asia/Kathmandu'}, 'standard_conforming_strings = off',
	'bytea_output = escape', 'enable_indexscan = off', q{session_replication_role = replica}, q{row_security = off}, q{extra_float_digits = -15})
{
	sql($node, "ALTER DATABASE postgres SET $set", 'template1');
	sql($node, "ALTER ROLE postgres IN DATABASE postgres SET $set", 'template1');
}
sql($node, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ $$^errand (worker|executor)$$', 'template1');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker'", '1', 30, 'template1'), 'a worker is there');
{
	# we ourselves do without them, but for some
	local $ENV{PGOPTIONS} = '-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off -c idle_in_transaction_session_timeout=0';
	sql($node, "SELECT count(errand.http_get('" . $web->url('/flaky/1') . "', backoff_base => '20 ms')), count(errand.call('public.fine(jsonb)', max_attempts => 1)) FROM generate_series(1, 50)");
	ok(poll_for(30, '100 requests', sub { scalar($web->requests(qr/flaky/)) >= 100 }), 'it works under all those settings, and tries again');
	ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE kind = 'http' AND state = 'succeeded'", '50', 30), '... to the end');
	# a handler runs under them, as its role's session would
	ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE kind = 'sql' AND state IN ('succeeded', 'failed') AND queue = 'default'", '58', 30), '... and so do handlers, each to an end');
}
sql($node, 'ALTER DATABASE postgres RESET ALL', 'template1');
sql($node, 'ALTER ROLE postgres IN DATABASE postgres RESET ALL', 'template1');
sql($node, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ~ $$^errand (worker|executor)$$', 'template1');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand worker'", '1', 30), 'a worker is there');

# ---- vacuum is not held up by transfers that hang ----

sql($node, "SELECT count(errand.http_get('" . $web->url('/hang') . "', timeout => '1 min', queue => 'hang')) FROM generate_series(1, 64)");
ok(poll_for(20, 'hanging', sub { $web->totals->{running} >= 60 }), 'transfers hang');
sql($node, 'CREATE TABLE churn AS SELECT i FROM generate_series(1, 1000) AS i');
sql($node, 'DELETE FROM churn');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'errand%' AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)", '0', 10),
	'nobody of ours holds a snapshot');
my ($out, $err);
$node->psql('postgres', 'VACUUM (VERBOSE) churn', stdout => \$out, stderr => \$err);
like($err, qr/\b0 (?:dead but not yet removable|are dead but not yet removable|dead row versions cannot)/, '... so VACUUM removes all');

# ---- no connection is left ----

my @sessions = $node->background_psql('postgres', on_error_stop => 0);
# who has gone may still be there
poll_for(20, 'nobody else', sub { $sessions[0]->query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'") eq '1' });
push @sessions, map { $node->background_psql('postgres', on_error_stop => 0) } 2 .. 12;
like(sql_error($node, 'SELECT 1'), qr/too many clients|remaining connection slots/i, 'no connection is left');
my $other = counting('other');    # the first one's places are taken by what hangs
$sessions[0]->query("SELECT count(errand.http_get('" . $other->url('/ok') . "')) FROM generate_series(1, 20)");
ok(poll_for(15, 'requests', sub { $other->requests >= 20 }), '... and work goes on');
$_->quit foreach @sessions;
$node->stop(END_STOP);

done_testing();
