// The rows of the task list: a page of them, changed in place by events, never
// moved.  What is new is counted, and shown when asked for.
import { useEffect, useReducer, useRef } from './html.js';
import { get } from './api.js';
import { subscribe } from './live.js';
import { usePoll } from './poll.js';
import { matches, toArgs } from './filters.js';
import { isNews, recentEvents, withEvent } from './newer.js';

const FLUSH = 250; // events are drawn four times a second at most
const SIZE = 50;

function reduce(list, act) {
	switch (act.type) {
		case 'page':
			return { ...act.page, shown: act.of, fresh: new Set() };
		case 'again': {
			// the same page, asked for once more: rows stay where they are
			const byId = new Map(act.page.rows.map((r) => [r.id, r]));
			const fresh = new Set(list.fresh);
			const top = list.rows.length ? list.rows[0].id : 0;
			if (act.first) for (const r of act.page.rows) if (r.id > top) fresh.add(r.id);
			return { ...list, estimate: act.page.estimate, rows: list.rows.map((r) => byId.get(r.id) || r), fresh };
		}
		case 'events': {
			const latest = new Map(act.events.map((m) => [m.data.id, m]));
			const fresh = new Set(list.fresh);
			const top = list.rows.length ? list.rows[0].id : 0;
			const rows = list.rows.map((r) => {
				const m = latest.get(r.id);
				return m && isNews(r, m.data, m.at) ? withEvent(r, m.data, m.at) : r;
			});
			if (act.first && list.shown) {
				for (const m of act.events) if (m.data.id > top && matches(act.filter, m.data) && fresh.size < 1000) fresh.add(m.data.id);
			}
			return { ...list, rows, fresh };
		}
		default:
			return list;
	}
}

const NOTHING = { rows: [], next: null, estimate: null, shown: null, fresh: new Set() };

// Only what an event tells can be matched here; the rest is the server's to say.
const exact = (filter) => !['q', 'kind', 'owner', 'key', 'tag', 'group', 'since', 'until'].some((f) => filter[f]);

export function useTaskList(filter, after) {
	const [list, act] = useReducer(reduce, NOTHING);
	const recent = useRef(null);
	recent.current ||= recentEvents();
	const of = JSON.stringify([filter, after || '']);
	const shown = useRef(null);
	const poll = usePoll(async (signal) => {
		const asked = performance.now();
		const answer = await get('tasks', { ...toArgs(filter), limit: SIZE, after }, signal);
		const page = { rows: recent.current.over(answer.tasks, asked), next: answer.next, estimate: answer.estimate };
		act({ type: shown.current === of ? 'again' : 'page', page, of, first: !after });
		shown.current = of;
		return true;
	}, 15, [of]);
	useEffect(() => {
		let waiting = [];
		let timer = 0;
		const flush = () => {
			timer = 0;
			const events = waiting;
			waiting = [];
			act({ type: 'events', events, filter, first: !after && exact(filter) });
		};
		const off = subscribe(filter.queue ? `queue:${filter.queue}` : 'tasks', {
			event: (m) => {
				recent.current.note(m);
				waiting.push(m);
				timer ||= setTimeout(flush, FLUSH);
			},
			subscribed: (recovered) => !recovered && shown.current === of && poll.refresh(),
		});
		return () => {
			clearTimeout(timer);
			off();
		};
	}, [of]);
	const reload = () => {
		shown.current = null;
		poll.refresh();
	};
	// rows of another filter are no answer to this one
	const seen = poll.error && list.shown !== of ? NOTHING : list;
	return { ...seen, loading: list.shown !== of && !poll.error, error: poll.error, refresh: poll.refresh, reload };
}
