# The relay: what it and its clients say, and two clients that others wrote.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = relay_node("messages");
relay_program($node, "messages.py");
relay_program($node, "client.py");
SKIP:
{
	my $modules = "/usr/share/nodejs";
	skip "no node with ws", 1 unless -d "$modules/ws" && `sh -c "command -v node"`;
	relay_program($node, "client.cjs", NODE_PATH => $modules,
		RELAY_TOKEN => sql($node, "SELECT errand.issue_token(current_user, 'monitor')"));
}

done_testing();
