// Where the page begins.
import { html, render } from './lib/html.js';
import { readRoute } from './lib/route.js';
import { startSession, takeFragment } from './lib/session.js';
import { startFacts } from './lib/facts.js';
import { startLive } from './lib/live.js';
import { App } from './app.js';

startSession();
readRoute();
addEventListener('hashchange', () => {
	takeFragment();
	readRoute();
});
startFacts();
startLive();
render(html`<${App} />`, document.getElementById('app'));
