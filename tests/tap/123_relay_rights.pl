# The relay: who sees what; NOTIFY channels; a second database.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("rights", conf => "errand.relay_channels = 'orders, Strange Name'\n");
my $other = PostgreSQL::Test::Cluster::get_free_port();
sql($node, "CREATE DATABASE other");
sql($node, "ALTER DATABASE other SET errand.port = $other");
sql($node, "CREATE EXTENSION pg_errand; CREATE FUNCTION public.noop(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN END'", "other");
relay_up($node, $other);
relay_program($node, "rights.py", OTHER_PORT => $other);

done_testing();
