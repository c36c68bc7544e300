// Keys.  None is heard while somebody types, and all that a key does a button
// or a link does, too.
import { useEffect } from './html.js';
import { session } from './session.js';
import { go } from './route.js';

export const KEYS = [
	['/', 'search tasks'],
	['g then o, t, q, s', 'go to overview, tasks, queues, sources'],
	['j, k', 'next and previous row'],
	['Enter', 'open the row'],
	['x', 'select the row'],
	['r', 'retry the row’s task, or the selected'],
	['?', 'this help'],
	['Esc', 'close; leave a field'],
];

// The field takes the focus when its page is there.
export const wanted = { search: false };

const PLACES = { o: '#/', t: '#/tasks', q: '#/queues', s: '#/sources' };
const typing = (e) => e.target.closest('input, textarea, select, [contenteditable]');
const rows = () => [...document.querySelectorAll('main tbody tr')].filter((r) => r.querySelector('a'));
const current = () => document.activeElement && document.activeElement.closest('main tbody tr');

function move(by) {
	const all = rows();
	const at = all.indexOf(current());
	const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))];
	if (next) next.querySelector('a').focus();
}

const press = (selector) => current()?.querySelector(selector)?.click();

// once the page shows what was just changed
const drawn = (then) => requestAnimationFrame(() => requestAnimationFrame(then));

function search() {
	const field = document.getElementById('search');
	if (field) return field.focus();
	wanted.search = true;
	go('#/tasks');
}

// The row's task, unless some are selected.
function retry() {
	if (!document.querySelector('main tbody input:checked')) press('input[type=checkbox]');
	drawn(() => document.querySelector('main [data-hotkey=r]')?.click());
}

const plain = {
	'/': search,
	j: () => move(1),
	k: () => move(-1),
	x: () => press('input[type=checkbox]'),
	r: retry,
};

export function useKeys(help) {
	useEffect(() => {
		let first = 0; // when "g" was pressed
		const listen = (e) => {
			if (e.key === 'Escape' && e.target.matches('input') && !document.querySelector('dialog[open]')) {
				e.preventDefault(); // what was typed stays
				return e.target.blur();
			}
			if (e.ctrlKey || e.metaKey || e.altKey || !session.get() || typing(e) || document.querySelector('dialog[open]')) return;
			const does = Date.now() - first < 1500 && PLACES[e.key] ? () => go(PLACES[e.key]) : e.key === '?' ? help : plain[e.key];
			first = e.key === 'g' ? Date.now() : 0;
			if (!does) return;
			e.preventDefault();
			does();
		};
		addEventListener('keydown', listen);
		return () => removeEventListener('keydown', listen);
	}, []);
}
