// A state: icon, word and colour, always all three.
import { html } from '../lib/html.js';
import { MEANING } from '../lib/states.js';
import { Icon } from './icon.js';

export function State({ state }) {
	return html`<span class="state" data-state=${state} title=${MEANING[state]}><${Icon} name=${state} size=${14} />${state}</span>`;
}

// Other words that need a colour, such as a worker's or a circuit's.
const TONE = {
	pass: 'good', warn: 'warn', fail: 'bad', idle: 'plain', busy: 'info', running: 'info', closed: 'good', open: 'bad',
	half_open: 'warn', degraded: 'warn', stopped: 'plain', paused: 'warn', draining: 'warn', up: 'good', down: 'bad',
};
const ICON = {
	good: 'succeeded', warn: 'warn', bad: 'failed', info: 'running', plain: 'ready',
};

export function Word({ word, tone }) {
	if (!word) return html`<span class="dim">–</span>`;
	const t = tone || TONE[word] || 'plain';
	const icon = word === 'paused' ? 'paused' : word === 'draining' ? 'draining' : ICON[t];
	return html`<span class="state" data-tone=${t}><${Icon} name=${icon} size=${14} />${word}</span>`;
}
