# The relay: what is a token, and what it allows on each route.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("tokens");
relay_program($node, "tokens.py");

done_testing();
