// Places of the page are fragments: #/tasks?state=failed&queue=mail, #/tasks/42.
import { atom } from './atom.js';

function decode(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

function parse() {
	const [path, search = ''] = location.hash.replace(/^#/, '').split(/\?(.*)/s);
	const parts = path.split('/').filter(Boolean).map(decode);
	return { page: parts[0] || 'overview', id: parts[1], query: Object.fromEntries(new URLSearchParams(search)) };
}

export const route = atom({ page: 'overview', query: {} });

// Looks where we are.  main.js calls it, once a token is out of the address.
export const readRoute = () => route.set(parse());

// link('tasks', 42), link('tasks', undefined, {state: 'failed'}): a fragment
export function link(page, id, query) {
	const search = new URLSearchParams(Object.entries(query || {}).filter(([, v]) => v)).toString();
	const path = page === 'overview' ? '/' : `/${page}`;
	return `#${path}${id === undefined ? '' : '/' + encodeURIComponent(id)}${search ? '?' + search : ''}`;
}

export function go(place) {
	location.hash = place;
}

// Changes filters of the place we are at, without a new entry in the history
// for each letter typed.
export function setQuery(query) {
	const now = route.get();
	history.replaceState(null, '', location.pathname + location.search + link(now.page, now.id, query));
	readRoute();
}
