import { html } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { get } from '../lib/api.js';
import { overview, stats, recentStats } from '../lib/facts.js';
import { bytes, duration, number, plural } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { Card, Page } from '../components/card.js';
import { Control } from '../components/control.js';
import { Spark } from '../components/spark.js';
import { Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

// what the stats of the last two minutes say of one process
const lately = (pid) => recentStats.map((s) => ((s.workers || []).find((w) => w.pid === pid) || {}).running || 0);
const nowOf = (w, now) => ({ ...w, ...(((now && now.workers) || []).find((x) => x.pid === w.pid) || {}) });

const columns = (leader) => [
	{ name: 'Process', first: true, cell: (w) => w.pid },
	{ name: 'Kind', cell: (w) => html`${w.kind} ${w.pid === leader && html`<span class="tag">leader</span>`}${w.kind === 'executor' && w.role && html`<span class="dim">of <bdi>${w.role}</bdi></span>`}` },
	{ name: 'State', cell: (w) => html`<${Word} word=${w.state} />` },
	{ name: 'Running', num: true, cell: (w) => (w.kind === 'relay' ? plural(w.running, 'client') : html`${number(w.running)}<span class="dim"> of ${number(w.claimed)} claimed</span>`) },
	{ name: 'Last 2 min', cell: (w) => html`<${Spark} values=${lately(w.pid)} label=${`Running in process ${w.pid}`} />` },
	{ name: 'Succeeded', num: true, cell: (w) => number(w.succeeded) },
	{ name: 'Failed', num: true, cell: (w) => number(w.failed) },
	{ name: 'CPU', num: true, cell: (w) => duration(w.cpu_seconds === null || w.cpu_seconds === undefined ? null : w.cpu_seconds * 1000) },
	{ name: 'Memory', num: true, cell: (w) => bytes(w.rss_bytes) },
	{ name: 'Started', cell: (w) => html`<${When} at=${w.started_at} />` },
];

export function Workers() {
	const poll = usePoll((signal) => get('workers', {}, signal), 5, []);
	const now = useAtom(stats);
	const facts = useAtom(overview);
	const rows = ((poll.data && poll.data.workers) || []).map((w) => nowOf(w, now));
	const ask = { title: 'Restart the workers?', text: 'They leave in good order and start again. What runs is recorded as interrupted and runs again.' };
	return html`<${Page} title="Workers" poll=${poll} actions=${html`<${Control} label="Restart workers" small=${false} icon="retrying" path="workers/restart" done="The workers restart." ask=${ask} after=${poll.refresh} />`}>
		<${Card}><${Table} label="Workers" columns=${columns(facts && facts.leader_pid)} rows=${rows} rowKey=${(w) => w.pid} empty="No worker runs. SELECT errand.health() tells why." /><//><//>`;
}
