// A value that tells its listeners when it changes: all the state that more
// than one component shares.
import { useState, useEffect } from './html.js';

export function atom(value) {
	const listeners = new Set();
	return {
		get: () => value,
		set(next) {
			if (Object.is(next, value)) return;
			value = next;
			for (const listener of [...listeners]) listener(value);
		},
		listen(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
	};
}

// useAtom(atom): its value; the component is drawn again when it changes.
export function useAtom(source) {
	const [value, set] = useState(source.get());
	useEffect(() => {
		set(source.get());
		return source.listen(set);
	}, [source]);
	return value;
}
