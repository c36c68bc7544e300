// The frame around every page.
import { html, useEffect, useRef } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { overview } from '../lib/facts.js';
import { prefs, setPref, theme } from '../lib/prefs.js';
import { link } from '../lib/route.js';
import { logOut } from '../lib/session.js';
import { Badge } from './badge.js';
import { Icon } from './icon.js';

export const PLACES = ['overview', 'tasks', 'queues', 'sources', 'schedules', 'workflows', 'hosts', 'workers'];
const title = (word) => word[0].toUpperCase() + word.slice(1);
const IN = { workflow: 'workflows' };

export function Nav({ page }) {
	const bar = useRef(null);
	useEffect(() => {
		// on a phone the bar scrolls
		const here = bar.current.querySelector('[aria-current]');
		if (here) bar.current.scrollTo({ left: here.offsetLeft - bar.current.clientWidth / 2 + here.clientWidth / 2 });
	}, [page]);
	return html`<nav aria-label="Pages" class="nav" ref=${bar}>${PLACES.map((p) => html`<a key=${p} href=${link(p)} aria-current=${(IN[page] || page) === p ? 'page' : undefined}>
		<${Icon} name=${p} /><span>${title(p)}</span></a>`)}</nav>`;
}

export function Top({ help }) {
	const facts = useAtom(overview);
	const shown = useAtom(theme);
	const { clock } = useAtom(prefs);
	return html`<header class="top">
		<a class="brand" href=${link('overview')} aria-label="pg_errand, overview"><span class="logo" aria-hidden="true"></span><span class="brand-name">pg_errand</span></a>
		${facts && html`<span class="place"><bdi>${facts.database}</bdi></span>`}
		<${Badge} />
		<span class="grow"></span>
		${facts && html`<span class="who dim">as <bdi>${facts.role}</bdi></span>`}
		<button class="plain" onClick=${() => setPref('clock', clock === 'utc' ? 'local' : 'utc')} title="Times in UTC or local time"
			aria-label=${`Times are ${clock === 'utc' ? 'UTC' : 'local'}; change`}>${clock === 'utc' ? 'UTC' : 'Local'}</button>
		<button class="plain" onClick=${() => setPref('theme', shown === 'dark' ? 'light' : 'dark')} aria-label=${`Use the ${shown === 'dark' ? 'light' : 'dark'} theme`}>
			<${Icon} name=${shown === 'dark' ? 'sun' : 'moon'} /></button>
		<button class="plain keys-button" onClick=${help} aria-label="Keyboard help" title="Keyboard help">?</button>
		<button class="plain" onClick=${() => logOut()}>Log out</button>
	</header>`;
}
