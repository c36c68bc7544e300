// The two charts of a history: outcomes, and how long things took.
import { html } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { get } from '../lib/api.js';
import { duration, number } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { prefs, setPref } from '../lib/prefs.js';
import { Chart } from './chart.js';
import { Card, Problem } from './card.js';

const RANGES = ['1h', '6h', '24h'];
const STEP = { 60: 'a minute', 300: 'in 5 minutes', 900: 'in 15 minutes', 3600: 'an hour' };

export function Ranges() {
	const { range } = useAtom(prefs);
	return html`<div class="segmented" role="group" aria-label="Range of the charts">${RANGES.map((r) => html`<button key=${r} aria-pressed=${range === r} onClick=${() => setPref('range', r)}>${r.replace('h', ' h')}</button>`)}</div>`;
}

const stepName = (s) => STEP[s] || `in ${duration(s * 1000)}`;
const zeros = (at) => at.map(() => 0);
const line = (h, name) => (h[name] || h.at.map(() => null));

// Of a source: what became of its items.
function items(h) {
	return [
		{ name: 'stored', color: '--c-succeeded', values: h.stored },
		{ name: 'duplicates', color: '--c-cancelled', values: h.duplicate },
		{ name: 'rejected', color: '--c-failed', values: h.rejected },
	];
}

function outcomes(h) {
	if (h.stored) return items(h);
	return [
		{ name: 'succeeded', color: '--c-succeeded', values: h.succeeded || zeros(h.at) },
		{ name: 'retried', color: '--c-retrying', values: h.retried || zeros(h.at) },
		{ name: 'failed', color: '--c-failed', values: h.failed || zeros(h.at) },
		{ name: 'cancelled', color: '--c-cancelled', values: h.cancelled || zeros(h.at) },
	];
}

function latency(h, what) {
	return ['p50', 'p95', 'p99'].map((p, i) => ({ name: p, color: `--c-line${i + 1}`, values: line(h, `${what}_${p}_ms`) }));
}

// of: {queue} or {task} or {source}; nothing: the whole database
export function History({ of = {}, heading = '' }) {
	const { range } = useAtom(prefs);
	const poll = usePoll((signal) => get('history', { range, ...of }, signal), range === '1h' ? 5 : 30, [range, JSON.stringify(of)]);
	const h = poll.data;
	if (poll.error && !h) return html`<${Problem} error=${poll.error} retry=${poll.refresh} />`;
	const none = html`<div class="plot-empty">${h ? 'Nothing in this range yet.' : 'Loading …'}</div>`;
	const filled = h && h.at.length > 0;
	const first = of.source ? 'Items' : 'Outcomes';
	const title = (t) => (heading ? `${heading}: ${t.toLowerCase()}` : t);
	return html`<div class="charts">
		<${Card} title=${title(first)} note=${h ? stepName(h.step_s) : ''} actions=${html`<${Ranges} />`} class="chart-wide">
			${filled ? html`<${Chart} label=${title(first)} at=${h.at} series=${outcomes(h)} stacked format=${number} />` : none}<//>
		<${Card} title=${title('Run time')} note=${of.source ? "of storing" : "of attempts"}>${filled ? html`<${Chart} label=${title('Run time')} at=${h.at} series=${latency(h, 'run')} format=${duration} />` : none}<//>
		<${Card} title=${title('Wait')} note="from ready to start">${filled ? html`<${Chart} label=${title('Wait')} at=${h.at} series=${latency(h, 'wait')} format=${duration} />` : none}<//>
	</div>`;
}
