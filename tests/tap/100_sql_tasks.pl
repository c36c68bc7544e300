# SQL tasks: handlers that succeed, raise, hang, leak and leave, each as its submitter.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Errand;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = errand_node('sql_tasks', conf => "errand.executors = 2\nmax_worker_processes = 16");

sub handler
{
	my ($name, $body, $returns) = @_;
	$returns //= 'jsonb';
	return sql($node, "CREATE FUNCTION public.$name(a jsonb) RETURNS $returns LANGUAGE plpgsql AS \$\$ $body \$\$");
}
sub call
{
	my ($name, $options, $args) = @_;
	return sql($node, "SELECT errand.call('public.$name(jsonb)', '" . ($args // '{}') . "'" . ($options ? ", $options" : '') . ')');
}
sub as_role { my ($role, $query) = @_; return sql($node, "SET ROLE $role; $query") }
sub final { my $id = shift; return wait_for_sql($node, "SELECT state FROM errand.tasks WHERE id = $id AND state IN ('succeeded', 'failed', 'cancelled')", 'succeeded', shift // 40); }
sub ended { my $id = shift; wait_for_sql($node, "SELECT count(*) FROM errand.outcome WHERE id = $id", '1', 30); return sql($node, "SELECT state || ' ' || coalesce(error, '') FROM errand.tasks WHERE id = $id") }
sub attempt { my ($id, $columns) = @_; return sql($node, "SELECT $columns FROM errand.attempts WHERE task_id = $id ORDER BY attempt DESC LIMIT 1") }

sql($node, 'CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE carol LOGIN; CREATE ROLE nologin');
sql($node, "SELECT errand.grant_access(r, 'submit') FROM unnest(ARRAY['alice', 'bob', 'carol', 'nologin']::regrole[]) AS r");
sql($node, 'GRANT CREATE, USAGE ON SCHEMA public TO alice, bob, carol, nologin; GRANT TEMP ON DATABASE postgres TO alice');

# ---- what a handler gives back ----

handler('echo', q{BEGIN RAISE NOTICE 'heard %', a->>'n'; RETURN jsonb_build_object('got', a, 'task', errand.current_task(), 'who', session_user, 'as', current_user); END});
my $id = call('echo', undef, '{"n": 7}');
is(sql($node, "SELECT errand.wait_for($id)->'got'->>'n'"), '7', 'a handler gets its arguments and gives a result');
is(sql($node, "SELECT errand.result($id)->>'task'"), $id, '... and knows its task');
is(attempt($id, "notices->0->>'message'"), 'heard 7', '... and what it tells is kept');
is(sql($node, 'SELECT errand.current_task() IS NULL'), 't', 'outside there is no current task');
like(sql_error($node, 'SELECT errand.set_progress(0.5)'), qr/^55000: .*HINT/ms, '... and no progress');
handler('nothing', 'BEGIN END', 'void');
$id = call('nothing');
ok(final($id), 'a handler may return nothing');
is(sql($node, "SELECT errand.result($id) IS NULL"), 't', '... and then there is no result');
$id = sql($node, q{SELECT errand.submit('sql', '{"function": "public.echo(jsonb)", "args": {"n": 8}, "max_attempts": 1}')});
is(sql($node, "SELECT errand.wait_for($id)->'got'->>'n'"), '8', "submit('sql')");
sql($node, q{SELECT errand.define_task('welcome', 'sql', handler => 'public.echo(jsonb)', template => '{"n": 1, "lang": "en"}')});
$id = sql($node, q{SELECT errand.submit('welcome', '{"n": 9}')});
is(sql($node, "SELECT errand.wait_for($id)->'got'"), '{"n": 9, "lang": "en"}', 'a type with a handler: arguments over its template');
$id = sql($node, q{SELECT errand.submit('sql', '{"function": "echo", "args": {"n": 4}}')});
is(sql($node, "SELECT errand.wait_for($id)->'got'->>'n'"), '4', 'a name without a schema, in JSON');
like(sql_error($node, q{SELECT errand.submit('sql', '{"function": "nobody"}')}), qr/^42883: .*HINT: .*schema/ms, '... or none');
is(sql($node, "SELECT count(*) FROM errand.submit_many('welcome', ARRAY['{\"n\": 1}', '{\"n\": 2}']::jsonb[])"), '2', 'submit_many()');
like(sql_error($node, "SELECT errand.call('public.nobody(jsonb)')"), qr/^42883: /m, 'no such function');
like(sql_error($node, "SELECT errand.call('pg_catalog.jsonb_pretty(jsonb)')"), qr/^22023: .*HINT: .*jsonb/ms, 'one that is no handler');
like(sql_error($node, "SELECT errand.define_task('broken', 'sql')"), qr/^22023: .*HINT: .*handler/ms, 'a type without a handler');

# ---- who runs it ----

$id = as_role('alice', q{SELECT errand.call('public.echo(jsonb)')});
ok(final($id), 'SET ROLE counts');
is(sql($node, "SELECT errand.result($id)->>'who'"), 'alice', '... and the executor is logged in as that role');
ok(wait_for_sql($node, "SELECT count(*) BETWEEN 1 AND 2 FROM pg_stat_activity WHERE backend_type = 'errand executor' AND usename = 'alice'", 't'), '... as pg_stat_activity shows');
ok(wait_for_sql($node, "SELECT count(*) BETWEEN 1 AND 2 FROM errand.stat_workers WHERE kind = 'executor' AND role = 'alice'", 't'), '... and errand.stat_workers');
sql($node, 'CREATE FUNCTION public.wrapped() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT errand.call(\'public.echo(jsonb)\') $$');
$id = as_role('alice', 'SELECT public.wrapped()');
ok(final($id), 'a SECURITY DEFINER function of the superuser submits');
is(sql($node, "SELECT errand.result($id)->>'who'"), 'postgres', '... as the superuser');
SKIP:
{
	skip 'NOLOGIN roles run on 17 and newer', 1 if sql($node, "SELECT current_setting('server_version_num')::int >= 170000") eq 't';
	like(sql_error($node, q{SET ROLE nologin; SELECT errand.call('public.echo(jsonb)')}), qr/^42501: .*HINT: .*LOGIN/ms, 'a role that may not log in is refused');
}
sql($node, 'REVOKE EXECUTE ON FUNCTION public.echo(jsonb) FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.echo(jsonb) TO alice');
like(sql_error($node, q{SET ROLE bob; SELECT errand.call('public.echo(jsonb)')}), qr/^42501: .*HINT: .*GRANT/ms, 'one that the role may not call');
sql($node, 'GRANT EXECUTE ON FUNCTION public.echo(jsonb) TO PUBLIC');

# The escalations that a session with another session user would allow.
sql($node, 'SET ROLE alice; CREATE TABLE public.trap(i int); CREATE FUNCTION public.spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE alice SUPERUSER; RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER spring AFTER INSERT ON public.trap DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.spring()');
my %attack = (
	reset_role => q{BEGIN EXECUTE 'RESET ROLE'; ALTER ROLE alice SUPERUSER; RETURN NULL; END},
	reset_session => q{BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; ALTER ROLE alice SUPERUSER; RETURN NULL; END},
	set_session => q{BEGIN EXECUTE 'SET SESSION AUTHORIZATION postgres'; RETURN NULL; END},
	set_role => q{BEGIN EXECUTE 'SET ROLE postgres'; RETURN NULL; END},
	deferred => q{BEGIN INSERT INTO public.trap VALUES (1); RETURN NULL; END},
	internal => q{BEGIN PERFORM errand._lease_drop('{1}'); RETURN NULL; END},
	outcome => q{BEGIN DELETE FROM errand.outcome; RETURN NULL; END},
	shadow => q{BEGIN CREATE TEMP TABLE outcome (id bigint); CREATE TEMP TABLE lease (token bigint); PERFORM set_config('search_path', 'pg_temp, public', false); RETURN '"ok"'; END});
foreach my $name (sort keys %attack)
{
	sql($node, "SET ROLE alice; CREATE FUNCTION public.attack_$name(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS \$\$ $attack{$name} \$\$");
	$id = as_role('alice', "SELECT errand.call('public.attack_$name(jsonb)', max_attempts => 1)");
	like(ended($id), $name eq 'shadow' ? qr/^succeeded/ : qr/^failed /, "attack: $name");
}
is(sql($node, "SELECT rolsuper FROM pg_roles WHERE rolname = 'alice'"), 'f', 'alice is what she was');
$id = as_role('alice', q{SELECT errand.call('public.echo(jsonb)')});
ok(final($id), '... and her next task runs');

# ---- errors, time and cancellation ----

handler('raises', q{BEGIN RAISE EXCEPTION 'no way' USING ERRCODE = 'P0042', DETAIL = 'the detail', HINT = 'the hint'; END});
$id = call('raises', "max_attempts => 2, backoff => 'constant', backoff_base => '10 ms'");
like(ended($id), qr/^failed no way/, 'a handler that raises fails');
is(attempt($id, "attempt, sqlstate, error, detail, context LIKE 'PL/pgSQL function%raises(jsonb)%'"), '2|P0042|no way|the detail|t', '... after its retries, with all that it said');
handler('spins', 'BEGIN LOOP PERFORM 1; END LOOP; END');
$id = call('spins', "timeout => '200 ms', max_attempts => 1");
like(ended($id), qr/^failed timed out after 200 ms/, 'a handler that hangs is stopped');
is(attempt($id, 'sqlstate'), '57014', '... as timed out');
handler('stubborn', q{DECLARE n int := 0; BEGIN LOOP BEGIN LOOP PERFORM 1; END LOOP; EXCEPTION WHEN query_canceled THEN n := n + 1; IF n = 3 THEN RETURN '"enough"'; END IF; END; END LOOP; END});
$id = call('stubborn', "timeout => '100 ms', max_attempts => 1");
like(ended($id), qr/^(failed|succeeded)/, 'one that catches it is reminded');
$id = call('spins', "timeout => '1 h'");
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand executor' AND xact_start IS NOT NULL", '1', 10), 'one is running');
is(sql($node, "SELECT errand.cancel($id, 'not needed any more')"), 't', 'cancel()');
is(ended($id), 'cancelled not needed any more', '... stops it');
$id = call('echo');
ok(final($id), '... and not the next one');

# One that catches every interruption is ended with its process, and others go on.
handler('swallows', q{BEGIN LOOP BEGIN LOOP PERFORM 1; END LOOP; EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END});
$id = call('swallows', "timeout => '200 ms', max_attempts => 1");
like(ended($id), qr/^failed it ended the process that ran it, or would not stop/, 'a handler that will not stop');
$id = call('swallows', "timeout => '1 h'");
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand executor' AND xact_start IS NOT NULL", '1', 10), 'another runs');
sql($node, "SELECT errand.cancel($id)");
like(ended($id), qr/^(cancelled|failed)/, '... and is cancelled');

# Nobody waits behind a slow one while another executor is free.
sql($node, "SELECT errand.pause_all()");
my $slow = call('spins', "timeout => '1 h'");
my @fast = map { call('echo') } 1 .. 5;
sql($node, "SELECT errand.resume_all()");
ok(final($fast[-1]), 'those behind a slow one run beside it');
ok(wait_for_sql($node, "SELECT errand.status($slow)", 'running'), '... while it runs');
my $group = sql($node, "SELECT errand.open_group('cut')");
my $sibling = call('spins', "timeout => '1 h', task_group => $group");
sql($node, "SELECT errand.cancel($slow)");
ok(wait_for_sql($node, "SELECT errand.status($sibling)", 'running', 10), 'one of a group runs');
call('raises', "max_attempts => 1, task_group => $group");
like(ended($sibling), qr/^cancelled cancelled: task \d+ of its group failed/, '... and is stopped when another of it fails');

# ---- what a handler leaves behind ----

handler('leaks', q{BEGIN
	PERFORM set_config('work_mem', '123MB', false), set_config('errand_test.x', '1', false), set_config('search_path', 'pg_catalog', false), set_config('transaction_read_only', 'on', true);
	RETURN jsonb_build_object('pid', pg_backend_pid()); END});
handler('litters', q{BEGIN
	CREATE TEMP TABLE litter (i int); PERFORM pg_advisory_lock(4711); PREPARE litter AS SELECT 1;
	PERFORM set_config('lock_timeout', '1ms', false), set_config('statement_timeout', '1ms', false);
	RETURN jsonb_build_object('pid', pg_backend_pid()); END});
handler('looks', q{BEGIN RETURN jsonb_build_object('pid', pg_backend_pid(), 'work_mem', current_setting('work_mem'), 'x', nullif(current_setting('errand_test.x', true), ''), 'path', current_setting('search_path'), 'lock_timeout', current_setting('lock_timeout'),
	'temp', to_regclass('pg_temp.litter'), 'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 'listens', (SELECT count(*) FROM pg_listening_channels()), 'prepared', (SELECT count(*) FROM pg_prepared_statements)); END});
sql($node, 'SELECT errand.pause_all()');
my @ids = map { call($_) } ('looks') x 3, qw(leaks looks litters looks), ('leaks', 'litters') x 5, 'looks';
sql($node, 'SELECT errand.resume_all()');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.outcome WHERE id = ANY ('{" . join(',', @ids) . "}') AND state = 'S'", scalar @ids, 20), 'handlers that leak succeed');
is(sql($node, "SELECT DISTINCT result - 'pid' FROM errand.outcome WHERE id = ANY ('{$ids[0],$ids[4],$ids[6],$ids[-1]}')"),
	'{"x": null, "path": "\"$user\", public", "temp": null, "locks": 0, "listens": 0, "prepared": 0, "work_mem": "4MB", "lock_timeout": "0"}', '... and the next one finds nothing of it')
  or diag(sql($node, "SELECT id, result FROM errand.outcome WHERE id = ANY ('{" . join(',', @ids) . "}')"));

# Deferred constraints are the handler's, also where several share a commit.
sql($node, 'CREATE TABLE public.once (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
handler('once', q{BEGIN INSERT INTO public.once VALUES ((a->>'i')::int), ((a->>'i')::int + (a->>'step')::int); RETURN NULL; END});
sql($node, 'SELECT errand.pause_all()');
@ids = map { call('once', 'max_attempts => 1', qq({"i": $_, "step": ) . ($_ == 50 ? 0 : 1000) . '}') } 1 .. 60;
sql($node, 'SELECT errand.resume_all()');
ok(wait_for_sql($node, "SELECT count(*) FROM errand.outcome WHERE id = ANY ('{" . join(',', @ids) . "}')", 60, 20), 'sixty with a deferred constraint');
is(sql($node, "SELECT array_agg(id) FROM errand.outcome WHERE id = ANY ('{" . join(',', @ids) . "}') AND state <> 'S'"), "{$ids[49]}", '... one breaks it, and fails alone');
is(attempt($ids[49], 'sqlstate'), '23505', '... with its SQLSTATE');
is(sql($node, 'SELECT count(*) FROM public.once'), '118', '... the effects of the others are there once');

# ---- handlers and roles that go ----

handler('leaves', 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); LOOP PERFORM 1; END LOOP; END');
$id = call('leaves', 'max_attempts => 1');
my $other = call('echo');
ok(final($other), 'beside a handler that ends its process others run');
like(ended($id), qr/^failed /, '... which does not go on for ever');
is(sql($node, "SELECT string_agg(state, ' ' ORDER BY attempt) FROM errand.attempts WHERE task_id = $id"),
	'interrupted interrupted interrupted interrupted failed', '... attempt max_attempts + 4 fails');
handler('gone', 'BEGIN RETURN NULL; END');
sql($node, 'SELECT errand.pause_all()');
$id = call('gone');
sql($node, 'DROP FUNCTION public.gone(jsonb)');
sql($node, 'SELECT errand.resume_all()');
like(ended($id), qr/^failed function "public\.gone\(pg_catalog\.jsonb\)" does not exist/, 'a handler that was dropped');
is(attempt($id, 'sqlstate, attempt'), '42883|1', '... fails at once, with the reason');
handler('gone', q{BEGIN RETURN '"again"'; END});
sql($node, "SELECT errand.retry($id)");
is(sql($node, "SELECT errand.wait_for($id)"), '"again"', '... and works again when there is one of the same signature');
sql($node, 'SELECT errand.pause_all()');
$id = as_role('bob', q{SELECT errand.call('public.echo(jsonb)')});
$other = as_role('carol', q{SELECT errand.call('public.echo(jsonb)')});
sql($node, 'REVOKE ALL ON SCHEMA public FROM bob; SELECT errand.revoke_access(\'bob\'); DROP OWNED BY bob; DROP ROLE bob');
sql($node, 'SELECT errand.resume_all()');
ok(final($other), 'a role that is gone stops nobody else');
like(ended($id), qr/^failed role changed/, '... its task fails');

# ---- fairness, executors that come and go ----

handler('counts', q{BEGIN PERFORM count(*) FROM generate_series(1, 20000); RETURN NULL; END});
sql($node, 'SELECT errand.pause_all()');
foreach my $role (qw(alice carol postgres))
{
	as_role($role, q{SELECT count(errand.call('public.counts(jsonb)', queue => current_user)) FROM generate_series(1, } . ($role eq 'alice' ? 1500 : 20) . ')');
}
sql($node, 'SELECT errand.resume_all()');
ok(wait_for_sql($node, "SELECT sum(succeeded) FROM errand.stat_queues WHERE queue IN ('carol', 'postgres')", '40', 20), 'three roles share two executors');
cmp_ok(sql($node, "SELECT count(*) FROM errand.stat_workers WHERE kind = 'executor'"), '<=', 2, '... never more');
ok(finish_all($node, 60), '... and all end');
handler('reports', q{BEGIN PERFORM errand.set_progress(0.25, 'a quarter'); LOOP PERFORM 1; END LOOP; END});
$id = call('reports', "timeout => '1 h'");
ok(wait_for_sql($node, "SELECT progress, progress_message FROM errand.tasks WHERE id = $id", '0.25|a quarter', 10), 'progress is seen while it runs');
is(sql($node, "SET ROLE alice; SELECT errand._progress($id) IS NULL"), 't', '... not by others');
sql($node, "SELECT errand.cancel($id)");
like(ended($id), qr/^cancelled/, '... cancelled');
reload_settings($node, 'errand.executor_idle' => '1s');
ok(wait_for_sql($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'errand executor'", '0', 40), 'idle executors leave');
handler('submits', q{BEGIN RETURN to_jsonb(errand.call('public.echo(jsonb)', a)); END});
$id = call('submits', undef, '{"n": 3}');
is(sql($node, "SELECT errand.wait_for(errand.wait_for($id)::text::bigint)->'got'->>'n'"), '3', 'a handler may submit');
handler('waits', q{BEGIN RETURN errand.wait_for((a->>'id')::bigint); END});
$other = call('echo', "run_at => now() + '1 h'");
$id = call('waits', 'max_attempts => 1', qq({"id": $other}));
like(ended($id), qr/^failed a SQL task cannot wait for another/, 'a handler cannot wait for what may need its executor');

# ---- decorators ----

sql($node, q{SELECT errand.define_task('decorated', 'sql', handler => 'public.echo(jsonb)', log_execution => true, measure_performance => false)});
my $offset = new_log($node);
$id = sql($node, q{SELECT errand.submit('decorated', '{"n": 1}')});
ok(final($id), 'a type with log_execution');
ok(wait_for_line($node, qr/LOG:  errand: \{"event":"start","task":$id,"type":"decorated","queue":"default","attempt":1\}/, $offset), '... tells the start');
ok(wait_for_line($node, qr/LOG:  errand: \{"event":"end","task":$id,.*"state":"succeeded","ms":[0-9.]+\}/, $offset), '... and the end');
ok(wait_for_sql($node, q{SELECT succeeded, run_p50_ms IS NULL, wait_p50_ms IS NULL FROM errand.stat_tasks WHERE task = 'decorated'}, '1|t|t'), '... its times are not kept');
ok(wait_for_sql($node, q{SELECT run_p50_ms IS NOT NULL FROM errand.stat_tasks WHERE task = 'sql'}, 't'), '... those of others are');

# ---- parents ----

$id = call('echo', undef, '{"n": 41}');
handler('sums', q{BEGIN RETURN errand.parent_results(); END});
$other = call('sums', "after => ARRAY[$id]");
is(sql($node, "SELECT errand.wait_for($other)->'$id'->'got'->>'n'"), '41', 'parent_results()');
$id = sql($node, q{SELECT errand.call('public.raises(jsonb)', max_attempts => 1, on_failure => '{"call": "public.echo(jsonb)"}')});
ok(wait_for_sql($node, "SELECT count(*) FROM errand.outcome AS o JOIN errand.follow_ups AS f ON o.id = f.follow_up WHERE f.task_id = $id AND o.result->'got'->>'state' = 'failed'", '1', 15),
	'a SQL function as follow-up') or diag(sql($node, "SELECT * FROM errand.follow_ups"));

# ---- paused, the worker rests, whatever there is to run ----

sub cpu_ms { my ($time) = slurp_file('/proc/' . worker_pid($node) . '/schedstat') =~ /^(\d+)/; return $time / 1e6 }
sql($node, 'SELECT errand.pause_all()');
$id = call('echo', undef, '{"n": 1}');
$other = call('echo', "after => ARRAY[$id]");
my $began = cpu_ms();
my $second = time + 1;
poll_for(5, 'a second', sub { return time > $second });
cmp_ok(cpu_ms() - $began, '<', 300, 'while everything is paused a worker rests');
sql($node, 'SELECT errand.resume_all()');
ok(final($other), '... until it is resumed');
$node->stop;

done_testing();
