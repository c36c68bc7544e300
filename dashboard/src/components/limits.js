// A form for the limits of a queue or host.
import { html, useState } from '../lib/html.js';
import { Confirm } from './dialog.js';

export function Limits({ title, row, save, close }) {
	const [running, setRunning] = useState(row.max_running === null || row.max_running === undefined ? '' : String(row.max_running));
	const [rate, setRate] = useState(row.rate_limit || '');
	const run = () => save({ max_running: running === '' ? null : Number(running), rate_limit: rate.trim() || null });
	return html`<${Confirm} title=${title} yes="Set" disabled=${!/^\d*$/.test(running)} run=${run} close=${close}>
		<div class="field"><label for="l-running">Most at once</label><input id="l-running" inputmode="numeric" value=${running} onInput=${(e) => setRunning(e.target.value.trim())} placeholder="no limit" /></div>
		<div class="field"><label for="l-rate">Rate</label><input id="l-rate" value=${rate} onInput=${(e) => setRate(e.target.value)} placeholder="no limit; such as 50/s or 1000/h" /></div><//>`;
}
