import { html, useState } from '../lib/html.js';
import { get, part, post } from '../lib/api.js';
import { useAdmin } from '../lib/facts.js';
import { duration, number, percent } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { growth, useSamples } from '../lib/samples.js';
import { attempt } from '../lib/toasts.js';
import { Card, Page } from '../components/card.js';
import { Limits } from '../components/limits.js';
import { Spark } from '../components/spark.js';
import { Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

const share = (h) => (h.requests ? h.errors / h.requests : 0);

const columns = (samples, admin, open) => [
	{ name: 'Host', first: true, cell: (h) => html`<bdi>${h.host}</bdi>` },
	{ name: 'Circuit', cell: (h) => html`<${Word} word=${h.circuit} />` },
	{ name: 'Held until', cell: (h) => html`<${When} at=${h.held_until} />` },
	{ name: 'Running', num: true, cell: (h) => html`${number(h.running)}${h.max_running ? html`<span class="dim"> / ${number(h.max_running)}</span>` : ''}` },
	{ name: 'Rate limit', cell: (h) => h.rate_limit || html`<span class="dim">none</span>` },
	{ name: 'Requests', num: true, cell: (h) => number(h.requests) },
	{ name: 'Errors', num: true, cell: (h) => html`${number(h.errors)} <span class="dim">(${percent(share(h))})</span>` },
	{ name: 'p50 / p95', num: true, cell: (h) => html`${duration(h.p50_ms)} <span class="dim">/</span> ${duration(h.p95_ms)}` },
	{ name: 'Since opened', cell: (h) => html`<${Spark} values=${growth(samples.get(h.host))} label=${`Requests to ${h.host} in 5 seconds`} />` },
	...(admin ? [{ name: 'Control', blank: true, cell: (h) => html`${h.proxy && html`<span class="dim">by proxy </span>`}<button class="button small" onClick=${() => open(h)} aria-label=${`Limits of ${h.host}`}>Limits …</button>` }] : []),
];

export function Hosts() {
	const poll = usePoll((signal) => get('hosts', {}, signal), 5, []);
	const admin = useAdmin();
	const [chosen, open] = useState(null);
	const rows = (poll.data && poll.data.hosts) || [];
	const samples = useSamples(poll.data && poll.data.hosts, (h) => h.host, (h) => h.requests);
	const save = (body) => attempt(async () => (await post(`hosts/${part(chosen.host)}/define`, body), poll.refresh()), 'The limits are set.');
	return html`<${Page} title="Hosts" note="that tasks talk to" poll=${poll}><${Card}>
		<${Table} label="Hosts" columns=${columns(samples, admin, open)} rows=${rows} rowKey=${(h) => h.host} empty="No request has been sent yet." /><//>
		${chosen && html`<${Limits} title=${`Limits of ${chosen.host}`} row=${chosen} save=${save} close=${() => open(null)} />`}<//>`;
}
