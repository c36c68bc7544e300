// What the pages of sources share: controls, and items as they come.
import { html, useEffect, useState } from '../lib/html.js';
import { part } from '../lib/api.js';
import { subscribe } from '../lib/live.js';
import { Empty } from './card.js';
import { Control } from './control.js';
import { Json, textOf } from './json.js';
import { Table } from './table.js';
import { When } from './when.js';

export function Controls({ source: s, refresh, small = true }) {
	const path = `sources/${part(s.source)}/`;
	const common = { name: small ? s.source : undefined, small, after: refresh };
	return html`<span class="controls">${s.state === 'stopped' ? html`<${Control} ...${common} label="Start" icon="running" path=${path + 'start'} done=${`Source ${s.source} is started.`} />`
		: html`<${Control} ...${common} label="Stop" icon="paused" path=${path + 'stop'} done=${`Source ${s.source} is stopped.`} />`}
		${s.kind !== 'websocket' && html`<${Control} ...${common} label="Run now" icon="next" path=${path + 'run'} done=${`Source ${s.source} runs now.`} />`}</span>`;
}

// A run that is under way is known to be due until it ends.
export function NextRun({ source: s }) {
	return s.state === 'running' && Date.parse(s.next_run) <= Date.now() ? html`<span>running</span>` : html`<${When} at=${s.next_run} />`;
}

// useItems(name, changed): its last items, the newest first, as they are
// stored; null until they are known.  changed() is called at most once a second.
export function useItems(name, changed) {
	const [items, set] = useState(null);
	useEffect(() => {
		let timer = 0;
		const later = () => {
			if (timer) return;
			timer = setTimeout(() => {
				timer = 0;
				changed();
			}, 1000);
		};
		const end = subscribe(`source:${name}`, {
			snapshot: (data) => set(data.last_items || []),
			event: (m) => {
				if (m.data.items) set((old) => [...[...m.data.items].reverse(), ...(old || [])].slice(0, 20));
				later();
			},
		});
		return () => {
			clearTimeout(timer);
			end();
		};
	}, [name]);
	return items;
}

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isTime = (v) => typeof v === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(v);

export function Value({ value }) {
	if (value === null || value === undefined) return null;
	const text = isTime(value) ? value.slice(0, 19).replace('T', ' ') : textOf(value);
	return html`<bdi class=${text.length > 6 ? "item-value long" : "item-value"} title=${text.length > 60 ? text.slice(0, 500) : undefined}>${text.length > 120 ? text.slice(0, 119) + '…' : text}</bdi>`;
}

// Rows as a table of their columns; those that are large have only their key.
export function Items({ items, label, most = 20 }) {
	if (!items.length) return html`<${Empty}>None yet.<//>`;
	const rows = items.slice(0, most).map((i) => (isObject(i) && i.large === true && isObject(i.key) ? { ...i.key, '…': 'a large row' } : i));
	if (!rows.every(isObject)) return html`<${Json} value=${rows} label=${label} />`;
	const names = [...new Set(rows.flatMap(Object.keys))].slice(0, 8);
	const columns = names.map((name, n) => ({
		name, first: n === 0, num: rows.every((r) => typeof r[name] === 'number' || r[name] === undefined || r[name] === null),
		cell: (r) => html`<${Value} value=${r[name]} />`,
	}));
	return html`<${Table} label=${label} columns=${columns} rows=${rows.map((r, n) => ({ ...r, ['\0n']: n }))} rowKey=${(r) => r['\0n']} />`;
}
