-- What \d+ and \df+ show of WebSocket sources.

COMMENT ON TABLE errand.stream_state IS 'What the connection of a WebSocket source knows of itself; errand.stat_sources shows it.';
COMMENT ON COLUMN errand.stream_state.source IS 'The source''s id.';
COMMENT ON COLUMN errand.stream_state.connected_at IS 'Since when it is connected; NULL: it is not.';
COMMENT ON COLUMN errand.stream_state.last_message IS 'When the last batch of messages was taken in.';
COMMENT ON COLUMN errand.stream_state.next_try IS 'When it connects again; NULL: it is connected, or about to be.';
COMMENT ON COLUMN errand.stream_state.messages IS 'Messages taken in, malformed ones included.';
COMMENT ON COLUMN errand.stream_state.malformed IS 'Of these, what was no JSON and is in errand.rejects.';
COMMENT ON COLUMN errand.stream_state.dropped IS 'Messages that came, and were let go since they could not be stored in time.';
COMMENT ON COLUMN errand.stream_state.connects IS 'How often it was connected.';
COMMENT ON COLUMN errand.stream_state.gaps IS 'Gaps in the sequence numbers.';
COMMENT ON COLUMN errand.stream_state.failures IS 'Failed attempts and cuts in a row, since it was last open for 10 seconds.';
COMMENT ON COLUMN errand.stream_state.troubled IS 'Its connection is why the source is degraded.';
COMMENT ON COLUMN errand.stream_state.missed IS 'Sequence numbers that were never seen.';
COMMENT ON COLUMN errand.stream_state.sequence IS 'The last sequence number.';
COMMENT ON COLUMN errand.stream_state.gap IS 'The last gap, in words.';
COMMENT ON COLUMN errand.stream_state.error IS 'Why it was last cut or could not connect; NULL since it is stable.';

COMMENT ON FUNCTION errand._streams_wanted() IS 'internal: whether a WebSocket source is started.';
COMMENT ON FUNCTION errand._stream_ms(text, bigint) IS 'internal: an interval in milliseconds.';
COMMENT ON FUNCTION errand._streams() IS 'internal: the WebSocket sources that are started.';
COMMENT ON FUNCTION errand._stream_secrets(text, text[]) IS 'internal: the secrets that a source''s owner may use.';
COMMENT ON FUNCTION errand._stream_parse(bytea, "char") IS 'internal: one message as jsonb, or why it is none.';
COMMENT ON FUNCTION errand._stream_parse_all(bytea[], "char"[]) IS 'internal: messages as jsonb, NULL if one is none.';
COMMENT ON FUNCTION errand._stream_follow(errand.stream_state, text, jsonb[], "char"[]) IS 'internal: follows sequence numbers, counts gaps.';
COMMENT ON FUNCTION errand._stream_spoilt(errand.source, bytea[], "char"[], timestamptz) IS 'internal: takes in a batch in which not all is JSON.';
COMMENT ON FUNCTION errand._stream_frames(text, bytea[], "char"[], bigint, integer, timestamptz) IS 'internal: takes in what a connection received.';
COMMENT ON FUNCTION errand._stream_told(text, timestamptz, timestamptz, bigint, integer, text, bigint, boolean, text, timestamptz) IS 'internal: records what became of a connection.';

COMMENT ON COLUMN errand.stat_sources.connected_since IS 'Streams: since when it is connected; NULL: it is not.';
COMMENT ON COLUMN errand.stat_sources.last_message IS 'Streams: when the last batch of messages was taken in.';
COMMENT ON COLUMN errand.stat_sources.messages IS 'Streams: messages taken in, malformed ones included.';
COMMENT ON COLUMN errand.stat_sources.malformed IS 'Streams: messages that were no JSON; see errand.rejects.';
COMMENT ON COLUMN errand.stat_sources.dropped IS 'Streams: messages let go since they could not be stored in time.';
COMMENT ON COLUMN errand.stat_sources.gaps IS 'Streams: gaps in the numbers that "sequence" finds.';
COMMENT ON COLUMN errand.stat_sources.missed IS 'Streams: numbers that were never seen.';
COMMENT ON COLUMN errand.stat_sources.last_gap IS 'Streams: the last gap, in words.';
COMMENT ON COLUMN errand.stat_sources.sequence IS 'Streams: the last number.';
COMMENT ON COLUMN errand.stat_sources.connects IS 'Streams: how often it was connected.';
COMMENT ON COLUMN errand.stat_sources.connection_error IS 'Streams: why it was last cut or could not connect; NULL once it has been open for 10 seconds.';
