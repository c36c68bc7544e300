// A button that does something in the database.  Only admins get to see one.
import { html, useState } from '../lib/html.js';
import { useAdmin } from '../lib/facts.js';
import { attempt } from '../lib/toasts.js';
import { post } from '../lib/api.js';
import { Icon } from './icon.js';
import { Confirm } from './dialog.js';

// ask: {title, text, danger} for what cannot be taken back at once.
export function Control({ label, name, icon, path, body, done, ask, after, hotkey, small = true }) {
	const admin = useAdmin();
	const [busy, setBusy] = useState(false);
	const [asking, setAsking] = useState(false);
	if (!admin) return null;
	const run = async () => {
		setBusy(true);
		await attempt(() => post(path, body), done);
		if (after) await after();
		setBusy(false);
	};
	return html`<button class="button ${small ? 'small' : ''}" disabled=${busy} data-hotkey=${hotkey} onClick=${ask ? () => setAsking(true) : run} aria-label=${name ? `${label} ${name}` : undefined}>
		${icon && html`<${Icon} name=${icon} size=${14} />`}${label}</button>
		${asking && html`<${Confirm} title=${ask.title} yes=${label} danger=${ask.danger} run=${run} close=${() => setAsking(false)}><p>${ask.text}</p><//>`}`;
}
