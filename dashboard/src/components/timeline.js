// The life of a task as a bar: waiting, running, backing off.
import { html } from '../lib/html.js';
import { duration } from '../lib/format.js';
import { useNow } from '../lib/clock.js';
import { isFinal } from '../lib/states.js';

const ms = (t) => (t ? new Date(t).getTime() : NaN);

// [{kind, from, to, label}] in order of time; ends where the task does, or now.
export function segmentsOf(task, attempts, now) {
	const list = [];
	const add = (kind, from, to, label) => to > from && list.push({ kind, from, to, label });
	const runs = [...attempts].filter((a) => a.started_at).sort((a, b) => ms(a.started_at) - ms(b.started_at));
	let at = ms(task.submitted_at);
	runs.forEach((a, i) => {
		const start = ms(a.started_at);
		const end = a.finished_at ? ms(a.finished_at) : Math.max(now, start);
		add(i ? 'backoff' : 'wait', at, start, i ? 'backing off' : 'waiting');
		list.push({ kind: a.finished_at ? a.state : 'running', from: start, to: Math.max(end, start), label: `attempt ${a.attempt}, ${a.state}` });
		at = Math.max(end, at);
	});
	if (!isFinal(task.state) && task.state !== 'running') add(runs.length ? 'backoff' : 'wait', at, now, runs.length ? 'backing off' : 'waiting');
	else if (isFinal(task.state) && !runs.length && task.finished_at) add('wait', at, ms(task.finished_at), 'waiting');
	return list;
}

export function Timeline({ task, attempts }) {
	const now = useNow();
	const list = segmentsOf(task, attempts, now);
	if (!list.length) return null;
	const first = list[0].from;
	const all = Math.max(1, list.at(-1).to - first);
	// a short attempt between long pauses must still be seen
	const least = all * 0.006;
	const widths = list.map((s) => Math.max(s.to - s.from, least));
	const sum = widths.reduce((a, b) => a + b, 0);
	let x = 0;
	const bars = list.map((s, i) => {
		const width = (widths[i] / sum) * 1000;
		const bar = html`<rect key=${i} x=${x.toFixed(2)} y="0" width=${Math.max(width - 1, 1).toFixed(2)} height="18" rx="2" data-kind=${s.kind}><title>${s.label}: ${duration(s.to - s.from)}</title></rect>`;
		x += width;
		return bar;
	});
	const total = (kinds) => list.filter((s) => kinds(s.kind)).reduce((a, s) => a + s.to - s.from, 0);
	const waited = total((k) => k === 'wait');
	const backed = total((k) => k === 'backoff');
	const ran = total((k) => k !== 'wait' && k !== 'backoff');
	const text = `waiting ${duration(waited)}, running ${duration(ran)}, backing off ${duration(backed)}`;
	return html`<div class="timeline"><svg viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" aria-label=${`Timeline: ${text}`}>${bars}</svg>
		<p class="legend"><span><i class="swatch" data-color="wait"></i>waiting <b class="num">${duration(waited)}</b></span>
			<span><i class="swatch" data-color="run"></i>running <b class="num">${duration(ran)}</b></span>
			<span><i class="swatch" data-color="backoff"></i>backing off <b class="num">${duration(backed)}</b></span>
			<span class="dim">${duration(list.at(-1).to - first)} in all</span></p></div>`;
}

// How an HTTP attempt's time was spent.
const PARTS = [['dns_ms', 'name'], ['connect_ms', 'connect'], ['tls_ms', 'TLS'], ['wait_ms', 'server'], ['transfer_ms', 'transfer']];

export function Split({ timings }) {
	const parts = PARTS.map(([key, name]) => ({ key, name, ms: Number(timings[key]) || 0 })).filter((p) => p.ms > 0);
	const sum = parts.reduce((a, p) => a + p.ms, 0) || 1;
	const text = parts.map((p) => `${p.name} ${duration(p.ms)}`).join(', ') || 'no time';
	let x = 0;
	return html`<span class="split"><svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${text}>${parts.map((p) => {
		const from = x;
		x += (p.ms / sum) * 100;
		return html`<rect x=${from} y="0" width=${Math.max(x - from, 0.5)} height="8" data-part=${p.key}><title>${p.name}: ${duration(p.ms)}</title></rect>`;
	})}</svg><small class="dim">${text}</small></span>`;
}
