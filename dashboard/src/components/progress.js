import { html } from '../lib/html.js';
import { percent } from '../lib/format.js';

// value: 0 to 1, as the handler said it
export function Progress({ value, text, label }) {
	const v = Math.min(1, Math.max(0, Number(value) || 0));
	return html`<span class="progress"><progress max="1" value=${v} aria-label=${label}></progress><span class="num">${percent(v)}</span>${text && html`<bdi class="dim">${text}</bdi>`}</span>`;
}
