// Short messages about what was just done; read aloud, gone by themselves.
import { atom } from './atom.js';

export const toasts = atom([]);
let next = 1;

export function dismiss(id) {
	toasts.set(toasts.get().filter((t) => t.id !== id));
}

export function toast(text, kind = 'good') {
	const id = next++;
	toasts.set([...toasts.get().slice(-3), { id, text, kind }]);
	setTimeout(() => dismiss(id), kind === 'bad' ? 12000 : 5000);
}

// Does something, and says how it ended.  True if it went well.
export async function attempt(work, done) {
	try {
		const result = await work();
		if (done) toast(typeof done === 'function' ? done(result) : done);
		return true;
	} catch (e) {
		if (e.name !== 'AbortError') toast(e.hint ? `${e.message} ${e.hint}` : e.message, 'bad');
		return false;
	}
}
