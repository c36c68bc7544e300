// Tables that become cards on a narrow screen.  The roles are said aloud since
// CSS that lays a table out otherwise takes them away.
import { html, useEffect, useRef } from '../lib/html.js';
import { Empty } from './card.js';

// A cell says its column's name where there is no head above it.
function Cell({ column: c, value }) {
	const empty = value === null || value === undefined || value === '';
	const classes = [c.num && 'num', c.wide && 'wide', c.first && 'first', empty && 'empty-cell'].filter(Boolean).join(' ');
	return html`<td role="cell" data-label=${c.blank ? '' : c.name} class=${classes}>${value}</td>`;
}

// columns: [{name, cell(row), num, key, wide, blank}]; rowKey(row)
export function Table({ label, columns, rows, rowKey, rowClass, empty = 'Nothing here.' }) {
	const box = useRef(null);
	useEffect(() => {
		// what scrolls must be reached without a mouse
		const b = box.current;
		if (b && b.scrollWidth > b.clientWidth) b.setAttribute('tabindex', '0');
		else if (b) b.removeAttribute('tabindex');
	});
	if (!rows.length) return html`<${Empty}>${empty}<//>`;
	return html`<div class="table-wrap" ref=${box} role="group" aria-label=${label}><table role="table" aria-label=${label}>
		<thead role="rowgroup"><tr role="row">${columns.map((c) => html`<th role="columnheader" scope="col" class=${c.num ? 'num' : ''} data-label=${c.blank ? '' : c.name}>
			${c.head || (c.blank ? html`<span class="hidden">${c.name}</span>` : c.name)}</th>`)}</tr></thead>
		<tbody role="rowgroup">${rows.map((row) => html`<tr role="row" key=${rowKey(row)} class=${rowClass ? rowClass(row) : ''}>
			${columns.map((c) => html`<${Cell} column=${c} value=${c.cell(row)} />`)}</tr>`)}</tbody>
	</table></div>`;
}
