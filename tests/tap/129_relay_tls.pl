# The relay: TLS of its own, and the connection for NOTIFY that may be lost.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use Errand::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir('cert');
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', "$dir/key.pem",
	'-out', "$dir/cert.pem", '-days', '2', '-subj', '/CN=relay', '-addext', 'subjectAltName=IP:127.0.0.1');
my $node = relay_node('tls');
relay_program($node, 'tls.py', CERT => $dir);

done_testing();
