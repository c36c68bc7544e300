// How many tasks are in which state, as a bar and in words.
import { html } from '../lib/html.js';
import { number } from '../lib/format.js';
import { STATES } from '../lib/states.js';
import { State } from './state.js';

export function Mix({ counts }) {
	// a group counts those that are not final as "pending"
	const list = ['pending', ...STATES].map((s) => [s, Number((counts || {})[s]) || 0]).filter(([, n]) => n > 0);
	const all = list.reduce((a, [, n]) => a + n, 0);
	if (!all) return html`<span class="dim">none</span>`;
	let x = 0;
	return html`<div class="mix"><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">${list.map(([s, n]) => {
		const from = x;
		x += (n / all) * 100;
		return html`<rect key=${s} x=${from} y="0" width=${x - from} height="6" data-state=${s} />`;
	})}</svg><span class="mix-words">${list.map(([s, n]) => html`<span key=${s}><${State} state=${s} /> <b class="num">${number(n)}</b></span>`)}</span></div>`;
}
