# The ledger test: requests, mails and SQL functions in thousands, through
# crashes of every kind, held against the lists of those outside. Nothing that
# was acknowledged is lost, SQL takes effect once, at_most_once keeps its word.
# A minute here; `make check-long` runs 100,000 tasks through 200 crashes.
# ERRAND_LEDGER="TASKS CRASHES" chooses, ERRAND_SEED repeats.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Ledger;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($tasks, $crashes) = split / /, $ENV{ERRAND_LEDGER} // ($ENV{ERRAND_LONG} ? '100000 200' : '3000 10');
my $began = time;
seed();
my $ledger = Errand::Ledger->new(tasks => $tasks);

# Each kind once, then by chance; a promotion now and then.
my @kinds = $ledger->kinds_of_crashes;
my @plan = map { $_ % 25 == 5 ? 'promote' : pick(@kinds) } 0 .. $crashes - 1;
if ($crashes > 2 * @kinds)
{
	my @once = @kinds;
	foreach (@plan) { $_ = shift @once if @once && $_ ne 'promote' }
}

$ledger->start_submitter;
my $slowest = 0;
foreach my $i (0 .. $#plan)
{
	$ledger->tell('budget', int($tasks * ($i + 1) / @plan));
	# so many bytes of the server's ledger later, or after a while
	my $size = $ledger->{web}->size + 50 * chance(0, int($tasks / @plan));
	my $end = time + 2;
	poll_for(3, 'some work', sub { $ledger->{web}->size > $size || time > $end });
	my $from = time;
	$ledger->crash($plan[$i]) or BAIL_OUT("no server after $plan[$i]");
	$slowest = time - $from if time - $from > $slowest;
	note sprintf '%3d %-26s %.2f s', $i + 1, $plan[$i], time - $from;
}
$ledger->tell('budget', $tasks);
ok(poll_for(120 + $tasks / 100, 'the submitter', sub { waitpid($ledger->{submitter}, POSIX::WNOHANG()) != 0 }), 'all is submitted');
ok(finish_all($ledger->{node}, 180), 'all tasks come to an end');

my ($wrong, $told) = $ledger->check;
is(join('; ', map { my @n = @{ $wrong->{$_} }; scalar(@n) . " $_: @n[0 .. ($#n < 5 ? $#n : 5)]" } sort keys %$wrong), '', 'the lists agree');
is($told->{lost}, 0, 'nothing that was acknowledged is lost');
cmp_ok($told->{acked}, '>', $tasks * 0.7, 'most commits were acknowledged');
ok(wait_for_sql($ledger->{node}, 'SELECT (SELECT count(*) FROM errand.lease) + (SELECT count(*) FROM errand.ready)
	+ (SELECT count(*) FROM errand.later) + (SELECT count(*) FROM errand.suspect)', '0', 60), 'no row is left in a queue');
diag sprintf '%d crashes in %.0f s, seed %s (the slowest took %.1f s): %s', scalar @plan, time - $began, seed(), $slowest,
  join(', ', map { "$_ $ledger->{falls}{$_}" } sort keys %{ $ledger->{falls} });
diag sprintf 'tasks: %d acknowledged, %d in doubt, %d rolled back; %d requests', @$told{qw(acked in_doubt rolled requests)};
diag sprintf 'lost %d, duplicated %d, unknown %d; attempts lost in crashes %d', @$told{qw(lost duplicated unknown lost_attempts)};
diag join ', ', map { "$_ $told->{states}{$_}" } sort keys %{ $told->{states} };
$ledger->{node}->stop;

done_testing();
