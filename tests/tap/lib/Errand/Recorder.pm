# A small HTTP server that writes down everything it hears, body included, and
# never says it again: for tests of what must not be stored.
#
#	/status/N	answers N		/hang	never answers
#	/to/N/URL	redirects there with status N		anything else: 200
#
# start(LocalAddr => '::1', LocalPort => N) listens there instead of on 127.0.0.1.
package Errand::Recorder;

use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::IP;
use POSIX ();
use PostgreSQL::Test::Cluster ();
use PostgreSQL::Test::Utils ();

sub start
{
	my ($class, %where) = @_;
	my $self = bless { file => PostgreSQL::Test::Utils::tempdir('recorder') . '/heard' }, $class;
	my $socket = IO::Socket::IP->new(LocalAddr => '127.0.0.1', Listen => 64, %where) or die "no socket: $!";
	$self->{port} = $socket->sockport;
	$self->{socket} = $socket;
	open my $touch, '>', $self->{file} or die "no file: $!";
	close $touch;
	defined($self->{pid} = fork) or die "cannot fork: $!";
	if ($self->{pid} == 0)
	{
		$SIG{CHLD} = 'IGNORE';
		alarm 600;
		while (1)
		{
			my $client = $socket->accept or next;
			my $pid = fork;
			next if !defined $pid || $pid > 0;
			close $socket;
			alarm 120;
			serve($self, $client);
			POSIX::_exit(0);
		}
	}
	close $socket;
	delete $self->{socket};
	return $self;
}

# One request a connection.
sub serve
{
	my ($self, $client) = @_;
	my $text = '';
	while ($text !~ /\r\n\r\n/)
	{
		sysread($client, $text, 65536, length $text) or last;
		last if $text !~ /^[A-Z]/;    # no HTTP
	}
	my ($length) = $text =~ /^Content-Length: (\d+)\r$/mi;
	my ($head) = $text =~ /^(.*?\r\n\r\n)/s;
	while (defined $head && $length && length($text) < length($head) + $length)
	{
		sysread($client, $text, 65536, length $text) or last;
	}
	open my $file, '>>', $self->{file} or POSIX::_exit(1);
	syswrite $file, "$text\n";
	close $file;
	my ($path) = $text =~ /^\w+ (?:http:\/\/[^\/]+)?(\S+) HTTP/;
	if (!defined $path)
	{
		syswrite $client, "HTTP/1.1 400 This is no HTTP\r\n\r\n";
		return;
	}
	if ($path =~ m{^/hang})
	{
		1 while sysread $client, my $rest, 4096;
		return;
	}
	my ($status, $extra) = (200, '');
	$status = $1 if $path =~ m{^/status/(\d+)};
	($status, $extra) = ($1, "Location: $2\r\n") if $path =~ m{^/to/(\d+)/([^?]+)};
	syswrite $client, "HTTP/1.1 $status Status\r\nContent-Length: 2\r\n${extra}Connection: close\r\n\r\nok";
	return;
}

sub port { return $_[0]->{port} }
sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}$path" }
sub heard { return PostgreSQL::Test::Utils::slurp_file($_[0]->{file}) }

# A port on which nobody listens, nor will: those that connections come from lie higher.
sub free_port { return PostgreSQL::Test::Cluster::get_free_port() }

sub stop
{
	my $self = shift;
	kill 'TERM', $self->{pid} if $self->{pid};
	waitpid $self->{pid}, 0 if $self->{pid};
	delete $self->{pid};
	return;
}

sub DESTROY { local $?; my $self = shift; $self->stop if $self->{pid}; return }

1;
