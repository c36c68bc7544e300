// Groups of tasks that belong together.
import { html, useState } from '../lib/html.js';
import { get, part } from '../lib/api.js';
import { number } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { link } from '../lib/route.js';
import { STATES } from '../lib/states.js';
import { Bulk } from '../components/bulk.js';
import { Card, Empty, Page } from '../components/card.js';
import { Graph } from '../components/graph.js';
import { Icon } from '../components/icon.js';
import { Mix } from '../components/mix.js';
import { State, Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { useAdmin } from '../lib/facts.js';
import { When } from '../components/when.js';

const Shown = ({ state }) => (STATES.includes(state) ? html`<${State} state=${state} />` : html`<${Word} word=${state} />`);

const COLUMNS = [
	{ name: 'Workflow', first: true, cell: (w) => html`<a href=${link('workflows', w.group)}><bdi>${w.name || w.group}</bdi></a>` },
	{ name: 'State', cell: (w) => html`<${Shown} state=${w.state} />` },
	{ name: 'Tasks', wide: true, cell: (w) => html`<${Mix} counts=${w.counts} />` },
	{ name: 'Submitted', cell: (w) => html`<${When} at=${w.submitted_at} />` },
];

export function Workflows() {
	const [pages, setPages] = useState([]);
	const after = pages.at(-1);
	const poll = usePoll((signal) => get('workflows', { after }, signal), 5, [after]);
	const rows = (poll.data && poll.data.workflows) || [];
	return html`<${Page} title="Workflows" note="groups of tasks" poll=${poll}><${Card}>
		<${Table} label="Workflows" columns=${COLUMNS} rows=${rows} rowKey=${(w) => w.group} empty="No group of tasks yet. In SQL: errand.open_group(name), then submit with task_group." />
		<div class="pager">${pages.length > 0 && html`<button class="button small" onClick=${() => setPages(pages.slice(0, -1))}>Newer</button>`}
			${poll.data && poll.data.next && html`<button class="button small" onClick=${() => setPages([...pages, poll.data.next])}>Older</button>`}</div><//><//>`;
}

export function Workflow({ id }) {
	const poll = usePoll((signal) => get(`workflows/${part(`group:${id}`)}`, {}, signal), 3, [id]);
	const admin = useAdmin();
	const [bulk, setBulk] = useState(null);
	const d = poll.data || {};
	const w = d.group || {};
	const filter = { group: id };
	// the graph tells each state; when it does not hold all, the group's own counts do
	const counts = d.truncated ? w.counts : (d.nodes || []).reduce((c, n) => ({ ...c, [n.state]: (c[n.state] || 0) + 1 }), {});
	const actions = html`<a class="button" href=${link('tasks', undefined, filter)}>Its tasks</a>
		${admin && html`<button class="button" onClick=${() => setBulk('retry')}><${Icon} name="retrying" size=${14} />Retry failed …</button>
			<button class="button danger-text" onClick=${() => setBulk('cancel')}><${Icon} name="cancelled" size=${14} />Cancel …</button>`}`;
	return html`<${Page} title=${html`Workflow <bdi>${w.name || id}</bdi>`} note=${w.state && html`<${Shown} state=${w.state} />`} poll=${poll} actions=${actions}>
		<${Card} title="Tasks" note=${number((w.counts || {}).total)}><${Mix} counts=${counts} /><//>
		<${Card} title="Dependencies">${(d.nodes || []).length > 1 ? html`<${Graph} nodes=${d.nodes} edges=${d.edges || []} truncated=${d.truncated} />` : html`<${Empty}>Nothing to draw.<//>`}<//>
		${bulk && html`<${Bulk} what=${bulk} filter=${bulk === 'retry' ? { ...filter, state: 'failed' } : filter} close=${() => setBulk(null)} done=${poll.refresh} />`}<//>`;
}
