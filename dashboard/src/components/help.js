import { html } from '../lib/html.js';
import { KEYS } from '../lib/keys.js';
import { Dialog } from './dialog.js';

export function Help({ close }) {
	return html`<${Dialog} title="Keys" close=${close}><dl class="keys">${KEYS.map(([key, does]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
		<div class="dialog-actions"><button class="button primary" onClick=${close}>Close</button></div><//>`;
}
