// Tasks and what they wait for, in layers from left to right.
import { html } from '../lib/html.js';
import { link } from '../lib/route.js';

const W = 168;
const H = 44;
const GAP_X = 56;
const GAP_Y = 14;
export const MOST = 200;

// The layer of a node is one more than the deepest of its parents.
function layersOf(nodes, edges) {
	const depth = new Map(nodes.map((n) => [n.id, 0]));
	// as many rounds as nodes end it, even if somebody made a circle
	for (let round = 0, moved = true; moved && round < nodes.length; round++) {
		moved = false;
		for (const e of edges) {
			if (depth.has(e.from) && depth.has(e.to) && depth.get(e.to) < depth.get(e.from) + 1) {
				depth.set(e.to, depth.get(e.from) + 1);
				moved = true;
			}
		}
	}
	const layers = [];
	for (const n of nodes) (layers[Math.min(depth.get(n.id), nodes.length)] ||= []).push(n);
	return layers.filter(Boolean);
}

// Order in a layer: near the middle of the parents, so that lines cross less.
function placesOf(nodes, edges) {
	const place = new Map();
	const parents = new Map();
	for (const e of edges) parents.set(e.to, [...(parents.get(e.to) || []), e.from]);
	const layers = layersOf(nodes, edges);
	const tallest = Math.max(...layers.map((l) => l.length));
	layers.forEach((layer, x) => {
		const middle = (n) => {
			const ys = (parents.get(n.id) || []).map((p) => place.get(p)).filter(Boolean).map((p) => p.y);
			return ys.length ? ys.reduce((a, b) => a + b, 0) / ys.length : 0;
		};
		const sorted = x ? [...layer].sort((a, b) => middle(a) - middle(b) || a.id - b.id) : layer;
		const top = ((tallest - sorted.length) * (H + GAP_Y)) / 2;
		sorted.forEach((n, y) => place.set(n.id, { x: x * (W + GAP_X), y: top + y * (H + GAP_Y) }));
	});
	return { place, width: layers.length * (W + GAP_X) - GAP_X, height: tallest * (H + GAP_Y) - GAP_Y };
}

const cut = (text, n) => (text.length > n ? text.slice(0, n - 1) + '…' : text);

// nodes: [{id, task, state}], edges: [{from, to}]
export function Graph({ nodes, edges, here, truncated }) {
	const shown = nodes.slice(0, MOST);
	if (shown.length < 2) return null;
	const { place, width, height } = placesOf(shown, edges);
	const lines = edges.filter((e) => place.has(e.from) && place.has(e.to)).map((e) => {
		const a = place.get(e.from);
		const b = place.get(e.to);
		const [x1, y1, x2, y2] = [a.x + W, a.y + H / 2, b.x, b.y + H / 2];
		const bend = Math.max(24, (x2 - x1) / 2);
		return html`<path key=${`${e.from}-${e.to}`} class="edge" d=${`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`} />`;
	});
	return html`<div class="graph" tabindex="0" role="region" aria-label="Dependency graph">
		<svg width=${width + 8} height=${height + 8} viewBox=${`-4 -4 ${width + 8} ${height + 8}`} role="group" aria-label=${`${shown.length} tasks and what they wait for`}>
			${lines}
			${shown.map((n) => {
				const p = place.get(n.id);
				return html`<a key=${n.id} href=${link('tasks', n.id)}><g class="node ${n.id === here ? 'here' : ''}" data-state=${n.state} transform=${`translate(${p.x} ${p.y})`}>
					<rect width=${W} height=${H} rx="8" /><rect class="edge-mark" width="4" height=${H} rx="2" />
					<text x="14" y="18" class="node-name">${cut(String(n.task), 20)}</text><text x="14" y="34" class="node-state">${n.id} · ${n.state}</text></g></a>`;
			})}
		</svg></div>
		${(truncated || nodes.length > MOST) && html`<p class="dim">Only ${shown.length} tasks are drawn; there are more.</p>`}`;
}
