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
# what takes longer, with a clock that runs faster
sql($node, "ALTER SYSTEM SET errand.fault = 'relay_clock=8'; SELECT pg_reload_conf()");
relay_program($node, "timers.py", HASTE => 8);

done_testing();
