# The relay: slow readers, floods, half-open handshakes, and a good client beside them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("floods");
my $port = PostgreSQL::Test::Cluster::get_free_port();
sql($node, "CREATE DATABASE small");
sql($node, "ALTER DATABASE small SET errand.port = $port");
sql($node, "ALTER DATABASE small SET errand.max_clients = 20");
sql($node, "CREATE EXTENSION pg_errand", "small");
relay_up($node, $port);
relay_program($node, "growth.py", CONNECTS => 4000);
relay_program($node, "floods.py", SMALL_PORT => $port, SMALL_MAX => 20);

done_testing();
