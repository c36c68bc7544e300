// Times and durations.
import { html } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { useNow } from '../lib/clock.js';
import { prefs } from '../lib/prefs.js';
import { absolute, duration, relative } from '../lib/format.js';

// Relative, with the absolute time on hover and for who reads aloud.
export function When({ at, full }) {
	const now = useNow();
	const { clock } = useAtom(prefs);
	const date = at ? new Date(at) : null;
	if (!date || Number.isNaN(date.getTime())) return html`<span class="dim">–</span>`;
	const exact = absolute(date, clock, true);
	return html`<time datetime=${date.toISOString()} title=${exact}>${full ? absolute(date, clock) : relative(date.getTime(), now)}</time>`;
}

export const Took = ({ ms }) => html`<span class="num">${duration(ms)}</span>`;

// How long since, counting on.
export function Since({ at }) {
	const now = useNow();
	return html`<span class="num">${duration(Math.max(0, now - new Date(at).getTime()))}</span>`;
}
