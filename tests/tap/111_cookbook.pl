# Every statement of docs/cookbook.md, against servers of our own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;

my $mail = mail_server();
my $web = '127.0.0.1:' . nginx()->{web};
my $node = errand_node('cookbook', conf => "errand.smtp_url = '" . $mail->url . "'\nerrand.smtp_from = 'db\@example.com'");
my $text = slurp_file("$FindBin::RealBin/../../docs/cookbook.md");
my @recipes = $text =~ /^```sql\n(.*?)^```$/msg;
cmp_ok(scalar @recipes, '>', 20, 'there are recipes');

my $script = join "\n", map { "\\echo recipe $_\n$recipes[$_]" } 0 .. $#recipes;
$script =~ s{https://api\.example\.com}{http://$web}g;
$script =~ s{https://hooks\.slack\.com/[^"]*}{http://$web/api/echo}g;
my ($stdout, $stderr);
local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
my $good = IPC::Run::run([ 'psql', '-XAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
	'<', \$script, '>', \$stdout, '2>', \$stderr, IPC::Run::timeout(120));
ok($good, 'all of them run');
is($stderr, '', '... without a complaint');

like($stdout, qr/^\["user 1", "user 2"\]$/m, 'parents hand their results over');
like($stdout, qr/^import\|(closed|succeeded)\|3\|3$/m, 'a group counts');
like($stdout, qr/^3\|succeeded\|user 3\|$/m, 'gather() keeps the order');
like($stdout, qr/^5\|second of page 5$/m, 'all pages came');
like($stdout, qr/^true$/m, 'the cache answers');
like($stdout, qr/^65536$/m, 'chunks make a whole');
like($stdout, qr/^scheduled\|waiting$/m, 'an event is not set, its waiter waits');
like($stdout, qr/^20\n\d+\nt\n\n20$/m, 'a queue is consumed');
is($mail->count, 1, 'the mail went out');
finish_all($node);
is(sql($node, q{SELECT count(*) FROM errand.tasks WHERE state IN ('failed', 'unknown')}), '0', 'nothing failed');

done_testing();
