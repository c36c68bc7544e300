# The relay: another port, a port in use, DROP EXTENSION, fast shutdown; and nothing secret in the log.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("life");
relay_program($node, "life.py", OTHER_PORT => PostgreSQL::Test::Cluster::get_free_port());
$node->_update_pid(0);

done_testing();
