// A small line without axes; its numbers are in its label.
import { html } from '../lib/html.js';
import { number } from '../lib/format.js';

export function Spark({ values, label, width = 96, height = 24 }) {
	const list = (values || []).map((v) => Number(v) || 0);
	if (list.length < 2) return html`<span class="dim">–</span>`;
	const top = Math.max(...list, 1);
	const x = (i) => ((i / (list.length - 1)) * (width - 2) + 1).toFixed(1);
	const y = (v) => (height - 2 - (v / top) * (height - 4)).toFixed(1);
	const line = list.map((v, i) => `${i ? 'L' : 'M'}${x(i)} ${y(v)}`).join('');
	const text = `${label}: now ${number(list.at(-1))}, at most ${number(Math.max(...list))}`;
	return html`<svg class="spark" width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label=${text}>
		<path class="spark-area" d=${`${line}L${x(list.length - 1)} ${height - 1}L${x(0)} ${height - 1}Z`} /><path class="spark-line" d=${line} /></svg>`;
}
