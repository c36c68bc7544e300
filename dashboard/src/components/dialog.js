// Dialogs: the browser's own, which keep the focus and close with Escape.
import { html, useEffect, useRef, useState } from '../lib/html.js';

export function Dialog({ title, close, children, class: extra = '' }) {
	const ref = useRef(null);
	useEffect(() => {
		const before = document.activeElement;
		ref.current.showModal();
		return () => before && before.isConnected && before.focus();
	}, []);
	const outside = (e) => e.target === ref.current && close();
	return html`<dialog ref=${ref} class=${extra} aria-labelledby="dialog-title" onCancel=${(e) => (e.preventDefault(), close())} onClick=${outside}>
		<div class="dialog-body"><h2 id="dialog-title">${title}</h2>${children}</div></dialog>`;
}

// Asks before something is done.  do_() returns a promise; the dialog closes
// when it is settled.
export function Confirm({ title, children, yes, danger, disabled, run, close }) {
	const [busy, setBusy] = useState(false);
	const go = async () => {
		setBusy(true);
		await run();
		close();
	};
	return html`<${Dialog} title=${title} close=${busy ? () => {} : close}>
		${children}
		<div class="dialog-actions"><button class="button" onClick=${close} disabled=${busy}>Leave it</button>
			<button class="button ${danger ? 'danger' : 'primary'}" onClick=${go} disabled=${busy || disabled}>${busy ? 'Working …' : yes}</button></div><//>`;
}
