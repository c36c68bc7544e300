// The page: which place is shown, inside the frame.
import { html, useEffect, useState } from './lib/html.js';
import { useAtom } from './lib/atom.js';
import { route } from './lib/route.js';
import { session } from './lib/session.js';
import { ReadOnly } from './components/banner.js';
import { Help } from './components/help.js';
import { Login } from './components/login.js';
import { Nav, Top } from './components/nav.js';
import { Toasts } from './components/toasts.js';
import { Card, Empty } from './components/card.js';
import { useKeys } from './lib/keys.js';
import { Overview } from './pages/overview.js';
import { Tasks } from './pages/tasks.js';
import { Task } from './pages/task.js';
import { Queue, Queues } from './pages/queues.js';
import { Source } from './pages/source.js';
import { Sources } from './pages/sources.js';
import { Schedules } from './pages/schedules.js';
import { Workflow, Workflows } from './pages/workflows.js';
import { Hosts } from './pages/hosts.js';
import { Workers } from './pages/workers.js';

const LISTS = { overview: Overview, tasks: Tasks, queues: Queues, sources: Sources, schedules: Schedules, workflows: Workflows, hosts: Hosts, workers: Workers };
const SINGLE = { tasks: Task, queues: Queue, sources: Source, workflows: Workflow };

const Nowhere = () => html`<div class="page"><h1 tabindex="-1">Not here</h1><${Card}><${Empty}>There is no such page. <a href="#/">Go to the overview</a><//><//></div>`;

function Place({ at }) {
	const Shown = (at.id !== undefined ? SINGLE : LISTS)[at.page] || Nowhere;
	return html`<${Shown} key=${`${at.page}/${at.id}`} id=${at.id} query=${at.query} />`;
}

export function App() {
	const who = useAtom(session);
	const at = useAtom(route);
	const [help, setHelp] = useState(false);
	useKeys(() => setHelp(true));
	const place = `${at.page}/${at.id || ''}`;
	useEffect(() => {
		const word = at.id === undefined ? at.page : `${at.page} ${at.id}`;
		document.title = who ? `${word} · pg_errand` : 'pg_errand';
		scrollTo(0, 0);
	}, [place, who]);
	if (!who) return html`<${Login} />`;
	return html`<a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), document.getElementById('main').focus())}>Skip to the content</a>
		<${Top} help=${() => setHelp(true)} />
		<div class="frame"><${Nav} page=${at.page} />
			<main id="main" tabindex="-1"><${ReadOnly} /><${Place} at=${at} /></main></div>
		<${Toasts} />
		${help && html`<${Help} close=${() => setHelp(false)} />`}`;
}
