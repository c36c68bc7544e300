# Crashes, errors and races at the exact points where something could be lost
# or done twice.  Fault points stop a worker there (errand.fault).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('fence');
if (sql_error($node, "ALTER SYSTEM SET errand.fault = ''") ne '')
{
	plan skip_all => 'this build has no fault points (make FAULTS=1)';
}

# Submits N tasks in one transaction; returns their ids.
sub submit
{
	my ($path, $n, $options) = @_;
	my $more = defined $options ? ", $options" : '';
	return split /\n/, sql($node, "SELECT errand.http_get('" . $web->url($path) . "'$more) FROM generate_series(1, $n)");
}

# How many requests each of the tasks caused, in order, as "1 1 2".
sub hits
{
	my %of;
	$of{ $_->{task} }++ foreach $web->requests;
	return join ' ', map { $of{$_} // 0 } @_;
}

# What became of the tasks, as "state attempt" each.
sub states
{
	my $ids = join ',', @_;
	return sql($node, "SELECT string_agg(state || ' ' || attempt, ', ' ORDER BY id) FROM errand.tasks WHERE id IN ($ids)");
}

sub arm { my $fault = shift; reload_settings($node, 'errand.fault' => $fault); return }

# Waits until a worker has stopped at a point, and tells which.
sub paused_at
{
	my ($point, $offset) = @_;
	wait_for_line($node, qr/fault point $point: paused/, $offset) or die "nobody came to $point";
	slurp_file($node->logfile, $offset) =~ /\[(\d+)\][^\n]*fault point $point: paused/;
	return $1;
}

# A crash of the whole cluster while a worker stands at a point; then disarmed.
sub crash_at
{
	my ($point, $offset) = @_;
	kill 'KILL', paused_at($point, $offset);
	wait_for_line($node, qr/all server processes terminated; reinitializing/, $offset) or die 'no crash';
	wait_for_sql($node, 'SELECT true');
	arm(undef);
	return;
}

# A task that was sent, and whose settle stands at a point: there is time to tell it so
# while it stands before the settle, and goes on when the setting changes.
sub settled_until
{
	my ($point, $mark) = @_;
	arm('settle=pause');
	my ($id) = submit('/json', 1);
	paused_at('settle', $mark);
	arm("$point=pause");
	return $id;
}

# ---- crashes ----

my $pid;
my $offset = new_log($node);
arm('commit=pause');
my @ids = submit('/a', 10, "success_codes => '[200,500)'");
paused_at('commit', $offset);
is(hits(@ids), join(' ', (0) x 10), 'before the claim commits nothing is sent');
crash_at('commit', $offset);
ok(finish_all($node), 'after a crash before the commit of a claim');
is(states(@ids), join(', ', ('succeeded 1') x 10), '... all succeed');
is(hits(@ids), join(' ', (1) x 10), '... each was sent once');

$offset = new_log($node);
arm('committed=pause');
@ids = (submit('/b', 10, "success_codes => '[200,500)'"), submit('/b', 5, "success_codes => '[200,500)', delivery => 'at_most_once'"));
paused_at('committed', $offset);
is(hits(@ids), join(' ', (0) x 15), 'before the claim is known to be committed nothing is sent');
is(sql($node, "SELECT count(*) FROM errand.lease"), '1', 'but the attempts are on disk');
crash_at('committed', $offset);
ok(finish_all($node), 'after a crash between claim and start');
like(states(@ids), qr/^(succeeded \d(, )?){15}$/, '... all succeed, at_most_once ones too');
is(hits(@ids), join(' ', (1) x 15), '... each was sent once');
is(sql($node, "SELECT string_agg(DISTINCT state || ' ' || error, ', ') FROM errand.attempts WHERE attempt = 1 AND task_id = $ids[0]"),
	'lost the server crashed while it ran', '... and the lost attempt is on record');

@ids = settled_until('commit', $offset = new_log($node));
crash_at('commit', $offset);
ok(finish_all($node), 'after a crash before the commit of a settle');
is(states(@ids) . ' ' . hits(@ids), 'succeeded 2 2', '... it is sent again, and recorded once');

@ids = settled_until('committed', $offset = new_log($node));
crash_at('committed', $offset);
is(states(@ids) . ' ' . hits(@ids), 'succeeded 1 1', 'what was settled before a crash is not sent again');

# ---- errors ----

$offset = new_log($node);
arm('claim=error');
@ids = submit('/c', 3, "success_codes => '[200,500)'");
wait_for_line($node, qr/ERROR: +fault point claim/, $offset);
is(hits(@ids), '0 0 0', 'an error in a claim sends nothing');
arm(undef);
finish_all($node);
is(states(@ids) . ' ' . hits(@ids), 'succeeded 1, succeeded 1, succeeded 1 1 1 1', '... and loses nothing');

$offset = new_log($node);
arm('settle=full');
@ids = submit('/d', 1, "success_codes => '[200,500)'");
ok(poll_for(10, 'tries', sub { my $n = () = slurp_file($node->logfile, $offset) =~ /ERROR: +fault point settle/g; $n >= 3 }),
	'a full disk: the settle is tried again and again');
is(sql($node, "SELECT errand.status($ids[0])"), 'running', '... while the task is not final');
arm(undef);
finish_all($node);
is(states(@ids) . ' ' . hits(@ids), 'succeeded 1 1', '... and succeeds when there is room, without being sent again');

$offset = new_log($node);
arm('run:broken=error');
@ids = (submit('/e', 1, "queue => 'broken', max_attempts => 1"), submit('/e', 5, "success_codes => '[200,500)'"));
finish_all($node);
is(states(@ids), 'failed 1, ' . join(', ', ('succeeded 1') x 5), 'a run that cannot be started fails alone');
like(sql($node, "SELECT error FROM errand.tasks WHERE id = $ids[0]"), qr/fault point run/, '... and says why');
arm(undef);

# ---- told to stop in the middle of a settle, and once more on the way out ----

$offset = new_log($node);
arm('settle=pause');
@ids = submit('/f', 1, "success_codes => '[200,500)'");
$pid = paused_at('settle', $offset);
sql($node, "SELECT pg_terminate_backend($pid)");
ok(poll_for(10, 'another settle', sub { my $n = () = slurp_file($node->logfile, $offset) =~ /\[$pid\][^\n]*fault point settle: paused/g; $n == 2 }),
	'a worker that is told to stop settles before it leaves');
sql($node, "SELECT pg_terminate_backend($pid)");
arm(undef);
finish_all($node);
is(states(@ids) . ' ' . hits(@ids), 'succeeded 1 1', '... what it had in hand');
unlike(slurp_file($node->logfile, $offset), qr/FATAL/, '... and goes in peace');
is(sql($node, 'SELECT count(*) FROM errand.lease'), '0', 'no lease is left');
$node->stop;

done_testing();
