// The filters above the task list.  All of them stand in the URL.
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { overview, stats } from '../lib/facts.js';
import { FIELDS, LABEL, SPANS, SPAN_LABEL, statesOf } from '../lib/filters.js';
import { short } from '../lib/format.js';
import { wanted } from '../lib/keys.js';
import { link } from '../lib/route.js';
import { STATES } from '../lib/states.js';
import { Icon } from './icon.js';
import { State } from './state.js';

const PAUSE = 300;

// A text field that tells what was typed after a moment's pause.
function Text({ id, label, value, set, hidden, placeholder, list }) {
	const [typed, setTyped] = useState(value || '');
	const timer = useRef(0);
	useEffect(() => setTyped(value || ''), [value]);
	useEffect(() => {
		// who goes elsewhere meanwhile does not want what was half typed
		const drop = () => {
			clearTimeout(timer.current);
			setTyped(value || '');
		};
		addEventListener('hashchange', drop);
		return () => {
			removeEventListener('hashchange', drop);
			clearTimeout(timer.current);
		};
	}, [value]);
	const type = (e) => {
		const text = e.target.value;
		setTyped(text);
		clearTimeout(timer.current);
		timer.current = setTimeout(() => set(text.trim()), PAUSE);
	};
	const now = (e) => {
		clearTimeout(timer.current);
		set(e.target.value.trim());
	};
	return html`<div class="field"><label for=${id} class=${hidden ? 'hidden' : ''}>${label}</label>
		<input id=${id} type="search" autocomplete="off" spellcheck="false" placeholder=${placeholder} value=${typed} list=${list} onInput=${type} onChange=${now} onKeyDown=${(e) => e.key === 'Enter' && now(e)} /></div>`;
}

function States({ filter, set }) {
	const facts = useAtom(overview);
	const now = useAtom(stats);
	const counts = (now || facts || {}).counts || {};
	const on = statesOf(filter);
	const toggle = (s) => set({ state: (on.includes(s) ? on.filter((x) => x !== s) : [...on, s]).join(',') });
	return html`<div class="chips" role="group" aria-label="States">${STATES.map((s) => html`<button key=${s} class="chip" data-state=${s} aria-pressed=${on.includes(s)} onClick=${() => toggle(s)}>
		<${State} state=${s} /><span class="num">${short(counts[s] || 0)}</span></button>`)}</div>`;
}

function Choice({ id, label, value, set, options, all }) {
	const list = value && !options.some(([v]) => v === value) ? [[value, value], ...options] : options;
	return html`<div class="field"><label for=${id}>${label}</label><select id=${id} value=${value || ''} onChange=${(e) => set(e.target.value)}>
		<option value="">${all}</option>${list.map(([v, text]) => html`<option key=${v} value=${v} selected=${v === value}>${text}</option>`)}</select></div>`;
}

const MORE = ['kind', 'owner', 'key', 'tag', 'group'];

export function Filters({ filter, change }) {
	const facts = useAtom(overview);
	const queues = ((facts && facts.queues) || []).map((q) => [q.queue, q.queue]);
	const set = (part) => change({ ...filter, ...part });
	const active = FIELDS.filter((f) => filter[f]);
	const number = /^#?(\d+)$/.exec(filter.q || '');
	useEffect(() => {
		if (wanted.search) document.getElementById('search').focus();
		wanted.search = false;
	}, []);
	return html`<form class="filters" role="search" aria-label="Tasks" onSubmit=${(e) => e.preventDefault()}>
		<div class="filter-row"><div class="search"><${Icon} name="search" /><${Text} id="search" label="Search in error, key, type or by number" hidden placeholder="Search error, key, type or number" value=${filter.q} set=${(q) => set({ q })} /><kbd aria-hidden="true">/</kbd></div>
			<${Choice} id="f-queue" label="Queue" all="any" value=${filter.queue} set=${(queue) => set({ queue })} options=${queues} />
			<${Text} id="f-task" label="Type" value=${filter.task} set=${(task) => set({ task })} />
			<${Choice} id="f-since" label="Submitted" all="any time" value=${filter.since} set=${(since) => set({ since })} options=${Object.keys(SPANS).map((s) => [s, SPAN_LABEL[s]])} /></div>
		${number && html`<p><a href=${link('tasks', number[1])}>Go to task ${number[1]}</a></p>`}
		<${States} filter=${filter} set=${set} />
		<details class="more-filters" open=${MORE.some((f) => filter[f])}><summary>More filters</summary>
			<div class="filter-row">${MORE.map((f) => html`<${Text} key=${f} id=${`f-${f}`} label=${LABEL[f][0].toUpperCase() + LABEL[f].slice(1)} value=${filter[f]} set=${(v) => set({ [f]: v })} />`)}</div></details>
		${active.length > 0 && html`<div class="active-filters"><span class="dim">Filtered by</span>${active.map((f) => html`<button key=${f} type="button" class="chip small" onClick=${() => set({ [f]: '' })}>
			<span class="hidden">Remove the filter on </span>${LABEL[f]}: <bdi>${SPAN_LABEL[filter[f]] || filter[f].replace(/,/g, ', ')}</bdi><${Icon} name="close" size=${12} /></button>`)}
			<button type="button" class="plain" onClick=${() => change({})}>Clear all</button></div>`}
	</form>`;
}
