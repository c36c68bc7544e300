-- What \d+ and \df+ show of the relay's tokens, its API and the numbers kept for it.

COMMENT ON TABLE errand.revoked_token IS 'Tokens of the relay that errand.revoke_token() took back, until they expire.';
COMMENT ON COLUMN errand.revoked_token.jti IS 'The token''s name.';
COMMENT ON COLUMN errand.revoked_token.expires_at IS 'When it would have expired: the row goes then.';

COMMENT ON FUNCTION errand.issue_token(name, text, text[], interval) IS
'A token by which a client of the relay acts as a database role: a JWT, signed with errand.token_secret (HS256), for this database only. For admins.
role: the database role; rows are seen by its rights. level: submit, monitor or admin: the token grants no more than this, and no more than errand.grant_access() gave the role when it is used. channels: what a WebSocket may subscribe to: tasks (also task:ID, queue:NAME, group:ID, stats), source:NAME, notify:CHANNEL, the wildcards source:*, notify:* and *. ttl: 1 second to 366 days.
Raises 55000 if errand.token_secret is not set, 42704 if there is no such role, 42501 unless you are an admin and a member of the role (a token of the level monitor may be for any role), 22023 for a bad level, channel or ttl.
Example: SELECT errand.issue_token(''app'', ''monitor'', ttl => ''8 h'');';
COMMENT ON FUNCTION errand.revoke_token(text) IS
'Takes a token back: new connections are refused at once, open ones end within 60 seconds. For admins.
jti: the token''s claim of that name, or the token itself. Returns false if it was taken back before.
Raises 22023 if it is neither, 55000 for a token while errand.token_secret is not set, 42501 unless you are an admin.
Example: SELECT errand.revoke_token(''4b0a2c9e-7d0b-4a7e-9c55-0d6d6a9f1c11'');';
COMMENT ON FUNCTION errand.dashboard_url(interval) IS
'The address of the dashboard, with a token of your own in its fragment, which no server sees: whoever opens it sees and does what you may, as monitor or admin. Keep it to yourself.
ttl: 1 second to 366 days. The address is errand.public_url, else what errand.listen_address and errand.port say.
Raises 42501 unless you are a monitor or an admin, 55000 if the relay is off or errand.token_secret is not set, 22023 for a bad ttl.
Example: SELECT errand.dashboard_url();';
COMMENT ON FUNCTION errand._token_revoke(text, timestamptz, timestamptz) IS 'internal: remembers a token that was taken back.';
COMMENT ON FUNCTION errand._role_level(oid) IS 'internal: the highest level that a role has.';
COMMENT ON FUNCTION errand._relay_check(text[], text[]) IS 'internal: roles, levels and revocations of tokens in use.';
COMMENT ON FUNCTION errand._relay_auth(text, text) IS 'internal: role, level and revocation of one token.';
COMMENT ON FUNCTION errand._level_cap() IS 'internal: the level of the token that the relay acts for.';
