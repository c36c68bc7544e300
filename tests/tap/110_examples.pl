# Each example, twice, as a newcomer runs it: its numbers are right, and it leaves nothing behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $node = errand_node('examples', conf => "errand.workers = 5\nerrand.executors = 3\nmax_worker_processes = 24");
my $web = 'http://127.0.0.1:' . nginx()->{web};
my $out = PostgreSQL::Test::Utils::tempdir('json');
wait_for_sql($node, q{SELECT count(*) FROM errand.stat_workers WHERE kind = 'worker'}, '5');

# What a script prints: rows as a|b|c, one a line.
sub example
{
	my ($name, %variables) = @_;
	my ($stdout, $stderr);
	my $good = IPC::Run::run(
		[ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-v', "web=$web", '-v', 'pause=50 ms', '-v', "out=$out",
			'-v', "csv=$root/examples/data/readings.csv", (map { ('-v', "$_=$variables{$_}") } sort keys %variables), '-f', "$root/examples/$name.sql" ],
		'<', \undef, '>', \$stdout, '2>', \$stderr, IPC::Run::timeout(120));
	ok($good, "$name runs");
	is($stderr, '', '... without a complaint');
	return $stdout;
}

# What it prints when SEEN says so of it, else the next time with other VARIABLES, or
# the last time: what was too quick, or a moment too late, for a machine that stood still.
sub example_until
{
	my ($name, $seen, @variables) = @_;
	my $text;
	foreach my $variables (@variables)
	{
		$text = example($name, %$variables);
		last if $seen->($text);
	}
	return $text;
}

sub speed_up { my ($times) = shift =~ /^all at once was ([\d.]+) times as fast$/m; return $times // 0 }

sub check_sync_vs_async
{
	my $text = example_until('01_sync_vs_async', sub { speed_up(shift) > 2 }, ({}) x 3);
	like($text, qr/^one by one\|9\|1\|HTTP status 404\|/m, '... one by one');
	like($text, qr/^at once\|9\|1\|HTTP status 404\|/m, '... at once: the same');
	cmp_ok(speed_up($text), '>', 2, '... and faster');
}

sub check_fetch_all
{
	my $text = example('02_fetch_all');
	my @done = $text =~ m{^(\d+)/10\|}mg;
	is("@done", '1 2 3 4 5 6 7 8 9 10', '... tells of each');
	like($text, qr{/static/64k\.json\|200\|65536\|$}m, '... its status and length');
	like($text, qr{/missing\|\|\|HTTP status 404$}m, '... or its error');
	is(scalar(() = $text =~ m{/slow/\d\|200\|1024\|$}mg), 3, '... slow ones, too');
	like($text, qr{^10/10\|.*\n10\|8\|2$}m, '... and the sum');
}

sub check_scraper
{
	my $sum = qr{^15\|13\|2\|[\d.]+$}m;
	my $text = example_until('03_scraper', sub { return $_[0] =~ $sum }, {}, { timeout => '5 s' });
	like($text, qr{/pages/1\.html\|Page 1 & more\|$}m, '... finds titles');
	like($text, qr{/pages/7\.html\|\|HTTP status 404$}m, '... keeps what is missing');
	like($text, qr{/pages/11\.html\|\|no answer within [15] s$}m, '... and what is late');
	like($text, $sum, '... and counts');
}

sub check_worker_pool
{
	my $text = example('04_worker_pool');
	like($text, qr/^5\nt\nexample pool\|t\|0\|0\n30\|27\|3$/m, '... five workers, drained, paused, counted');
	my ($most) = $text =~ /^(\d+)$(?=\n1\|)/m;
	cmp_ok($most // 99, '<=', 3, '... never more than three at once');
	my @settled = $text =~ /^\d\|\w+\|(\d+)\|\d+\|\d+\|/mg;
	is(scalar @settled, 5, '... tells of each worker');
	my $sum = 0;
	$sum += $_ foreach @settled;
	is($sum, 30, '... and together they did it all');
	is(sql($node, q{SELECT paused FROM errand.queues WHERE queue = 'example pool'}), 'f', '... resumed at the end');
}

sub check_pipeline
{
	my $text = example('05_pipeline');
	like($text, qr/^fetch\|6\|5\|1\|0\|[\d.]+\|HTTP status 404$/m, '... fetches');
	like($text, qr/^transform\|6\|5\|0\|1\|[\d.]+\|cancelled: task \d+, which it waits for, failed$/m, '... transforms');
	like($text, qr/^store\|6\|5\|0\|1\|/m, '... stores');
	like($text, qr/^1\|PARIS\|1000\n2\|WIEN\|2000\n/m, '... what came through all of it');
	my $cities = JSON::PP::decode_json(slurp_file("$out/cities.json"));
	is(join(' ', map { $_->{name} } @$cities), 'PARIS WIEN KRAKOW LAGOS OSAKA', '... writes JSON');
	my $stages = JSON::PP::decode_json(slurp_file("$out/stages.json"));
	is(join(' ', map { "$_->{stage} $_->{succeeded}" } @$stages), 'fetch 5 transform 5 store 5', '... of both');
}

sub check_decorators
{
	my $offset = new_log($node);
	my $text = example('06_decorators');
	ok(wait_for_line($node, qr/errand: \{"event":"end".*"type":"example report".*"attempt":3/, $offset), '... logs');
	like($text, qr/^example report\|3\|constant\|00:00:00\.05\|00:00:30\|5\|t\|t$/m, '... defines');
	like($text, qr/^1\|failed\|not ready at attempt 1\|\n2\|failed\|not ready at attempt 2\|.*\n3\|succeeded\|\|/m, '... tries three times');
	like($text, qr/^example report\|\d\|0\|\d\|1/m, '... measures');
}

sub check_workflow
{
	my $told = qr/^Asynchronous notification "example_workflow" with payload .*"state":"succeeded"/m;
	my $text = example_until('07_workflow', sub { return $_[0] =~ $told }, {}, { heard => 6 });
	like($text, qr/^Hello user 42!$/m, '... puts together what its parents returned');
	like($text, qr/^a\|succeeded\|1\|\nb\|succeeded\|[23]\|t\nc\|succeeded\|[23]\|t\nd\|succeeded\|4\|t$/m, '... in order');
	like($text, qr/^succeeded\|Hello user 42!$/m, '... is followed up');
	like($text, $told, '... and tells');
}

sub check_data_file
{
	my $way = qr/^seen on the way: \d+ %/m;
	my $text = example_until('08_data_file', sub { return $_[0] =~ $way }, {}, { step => 0.4 });
	like($text, qr/^1\|succeeded\|49\|1\n51\|succeeded\|50\|0\n101\|succeeded\|49\|1\n151\|succeeded\|30\|0$/m, '... batch by batch');
	like($text, $way, '... tells how far it is');
	like($text, qr/^4\|180\|178\|2$/m, '... and counts');
	like($text, qr/^37\|invalid input .* "warm"\n121\|date/m, '... keeps bad lines');
	like($text, qr/^Lagos\|60\|/m, '... and has its data');
}

foreach my $time (1, 2)
{
	check_sync_vs_async();
	check_fetch_all();
	check_scraper();
	check_worker_pool();
	check_pipeline();
	check_decorators();
	check_workflow();
	check_data_file();
}

is(sql($node, q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'example%'}), '0', 'no schema is left');
is(sql($node, q{SELECT count(*) FROM errand.task_types WHERE name LIKE 'example%'}), '0', 'no task type is left');

done_testing();
