import { html, useState } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { get, part, post } from '../lib/api.js';
import { stats, useAdmin } from '../lib/facts.js';
import { duration, number } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { attempt } from '../lib/toasts.js';
import { Card, Empty, Page, Tile } from '../components/card.js';
import { Control } from '../components/control.js';
import { History } from '../components/history.js';
import { Limits } from '../components/limits.js';
import { QueueTable, withStats } from '../components/queue-table.js';
import { Word } from '../components/state.js';

const ask = (signal) => get('queues', {}, signal);

export function Queues() {
	const poll = usePoll(ask, 5, []);
	const now = useAtom(stats);
	return html`<${Page} title="Queues" poll=${poll} note="oldest first">
		<${Card}><${QueueTable} queues=${poll.data && poll.data.queues} now=${now} after=${poll.refresh} /><//><//>`;
}

function Controls({ queue: q, refresh }) {
	const path = `queues/${part(q.queue)}/`;
	const [limits, setLimits] = useState(false);
	const admin = useAdmin();
	return html`${q.paused || q.draining ? html`<${Control} label="Resume" icon="running" small=${false} path=${path + 'resume'} done=${`Queue ${q.queue} runs again.`} after=${refresh} />`
		: html`<${Control} label="Pause" icon="paused" small=${false} path=${path + 'pause'} done=${`Queue ${q.queue} is paused.`} after=${refresh} />
			<${Control} label="Drain" icon="draining" small=${false} path=${path + 'drain'} done=${`Queue ${q.queue} takes nothing new.`} after=${refresh}
				ask=${{ title: `Drain queue ${q.queue}?`, text: 'Submits to it are refused until it is resumed; what is in it runs to its end.' }} />`}
		${admin && html`<button class="button" onClick=${() => setLimits(true)}>Limits …</button>`}
		${limits && html`<${Limits} title=${`Limits of queue ${q.queue}`} row=${q} close=${() => setLimits(false)}
			save=${(body) => attempt(async () => (await post(path + 'define', body), refresh()), 'The limits are set.')} />`}`;
}

export function Queue({ id }) {
	const poll = usePoll(ask, 5, []);
	const now = useAtom(stats);
	const q = withStats((poll.data && poll.data.queues) || [], now).find((x) => x.queue === id);
	if (poll.data && !q) return html`<${Page} title=${id}><${Card}><${Empty}>There is no queue of this name, or nothing was ever submitted to it.<//><//><//>`;
	return html`<${Page} poll=${poll} title=${html`Queue <bdi>${id}</bdi>`} note=${q && html`<${Word} word=${q.paused ? 'paused' : q.draining ? 'draining' : q.running ? 'busy' : 'idle'} />`}
		actions=${q && html`<${Controls} queue=${q} refresh=${poll.refresh} /><a class="button" href=${link('tasks', undefined, { queue: id })}>Its tasks</a>`}>
		${q && html`<div class="tiles">
			<${Tile} label="Depth" value=${number(q.depth)} note=${`${number(q.ready)} ready, ${number(q.scheduled)} scheduled, ${number(q.waiting)} waiting`} href=${link('tasks', undefined, { queue: id, state: 'waiting,scheduled,ready,retrying' })} />
			<${Tile} label="Oldest ready" value=${q.oldest_ready_age_ms === null ? 'none' : duration(q.oldest_ready_age_ms)} tone=${q.oldest_ready_age_ms > 60000 ? 'warn' : undefined} />
			<${Tile} label="Running" value=${number(q.running)} unit=${q.max_running ? `of ${number(q.max_running)}` : ''} note=${q.rate_limit ? `at most ${q.rate_limit}` : 'no rate limit'} />
			<${Tile} label="Finished" value=${number(q.succeeded)} note=${`${number(q.failed)} failed, ${number(q.retried)} retried`} href=${link('tasks', undefined, { queue: id, state: 'failed' })} /></div>
		<${History} of=${{ queue: id }} />`}<//>`;
}
