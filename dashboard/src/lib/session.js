// The token: taken from the page's own fragment or the form, kept for this tab
// only, never in a URL that a server sees.
import { atom } from './atom.js';

const KEY = 'errand.token';

// {token, claims} or null; why tells what ended the last one.
export const session = atom(null);
export const why = atom('');

// What the token says of itself; only to show, the server decides.
function claimsOf(token) {
	try {
		const part = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
		return JSON.parse(decodeURIComponent(escape(atob(part)))) || {};
	} catch {
		return {};
	}
}

function keep(token) {
	try {
		if (token) sessionStorage.setItem(KEY, token);
		else sessionStorage.removeItem(KEY);
	} catch {
		// no storage: until the page is left
	}
}

export function logIn(text) {
	const token = text.trim();
	// what may stand in a header and in a WebSocket subprotocol
	if (!/^[\w.~+-]+$/.test(token)) {
		why.set('That is not a token. It looks like three parts with dots between them.');
		return false;
	}
	keep(token);
	why.set('');
	session.set({ token, claims: claimsOf(token) });
	return true;
}

export function logOut(reason = '') {
	keep('');
	why.set(reason);
	session.set(null);
}

// Takes a token out of the address before anything else looks at it.
export function takeFragment() {
	const match = /^#token=([^&]*)(?:&to=(.*))?$/.exec(location.hash);
	if (!match) return false;
	let token = '';
	try {
		token = decodeURIComponent(match[1]);
	} catch {
		// not ours; the form will say so
	}
	const place = /^\/[\w/?=&%.,:~+-]*$/.test(match[2] || '') ? match[2] : '/';
	history.replaceState(null, '', location.pathname + location.search + '#' + place);
	return logIn(token);
}

export function startSession() {
	if (takeFragment()) return;
	let kept = null;
	try {
		kept = sessionStorage.getItem(KEY);
	} catch {
		// then by the form
	}
	if (kept) logIn(kept);
}
