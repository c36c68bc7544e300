// Retry or cancel many: of a selection, or of all that match the filter.  The
// server counts first, and the dialog names the number and the scope.
import { html, useEffect, useState } from '../lib/html.js';
import { post } from '../lib/api.js';
import { describe, toSteering } from '../lib/filters.js';
import { number, plural } from '../lib/format.js';
import { attempt } from '../lib/toasts.js';
import { Problem } from './card.js';
import { Confirm } from './dialog.js';

const WORD = { retry: ['Retry', 'retried', 'They run again from their first attempt.'], cancel: ['Cancel', 'cancelled', 'Running ones are cut off. This cannot be taken back.'] };

// what: 'retry' or 'cancel'; ids, or filter for all that match
export function Bulk({ what, ids, filter, close, done }) {
	const [found, setFound] = useState(null);
	const [error, setError] = useState(null);
	const scope = ids ? { ids } : { filter: toSteering(filter) };
	useEffect(() => {
		let ended = false;
		post(`tasks/${what}`, { ...scope, dry_run: true }).then((a) => !ended && setFound(a.count), (e) => !ended && setError(e));
		return () => (ended = true);
	}, []);
	const [verb, past, warning] = WORD[what];
	const run = async () => {
		if (await attempt(() => post(`tasks/${what}`, scope), (a) => `${plural(a.count, 'task')} ${past}.`)) done();
	};
	return html`<${Confirm} title=${`${verb} tasks`} yes=${found ? `${verb} ${plural(found, 'task')}` : verb} danger=${what === 'cancel'} disabled=${!found} run=${run} close=${close}>
		${error ? html`<${Problem} error=${error} />` : html`
			<p class="count" role="status">${found === null ? 'Counting …' : html`<b class="num">${number(found)}</b> ${found === 1 ? 'task' : 'tasks'} will be ${past}.`}</p>
			<p>Scope: <bdi>${ids ? `the ${plural(ids.length, 'task')} selected` : `all that match ${describe(filter)}`}</bdi></p>
			${found === 0 ? html`<p class="dim">None of them can be ${past} now.</p>` : html`<p class="dim">${warning}</p>`}`}
	<//>`;
}
