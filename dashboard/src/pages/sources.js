// All sources: how they do, and what they bring, live.
import { html, useState } from '../lib/html.js';
import { get } from '../lib/api.js';
import { number } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { Card, Page } from '../components/card.js';
import { Controls, Items, NextRun, useItems } from '../components/source-parts.js';
import { View } from '../components/source-views.js';
import { Spark } from '../components/spark.js';
import { Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

const LIVE = 12; // so many are followed at once
const VIEWS = 8; // so many are read at once

const ask = (signal) => get('sources', {}, signal);

const columns = (refresh) => [
	{ name: 'Source', first: true, cell: (s) => html`<a href=${link('sources', s.source)}><bdi>${s.source}</bdi></a> <small class="dim">${s.kind}</small>` },
	{ name: 'State', cell: (s) => html`<${Word} word=${s.state} />${s.error && html`<bdi class="error-text" title=${s.error}>${s.error}</bdi>`}` },
	{ name: 'Last success', cell: (s) => html`<${When} at=${s.last_success} />` },
	{ name: 'Next run', cell: (s) => html`<${NextRun} source=${s} />` },
	{ name: 'Stored', num: true, cell: (s) => number(s.items_stored) },
	{ name: 'Rejected', num: true, cell: (s) => number(s.items_rejected) },
	{ name: 'A minute', cell: (s) => html`<${Spark} values=${s.stored_per_minute} label=${`Rows of ${s.source} a minute`} />` },
	{ name: 'Control', blank: true, cell: (s) => html`<${Controls} source=${s} refresh=${refresh} />` },
];

function Live({ source: s, changed }) {
	const items = useItems(s.source, () => changed(s.source)) || s.last_items || [];
	return html`<${Card} title=${html`<a href=${link('sources', s.source)}><bdi>${s.source}</bdi></a>`} note=${s.description} label=${`Last items of ${s.source}`}>
		<${Items} items=${items} label=${`Last items of ${s.source}`} most=${5} /><//>`;
}

// Each view once, with the names of the sources that it reads.
function viewsOf(sources) {
	const all = new Map();
	for (const s of sources) for (const v of s.views || []) all.set(v.view, { ...v, of: [...(all.get(v.view)?.of || []), s.source] });
	return [...all.values()].slice(0, VIEWS);
}

export function Sources() {
	const poll = usePoll(ask, 5, []);
	const [news, count] = useState({});
	const all = (poll.data && poll.data.sources) || [];
	const followed = all.filter((s) => s.state !== 'stopped').slice(0, LIVE);
	const changed = (name) => {
		poll.refresh();
		count((n) => ({ ...n, [name]: (n[name] || 0) + 1 }));
	};
	return html`<${Page} title="Sources" poll=${poll}><${Card}>
		<${Table} label="Sources" columns=${columns(poll.refresh)} rows=${all} rowKey=${(s) => s.source} empty="No source is defined. A source fetches items from an API or a feed and stores them in a table." /><//>
		<div class="flow">${followed.map((s) => html`<${Live} key=${s.source} source=${s} changed=${changed} />`)}
			${viewsOf(followed).map((v) => html`<${View} key=${`view ${v.view}`} source=${v.of[0]} view=${v} news=${v.of.reduce((sum, name) => sum + (news[name] || 0), 0)} most=${5} />`)}</div><//>`;
}
