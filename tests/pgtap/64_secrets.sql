-- Secrets: who may set, use and see them, and what is refused at submit.
\ir common.psql
SELECT plan(43);
DELETE FROM errand.secret;

-- set, replace, drop
SELECT is(t.by('tap_alice', $$SELECT errand.set_secret('key', 'alice-1')$$), '', 'set_secret: level submit');
SELECT is(t.by('tap_bob', $$SELECT errand.set_secret('key', 'bob-1')$$), '', 'set_secret: the name is free for each role');
SELECT is(t.by('tap_mona', $$SELECT errand.set_secret('key', 'x')$$), '42501', 'set_secret: not for monitor');
SELECT is(t.by('tap_nick', $$SELECT errand.set_secret('key', 'x')$$), '42501', 'set_secret: not for nobody');
SELECT is(t.by('tap_alice', $$SELECT errand.set_secret('all', 'x', true)$$), '42501', 'set_secret: shared is for admins');
SELECT is(t.by('tap_adam', $$SELECT errand.set_secret('all', 'shared-1', true)$$), '', 'set_secret: an admin shares one');
SELECT is(t.by('tap_alice', format('SELECT errand.set_secret(%L, ''x'')', n)), '22023', 'set_secret: bad name ' || coalesce(n, 'NULL'))
FROM unnest(ARRAY['', 'a b', 'a/b', 'ä', repeat('x', 101), NULL]) AS n;
SELECT is(t.by('tap_alice', format('SELECT errand.set_secret(''k'', %L)', v)), '22023', 'set_secret: bad value') FROM unnest(ARRAY['', repeat('x', 4097), NULL]) AS v;
SELECT is(t.by('tap_alice', format('SELECT errand.set_secret(''%s'', ''%s'')', repeat('n', 100), repeat('v', 4096))), '', 'set_secret: the longest');
SELECT is(t.by('tap_alice', $$SELECT errand.set_secret('key', 'alice-2')$$), '', 'set_secret: again');
SELECT is((SELECT count(*)::int FROM errand.secret WHERE name = 'key'), 2, 'set_secret: replaces');

-- seen by name only
SELECT is(t.by('tap_alice', 'SELECT string_agg(name || '':'' || owner || '':'' || shared, '' '' ORDER BY name) FROM errand.secrets WHERE length(name) < 9'),
    'all:tap_adam:true key:tap_alice:false', 'secrets: her own and the shared');
SELECT is(t.by('tap_mona', 'SELECT count(*) FROM errand.secrets WHERE name = ''key'''), '2', 'secrets: a monitor sees all');
SELECT is(t.by('tap_nick', 'SELECT count(*) FROM errand.secrets'), '42501', 'secrets: nothing without a level');
SELECT is(t.by(r, 'SELECT value FROM errand.secret'), '42501', 'secret: not readable by ' || r) FROM unnest(ARRAY['tap_alice', 'tap_mona', 'tap_adam', 'tap_nick']) AS r;
SELECT is((SELECT count(*)::int FROM pg_attribute WHERE attrelid = 'errand.secrets'::regclass AND attname = 'value'), 0, 'secrets: has no value');
SELECT is((SELECT string_agg(p.proname || ':' || r.rolname, ' ') FROM pg_proc AS p CROSS JOIN pg_roles AS r
    WHERE p.pronamespace = 'errand'::regnamespace AND p.proname IN ('_secrets', '_secret_setting', '_secrets_missing', '_secret_set', '_secret_drop', '_proxies')
      AND NOT r.rolsuper AND has_function_privilege(r.oid, p.oid, 'EXECUTE')), NULL, 'what reads values is granted to nobody');

-- used by its owner
CREATE OR REPLACE FUNCTION t.used(who name, ref text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN t.by(who, format('SELECT errand.http_get(t.url(''/echo''), headers => jsonb_build_object(''X-S'', %L))', ref));
END $$;
SELECT t.used('tap_alice', 'secret://key') AS alice, t.used('tap_bob', 'a secret://key-') AS bob_bad, t.used('tap_bob', 'a secret://key b') AS bob, t.used('tap_bob', 'secret://all') AS shared \gset
SELECT is(t.header(errand.wait_for(:alice), 'X-S'), 'alice-2', 'used: hers');
SELECT is(t.header(errand.wait_for(:bob), 'X-S'), 'a bob-1 b', 'used: his');
SELECT is(:'bob_bad'::text, '42704', 'used: a name goes as far as its characters');
SELECT is(t.header(errand.wait_for(:shared), 'X-S'), 'shared-1', 'used: the shared one');
SELECT is(t.by('tap_alice', $$SELECT errand.set_secret('all', 'alices')$$), '', 'used: one of the same name as the shared');
SELECT t.used('tap_alice', 'secret://all') AS alice \gset
SELECT is(t.header(errand.wait_for(:alice), 'X-S'), 'alices', 'used: her own goes first');
SELECT is(t.by('tap_bob', $$SELECT errand.set_secret('bobs', 'x')$$), '', 'bob has one');
SELECT is(t.used('tap_alice', 'secret://bobs'), '42704', 'used: not another role''s');
SELECT is(t.used('tap_alice', 'secret://none'), '42704', 'used: none that is not there');

-- it goes; what refers to it fails once, and names it
SELECT t.by('tap_alice', $$SELECT errand.http_get(t.url('/ok?k=secret://key'), run_at => now() + interval '1 day')$$)::bigint AS later \gset
SELECT is(t.by('tap_bob', $$SELECT errand.drop_secret('all', true)$$), '42501', 'drop_secret: shared is for admins');
SELECT is(t.by('tap_alice', $$SELECT errand.drop_secret('key')$$), 'true', 'drop_secret: there was one');
SELECT is(t.by('tap_alice', $$SELECT errand.drop_secret('key')$$), 'false', 'drop_secret: and is no more');
SELECT is((SELECT count(*)::int FROM errand.secret WHERE name = 'key'), 1, 'drop_secret: bob keeps his');
SELECT errand.reschedule(:later, now()) \g /dev/null
SELECT is((SELECT error FROM errand.gather(ARRAY[:later], true)), 'there is no secret "key" any more: set it with errand.set_secret() and retry the task', 'dropped: named');
SELECT is((SELECT row(state, sqlstate, attempt)::text FROM errand.task(:later)), '(failed,42704,1)', 'dropped: not retried');
SELECT is((SELECT payload ->> 'url' FROM errand.task(:later)), t.url('/ok?k=secret://key'), 'the payload has the reference');
DELETE FROM errand.secret;
SELECT * FROM finish();
