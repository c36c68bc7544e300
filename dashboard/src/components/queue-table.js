// Queues with depth and age: depth alone cannot tell busy from stuck.
import { html } from '../lib/html.js';
import { duration, number } from '../lib/format.js';
import { link } from '../lib/route.js';
import { part } from '../lib/api.js';
import { Control } from './control.js';
import { Spark } from './spark.js';
import { Word } from './state.js';
import { Table } from './table.js';

// The newest numbers of each second over the row of the last answer.
export function withStats(queues, now) {
	const live = new Map(((now && now.queues) || []).map((q) => [q.queue, q]));
	return (queues || []).map((q) => {
		const l = live.get(q.queue);
		return l ? { ...q, ready: l.ready, scheduled: l.scheduled, waiting: l.waiting, running: l.running, depth: l.ready + l.scheduled + l.waiting, succeeded: l.succeeded, failed: l.failed } : q;
	});
}

const pair = (a, b) => html`<span class="num">${duration(a)} <span class="dim">/</span> ${duration(b)}</span>`;
const stateOf = (q) => (q.paused ? 'paused' : q.draining ? 'draining' : q.running > 0 || q.ready > 0 ? 'busy' : 'idle');

function PauseButton({ queue: q, after }) {
	const path = `queues/${part(q.queue)}/`;
	return q.paused || q.draining
		? html`<${Control} label="Resume" name=${q.queue} icon="running" path=${path + 'resume'} done=${`Queue ${q.queue} runs again.`} after=${after} />`
		: html`<${Control} label="Pause" name=${q.queue} icon="paused" path=${path + 'pause'} done=${`Queue ${q.queue} is paused.`} after=${after} />`;
}

export function QueueTable({ queues, now, after, limit = 0 }) {
	const rows = withStats(queues, now).sort((a, b) => (b.oldest_ready_age_ms || 0) - (a.oldest_ready_age_ms || 0) || b.depth - a.depth || (a.queue < b.queue ? -1 : 1));
	const columns = [
		{ name: 'Queue', first: true, cell: (q) => html`<a href=${link('queues', q.queue)}><bdi>${q.queue}</bdi></a>` },
		{ name: 'State', cell: (q) => html`<${Word} word=${stateOf(q)} />` },
		{ name: 'Depth', num: true, cell: (q) => html`<a href=${link('tasks', undefined, { queue: q.queue, state: 'waiting,scheduled,ready,retrying' })}>${number(q.depth)}</a>` },
		{ name: 'Oldest', num: true, cell: (q) => html`<span data-age=${q.oldest_ready_age_ms > 60000 ? 'old' : ''}>${duration(q.oldest_ready_age_ms)}</span>` },
		{ name: 'Running', num: true, cell: (q) => number(q.running) },
		{ name: 'Last 30 min', cell: (q) => html`<${Spark} values=${q.spark} label=${`Tasks of ${q.queue} finished a minute`} />` },
		{ name: 'Wait p50 / p95', num: true, cell: (q) => pair(q.wait_p50_ms, q.wait_p95_ms) },
		{ name: 'Run p50 / p95', num: true, cell: (q) => pair(q.run_p50_ms, q.run_p95_ms) },
		{ name: 'Failed', num: true, cell: (q) => html`<a href=${link('tasks', undefined, { queue: q.queue, state: 'failed' })}>${number(q.failed)}</a>` },
		{ name: 'Control', blank: true, cell: (q) => html`<${PauseButton} queue=${q} after=${after} />` },
	];
	return html`<${Table} label="Queues" columns=${columns} rows=${limit ? rows.slice(0, limit) : rows} rowKey=${(q) => q.queue} empty="No task has been submitted yet." />`;
}
