// Charts over time, drawn by uPlot.  It has no words for who cannot see it, so
// each stands beside a table of its numbers.
import uPlot from 'uplot';
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { prefs, theme } from '../lib/prefs.js';
import { absolute } from '../lib/format.js';

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Each series on top of the one before; uPlot draws the highest first.
function stack(series) {
	const sums = [];
	let below = null;
	for (const s of series) {
		below = s.values.map((v, i) => (v || 0) + (below ? below[i] : 0));
		sums.push(below);
	}
	return sums.reverse();
}

// "14:05", and the date where a day begins.
function clockLabels(utc) {
	return (u, list) => list.map((t) => {
		const text = absolute(new Date(t * 1000), utc ? 'utc' : 'local');
		return text.slice(11, 16) === '00:00' ? text.slice(5, 10) : text.slice(11, 16);
	});
}

function axis(format, utc) {
	return {
		stroke: color('--dim'),
		font: '11px system-ui, sans-serif',
		grid: { stroke: color('--line'), width: 1 },
		ticks: { show: false },
		gap: 6,
		...(format ? { values: (u, list) => list.map((v) => (v ? format(v) : '0')), size: 60 } : { values: clockLabels(utc), size: 28, space: 70 }),
	};
}

function optionsOf({ series, stacked, format, width, height, utc, onIndex }) {
	const drawn = stacked ? [...series].reverse() : series;
	const paths = stacked ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear();
	return {
		width,
		height,
		tzDate: (ts) => (utc ? uPlot.tzDate(new Date(ts * 1000), 'Etc/UTC') : new Date(ts * 1000)),
		legend: { show: false },
		cursor: { y: false, drag: { x: false, y: false }, points: { show: !stacked } },
		padding: [8, 20, 0, 0],
		scales: { y: { range: (u, min, max) => [0, Math.max(max * 1.05, 1)] } },
		axes: [axis(null, utc), axis(format)],
		series: [{}, ...drawn.map((s) => ({
			stroke: color(s.color), width: stacked ? 1 : 1.75, fill: stacked ? color(s.color) : undefined, paths, points: stacked ? { show: false } : { size: 4, fill: color(s.color) },
		}))],
		hooks: { setCursor: [(u) => onIndex(u.cursor.idx)] },
	};
}

// series: [{name, color: '--c-x', values}], at: [ISO times]
export function Chart({ label, at, series, stacked, format = String, height = 220 }) {
	const box = useRef(null);
	const plot = useRef(null);
	const [index, setIndex] = useState(null);
	const shown = useAtom(theme);
	const { clock } = useAtom(prefs);
	const data = [at.map((t) => new Date(t).getTime() / 1000), ...(stacked ? stack(series) : series.map((s) => s.values))];
	const names = series.map((s) => s.name).join();
	useEffect(() => {
		const element = box.current;
		const width = () => Math.max(200, element.clientWidth);
		const u = new uPlot(optionsOf({ series, stacked, format, width: width(), height, utc: clock === 'utc', onIndex: setIndex }), data, element);
		plot.current = u;
		const watch = new ResizeObserver(() => u.width !== width() && u.setSize({ width: width(), height }));
		watch.observe(element);
		return () => {
			watch.disconnect();
			u.destroy();
			plot.current = null;
		};
	}, [shown, clock, names, stacked, height]);
	useEffect(() => {
		if (plot.current) plot.current.setData(data);
	}, [at, series]);
	const i = index === null || index === undefined || index >= at.length ? at.length - 1 : index;
	return html`<figure class="chart" aria-label=${label}>
		<figcaption class="legend">${series.map((s) => html`<span key=${s.name}><i data-color=${s.color} class="swatch"></i>${s.name} <b class="num">${format(s.values[i])}</b></span>`)}
			<span class="dim legend-at">${i >= 0 ? absolute(new Date(at[i]), clock).slice(11, 16) : ''}</span></figcaption>
		<div class="plot" ref=${box} aria-hidden="true"></div>
		<${Numbers} label=${label} at=${at} series=${series} format=${format} clock=${clock} />
	</figure>`;
}

function Numbers({ label, at, series, format, clock }) {
	const [open, setOpen] = useState(false);
	const rows = open ? at.map((t, i) => [t, i]).reverse() : [];
	return html`<details class="numbers" onToggle=${(e) => setOpen(e.target.open)}><summary>Numbers<span class="hidden"> of ${label}</span></summary>
		${open && html`<div class="numbers-scroll" tabindex="0" role="region" aria-label=${`${label}, as a table`}><table><thead><tr><th scope="col">Time</th>${series.map((s) => html`<th scope="col" class="num">${s.name}</th>`)}</tr></thead>
			<tbody>${rows.map(([t, i]) => html`<tr key=${t}><th scope="row">${absolute(new Date(t), clock)}</th>${series.map((s) => html`<td class="num">${format(s.values[i])}</td>`)}</tr>`)}</tbody></table></div>`}</details>`;
}
