# SQL tasks take effect exactly once: immediate stops and killed executors at random moments.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $tasks = 2000;
seed();
my $node = errand_node('sql_crash', conf => "max_worker_processes = 16");
sql($node, 'CREATE TABLE effect (i int); CREATE FUNCTION public.effect(a jsonb) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN INSERT INTO public.effect VALUES ((a->>\'i\')::int); PERFORM count(*) FROM generate_series(1, (a->>\'work\')::int); END $$');

my $submitted = 0;
sub submit
{
	my $n = shift;
	sql($node, "SELECT count(errand.call('public.effect(jsonb)', jsonb_build_object('i', i, 'work', CASE WHEN i % 10 = 0 THEN 60000 ELSE 10000 END)))
		FROM generate_series($submitted + 1, $submitted + $n) AS i");
	$submitted += $n;
	return;
}

submit(600);
my @falls = sort { $a->{at} <=> $b->{at} } map { { how => $_, at => chance(20, $tasks - 100) } } ('stop') x 10, ('kill') x 2;
foreach my $fall (@falls)
{
	submit(200) while $submitted < $fall->{at} + 100 && $submitted < $tasks;
	wait_for_sql($node, "SELECT count(*) >= $fall->{at} FROM effect", 't', 60) or die 'no progress';
	my ($pid) = pids_of($node, 'errand executor');
	if ($fall->{how} eq 'stop' || !$pid)
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		kill 'KILL', $pid;
		poll_for(10, "the end of $pid", sub { !kill 0, $pid });
	}
	wait_for_sql($node, 'SELECT true');
	pass("$fall->{how} at $fall->{at}");
}
submit($tasks - $submitted) if $submitted < $tasks;
ok(finish_all($node, 60), 'all tasks come to an end');
is(sql($node, 'SELECT state, count(*) FROM errand.tasks GROUP BY state'), "succeeded|$tasks", 'all succeeded');
is(sql($node, 'SELECT count(*), count(DISTINCT i) FROM effect'), "$tasks|$tasks", 'each took effect once');
is(sql($node, 'SELECT count(*) FROM errand.lease'), '0', 'no lease is left');
$node->stop;

done_testing();
