import { html } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { toasts, dismiss } from '../lib/toasts.js';
import { Icon } from './icon.js';

export function Toasts() {
	const list = useAtom(toasts);
	return html`<div class="toasts" role="status" aria-live="polite">${list.map((t) => html`<div class="toast" data-kind=${t.kind} key=${t.id}>
		<${Icon} name=${t.kind === 'bad' ? 'warn' : 'succeeded'} /><span>${t.text}</span>
		<button class="plain" aria-label="Dismiss" onClick=${() => dismiss(t.id)}><${Icon} name="close" /></button></div>`)}</div>`;
}
