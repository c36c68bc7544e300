// What the user chose for this browser: theme, clock, range of the charts.
// Nothing here is secret, so it may outlive the tab; the token may not.
import { atom } from './atom.js';

const KEY = 'errand.prefs';
const DEFAULTS = { theme: 'auto', clock: 'local', range: '1h' };

function read() {
	try {
		return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) || '{}') };
	} catch {
		return DEFAULTS; // no storage, or not ours
	}
}

export const prefs = atom(read());
const systemDark = matchMedia('(prefers-color-scheme: dark)');

// 'light' or 'dark', as it is shown now.
export const theme = atom('light');

function apply() {
	const chosen = prefs.get().theme;
	const shown = chosen === 'auto' ? (systemDark.matches ? 'dark' : 'light') : chosen === 'dark' ? 'dark' : 'light';
	document.documentElement.dataset.theme = shown;
	theme.set(shown);
}

export function setPref(name, value) {
	prefs.set({ ...prefs.get(), [name]: value });
	try {
		localStorage.setItem(KEY, JSON.stringify(prefs.get()));
	} catch {
		// kept for this page only
	}
}

prefs.listen(apply);
systemDark.addEventListener('change', apply);
apply();
