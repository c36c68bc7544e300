// Is it healthy?  What is wrong is said in words, most urgent first.
import { html } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { overview, stats, useAdmin } from '../lib/facts.js';
import { plural } from '../lib/format.js';
import { post } from '../lib/api.js';
import { refreshOverview } from '../lib/facts.js';
import { attempt } from '../lib/toasts.js';
import { Icon } from './icon.js';

const HEADLINE = { pass: 'Healthy', warn: 'Needs a look', fail: 'Not working' };

// errand.health()'s checks: {name: {status, ...}} or {name: [{status, output}]}
export function problemsOf(checks) {
	const list = [];
	for (const [name, value] of Object.entries(checks || {})) {
		for (const c of Array.isArray(value) ? value : [value]) {
			if (c && typeof c === 'object' && c.status && c.status !== 'pass') {
				list.push({ name: name.replace(/[:_]/g, ' '), status: c.status, text: c.output || c.message || c.detail || '' , hint: c.hint || '' });
			}
		}
	}
	return list.sort((a, b) => (a.status === 'fail' ? 0 : 1) - (b.status === 'fail' ? 0 : 1));
}

// now: what came over the WebSocket a second ago, if it is connected
function factsLine(f, now) {
	const queues = (f.queues || []).filter((q) => q.paused).length;
	const parts = [plural(f.workers, 'worker'), f.executors ? plural(f.executors, 'executor') : null,
		f.leader_pid ? `leader ${f.leader_pid}` : 'no leader', queues ? `${plural(queues, 'queue')} paused` : null,
		f.relay ? plural(now?.clients ?? f.relay.clients, 'client') + ' connected' : null,
		f.relay && f.relay.notify !== 'off' ? `NOTIFY relay ${f.relay.notify}` : null];
	return parts.filter(Boolean).join(' · ');
}

export function Banner() {
	const facts = useAtom(overview);
	const now = useAtom(stats);
	const admin = useAdmin();
	if (!facts) return null;
	// that all is paused the headline says
	const problems = problemsOf(facts.checks).filter((p) => p.name !== 'paused' || !facts.paused);
	const status = facts.paused && facts.status === 'pass' ? 'warn' : facts.status;
	const resume = () => attempt(async () => {
		await post('resume_all');
		await refreshOverview();
	}, 'Workers claim tasks again.');
	const pause = () => attempt(async () => {
		await post('pause_all');
		await refreshOverview();
	}, 'Paused: nothing new starts.');
	return html`<section class="banner" data-status=${status} aria-label="Health">
		<${Icon} name=${status === 'pass' ? 'succeeded' : 'warn'} size=${20} />
		<div class="banner-text"><strong>${facts.paused ? 'Paused' : HEADLINE[status] || status}</strong> <span>${factsLine(facts, now)}</span>
			${problems.length > 0 && html`<ul>${problems.map((p) => html`<li key=${p.name}><b>${p.name}</b>: ${p.text || p.status} ${p.hint}</li>`)}</ul>`}</div>
		<span class="dim banner-version">pg_errand ${facts.version} on PostgreSQL ${String(facts.pg_version).split(' ')[0]}</span>
		${admin && (facts.paused ? html`<button class="button primary" onClick=${resume}>Resume all</button>`
			: html`<button class="button" onClick=${pause}><${Icon} name="paused" size=${14} />Pause all</button>`)}
	</section>`;
}

export function ReadOnly() {
	const facts = useAtom(overview);
	if (!facts || facts.level === 'admin') return null;
	return html`<div class="readonly" role="note"><${Icon} name="lock" size=${14} />Read-only: this token’s level is ${facts.level}. It shows everything and changes nothing.</div>`;
}
