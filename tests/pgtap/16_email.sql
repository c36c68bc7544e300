-- errand.email(): what is refused before anything is stored. What is sent is in tests/tap/090_mail.pl.
\ir common.psql
SELECT plan(28);

CREATE FUNCTION pg_temp.email(extra text, recipient text DEFAULT 'a@example.com', subject text DEFAULT 's') RETURNS text LANGUAGE sql AS
    $$ SELECT t.by('postgres', format('SELECT errand.email(ARRAY[%L], %L%s)', recipient, subject, extra)) $$;
SELECT is(pg_temp.email(''), '55000', 'no server is set: 55000');
SELECT throws_like($$SELECT errand.email('{a@example.com}', 's')$$, 'no mail server is set', 'and said so');
SELECT is(t.by('postgres', $$SELECT errand.submit('email', '{"recipient": ["a@example.com"], "subject": "s"}')$$), '55000', 'submit: likewise');
SELECT is(t.by('postgres', $$SELECT errand.submit_many('email', ARRAY['{"recipient": ["a@example.com"], "subject": "s"}'::jsonb])$$), '55000', 'submit_many: likewise');

SELECT is(pg_temp.email('', r), '22023', 'recipient ' || quote_literal(r)) FROM (VALUES (''), ('a'), ('a@b, c@d'), (E'a@b\nBcc: c@d'), ('A <a@b'), ('ü@b')) AS x (r);
SELECT is(pg_temp.email('', subject => E'a\r\nBcc: x@y'), '22023', 'subject: a line break');
SELECT is(pg_temp.email('', subject => repeat('x', 2001)), '22023', 'subject: too long');
SELECT is(pg_temp.email(', ' || e), '22023', e) FROM (VALUES ('cc => ''{a}'''), ('bcc => ARRAY[E''a@b\r'']'), ('reply_to => ''a@b,c@d'''), ('sender => ''a b'''),
    ('headers => ''{"Bcc": "a@b"}'''), ('headers => ''["X"]'''), ('headers => ''{"X": {"y": 1}}'''), ('attachments => ''{}'''), ('attachments => ''[{"filename": "a"}]'''),
    ('attachments => ''[{"content": "a"}]'''), ('attachments => ''[{"filename": "a", "content_base64": "%"}]'''), ('attachments => ''[{"filename": "a/b", "content": ""}]'''),
    ('cc => ARRAY[NULL]')) AS x (e);

-- task types
SELECT is(t.by('postgres', $$SELECT errand.define_task('tap_mail', 'email', template => '{"subject": "x", "sender": "A <a@b.example>"}')$$), '', 'define_task: a template need not be complete');
SELECT is(t.by('postgres', $$SELECT errand.define_task('tap_bad', 'email', template => '{"sender": "x"}')$$), '22023', 'define_task: but right');
SELECT is(t.by('postgres', $$SELECT errand.define_task('tap_bad', 'email', template => '{"url": "http://x"}')$$), '22023', 'define_task: and of an e-mail');
SELECT errand.drop_task('tap_mail') AS dropped \gset
SELECT * FROM finish();
