// One source: its stages, numbers over time, last items, views over them, runs, bad items.
import { html, useState } from '../lib/html.js';
import { get } from '../lib/api.js';
import { duration, number, rate } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { Card, Empty, Page, Tile } from '../components/card.js';
import { History } from '../components/history.js';
import { Controls, Items, NextRun, useItems } from '../components/source-parts.js';
import { View } from '../components/source-views.js';
import { Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

const STAGES = [
	{ name: 'Stage', first: true, cell: (s) => s.stage },
	{ name: 'Workers', num: true, cell: (s) => number(s.workers) },
	{ name: 'Depth', num: true, cell: (s) => number(s.depth) },
	{ name: 'Done', num: true, cell: (s) => number(s.done) },
	{ name: 'Failed', num: true, cell: (s) => number(s.failed) },
	{ name: 'A second', num: true, cell: (s) => rate(s.per_second) },
	{ name: 'p50', num: true, cell: (s) => duration(s.p50_ms) },
];

const took = (r) => (r.finished_at ? duration(Date.parse(r.finished_at) - Date.parse(r.started_at)) : null);
const TONES = { running: 'info', succeeded: 'good', not_modified: 'good', failed: 'bad' };

const RUNS = [
	{ name: 'Run', first: true, cell: (r) => html`<${When} at=${r.started_at} />` },
	{ name: 'State', cell: (r) => html`<${Word} word=${r.state} tone=${TONES[r.state]} />` },
	{ name: 'Took', num: true, cell: took },
	{ name: 'Pages', num: true, cell: (r) => number(r.pages) },
	{ name: 'Items', num: true, cell: (r) => number(r.items) },
	{ name: 'Stored', num: true, cell: (r) => number(r.stored) },
	{ name: 'Duplicates', num: true, cell: (r) => number(r.duplicate) },
	{ name: 'Rejected', num: true, cell: (r) => number(r.rejected) },
	{ name: 'Error', wide: true, cell: (r) => (r.error ? html`<bdi class="error-text">${r.error}</bdi>` : null) },
];

const REJECTS = [
	{ name: 'Last', first: true, cell: (r) => html`<${When} at=${r.last_at} />` },
	{ name: 'Stage', cell: (r) => r.stage },
	{ name: 'Times', num: true, cell: (r) => number(r.times) },
	{ name: 'Reason', wide: true, cell: (r) => html`<bdi class="error-text">${r.reason}</bdi>` },
	{ name: 'Item', wide: true, cell: (r) => (r.item ? html`<bdi class="item-value">${r.item.slice(0, 200)}</bdi>` : null) },
];

function One({ source: s, refresh }) {
	const [news, count] = useState(0);
	const changed = () => {
		refresh();
		count((n) => n + 1);
	};
	const items = useItems(s.source, changed) || s.last_items || [];
	return html`${s.error && html`<p class="problem"><bdi class="error-full">${s.error}</bdi></p>`}
		<div class="tiles"><${Tile} label="Stored" value=${number(s.items_stored)} note="items" /><${Tile} label="Duplicates" value=${number(s.items_duplicate)} note=${s.missed ? `${number(s.missed)} never came` : undefined} />
			<${Tile} label="Rejected" value=${number(s.items_rejected)} tone=${s.items_rejected ? 'warn' : undefined} note=${s.dropped ? `${number(s.dropped)} dropped` : undefined} />
			<${Tile} label="Last success" value=${html`<${When} at=${s.last_success} />`} note=${s.next_run ? html`next <${NextRun} source=${s} />` : s.connected_since && html`connected <${When} at=${s.connected_since} />`} /></div>
		<${History} of=${{ source: s.source }} />
		<div class="flow"><${Card} title="Last items" note=${s.target && `in ${s.target}`}><${Items} items=${items} label="Last items" most=${10} /><//>
			${(s.views || []).map((v) => html`<${View} key=${v.view} source=${s.source} view=${v} news=${news} />`)}</div>
		<${Card} title="Stages"><${Table} label="Stages" columns=${STAGES} rows=${s.stages || []} rowKey=${(x) => x.stage} empty="No run yet." /><//>
		<${Card} title="Runs"><${Table} label="Runs" columns=${RUNS} rows=${s.runs || []} rowKey=${(r) => r.id} empty="No run yet." /><//>
		${(s.rejects || []).length > 0 && html`<${Card} title="Bad items"><${Table} label="Bad items" columns=${REJECTS} rows=${s.rejects} rowKey=${(r) => r.id} /><//>`}`;
}

export function Source({ id }) {
	const poll = usePoll((signal) => get('sources', { source: id }, signal), 5, [id]);
	const s = poll.data && poll.data.sources[0];
	if (poll.data && !s)
		return html`<${Page} title=${id}><${Card}><${Empty}>There is no source of this name.<//><//><//>`;
	const known = s && s.source === id ? s : null; // the page before shows another
	return html`<${Page} poll=${{ ...poll, data: known }} title=${html`Source <bdi>${id}</bdi>`} note=${known && html`<${Word} word=${known.state} />`}
		actions=${known && html`<${Controls} source=${known} refresh=${poll.refresh} small=${false} />`}>
		${known && html`<${One} key=${id} source=${known} refresh=${poll.refresh} />`}<//>`;
}
