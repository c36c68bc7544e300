// One task: what it was told, what happened, what can be done.
import { html, useEffect, useState } from '../lib/html.js';
import { get, part } from '../lib/api.js';
import { copy } from '../lib/copy.js';
import { duration, plural } from '../lib/format.js';
import { subscribe } from '../lib/live.js';
import { isNews, recentEvents, withEvent } from '../lib/newer.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { canCancel, canRetry, isFinal } from '../lib/states.js';
import { Card, Page } from '../components/card.js';
import { Control } from '../components/control.js';
import { Facts } from '../components/facts.js';
import { Icon } from '../components/icon.js';
import { Json } from '../components/json.js';
import { Progress } from '../components/progress.js';
import { Relations } from '../components/relations.js';
import { State } from '../components/state.js';
import { Attempts } from '../components/attempts.js';
import { Timeline } from '../components/timeline.js';
import { When } from '../components/when.js';

const EVENTS_KEPT = 100;

// The task, kept up to date: asked again when an event tells that it changed.
function useTask(id) {
	const [recent] = useState(recentEvents);
	const [events, setEvents] = useState([]);
	const [news, setNews] = useState(null);
	const final = (d) => d && isFinal(d.task.state);
	const [resting, setResting] = useState(false);
	const poll = usePoll(async (signal) => {
		const asked = performance.now();
		const data = await get(`tasks/${part(id)}`, {}, signal);
		setResting(final(data));
		return { ...data, task: recent.over([data.task], asked)[0] };
	}, resting ? 30 : 3, [id, resting]);
	useEffect(() => {
		let timer = 0;
		const soon = () => {
			timer ||= setTimeout(() => {
				timer = 0;
				poll.refresh();
			}, 200);
		};
		const off = subscribe(`task:${id}`, {
			event: (m) => {
				recent.note(m);
				setEvents((list) => [m, ...list].slice(0, EVENTS_KEPT));
				setNews(m);
				soon();
			},
			subscribed: (recovered) => recovered || soon(),
		});
		return () => {
			clearTimeout(timer);
			off();
		};
	}, [id]);
	let data = poll.data;
	if (data && news && isNews(data.task, news.data, news.at)) data = { ...data, task: withEvent(data.task, news.data, news.at) };
	return { ...poll, data, events };
}

function Actions({ data, refresh }) {
	const t = data.task;
	return html`${canRetry(t.state) && html`<${Control} label="Retry" hotkey="r" icon="retrying" small=${false} path=${`tasks/${part(t.id)}/retry`} done=${`Task ${t.id} runs again.`} after=${refresh} />`}
		${canCancel(t.state) && html`<${Control} label="Cancel" icon="cancelled" small=${false} path=${`tasks/${part(t.id)}/cancel`} done=${`Task ${t.id} is being cancelled.`} after=${refresh}
			ask=${{ title: `Cancel task ${t.id}?`, danger: true, text: t.state === 'running' ? 'It runs now and is cut off.' : 'It will not run.' }} />`}
		${data.sql && html`<button class="button" onClick=${() => copy(data.sql, 'The statement is in the clipboard.')}><${Icon} name="copy" size=${14} />Copy as SQL</button>`}`;
}

function Head({ data }) {
	const t = data.task;
	const p = data.policy || {};
	return html`<${Card} title="About"><${Facts} list=${[
		['Type', html`<bdi>${t.task}</bdi>`], ['Kind', t.kind], ['Queue', html`<a href=${link('queues', t.queue)}><bdi>${t.queue}</bdi></a>`],
		['Priority', t.priority], ['Attempt', `${t.attempt} of ${t.max_attempts}`],
		['Submitted', html`<${When} at=${t.submitted_at} />`], t.started_at && ['Started', html`<${When} at=${t.started_at} />`],
		t.finished_at && ['Finished', html`<${When} at=${t.finished_at} />`],
		!isFinal(t.state) && t.run_at && ['Not before', html`<${When} at=${t.run_at} />`],
		['Owner', html`<bdi>${t.owner}</bdi>`], t.key && ['Key', html`<bdi>${t.key}</bdi>`],
		t.group && ['Workflow', html`<a href=${link('workflows', t.group)}>${t.group}</a>`],
		(t.tags || []).length > 0 && ['Tags', t.tags.map((g) => html`<a class="tag" key=${g} href=${link('tasks', undefined, { tag: g })}><bdi>${g}</bdi></a>`)],
		p.timeout_ms && ['Time-out', duration(p.timeout_ms)], p.delivery && ['Delivery', p.delivery],
		p.deadline && ['Deadline', html`<${When} at=${p.deadline} />`], p.backoff && ['Backoff', typeof p.backoff === 'string' ? p.backoff : JSON.stringify(p.backoff)],
		p.notify && ['Notifies', html`<bdi>${p.notify}</bdi>`],
	]} /><//>`;
}

function Answer({ data }) {
	const r = data.response;
	return html`<${Card} title=${r ? 'Response' : 'Result'} note=${r ? [r.status_code, r.content_type].filter(Boolean).join(' · ') : ''}>
		${r && r.timed_out && html`<p class="problem"><${Icon} name="warn" />It timed out.</p>`}
		${r && r.headers && html`<details><summary>Headers</summary><${Json} value=${r.headers} label="response headers" /></details>`}
		${r && html`<p class="dim">The body is shown as it came: only what JSON or a URL in it names like a secret is masked.</p>`}
		${isFinal(data.task.state) || data.result ? html`<${Json} value=${data.result} label="result" />` : html`<p class="dim">Not there yet.</p>`}<//>`;
}

function Events({ events }) {
	return html`<${Card} title="Events" note="since this page was opened">${events.length ? html`<ol class="events" aria-live="polite">${events.map((m) => html`<li key=${m.position}><${State} state=${m.data.state} />
		<span class="dim">attempt ${m.data.attempt}</span><${When} at=${m.at} full /></li>`)}</ol>` : html`<p class="dim">None yet. They appear as they happen.</p>`}<//>`;
}

export function Task({ id }) {
	const task = useTask(id);
	const d = task.data;
	const t = d && d.task;
	const sqlstate = d && ((d.attempts || []).at(-1) || {}).sqlstate;
	return html`<${Page} poll=${task} title=${html`Task <span class="num">${id}</span>`} note=${t && html`<${State} state=${t.state} />`} actions=${d && html`<${Actions} data=${d} refresh=${task.refresh} />`}>
		${d && html`
		${t.error && html`<div class="problem" role="note"><${Icon} name="warn" /><div><bdi class="error-full">${t.error}</bdi>${sqlstate && html`<p class="dim">SQLSTATE ${sqlstate}</p>`}</div></div>`}
		${t.state === 'running' && t.progress !== null && t.progress !== undefined && html`<${Card} title="Progress"><${Progress} value=${t.progress} text=${t.progress_message} label="Progress" /><//>`}
		<${Card} title="Timeline" note=${plural((d.attempts || []).length, 'attempt')}><${Timeline} task=${t} attempts=${d.attempts || []} /><${Attempts} list=${d.attempts || []} /><//>
		<div class="two"><${Head} data=${d} /><${Events} events=${task.events} /></div>
		<div class="two"><${Card} title="Request" note="what is named like a secret is masked"><${Json} value=${d.payload} label="payload" /><//><${Answer} data=${d} /></div>
		<${Relations} data=${d} />`}
	<//>`;
}
