// Numbers over time for what the database keeps none of: the last answers
// since the page was opened.
import { useRef } from './html.js';

const KEPT = 60;

// useSamples(rows, keyOf, valueOf): Map of key to its last values
export function useSamples(rows, keyOf, valueOf) {
	const kept = useRef(new Map());
	const last = useRef(null);
	if (rows && rows !== last.current) {
		last.current = rows;
		const next = new Map();
		for (const row of rows) next.set(keyOf(row), [...(kept.current.get(keyOf(row)) || []), Number(valueOf(row)) || 0].slice(-KEPT));
		kept.current = next;
	}
	return kept.current;
}

// Of a counter: how much it grew from one answer to the next.
export const growth = (list) => (list || []).slice(1).map((v, i) => Math.max(0, v - list[i]));
