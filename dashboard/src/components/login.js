// The form, when no token came with the address.  Nothing was asked before.
import { html, useRef } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { logIn, why } from '../lib/session.js';
import { Icon } from './icon.js';

export function Login() {
	const reason = useAtom(why);
	const field = useRef(null);
	const submit = (e) => {
		e.preventDefault();
		logIn(field.current.value);
	};
	return html`<main class="login" id="main"><form onSubmit=${submit} class="card">
		<div class="brand"><span class="logo" aria-hidden="true"></span><h1>pg_errand</h1></div>
		<p>The page shows what a token may see. Ask for one in the database, and open the address that it gives:</p>
		<pre class="code" tabindex="0">SELECT errand.dashboard_url();</pre>
		<p>Or paste a token of <code>errand.issue_token()</code>:</p>
		<label for="token">Token</label>
		<input id="token" ref=${field} type="password" autocomplete="off" spellcheck="false" required aria-describedby="why" />
		<p id="why" class="reason" role="alert">${reason && html`<${Icon} name="warn" />${reason}`}</p>
		<button class="button primary" type="submit">Log in</button>
		<p class="dim">It is kept for this tab only.</p>
	</form></main>`;
}
