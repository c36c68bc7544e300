// Asks again from time to time, while somebody looks.
import { useState, useEffect, useRef, useCallback } from './html.js';
import { visible } from './clock.js';

// usePoll(ask, seconds, deps): {data, error, loading, refresh}.  ask(signal)
// returns a promise.  Answers that were overtaken are dropped; with new deps
// the old answer stays until there is a new one, unless it failed.
export function usePoll(ask, seconds, deps) {
	const [state, set] = useState({ data: null, error: null, loading: true });
	const run = useRef(() => {});
	useEffect(() => {
		let timer = 0;
		let abort = null;
		let ended = false;
		const again = () => {
			clearTimeout(timer);
			if (!ended && seconds && visible.get()) timer = setTimeout(once, seconds * 1000);
		};
		const once = async () => {
			clearTimeout(timer);
			if (abort) abort.abort();
			const mine = new AbortController();
			abort = mine;
			try {
				const data = await ask(mine.signal);
				if (!ended && abort === mine) set({ data, error: null, loading: false });
			} catch (error) {
				if (!ended && abort === mine) set((s) => ({ data: s.data, error, loading: false }));
			}
			if (abort === mine) again();
		};
		run.current = once;
		set((s) => ({ ...s, loading: true }));
		once();
		const off = visible.listen((is) => is && once());
		return () => {
			ended = true;
			clearTimeout(timer);
			off();
			if (abort) abort.abort();
		};
	}, deps);
	return { ...state, refresh: useCallback(() => run.current(), []) };
}
