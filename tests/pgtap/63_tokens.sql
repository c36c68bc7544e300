-- Tokens: who may issue them, what they claim, what they are worth when used.
\ir common.psql

-- the claims of a token, and what it was signed for
CREATE OR REPLACE FUNCTION t.part(token text, n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT convert_from(decode(rpad(translate(split_part(token, '.', n), '-_', '+/'),
        (length(split_part(token, '.', n)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')
$$;
-- without a key; then in a new session, which sees what was set
SELECT t.state($$SELECT errand.issue_token('tap_alice', 'submit')$$) AS no_issue, t.state($$SELECT errand.revoke_token('a.b.c')$$) AS no_revoke,
    t.state('SELECT errand.dashboard_url()') AS no_url \gset
\set ON_ERROR_STOP 0
ALTER SYSTEM SET errand.token_secret = 'too short, has but thirty-one b';
\set short :LAST_ERROR_SQLSTATE
\set ON_ERROR_STOP 1
ALTER SYSTEM SET errand.token_secret = 'thirty-two bytes are just enough';
ALTER SYSTEM SET errand.public_url = 'https://errand.example.com/db/';
SELECT pg_reload_conf() AS reloaded \gset
\connect
\ir common.psql
SELECT plan(56);

-- the key
SELECT is(:'no_issue'::text, '55000', 'without a key there are no tokens');
SELECT is(:'no_revoke'::text, '55000', 'nor can one be read');
SELECT is(:'no_url'::text, '55000', 'nor is there a dashboard');
SELECT is(:'short'::text, '22023', 'a short key is refused');
SELECT is(current_setting('errand.token_secret'), '********', 'it is never shown');
SELECT is(t.by('tap_mona', 'SELECT current_setting(''errand.token_secret'')'), '42501', 'it is for superusers');
SELECT is(t.by('tap_adam', 'SELECT current_setting(''errand.token_secret'')'), '42501', 'and not for admins');
SELECT is(t.state($$SET errand.token_secret = '0123456789012345678901234567890123'$$), '55P02', 'no session has one of its own');

-- who may issue
SELECT is(t.by(who, format('SELECT errand.issue_token(%L, %L)', role, level)), '42501', format('%s may not issue a token for %s, %s', who, role, level))
FROM (VALUES ('tap_nick', 'tap_nick', 'submit'), ('tap_alice', 'tap_alice', 'submit'), ('tap_mona', 'tap_mona', 'monitor'),
    ('tap_adam', 'postgres', 'admin'), ('tap_adam', 'tap_alice', 'submit'), ('tap_adam', 'tap_bob', 'admin')) AS x (who, role, level);
SELECT isnt(t.by('tap_adam', $$SELECT errand.issue_token('tap_adam', 'admin')$$), '42501', 'an admin may for itself');
SELECT isnt(t.by('tap_adam', $$SELECT errand.issue_token('tap_alice', 'monitor')$$), '42501', 'and for others to look');
GRANT tap_bob TO tap_adam;
SELECT isnt(t.by('tap_adam', $$SELECT errand.issue_token('tap_bob', 'submit')$$), '42501', 'and for a role whose rights it has');
REVOKE tap_bob FROM tap_adam;

-- bad arguments
SELECT is(t.state(q), s, q) FROM (VALUES
    ($$SELECT errand.issue_token('no such role', 'submit')$$, '42704'),
    ($$SELECT errand.issue_token(NULL, 'submit')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'Admin')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', '')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', NULL)$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', ttl => '0 s')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', ttl => '-1 h')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', ttl => '367 days')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', ttl => NULL)$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => NULL)$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => '{NULL}')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => '{everything}')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => '{task:x}')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => '{queue:}')$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => ARRAY[E'queue:a\nb'])$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => array_fill('tasks'::text, ARRAY[65]))$$, '22023'),
    ($$SELECT errand.issue_token('tap_alice', 'submit', channels => array_fill('queue:' || repeat('x', 100), ARRAY[64]))$$, '22023')) AS x (q, s);

-- what it says
SELECT errand.issue_token('tap_alice', 'submit', '{tasks,notify:orders,"queue:a\"b"}', '90 s') AS token \gset
SELECT is(t.part(:'token', 1)::jsonb, '{"alg": "HS256", "typ": "JWT"}', 'it is a JWT, HS256');
SELECT t.part(:'token', 2) AS claims \gset
SELECT is(:'claims'::jsonb - '{exp,iat,jti}'::text[], jsonb_build_object('aud', current_database(), 'sub', 'tap_alice', 'level', 'submit',
    'channels', jsonb_build_array('tasks', 'notify:orders', 'queue:a"b')), 'for this database, role and level');
SELECT is((:'claims'::jsonb ->> 'exp')::bigint - (:'claims'::jsonb ->> 'iat')::bigint, 90::bigint, 'it expires');
SELECT ok(abs((:'claims'::jsonb ->> 'iat')::bigint - extract(epoch FROM clock_timestamp())) < 5, 'from now on');
SELECT ok((:'claims'::jsonb ->> 'jti')::uuid IS NOT NULL, 'its name is a uuid');
SELECT isnt(t.part(errand.issue_token('tap_alice', 'submit'), 2)::jsonb ->> 'jti', :'claims'::jsonb ->> 'jti', 'each has its own');

-- taking it back
SELECT is(t.by('tap_mona', format('SELECT errand.revoke_token(%L)', :'token')), '42501', 'a monitor revokes nothing');
SELECT is(errand.revoke_token(:'token'), true, 'a token is revoked');
SELECT is(errand.revoke_token(:'claims'::jsonb ->> 'jti'), false, 'by its name it is the same one');
SELECT is(t.state(format('SELECT errand.revoke_token(%L)', q)), '22023', 'not a token: ' || left(q, 20))
FROM unnest(ARRAY['', 'a.b.c', left(:'token', -1) || 'x', repeat('x', 101)]) AS q;
INSERT INTO errand.revoked_token VALUES ('long gone', now() - interval '1 s');
SELECT is(errand.revoke_token('another'), true, 'a name that nobody knows can be revoked');
SELECT is((SELECT count(*)::int FROM errand.revoked_token WHERE jti = 'long gone'), 0, 'what has expired is forgotten');

-- what the relay asks
SELECT results_eq($$SELECT ord, role = (SELECT oid FROM pg_roles WHERE rolname = sub), level, revoked FROM unnest(ARRAY['tap_alice', 'tap_mona', 'tap_adam',
        'tap_nick', 'nobody', current_user::text]) WITH ORDINALITY AS u (sub, n)
    JOIN errand._relay_check(ARRAY['a', 'another', 'c', 'd', 'e', 'f'], ARRAY['tap_alice', 'tap_mona', 'tap_adam', 'tap_nick', 'nobody', current_user::text]) AS c ON c.ord = n ORDER BY 1$$,
    $$VALUES (1, true, 'submit', false), (2, true, 'monitor', true), (3, true, 'admin', false), (4, true, NULL, false), (5, NULL, NULL, false), (6, true, 'admin', false)$$,
    'of open connections: role, level, revoked');
SELECT is((SELECT count(*)::int FROM errand._relay_auth('nobody', 'x')), 0, 'of a role that is not there: nothing');

-- the dashboard's address
SELECT is(t.by('tap_alice', 'SELECT errand.dashboard_url()'), '42501', 'submit has no dashboard');
SELECT is(regexp_replace(t.by('tap_mona', 'SELECT errand.dashboard_url()'), 'token=.*', ''), 'https://errand.example.com/db/#', 'a monitor has one, with the token in the fragment');
SELECT is(t.part(split_part(t.by('tap_mona', 'SELECT errand.dashboard_url()'), '=', 2), 2)::jsonb ->> x.claim, x.value, 'it claims: ' || x.claim)
FROM (VALUES ('sub', 'tap_mona'), ('level', 'monitor')) AS x (claim, value);
SELECT is(t.part(split_part(t.by('tap_adam', 'SELECT errand.dashboard_url()'), '=', 2), 2)::jsonb ->> 'level', 'admin', 'an admin is one there, too');
ALTER SYSTEM RESET errand.public_url;
ALTER SYSTEM RESET errand.token_secret;
SELECT pg_reload_conf() AS reloaded \gset
DELETE FROM errand.revoked_token;
SELECT * FROM finish();
