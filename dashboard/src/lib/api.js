// HTTP to the relay.  Relative addresses only, so that it works under a path
// behind a proxy; nothing is asked before there is a token.
import { session, logOut } from './session.js';

export class ApiError extends Error {
	constructor(status, problem) {
		super(problem.detail || problem.title || `the relay answered ${status}`);
		this.status = status;
		this.hint = problem.hint || '';
		this.code = problem.code || '';
	}
}

async function problemOf(answer) {
	try {
		return await answer.json();
	} catch {
		return {};
	}
}

async function ask(path, options) {
	const now = session.get();
	if (!now) throw new ApiError(401, { title: 'not logged in' });
	let answer;
	try {
		answer = await fetch(`api/v1/${path}`, {
			...options,
			headers: { ...options.headers, Authorization: `Bearer ${now.token}` },
			cache: 'no-store',
			credentials: 'omit',
		});
	} catch (e) {
		if (e.name === 'AbortError') throw e;
		throw new ApiError(0, { title: 'The relay does not answer.' });
	}
	if (answer.ok) return answer;
	const problem = await problemOf(answer);
	if (answer.status === 401 && session.get() === now) {
		logOut(problem.detail || 'The token is not valid, or no longer.');
	}
	throw new ApiError(answer.status, problem);
}

// query({a: 1, b: undefined}): '?a=1'
export function query(args) {
	const pairs = Object.entries(args || {}).filter(([, v]) => v !== undefined && v !== null && v !== '');
	return pairs.length ? '?' + new URLSearchParams(pairs) : '';
}

export async function get(path, args, signal) {
	return (await ask(path + query(args), { signal })).json();
}

export async function getBlob(path, args) {
	return (await ask(path + query(args), {})).blob();
}

export async function post(path, body = {}) {
	const answer = await ask(path, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify(body),
	});
	return answer.status === 204 ? {} : answer.json();
}

// One part of a path, from outside.
export const part = encodeURIComponent;
