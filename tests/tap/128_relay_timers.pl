# The relay: time-outs, keepalive, the end of a token.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("timers");
relay_program($node, "timers.py");

done_testing();
