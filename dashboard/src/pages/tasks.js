// The list of tasks: filtered, newest first.
import { html, useEffect, useState } from '../lib/html.js';
import { useAdmin } from '../lib/facts.js';
import { getBlob } from '../lib/api.js';
import { copy, save } from '../lib/copy.js';
import { between, short } from '../lib/format.js';
import { fromQuery, toArgs, toSql } from '../lib/filters.js';
import { go, link, setQuery } from '../lib/route.js';
import { useTaskList } from '../lib/task-list.js';
import { attempt } from '../lib/toasts.js';
import { Bulk } from '../components/bulk.js';
import { Loading, Problem } from '../components/card.js';
import { Filters } from '../components/filters.js';
import { Icon } from '../components/icon.js';
import { Progress } from '../components/progress.js';
import { State } from '../components/state.js';
import { Table } from '../components/table.js';
import { Since, Took, When } from '../components/when.js';

function Run({ task: t }) {
	if (t.state === 'running' && t.started_at) return html`<${Since} at=${t.started_at} />`;
	return html`<${Took} ms=${t.run_ms === undefined ? between(t.started_at, t.finished_at) : t.run_ms} />`;
}

function Detail({ task: t }) {
	if (t.state === 'running' && t.progress !== null && t.progress !== undefined) return html`<${Progress} value=${t.progress} text=${t.progress_message} label=${`Progress of task ${t.id}`} />`;
	if (t.error) return html`<bdi class="error-text" title=${t.error}>${t.error}</bdi>`;
	if (t.key) return html`<span class="dim">key <bdi>${t.key}</bdi></span>`;
	return html`<span class="dim">${t.tags.map((g) => html`<bdi class="tag" key=${g}>${g}</bdi>`)}</span>`;
}

const hasDetail = (t) => t.error || t.key || (t.tags || []).length > 0 || (t.state === 'running' && t.progress !== null && t.progress !== undefined);

function columnsOf(selection, admin) {
	const { selected, toggle, all, toggleAll } = selection;
	const box = { name: 'Select', blank: true, first: true,
		head: html`<input type="checkbox" aria-label="Select all on this page" checked=${all} onChange=${toggleAll} />`,
		cell: (t) => html`<input type="checkbox" aria-label=${`Select task ${t.id}`} checked=${selected.has(t.id)} onChange=${() => toggle(t.id)} />` };
	const columns = [
		{ name: 'Id', first: true, num: true, cell: (t) => html`<a href=${link('tasks', t.id)}>${t.id}</a>` },
		{ name: 'State', cell: (t) => html`<${State} state=${t.state} />` },
		{ name: 'Type', cell: (t) => html`<bdi>${t.task}</bdi>` },
		{ name: 'Queue', cell: (t) => html`<bdi>${t.queue}</bdi>` },
		{ name: 'Attempt', num: true, cell: (t) => html`${t.attempt}<span class="dim"> / ${t.max_attempts}</span>` },
		{ name: 'Submitted', cell: (t) => html`<${When} at=${t.submitted_at} />` },
		{ name: 'Run time', num: true, cell: (t) => html`<${Run} task=${t} />` },
		{ name: 'Detail', wide: true, cell: (t) => (hasDetail(t) ? html`<${Detail} task=${t} />` : null) },
	];
	return admin ? [box, ...columns] : columns;
}

function useSelection(rows, of) {
	const [selected, set] = useState(new Set());
	useEffect(() => set(new Set()), [of]);
	const all = rows.length > 0 && rows.every((t) => selected.has(t.id));
	return {
		selected, all,
		clear: () => set(new Set()),
		toggle: (id) => set((old) => {
			const next = new Set(old);
			if (!next.delete(id)) next.add(id);
			return next;
		}),
		toggleAll: () => set(all ? new Set() : new Set(rows.map((t) => t.id))),
	};
}

function Exports({ filter }) {
	const fetchAs = (format, type) => attempt(async () => save(await getBlob('tasks', { ...toArgs(filter), format }), `tasks.${type}`));
	return html`<button class="button small" onClick=${() => fetchAs('csv', 'csv')}><${Icon} name="download" size=${14} />CSV</button>
		<button class="button small" onClick=${() => fetchAs('json', 'json')}><${Icon} name="download" size=${14} />JSON</button>
		<button class="button small" onClick=${() => copy(toSql(filter), 'The statement is in the clipboard.')}><${Icon} name="copy" size=${14} />Copy as SQL</button>`;
}

// What can be done with the selection, or with all that match.
function Steer({ selection, estimate, open }) {
	const n = selection.selected.size;
	const [everything, setEverything] = useState(false);
	useEffect(() => setEverything(false), [n === 0]);
	const some = n > 0 && !everything;
	return html`<div class="steer" role="group" aria-label="With the tasks" data-on=${n > 0}>
		<span>${some ? html`<b class="num">${n}</b> selected` : html`All that match <span class="num">(~${short(estimate)})</span>`}</span>
		${n > 0 && html`<button class="plain" onClick=${() => setEverything(!everything)}>${everything ? `Only the ${n} selected` : 'Take all that match'}</button>
			<button class="plain" onClick=${selection.clear}>Clear</button>`}
		<button class="button small" data-hotkey="r" onClick=${() => open('retry', some)}><${Icon} name="retrying" size=${14} />Retry …</button>
		<button class="button small danger-text" onClick=${() => open('cancel', some)}><${Icon} name="cancelled" size=${14} />Cancel …</button></div>`;
}

export function Tasks({ query }) {
	const filter = fromQuery(query);
	const of = JSON.stringify(filter);
	const admin = useAdmin();
	const list = useTaskList(filter, query.after);
	const selection = useSelection(list.rows, of + (query.after || ''));
	const [bulk, setBulk] = useState(null);
	const open = (what, some) => setBulk({ what, ids: some ? [...selection.selected] : undefined });
	const fresh = list.fresh.size;
	return html`<div class="page"><div class="page-head"><h1 tabindex="-1">Tasks</h1><span class="dim num">${list.estimate === null ? '' : `~${short(list.estimate)} match`}</span>
			<div class="actions"><${Exports} filter=${filter} /></div></div>
		<${Filters} filter=${filter} change=${setQuery} />
		${list.error && html`<${Problem} error=${list.error} retry=${list.refresh} />`}
		<section class="card" aria-label="Tasks"><div class="list-head">
			${admin && !list.error && html`<${Steer} selection=${selection} estimate=${list.estimate} open=${open} />`}
			<span class="grow"></span>
			<div aria-live="polite">${fresh > 0 && html`<button class="chip fresh" onClick=${list.reload}>${fresh >= 1000 ? '1,000+' : fresh} new</button>`}</div></div>
			${list.loading && !list.rows.length ? html`<${Loading} />` : html`<${Table} label="Tasks" columns=${columnsOf(selection, admin)} rows=${list.rows} rowKey=${(t) => t.id}
				rowClass=${(t) => (selection.selected.has(t.id) ? 'selected' : '')} empty=${list.error ? 'No answer.' : 'No task matches.'} />`}
			<div class="pager">${query.after && html`<button class="button small" onClick=${() => go(link('tasks', undefined, filter))}>Newest</button>`}
				${list.next && html`<button class="button small" onClick=${() => go(link('tasks', undefined, { ...filter, after: list.next }))}>Older<${Icon} name="next" size=${14} /></button>`}</div>
		</section>
		${bulk && html`<${Bulk} ...${bulk} filter=${filter} close=${() => setBulk(null)} done=${() => (selection.clear(), list.refresh())} />`}
	</div>`;
}
