import { html, useState } from '../lib/html.js';
import { get, part } from '../lib/api.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { STATES } from '../lib/states.js';
import { Card, Page } from '../components/card.js';
import { Control } from '../components/control.js';
import { History } from '../components/history.js';
import { State, Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

const columns = (refresh, chosen, choose) => [
	{ name: 'Schedule', first: true, cell: (s) => html`<bdi>${s.name}</bdi>` },
	{ name: 'When', cell: (s) => html`<code><bdi>${s.cron}</bdi></code> <span class="dim">${s.timezone === 'UTC' ? '' : s.timezone}</span>` },
	{ name: 'Type', cell: (s) => html`<a href=${link('tasks', undefined, { task: s.task })}><bdi>${s.task}</bdi></a>` },
	{ name: 'State', cell: (s) => html`<${Word} word=${s.paused ? 'paused' : 'on'} tone=${s.paused ? undefined : 'good'} />` },
	{ name: 'Last run', cell: (s) => html`<${When} at=${s.last_run} />` },
	{ name: 'Ended', cell: (s) => (STATES.includes(s.last_state) ? html`<a href=${link('tasks', s.last_task || undefined)}><${State} state=${s.last_state} /></a>` : html`<span class="dim">–</span>`) },
	{ name: 'Next run', cell: (s) => html`<${When} at=${s.paused ? null : s.next_run} />` },
	{ name: 'Control', blank: true, cell: (s) => html`<span class="controls"><button class="button small" aria-pressed=${chosen === s.task} onClick=${() => choose(chosen === s.task ? null : s.task)} aria-label=${`Numbers of ${s.task} over time`}>Over time</button>
		${s.paused ? html`<${Control} label="Resume" name=${s.name} icon="running" path=${`schedules/${part(s.name)}/resume`} done=${`Schedule ${s.name} is on.`} after=${refresh} />`
			: html`<${Control} label="Pause" name=${s.name} icon="paused" path=${`schedules/${part(s.name)}/pause`} done=${`Schedule ${s.name} is paused.`} after=${refresh} />`}</span>` },
];

export function Schedules() {
	const poll = usePoll((signal) => get('schedules', {}, signal), 5, []);
	const [task, setTask] = useState(null);
	return html`<${Page} title="Schedules" poll=${poll}><${Card}>
		<${Table} label="Schedules" columns=${columns(poll.refresh, task, setTask)} rows=${(poll.data && poll.data.schedules) || []} rowKey=${(s) => s.name} empty="Nothing is scheduled. In SQL: errand.schedule(name, cron, task)." /><//>
		${task && html`<${History} of=${{ task }} heading=${`Type ${task}`} />`}<//>`;
}
