import { html } from '../lib/html.js';
import { get, part } from '../lib/api.js';
import { number, rate, duration } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { Card, Empty, Page, Tile } from '../components/card.js';
import { Control } from '../components/control.js';
import { History } from '../components/history.js';
import { Json } from '../components/json.js';
import { Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

const ask = (signal) => get('sources', {}, signal);

function Controls({ source: s, refresh, small = true }) {
	const path = `sources/${part(s.source)}/`;
	const common = { name: small ? s.source : undefined, small, after: refresh };
	return html`<span class="controls">${s.state === 'stopped' ? html`<${Control} ...${common} label="Start" icon="running" path=${path + 'start'} done=${`Source ${s.source} is started.`} />`
		: html`<${Control} ...${common} label="Stop" icon="paused" path=${path + 'stop'} done=${`Source ${s.source} is stopped.`} />`}
		${s.kind !== 'websocket' && html`<${Control} ...${common} label="Run now" icon="next" path=${path + 'run'} done=${`Source ${s.source} runs now.`} />`}</span>`;
}

const columns = (refresh) => [
	{ name: 'Source', first: true, cell: (s) => html`<a href=${link('sources', s.source)}><bdi>${s.source}</bdi></a>` },
	{ name: 'Kind', cell: (s) => s.kind },
	{ name: 'State', cell: (s) => html`<${Word} word=${s.state} />` },
	{ name: 'Last run', cell: (s) => html`<${When} at=${s.last_run} />` },
	{ name: 'Next run', cell: (s) => html`<${When} at=${s.next_run} />` },
	{ name: 'Stored', num: true, cell: (s) => number(s.items_stored) },
	{ name: 'Rejected', num: true, cell: (s) => number(s.items_rejected) },
	{ name: 'Error', wide: true, cell: (s) => (s.error ? html`<bdi class="error-text">${s.error}</bdi>` : null) },
	{ name: 'Control', blank: true, cell: (s) => html`<${Controls} source=${s} refresh=${refresh} />` },
];

export function Sources() {
	const poll = usePoll(ask, 5, []);
	return html`<${Page} title="Sources" poll=${poll}><${Card}>
		<${Table} label="Sources" columns=${columns(poll.refresh)} rows=${(poll.data && poll.data.sources) || []} rowKey=${(s) => s.source} empty="No source is defined. A source fetches items from an API or a feed and stores them in a table." /><//><//>`;
}

const STAGES = [
	{ name: 'Stage', first: true, cell: (s) => s.stage },
	{ name: 'Workers', num: true, cell: (s) => number(s.workers) },
	{ name: 'Depth', num: true, cell: (s) => number(s.depth) },
	{ name: 'Done', num: true, cell: (s) => number(s.done) },
	{ name: 'Failed', num: true, cell: (s) => number(s.failed) },
	{ name: 'A second', num: true, cell: (s) => rate(s.per_second) },
	{ name: 'p50', num: true, cell: (s) => duration(s.p50_ms) },
];

export function Source({ id }) {
	const poll = usePoll(ask, 5, []);
	const s = ((poll.data && poll.data.sources) || []).find((x) => x.source === id);
	if (poll.data && !s) return html`<${Page} title=${id}><${Card}><${Empty}>There is no source of this name.<//><//><//>`;
	return html`<${Page} poll=${poll} title=${html`Source <bdi>${id}</bdi>`} note=${s && html`<${Word} word=${s.state} />`} actions=${s && html`<${Controls} source=${s} refresh=${poll.refresh} small=${false} />`}>
		${s && html`${s.error && html`<p class="problem"><bdi class="error-full">${s.error}</bdi></p>`}
		<div class="tiles"><${Tile} label="Stored" value=${number(s.items_stored)} note="items" /><${Tile} label="Duplicates" value=${number(s.items_duplicate)} />
			<${Tile} label="Rejected" value=${number(s.items_rejected)} tone=${s.items_rejected ? 'warn' : undefined} /><${Tile} label="Last success" value=${html`<${When} at=${s.last_success} />`} note=${html`next <${When} at=${s.next_run} />`} /></div>
		<${Card} title="Stages"><${Table} label="Stages" columns=${STAGES} rows=${s.stages || []} rowKey=${(x) => x.stage} empty="No run yet." /><//>
		<${History} of=${{ source: id }} />
		<${Card} title="Last items">${(s.last_items || []).length ? html`<${Json} value=${s.last_items} label="last items" />` : html`<${Empty}>None yet.<//>`}<//>`}<//>`;
}
