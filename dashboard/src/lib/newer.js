// A task never goes backwards on the page, though answers over HTTP and events
// over the WebSocket overtake each other.

const time = (text) => (text ? new Date(text).getTime() : 0);

// When the state that a row shows came about, as far as the row tells.
function rowTime(row) {
	return row.at_ms || Math.max(time(row.finished_at), time(row.started_at), time(row.submitted_at));
}

// Whether the event tells more than the row.  A run is one life of the task:
// retry() begins another.
export function isNews(row, event, at) {
	if (row.run !== undefined && event.run !== undefined && row.run !== event.run) return event.run > row.run;
	if (event.attempt < row.attempt && time(at) <= rowTime(row)) return false;
	return time(at) >= rowTime(row);
}

// The row with what the event tells.
export function withEvent(row, event, at) {
	const next = { ...row, state: event.state, attempt: event.attempt, at_ms: time(at) };
	if (event.run !== undefined) next.run = event.run;
	if (event.state === 'running') {
		next.started_at = at;
		next.finished_at = null;
		next.error = null;
	} else if (['succeeded', 'failed', 'cancelled', 'unknown'].includes(event.state)) {
		next.finished_at = at;
		next.progress = null;
		if (event.error !== undefined) next.error = event.error;
		if (event.run_ms >= 0) next.run_ms = event.run_ms;
	}
	return next;
}

// What came by the WebSocket lately, to lay over answers that were asked for
// before it came.  Bounded: the oldest go first.
export function recentEvents(limit = 5000) {
	const events = new Map();
	return {
		note(message) {
			events.delete(message.data.id);
			events.set(message.data.id, { message, heard: performance.now() });
			if (events.size > limit) events.delete(events.keys().next().value);
		},
		over(rows, asked) {
			return rows.map((row) => {
				const e = events.get(row.id);
				if (!e || e.heard < asked || !isNews(row, e.message.data, e.message.at)) return row;
				return withEvent(row, e.message.data, e.message.at);
			});
		},
	};
}
