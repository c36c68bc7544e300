import { html } from '../lib/html.js';
import { between } from '../lib/format.js';
import { Split } from './timeline.js';
import { State, Word } from './state.js';
import { STATES } from '../lib/states.js';
import { Table } from './table.js';
import { Since, Took, When } from './when.js';

// "lost" and "interrupted" are states of an attempt, not of a task
const Ended = ({ state }) => (STATES.includes(state) ? html`<${State} state=${state} />` : html`<${Word} word=${state} tone="warn" />`);

const COLUMNS = [
	{ name: 'Attempt', first: true, cell: (a) => a.attempt },
	{ name: 'State', cell: (a) => html`<${Ended} state=${a.state} />` },
	{ name: 'Started', cell: (a) => html`<${When} at=${a.started_at} />` },
	{ name: 'Took', num: true, cell: (a) => (a.started_at && !a.finished_at ? html`<${Since} at=${a.started_at} />` : html`<${Took} ms=${between(a.started_at, a.finished_at)} />`) },
	{ name: 'Worker', num: true, cell: (a) => a.worker || '–' },
	{ name: 'Code', cell: (a) => a.status_code || a.sqlstate || '–' },
	{ name: 'Time split', wide: true, cell: (a) => (a.timings ? html`<${Split} timings=${a.timings} />` : null) },
	{ name: 'Error', wide: true, cell: (a) => (a.error ? html`<bdi class="error-full">${a.error}</bdi>${a.detail && html`<bdi class="dim"> ${a.detail}</bdi>`}${a.context && html`<details><summary>Context</summary><bdi class="told">${a.context}</bdi></details>`}` : null) },
];

// what handlers told by RAISE NOTICE and the like, as many as were kept
const TOLD = [
	{ name: 'Attempt', first: true, cell: (n) => n.attempt },
	{ name: 'Severity', cell: (n) => n.severity },
	{ name: 'Code', cell: (n) => n.sqlstate },
	{ name: 'Message', wide: true, cell: (n) => html`<bdi class="told">${n.message}</bdi>` },
];

export function Attempts({ list }) {
	const told = list.flatMap((a) => (a.notices || []).map((n, i) => ({ ...n, attempt: a.attempt, key: `${a.attempt}/${a.started_at}/${i}` })));
	return html`<${Table} label="Attempts" columns=${COLUMNS} rows=${list} rowKey=${(a) => `${a.attempt}/${a.started_at}`} empty="It has not been tried yet." />
		${told.length > 0 && html`<h3>Notices</h3><${Table} label="Notices" columns=${TOLD} rows=${told} rowKey=${(n) => n.key} />`}`;
}
