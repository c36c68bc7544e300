// Into the clipboard; where the browser has none (no TLS), by the old way.
import { toast } from './toasts.js';

function oldWay(text) {
	const field = document.createElement('textarea');
	field.value = text;
	field.className = 'hidden';
	(document.querySelector('dialog[open]') || document.body).append(field);
	field.select();
	const done = document.execCommand('copy');
	field.remove();
	return done;
}

export async function copy(text, what = 'Copied.') {
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		if (!oldWay(text)) return toast('The browser does not let this page copy.', 'bad');
	}
	toast(what);
}

// Hands the browser a file that was fetched with the token.
export function save(blob, name) {
	const url = URL.createObjectURL(blob);
	const a = document.createElement('a');
	a.href = url;
	a.download = name;
	a.click();
	setTimeout(() => URL.revokeObjectURL(url), 1000);
}
