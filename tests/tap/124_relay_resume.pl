# The relay: cut off while 10,000 events flow, nothing is missed; a killed backend; a killed relay.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("resume");
note "ERRAND_SEED=" . seed() . " repeats this run";
relay_program($node, "resume.py", ERRAND_SEED => seed());

done_testing();
