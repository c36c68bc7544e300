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
	{ name: 'Error', wide: true, cell: (a) => (a.error ? html`<bdi class="error-full">${a.error}</bdi>${a.detail && html`<bdi class="dim"> ${a.detail}</bdi>`}` : null) },
];

export function Attempts({ list }) {
	return html`<${Table} label="Attempts" columns=${COLUMNS} rows=${list} rowKey=${(a) => `${a.attempt}/${a.started_at}`} empty="It has not been tried yet." />`;
}
