// What a task waits for and what waits for it, as a graph and in words.
import { html } from '../lib/html.js';
import { get, part } from '../lib/api.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { isFinal } from '../lib/states.js';
import { Card } from './card.js';
import { Graph } from './graph.js';
import { State } from './state.js';

// The part of the graph that a task's own answer tells, if the rest is not to be had.
function nearby(data) {
	const nodes = [...(data.parents || []), data.task, ...(data.children || [])];
	const edges = [...(data.parents || []).map((p) => ({ from: p.id, to: data.task.id })), ...(data.children || []).map((c) => ({ from: data.task.id, to: c.id }))];
	return { nodes, edges, truncated: data.children_total > (data.children || []).length };
}

function Links({ title, list, total }) {
	if (!list || !list.length) return null;
	return html`<div><h3>${title}</h3><ul class="links">${list.map((t) => html`<li key=${t.id}><a href=${link('tasks', t.id)}>${t.id}</a> <bdi>${t.task}</bdi> <${State} state=${t.state} /></li>`)}</ul>
		${total > list.length && html`<p class="dim">and ${total - list.length} more</p>`}</div>`;
}

export function Relations({ data }) {
	const any = (data.parents || []).length > 0 || (data.children || []).length > 0;
	const settled = isFinal(data.task.state) && (data.children || []).every((c) => isFinal(c.state));
	const poll = usePoll((signal) => (any ? get(`workflows/${part(data.task.id)}`, {}, signal) : Promise.resolve(null)), any && !settled ? 5 : 0, [data.task.id, any, settled]);
	if (!any) return null;
	const graph = poll.data && poll.data.nodes && poll.data.nodes.length > 1 ? poll.data : nearby(data);
	return html`<${Card} title="Dependencies"><${Graph} ...${graph} here=${data.task.id} />
		<div class="two"><${Links} title="Waits for" list=${data.parents} /><${Links} title="Waited for by" list=${data.children} total=${data.children_total} /></div><//>`;
}
