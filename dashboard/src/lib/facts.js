// What all pages share: the overview's facts (who am I, what may I do) and the
// stats of each second.
import { atom, useAtom } from './atom.js';
import { get } from './api.js';
import { visible } from './clock.js';
import { session } from './session.js';
import { subscribe } from './live.js';

const EVERY = 5000;
const KEPT = 120;

export const overview = atom(null);
export const overviewError = atom(null);
export const stats = atom(null);
// the last two minutes, for small lines
export const recentStats = [];

let timer = 0;

export async function refreshOverview() {
	clearTimeout(timer);
	const mine = session.get();
	if (!mine || !visible.get()) return;
	try {
		const data = await get('overview');
		if (session.get() !== mine) return;
		overview.set(data);
		overviewError.set(null);
	} catch (e) {
		if (session.get() !== mine) return;
		overviewError.set(e);
	}
	clearTimeout(timer);
	timer = setTimeout(refreshOverview, EVERY);
}

function noteStats(data) {
	if (!data || !data.counts) return;
	recentStats.push(data);
	if (recentStats.length > KEPT) recentStats.shift();
	stats.set(data);
}

export function startFacts() {
	subscribe('stats', { snapshot: noteStats, event: (m) => noteStats(m.data) });
	const begin = () => {
		overview.set(null);
		overviewError.set(null);
		stats.set(null);
		recentStats.length = 0;
		refreshOverview();
	};
	session.listen(begin);
	visible.listen((is) => is && refreshOverview());
	begin();
}

// Only admins get controls; the server refuses anyway.
export function useAdmin() {
	const facts = useAtom(overview);
	return facts !== null && facts.level === 'admin';
}
