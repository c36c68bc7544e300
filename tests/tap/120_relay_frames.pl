# The relay: frames after RFC 6455, and who may connect (tests/ws/README.md).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("frames");
my $pid = relay_pid($node);
relay_program($node, "frames.py");
is(relay_pid($node), $pid, "the relay is the same process");
relay_program($node, "handshake.py");

done_testing();
