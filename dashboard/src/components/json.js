// A value from outside, as text.
import { html, useState } from '../lib/html.js';
import { copy } from '../lib/copy.js';
import { seen } from '../lib/format.js';

const FOLD = 4000;

export const textOf = (value) => seen(typeof value === 'string' ? value : JSON.stringify(value, null, 2));

export function Json({ value, label }) {
	const [all, setAll] = useState(false);
	if (value === null || value === undefined) return html`<p class="dim">none</p>`;
	if (value.truncated === true && value.bytes) return html`<p class="dim">${value.bytes} bytes: too large to show here. In SQL: errand.result(id).</p>`;
	const text = textOf(value);
	return html`<div class="value"><button class="plain value-copy" onClick=${() => copy(text)} aria-label=${`Copy ${label}`}>Copy</button>
		<pre class="code" tabindex="0" aria-label=${label}>${all || text.length <= FOLD ? text : text.slice(0, FOLD) + ' …'}</pre>
		${text.length > FOLD && html`<button class="plain" onClick=${() => setAll(!all)}>${all ? 'Show less' : `Show all ${text.length} characters`}</button>`}</div>`;
}
