// Is it healthy, what is stuck, what broke?
import { html } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { overview, overviewError, refreshOverview, stats, recentStats } from '../lib/facts.js';
import { duration, number, percent, rate } from '../lib/format.js';
import { link } from '../lib/route.js';
import { STATES } from '../lib/states.js';
import { Banner } from '../components/banner.js';
import { Card, Empty, Loading, Problem, Tile } from '../components/card.js';
import { History } from '../components/history.js';
import { QueueTable } from '../components/queue-table.js';
import { NextRun } from '../components/source-parts.js';
import { Spark } from '../components/spark.js';
import { State, Word } from '../components/state.js';
import { Table } from '../components/table.js';
import { When } from '../components/when.js';

const sum = (rates) => (rates ? (rates.succeeded || 0) + (rates.failed || 0) : null);

function ageTone(ms) {
	return ms > 600000 ? 'bad' : ms > 60000 ? 'warn' : undefined;
}

function Tiles({ facts, now }) {
	const perSecond = now && now.rates ? sum(now.rates) : facts.throughput_per_s;
	const oldest = now ? now.oldest_ready_age_ms : facts.oldest_ready_age_ms;
	const running = now ? now.running : facts.running;
	const slots = now ? now.slots : facts.slots;
	return html`<div class="tiles">
		<${Tile} label="Throughput" value=${rate(perSecond)} unit="tasks/s" note=${html`<${Spark} label="Tasks finished a second" values=${recentStats.map((s) => sum(s.rates))} width=${140} />`} />
		<${Tile} label="Failure rate" value=${percent(facts.failure_rate)} note="of the last 5 minutes" tone=${facts.failure_rate > 0.1 ? 'bad' : facts.failure_rate > 0.02 ? 'warn' : undefined} href=${link('tasks', undefined, { state: 'failed' })} />
		<${Tile} label="Oldest ready task" value=${oldest === null || oldest === undefined ? 'none' : duration(oldest)} note="waits to start" tone=${ageTone(oldest)} href=${link('tasks', undefined, { state: 'ready' })} />
		<${Tile} label="Running" value=${number(running)} unit=${`of ${number(slots)}`} note=${html`<${Spark} label="Running" values=${recentStats.map((s) => s.running)} width=${140} />`} href=${link('tasks', undefined, { state: 'running' })} />
	</div>`;
}

function Counts({ counts }) {
	return html`<nav class="counts" aria-label="Tasks by state">${STATES.map((s) => html`<a key=${s} href=${link('tasks', undefined, { state: s })}><${State} state=${s} /><b class="num">${number((counts || {})[s] || 0)}</b></a>`)}</nav>`;
}

const FAILURES = [
	{ name: 'Error', wide: true, first: true, cell: (f) => html`<a href=${link('tasks', undefined, { state: 'failed', q: f.error })}><bdi class="error-text">${f.error || 'without a message'}</bdi></a>` },
	{ name: 'Tasks', num: true, cell: (f) => number(f.count) },
	{ name: 'Type', cell: (f) => html`<bdi>${f.task}</bdi>` },
	{ name: 'Queue', cell: (f) => html`<a href=${link('queues', f.queue)}><bdi>${f.queue}</bdi></a>` },
	{ name: 'Last', cell: (f) => html`<${When} at=${f.last_at} /> <a href=${link('tasks', f.last_id)} aria-label=${`the last one, task ${f.last_id}`}>#${f.last_id}</a>` },
];

const SOURCES = [
	{ name: 'Source', first: true, cell: (s) => html`<a href=${link('sources', s.source)}><bdi>${s.source}</bdi></a>` },
	{ name: 'State', cell: (s) => html`<${Word} word=${s.state} />` },
	{ name: 'Last run', cell: (s) => html`<${When} at=${s.last_run} />` },
	{ name: 'Next run', cell: (s) => html`<${NextRun} source=${s} />` },
	{ name: 'Stored', num: true, cell: (s) => number(s.items_stored) },
];

const NEXT = [
	{ name: 'Schedule', first: true, cell: (s) => html`<a href=${link('schedules')}><bdi>${s.name}</bdi></a>` },
	{ name: 'Type', cell: (s) => html`<bdi>${s.task}</bdi>` },
	{ name: 'Next run', cell: (s) => html`<${When} at=${s.next_run} />` },
];

export function Overview() {
	const facts = useAtom(overview);
	const error = useAtom(overviewError);
	const now = useAtom(stats);
	if (!facts) return html`<div class="page"><h1 class="hidden" tabindex="-1">Overview</h1>${error ? html`<${Problem} error=${error} retry=${refreshOverview} />` : html`<${Loading} />`}</div>`;
	return html`<div class="page"><h1 class="hidden" tabindex="-1">Overview</h1>
		${error && html`<${Problem} error=${error} retry=${refreshOverview} />`}
		<${Banner} />
		<${Tiles} facts=${facts} now=${now} />
		<${Counts} counts=${now ? now.counts : facts.counts} />
		<${History} />
		<${Card} title="Queues" note="oldest first" actions=${html`<a class="more" href=${link('queues')}>All queues</a>`}><${QueueTable} queues=${facts.queues} now=${now} after=${refreshOverview} /><//>
		<${Card} title="Last failures" note="grouped by error"><${Table} label="Last failures" columns=${FAILURES} rows=${facts.failures || []} rowKey=${(f) => f.fingerprint || f.error} empty="Nothing has failed." /><//>
		<div class="two">
			<${Card} title="Sources" actions=${html`<a class="more" href=${link('sources')}>All sources</a>`}>${(facts.sources || []).length ? html`<${Table} label="Sources" columns=${SOURCES} rows=${facts.sources} rowKey=${(s) => s.source} />` : html`<${Empty}>No source is defined.<//>`}<//>
			<${Card} title="Next runs" actions=${html`<a class="more" href=${link('schedules')}>All schedules</a>`}><${Table} label="Next runs" columns=${NEXT} rows=${facts.schedules_next || []} rowKey=${(s) => s.name} empty="Nothing is scheduled." /><//>
		</div>
	</div>`;
}
