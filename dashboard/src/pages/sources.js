// All sources: how they do, and what they bring, live.
import { html } from '../lib/html.js';
import { get } from '../lib/api.js';
import { number } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { Card, Page } from '../components/card.js';
import { Controls, Items, useItems } from '../components/source-parts.js';
import { Spark } from '../components/spark.js';
import { Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

const LIVE = 12; // so many are followed at once

const ask = (signal) => get('sources', {}, signal);

const columns = (refresh) => [
	{ name: 'Source', first: true, cell: (s) => html`<a href=${link('sources', s.source)}><bdi>${s.source}</bdi></a> <small class="dim">${s.kind}</small>` },
	{ name: 'State', cell: (s) => html`<${Word} word=${s.state} />${s.error && html`<bdi class="error-text" title=${s.error}>${s.error}</bdi>`}` },
	{ name: 'Last success', cell: (s) => html`<${When} at=${s.last_success} />` },
	{ name: 'Next run', cell: (s) => html`<${When} at=${s.next_run} />` },
	{ name: 'Stored', num: true, cell: (s) => number(s.items_stored) },
	{ name: 'Rejected', num: true, cell: (s) => number(s.items_rejected) },
	{ name: 'A minute', cell: (s) => html`<${Spark} values=${s.stored_per_minute} label=${`Rows of ${s.source} a minute`} />` },
	{ name: 'Control', blank: true, cell: (s) => html`<${Controls} source=${s} refresh=${refresh} />` },
];

function Live({ source: s, refresh }) {
	const items = useItems(s.source, refresh) || s.last_items || [];
	return html`<${Card} title=${html`<a href=${link('sources', s.source)}><bdi>${s.source}</bdi></a>`} note=${s.description} label=${`Last items of ${s.source}`}>
		<${Items} items=${items} label=${`Last items of ${s.source}`} most=${5} /><//>`;
}

export function Sources() {
	const poll = usePoll(ask, 5, []);
	const all = (poll.data && poll.data.sources) || [];
	return html`<${Page} title="Sources" poll=${poll}><${Card}>
		<${Table} label="Sources" columns=${columns(poll.refresh)} rows=${all} rowKey=${(s) => s.source} empty="No source is defined. A source fetches items from an API or a feed and stores them in a table." /><//>
		<div class="two">${all.filter((s) => s.state !== 'stopped').slice(0, LIVE).map((s) => html`<${Live} key=${s.source} source=${s} refresh=${poll.refresh} />`)}</div><//>`;
}
