// One clock for all relative times; it stands while nobody looks.
import { atom, useAtom } from './atom.js';

export const now = atom(Date.now());
export const visible = atom(!document.hidden);

document.addEventListener('visibilitychange', () => visible.set(!document.hidden));
setInterval(() => {
	if (visible.get()) now.set(Date.now());
}, 1000);
visible.listen(() => now.set(Date.now()));

export const useNow = () => useAtom(now);
