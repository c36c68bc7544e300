# The ledger: a submitter that keeps its own list of what it was told is
# committed, crashes of every kind, and a checker that compares that list with
# what the database, the HTTP server, the mail server and the table of the SQL
# handlers say. All of it follows from a seed.
package Errand::Ledger;

use strict;
use warnings;
use Errand;
use IPC::Run ();
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# new(tasks => N, nodes => {conf...}): servers, a cluster, and a directory for the lists.
sub new
{
	my ($class, %o) = @_;
	my $self = bless { %o, dir => PostgreSQL::Test::Utils::tempdir('ledger'), web => counting('ledger'), mail => mail_server(),
		generation => 1, falls => {} }, $class;
	$self->{conf} = "errand.host_max_running = 200\nerrand.workers = 2\nerrand.executors = 3\nerrand.port = 0\n"
	  . "errand.smtp_url = '" . $self->{mail}->url . "'\nerrand.smtp_from = 'errand\@example.com'\n"
	  . "max_connections = 40\nmax_worker_processes = 24\nwal_retrieve_retry_interval = '100ms'\nlog_checkpoints = off\n"
	  . "max_wal_size = '4GB'\nshared_buffers = '64MB'\ninclude_if_exists = 'fault.conf'\n";
	$self->{node} = errand_node('ledger', init => [ allows_streaming => 1 ], conf => $self->{conf});
	$self->{faults} = sql_error($self->{node}, "SET errand.fault = ''") !~ /unrecognized/;
	sql($self->{node}, q{CREATE TABLE effect (n int, task bigint);
		CREATE FUNCTION public.effect(a jsonb) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO public.effect VALUES ((a->>'n')::int, errand.current_task());
			PERFORM count(*) FROM generate_series(1, (a->>'work')::int);
		END $$});
	$self->tell('where', $self->{node}->connstr('postgres'));
	$self->tell('budget', 0);
	return $self;
}

# A file of one line, replaced at once.
sub tell
{
	my ($self, $name, $text) = @_;
	open my $f, '>', "$self->{dir}/$name.new" or die "no $name: $!";
	print $f "$text\n";
	close $f;
	rename "$self->{dir}/$name.new", "$self->{dir}/$name";
	return;
}

sub told
{
	my ($self, $name) = @_;
	open my $f, '<', "$self->{dir}/$name" or return '';
	my $text = <$f>;
	chomp $text if defined $text;
	return $text // '';
}

# ---- the submitter, a process of its own ----

my @kinds = (('http') x 12, ('once') x 2, ('sql') x 5, 'mail');

sub statement
{
	my ($self, $kind, $first, $last) = @_;
	my $tag = "max_attempts => 100, backoff => 'constant', backoff_base => '20 ms', tags => ARRAY['n' || i]";
	my $base = $self->{web}->url('');
	my $paths = "(ARRAY['/json', '/json', '/delay/5', '/delay/40', '/delay/150', '/flaky/1', '/half'])[1 + i % 61 % 7]";
	my $what = {
		# /half loses its connection in the middle of an answer; it may not go on for ever
		http => "errand.http_get('$base' || CASE WHEN i % 61 % 7 = 6 AND i % 61 > 8 THEN '/ok' ELSE $paths END || '?n=' || i, "
		  . "success_codes => '[200,300)', " . ($tag =~ s/max_attempts => 100/max_attempts => CASE WHEN i % 61 = 6 THEN 2 ELSE 100 END/r) . ')',
		once => "errand.http_get('$base' || (ARRAY['/json', '/delay/40'])[1 + i % 2] || '?n=' || i, delivery => 'at_most_once', $tag)",
		sql => "errand.call('public.effect(jsonb)', jsonb_build_object('n', i, 'work', CASE WHEN i % 9 = 0 THEN 60000 ELSE 500 END), $tag)",
		mail => "errand.email(ARRAY['a\@example.com'], 'n' || i, 'text', $tag)",
	}->{$kind};
	return "SELECT count($what) FROM generate_series($first, $last) AS i";
}

sub submit_all
{
	my $self = shift;
	my $next = 1;
	open my $list, '>>', "$self->{dir}/list" or die "no list: $!";
	$list->autoflush(1);
	while ($next <= $self->{tasks})
	{
		poll_for(600, 'leave to go on', sub { $self->told('budget') >= $next }) or last;
		my $kind = pick(@kinds);
		my $last = $next + chance(1, $kind eq 'mail' ? 10 : 60) - 1;
		my $end = chance(1, 20) == 1 ? 'ROLLBACK' : 'COMMIT';
		my ($out, $err) = ('', '');
		my $good = eval
		{
			IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->told('where'), '-c', 'BEGIN',
				'-c', $self->statement($kind, $next, $last), '-c', $end ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
		};
		my $what = $end eq 'ROLLBACK' ? 'rolled' : $good ? 'acked' : 'unknown';
		print $list "$what $kind $next $last\n";
		$next = $last + 1;
		wait_for_sql_at($self) if !$good;
	}
	print $list "end\n";
	return;
}

sub wait_for_sql_at
{
	my $self = shift;
	POSIX::_exit(1) if getppid() != $self->{parent};    # the test was ended
	return poll_for(60, 'a server', sub { my ($o, $e); return IPC::Run::run([ 'psql', '-XAtq', '-d', $self->told('where'), '-c', 'SELECT 1' ], '<', \undef, '>', \$o, '2>', \$e) });
}

sub start_submitter
{
	my $self = shift;
	seed();
	$self->{parent} = $$;
	defined($self->{submitter} = fork) or die "cannot fork: $!";
	return if $self->{submitter};
	eval { $self->submit_all; 1 } or print STDERR $@;
	POSIX::_exit(0);
}

# ---- crashes ----

sub pids { my ($self, $like) = @_; return split /\n/, sql($self->{node}, "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE '$like' ORDER BY backend_type, pid") }

# Faults are in a file of their own: the postmaster reads it before it starts anybody anew.
sub set_fault
{
	my ($self, $fault) = @_;
	my $node = $self->{node};
	open my $f, '>', $node->data_dir . '/fault.conf' or die "no file: $!";
	print $f defined $fault ? "errand.fault = '$fault'\n" : '';
	close $f;
	kill 'HUP', $node->{_pid};
	return;
}

my %how = (
	stop => sub {
		my $self = shift;
		$self->{node}->stop('immediate');
		$self->{node}->start;
	},
	fast => sub {
		my $self = shift;
		$self->{node}->stop('fast');
		$self->{node}->start;
	},
	(map { my $kind = $_; "kill $kind" => sub {
		my $self = shift;
		my @pids = $self->pids($kind) or return 0;
		my $pid = pick(@pids);
		kill 'KILL', $pid;
		poll_for(10, "the end of $pid", sub { !kill 0, $pid });
	} } 'errand worker', 'errand executor', 'errand launcher', 'checkpointer', 'walwriter'),
	(map { my $kind = $_; "terminate $kind" => sub {
		my $self = shift;
		my @pids = $self->pids($kind) or return 0;
		sql($self->{node}, 'SELECT pg_terminate_backend(' . pick(@pids) . ')');
	} } 'errand worker', 'errand executor', 'errand launcher'),
	'kill client' => sub {
		my $self = shift;
		my $session = $self->{node}->background_psql('postgres', on_error_stop => 0);
		my $pid = $session->query_safe('SELECT pg_backend_pid()');
		kill 'KILL', $pid;
		poll_for(10, "the end of $pid", sub { !kill 0, $pid });
		$session->{run}->kill_kill;
	},
	(map { my $point = $_; "fault $point" => sub {
		my $self = shift;
		my $offset = new_log($self->{node});
		$self->set_fault("$point=kill");
		wait_for_line($self->{node}, qr/terminated by signal 9/, $offset, 5);
		$self->set_fault(undef);
	} } qw(claim commit committed started settle)),
	promote => \&promote,
);

sub promote
{
	my $self = shift;
	my $old = $self->{node};
	my $name = 'ledger' . ++$self->{generation};
	$old->backup($name);
	my $new = PostgreSQL::Test::Cluster->new($name);
	$new->init_from_backup($old, $name, has_streaming => 1);
	$new->start;
	# what is acknowledged from here on is on the standby, too
	sql($old, "ALTER SYSTEM SET synchronous_standby_names = '*'");
	sql($old, 'SELECT pg_reload_conf()');
	wait_for_sql($old, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'", '1') or die 'no standby';
	$old->wait_for_catchup($new, 'write', $old->lsn('insert'));
	my $size = $self->{web}->size;
	poll_for(1, 'work with a standby', sub { $self->{web}->size > $size + 5000 });
	$old->stop('immediate');
	$new->promote;
	$self->{node} = $new;
	$self->tell('where', $new->connstr('postgres'));
	$old->clean_node;
	return 1;
}

sub kinds_of_crashes { return grep { $_ ne 'promote' && ($_[0]->{faults} || !/^fault/) } sort keys %how }

# One crash, and back again.
sub crash
{
	my ($self, $kind) = @_;
	eval { $how{$kind}->($self); 1 } or PostgreSQL::Test::Utils::diag("$kind: $@");
	$self->{falls}{$kind}++;
	return wait_for_sql($self->{node}, 'SELECT true', 't', 60);
}

# ---- the checker ----

# The submitter's list: what => {n => kind}.
sub list
{
	my $self = shift;
	my %list = map { $_ => {} } qw(acked unknown rolled);
	foreach (split /\n/, slurp_file("$self->{dir}/list"))
	{
		my ($what, $kind, $first, $last) = split / / or next;
		next if $what eq 'end';
		$list{$what}{$_} = $kind foreach $first .. $last;
	}
	return \%list;
}

# What mail came: n => how often, and whether always under one Message-ID.
sub letters
{
	my $self = shift;
	my (%n, %ids);
	foreach my $file (glob "$self->{mail}{store}/*.json")
	{
		my $text = MIME::Base64::decode(JSON::PP::decode_json(slurp_file($file))->{content});
		my ($n) = $text =~ /^Subject: n(\d+)\r$/m or next;
		my ($id) = $text =~ /^Message-ID: (\S+)/m;
		$n{$n}++;
		$ids{$n}{$id} = 1;
	}
	return (\%n, scalar grep { keys %$_ != 1 } values %ids);
}

# check(): all that is wrong, as what => [n...], and the figures.
sub check
{
	my $self = shift;
	my $node = $self->{node};
	my $list = $self->list;
	my (%task, %wrong, %hits, %sent, %keys);
	foreach (split /\n/, sql($node, q{SELECT substr(t.tags[1], 2), t.id, t.state, t.kind, t.attempt, coalesce(t.error, '') FROM errand.tasks AS t}))
	{
		my ($n, $id, $state, $kind, $attempt, $error) = split /\|/, $_, 6;
		push @{ $wrong{'more than one task'} }, $n if $task{$n};
		$task{$n} = { id => $id, state => $state, kind => $kind, attempt => $attempt, error => $error };
	}
	foreach my $r ($self->{web}->requests)
	{
		my ($n) = $r->{path} =~ /n=(\d+)/ or next;
		$hits{$n}++;
		$keys{$n}{ $r->{key} } = 1;
		push @{ $wrong{'an attempt sent twice'} }, $n if $sent{"$n/$r->{attempt}"}++;
	}
	my %effects = map { split /\|/ } split /\n/, sql($node, 'SELECT n, count(*) FROM effect GROUP BY n');
	my ($letters, $more_ids) = $self->letters;
	$wrong{'mail under two Message-IDs'} = [$more_ids] if $more_ids;
	$wrong{'two keys'} = [ grep { keys %{ $keys{$_} } > 1 } sort keys %keys ];

	my %kind = (%{ $list->{acked} }, %{ $list->{unknown} });
	my (%states, $again);
	foreach my $n (keys %kind)
	{
		my $t = $task{$n};
		if (!$t)
		{
			push @{ $wrong{lost} }, $n if exists $list->{acked}{$n};
			push @{ $wrong{'sent without a commit'} }, $n if $hits{$n} || $effects{$n} || $letters->{$n};
			next;
		}
		my ($state, $what) = ($t->{state}, $kind{$n});
		my $seen = $what eq 'sql' ? $effects{$n} : $what eq 'mail' ? $letters->{$n} : $hits{$n};
		$seen //= 0;
		$states{"$what $state"}++;
		push @{ $wrong{lost} }, $n if $state !~ /^(succeeded|failed|unknown)$/;
		push @{ $wrong{'succeeded without effect'} }, $n if $state eq 'succeeded' && $seen == 0;
		push @{ $wrong{'SQL effects but one'} }, $n if $what eq 'sql' && $seen != ($state eq 'succeeded' ? 1 : 0);
		push @{ $wrong{'at_most_once sent twice'} }, $n if $what eq 'once' && $seen > 1;
		push @{ $wrong{'unknown but not at_most_once'} }, $n if $state eq 'unknown' && $what ne 'once';
		push @{ $wrong{'more requests than attempts'} }, $n if $what ne 'sql' && $seen > $t->{attempt};
		push @{ $wrong{'failed'} }, "$n ($t->{error})" if $state eq 'failed' && !($what eq 'http' && $n % 61 == 6);
		# that a request came twice where an attempt failed by itself is no duplicate
		$again++ if $what =~ /http|mail/ && $seen > 1 && $n % 61 % 7 < 5;
	}
	push @{ $wrong{'rolled back, and there'} }, grep { $task{$_} || $hits{$_} || $effects{$_} || $letters->{$_} } keys %{ $list->{rolled} };
	my $gaps = sql($node, q{SELECT count(*) FROM (SELECT a.task_id FROM errand.attempts AS a GROUP BY 1
		HAVING array_agg(a.attempt::int ORDER BY a.attempt) <> ARRAY(SELECT generate_series(1, max(a.attempt)::int))) AS g});
	$wrong{'attempts with gaps'} = [$gaps] if $gaps;
	my $short = sql($node, q{SELECT count(*) FROM errand.tasks AS t WHERE t.attempt <> (SELECT count(*) FROM errand.attempts AS a WHERE a.task_id = t.id)});
	$wrong{'attempts that are missing'} = [$short] if $short;
	delete $wrong{$_} foreach grep { !@{ $wrong{$_} } } keys %wrong;
	return (\%wrong, { acked => scalar keys %{ $list->{acked} }, in_doubt => scalar keys %{ $list->{unknown} },
		rolled => scalar keys %{ $list->{rolled} }, lost => scalar @{ $wrong{lost} // [] }, duplicated => $again // 0,
		unknown => $states{'once unknown'} // 0, states => \%states, requests => scalar $self->{web}->requests,
		lost_attempts => sql($node, "SELECT count(*) FROM errand.attempts WHERE state = 'lost'") });
}

1;
