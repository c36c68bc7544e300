# A dump that is restored elsewhere: all is there, and nothing runs, in
# whatever order the data comes, until errand.resume_all().
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $web = counting();
my $node = errand_node('original');

# ---- a queue in all states ----

sql($node, 'CREATE ROLE alice; CREATE ROLE gone');
sql($node, "SELECT errand.grant_access('alice', 'submit'), errand.grant_access('gone', 'submit')");
sql($node, "SELECT errand.define_queue('kept', description => 'ü'); SELECT errand.define_task('mine', 'http', template => '{\"url\": \"" . $web->url('/json') . "\"}')");
sql($node, "SELECT errand.http_get('" . $web->url('/json') . "') FROM generate_series(1, 10)");
finish_all($node);
sql($node, 'SELECT errand.worker_restart()');    # who leaves writes the numbers of its minute
ok(wait_for_sql($node, "SELECT sum(succeeded) FROM errand.rollup WHERE kind = 'a'", '10'), 'numbers are there');
sql($node, "SELECT errand.http_get('" . $web->url('/held') . "', run_at => now() + '1 h', key => 'k' || i, tags => ARRAY['a'], deadline => '2 h') FROM generate_series(1, 10) AS i");
sql($node, "SELECT errand.http_get('" . $web->url('/status/503') . "', backoff => 'constant', backoff_base => '1 h') FROM generate_series(1, 10)");
sql($node, "SELECT errand.http_get('" . $web->url('/hang') . "', timeout => '1 h') FROM generate_series(1, 10)");
sql($node, "SELECT errand.pause_queue('kept'); SELECT errand.submit('mine', queue => 'kept') FROM generate_series(1, 10)");
sql($node, "SET ROLE alice; SELECT errand.submit('mine', queue => 'kept')");
sql($node, "SET ROLE gone; SELECT errand.submit('mine', queue => 'kept')");
my $census = q{SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM errand.tasks GROUP BY 1) AS s};
my $all = 'ready 12, retrying 10, running 10, scheduled 10, succeeded 10';
ok(wait_for_sql($node, $census, $all), 'a queue in all states');

# What is ready and not paused, for whoever takes too much.
sql($node, 'SELECT errand.pause_all()');
sql($node, "SELECT errand.http_get('" . $web->url('/ready') . "', max_attempts => 1) FROM generate_series(1, 10)");
$all =~ s/ready 12/ready 22/;
my $base = PostgreSQL::Test::Utils::tempdir();
$node->command_ok([ 'pg_dump', '-Fd', '-f', "$base/dump", $node->connstr('postgres') ], 'pg_dump');
$node->command_ok([ 'pg_dump', '-f', "$base/plain", $node->connstr('postgres') ], 'pg_dump in plain SQL');
my $last = sql($node, 'SELECT max(id) FROM errand.tasks');
my %key = map { $_->{task} => $_->{key} } $web->requests(qr/hang/);

# ---- in another cluster, in four ways ----

my $copy = errand_node('copy', extension => 0, conf => 'errand.host_max_running = 300');
sql($copy, 'CREATE ROLE zoe; CREATE ROLE alice');    # other oids than there
my $before = $web->requests;

# Data of tables in the worst order: what says that it is a copy comes last.
my @toc = split /\n/, do { my ($out) = run_command([ 'pg_restore', '-l', "$base/dump" ]); $out };
my @data = grep { /TABLE DATA|SEQUENCE SET/ } @toc;
my %rank = (lease => 0, ready => 1, later => 2, instance => 9);
sub rank { my ($table) = $_[0] =~ /errand (\w+)/; return $rank{$table} // 5 }
my @first = grep { !/TABLE DATA|SEQUENCE SET/ } @toc;
append_to_file("$base/early", join "\n", @first, (grep { !/errand (task|rollup|instance) / } sort { rank($a) <=> rank($b) } @data), '');
append_to_file("$base/late", join "\n", (grep { /errand (task|rollup|instance) / } sort { rank($a) <=> rank($b) } @data), '');

# Everything that makes workers look.
sub tempt
{
	my $database = shift;
	sql($copy, "SELECT errand.wait_until_running(); SELECT errand.wake(); SELECT errand.worker_restart()", $database);
	sql($copy, "SELECT errand.wait_until_running()", $database);
	sql($copy, "SELECT errand.wake()", $database);
	return;
}
foreach my $way (qw(whole parallel plain staged))
{
	sql($copy, "CREATE DATABASE $way");
	my @restore = ('pg_restore', '--exit-on-error', '-x', '-d', $copy->connstr($way));
	my @commands =
	  $way eq 'whole' ? ([ @restore, "$base/dump" ])
	  : $way eq 'parallel' ? ([ @restore, '-j', '4', "$base/dump" ])
	  : $way eq 'plain' ? ([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $copy->connstr($way), '-f', "$base/plain" ])
	  : ([ @restore, '-L', "$base/early", "$base/dump" ], [ @restore, '-L', "$base/late", "$base/dump" ]);
	foreach my $command (@commands)
	{
		my ($out, $err) = run_command($command);
		unlike($err, $way eq 'plain' ? qr/ERROR: (?!.*role "gone")/ : qr/error/i, "$way: restored") or diag $err;
		tempt($way);
		is(sql($copy, 'SELECT count(*) FROM errand.rollup', $way), '0', "$way: no numbers stand in the way of those of the dump") if "@$command" =~ m{-L $base/early};
	}
	is(sql($copy, $census, $way), $all, "$way: all tasks are there as they were");
	ok(wait_for_sql($copy, "SELECT errand.health()->'checks'->'paused'->>'status'", 'warn', 30, $way), "$way: health() tells");
	sql($copy, "SELECT errand.http_get('" . $web->url('/new') . "')", $way);
}
ok(wait_for_line($copy, qr/tasks rest: this database is a copy of another.*?HINT: [^\n]*errand\.resume_all\(\)/s), 'the log tells, too');
$copy->restart;
tempt($_) foreach qw(whole parallel plain staged);
is($web->requests - $before, 0, 'nothing was sent, not after a restart either');
ok(wait_for_sql($copy, "SELECT errand._api('overview', '{}', now()) -> 'counts' ->> 'succeeded'", '10', 30, 'whole'), 'what was counted in the original is told');

# ---- resume_all() ----

foreach my $way (qw(whole staged))
{
	my $began = $web->requests;
	my ($status, $out, $err) = $copy->psql($way, 'SELECT errand.resume_all()');
	like($err, qr/WARNING: +1 tasks? belongs? to roles that do not exist here/, "$way: resume_all() tells of roles that are missing");
	ok(wait_for_sql($copy, "SELECT count(*) FROM errand.tasks WHERE state = 'running' AND attempt = 2", '10', 20, $way), "$way: what ran there runs again");
	my %again;
	poll_for(10, 'ten requests', sub { my @all = $web->requests; %again = map { $_->{task} => $_->{key} } grep { $_->{path} =~ /hang/ } @all[ $began .. $#all ]; return keys %again == 10 });
	is_deeply(\%again, \%key, "$way: ... under the keys it had there");
	sql($copy, "SELECT errand.resume_queue('kept')", $way);
	ok(wait_for_sql($copy, "SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM errand.tasks
		WHERE task = 'mine' GROUP BY 1) AS s", 'failed 1, succeeded 11', 20, $way), "$way: tasks of known roles run, those of others fail");
	like(sql($copy, "SELECT error FROM errand.tasks WHERE task = 'mine' AND state = 'failed'", $way), qr/role/, "$way: ... and say why");
	sql($copy, "SELECT errand.reschedule(id, now()) FROM errand.tasks WHERE state = 'scheduled'", $way);
	ok(wait_for_sql($copy, "SELECT count(*) FROM errand.tasks WHERE state = 'failed' AND key LIKE 'k%'", '10', 20, $way), "$way: scheduled ones run");
	cmp_ok(sql($copy, "SELECT errand.http_get('" . $web->url('/new') . "')", $way), '>', $last, "$way: new ids go on from the old ones");
}
$copy->stop('immediate');

# ---- back into the very database it came from ----

my $sent = $web->requests;
my ($out, $err) = run_command([ 'pg_restore', '--clean', '-x', '-d', $node->connstr('postgres'), "$base/dump" ]);
is($err, '', 'pg_restore --clean into where it came from');
sql($node, 'SELECT errand.wait_until_running(); SELECT errand.wake()');
is(sql($node, $census), $all, '... brings all of it back');
is($web->requests - $sent, 0, '... and rests');
sql($node, 'SELECT errand.resume_all()');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.tasks WHERE state = 'running' AND attempt = 2", '10'), '... until it is resumed');
$node->stop(END_STOP);

done_testing();
