# The relay: malformed HTTP, the page, health, metrics, the API and SSE.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("http");
relay_program($node, "http_raw.py");
relay_program($node, "api.py");

done_testing();
