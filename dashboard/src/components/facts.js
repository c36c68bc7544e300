// Names and values; what is false is left out.
import { html } from '../lib/html.js';

export function Facts({ list }) {
	return html`<dl class="facts">${list.filter(Boolean).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
