# Feeds: every file of tests/feeds is fetched from a web server, and yields what
# expected.json says of it; and one of 5 MB.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $web = nginx();
my $base = "http://127.0.0.1:$web->{web}";
my $node = errand_node('feeds', conf => "errand.max_response_bytes = '10MB'\nerrand.executors = 4");
my @feeds = @{ JSON::PP->new->decode(decode_utf8(slurp_file("$FindBin::RealBin/../feeds/expected.json"))) };

sub decode_utf8 { my $bytes = shift; utf8::decode($bytes); return $bytes }
sub query { my $out = sql($node, shift); utf8::decode($out); return $out }

sql($node, 'CREATE TABLE feed (n bigserial PRIMARY KEY, file text, guid text, title text, link text, author text,
	published timestamptz, updated timestamptz, summary text, content text, categories jsonb)');

sub define
{
	my ($file, $path) = @_;
	sql($node, "SELECT errand.define_source('$file', 'feed', '$base$path$file.xml', target => 'feed', every => '1 day', columns =>
		'{\"file\": {\"value\": \"$file\"}, \"guid\": \"\$.guid\", \"title\": \"\$.title\", \"link\": \"\$.link\", \"author\": \"\$.author\",
		\"published\": \"\$.published\", \"updated\": \"\$.updated\", \"summary\": \"\$.summary\", \"content\": \"\$.content\", \"categories\": \"\$.categories\"}')");
	return;
}

cmp_ok(scalar @feeds, '>=', 40, 'there are forty feeds and more');
define($_->{file}, $_->{path} // '/feeds/') foreach @feeds;
sql($node, 'SELECT errand.start_source(name) FROM errand.sources');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.source_runs WHERE finished_at IS NOT NULL", scalar @feeds, 120), 'all were fetched');

# One look at everything: what was stored, times in UTC, and how the sources do.
my %rows;
push @{ $rows{ $_->{file} } }, $_ foreach @{ JSON::PP->new->decode(query("SET timezone = 'UTC'; SELECT jsonb_agg(to_jsonb(f) ORDER BY n) FROM feed AS f")) };
my %stat = %{ JSON::PP->new->decode(query('SELECT jsonb_object_agg(s.source, to_jsonb(s) || jsonb_build_object(
	$$kept$$, (SELECT jsonb_build_array(count(*), count(raw)) FROM errand.rejects AS r WHERE r.source = s.source))) FROM errand.stat_sources AS s')) };

sub check_rows
{
	my ($file, $wanted, @rows) = @_;
	foreach my $row (@rows)
	{
		foreach my $member (sort keys %$wanted)
		{
			my $value = $wanted->{$member};
			$value =~ s/^\@/$base/ if $member eq 'link' && defined $value;
			is_deeply($row->{$member}, $value, "$file: $member");
		}
	}
	return;
}

foreach my $f (@feeds)
{
	my $file = $f->{file};
	my $is = $stat{$file};
	if ($f->{problem})
	{
		like($is->{error}, qr/\Q$f->{problem}\E/, "$file: its problem is told");
		is($is->{state}, 'degraded', "$file: it is degraded");
		is_deeply($is->{kept}, [ 1, 1 ], "$file: what came is kept");
		next;
	}
	my @rows = @{ $rows{$file} || [] };
	is(scalar @rows, $f->{items}, "$file: items");
	is($is->{state} . ($is->{error} // ''), 'idle', "$file: it is well");
	is($is->{kept}[0], $f->{rejects} // 0, "$file: rejects");
	check_rows($file, $f->{first}, $rows[0]) if $f->{first};
	check_rows($file, $f->{all}, @rows) if $f->{all};
}
is(query("SELECT next_run - last_run >= interval '23 h' FROM errand.stat_sources WHERE source = 'rss20_ttl'"), 't', 'a ttl shorter than the interval changes nothing');

# ---- five megabytes ----

open my $large, '>', "$web->{dir}/www/feeds/large.xml" or die "no file: $!";
print $large '<rss version="2.0"><channel><title>large</title>';
print $large "<item><guid>$_</guid><title>Item $_</title><description>" . ('words ' x 160) . "</description></item>\n" foreach 1 .. 5000;
print $large '</channel></rss>';
close $large;
cmp_ok(-s "$web->{dir}/www/feeds/large.xml", '>', 5_000_000, 'a feed of 5 MB');
define('large', '/feeds/');
sql($node, "SELECT errand.run_source_now('large')");
ok(wait_for_sql($node, "SELECT state, items_stored FROM errand.stat_sources WHERE source = 'large'", 'stopped|5000', 120), '... yields 5,000 items');
is(query("SELECT count(DISTINCT guid) FROM feed WHERE file = 'large'"), '5000', '... each once');
define('large', '/feeds/');
reload_settings($node, 'errand.max_response_bytes' => '1MB');
sql($node, "SELECT errand.run_source_now('large')");
ok(wait_for_sql($node, "SELECT count(*) FROM errand.source_runs WHERE source = 'large' AND state = 'failed' AND error ~ 'larger than'", '1'), 'one above the cap is not taken, and the error says so');

# ---- nothing crashed ----

is(query("SELECT count(*) FROM errand.tasks WHERE kind = 'source' AND state <> 'succeeded'"), '0', 'no stage failed');
unlike(slurp_file($node->logfile), qr/terminated by signal/, 'nothing crashed');
done_testing();
