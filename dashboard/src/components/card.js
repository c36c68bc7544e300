// Boxes: a card with a heading, a tile with one number, what stands for nothing.
import { html } from '../lib/html.js';
import { Icon } from './icon.js';

// label is the title where that is no text
export function Card({ title, note, actions, children, label = title, class: extra = '' }) {
	return html`<section class="card ${extra}" aria-label=${label}>
		${title && html`<header class="card-head"><h2>${title}</h2>${note && html`<span class="dim">${note}</span>`}
			${actions && html`<div class="actions">${actions}</div>`}</header>`}
		${children}
	</section>`;
}

export function Tile({ label, value, unit, note, tone, href }) {
	const inner = html`<span class="tile-label">${label}</span>
		<span class="tile-value">${value}${unit && html`<small> ${unit}</small>`}</span>
		<span class="tile-note">${note || '\u00a0'}</span>`;
	return href ? html`<a class="tile" data-tone=${tone} href=${href}>${inner}</a>` : html`<div class="tile" data-tone=${tone}>${inner}</div>`;
}

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

export function Problem({ error, retry }) {
	return html`<div class="problem" role="alert"><${Icon} name="warn" />
		<div><strong>${error.message}</strong>${error.hint && html`<p>${error.hint}</p>`}</div>
		${retry && html`<button class="button" onClick=${retry}>Try again</button>`}</div>`;
}

// A page: its heading, and what stands instead while there is nothing to show.
export function Page({ title, note, actions, poll, children }) {
	return html`<div class="page">
		<div class="page-head"><h1 tabindex="-1">${title}</h1>${note && html`<span class="dim">${note}</span>`}
			${actions && html`<div class="actions">${actions}</div>`}</div>
		${poll && poll.error && html`<${Problem} error=${poll.error} retry=${poll.refresh} />`}
		${poll && !poll.data ? !poll.error && html`<${Loading} />` : children}
	</div>`;
}

export const Loading = () => html`<p class="empty" role="status">Loading …</p>`;
