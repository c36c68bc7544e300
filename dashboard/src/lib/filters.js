// The filters of the task list, as they stand in the URL.
import { STATES } from './states.js';

export const FIELDS = ['state', 'q', 'queue', 'task', 'kind', 'owner', 'key', 'tag', 'group', 'since', 'until'];
export const LABEL = {
	state: 'state', q: 'text', queue: 'queue', task: 'type', kind: 'kind', owner: 'owner', key: 'key', tag: 'tag',
	group: 'workflow', since: 'since', until: 'until',
};
export const SPANS = { '15m': 15 * 60, '1h': 3600, '24h': 86400, '7d': 7 * 86400 };
export const SPAN_LABEL = { '15m': 'last 15 minutes', '1h': 'last hour', '24h': 'last 24 hours', '7d': 'last 7 days' };

export function fromQuery(query) {
	const filter = {};
	for (const field of FIELDS) if (query[field]) filter[field] = query[field];
	return filter;
}

export const statesOf = (filter) => (filter.state || '').split(',').filter((s) => STATES.includes(s));

// "1h" in the URL goes on meaning the last hour.
function moment(text) {
	return SPANS[text] ? new Date(Date.now() - SPANS[text] * 1000).toISOString() : text;
}

// For GET: texts.
export function toArgs(filter) {
	const args = { ...filter };
	if (args.since) args.since = moment(args.since);
	if (args.until) args.until = moment(args.until);
	return args;
}

// For POST: what retry_where() and cancel_where() take.
export function toSteering(filter) {
	const { state, group, q, since, until, ...same } = filter;
	const out = { ...same };
	if (state) out.state = state.split(',');
	if (group) out.task_group = Number(group);
	if (q) out.q = q;
	if (since) out.since = moment(since);
	if (until) out.until = moment(until);
	return out;
}

// In words, for the dialog that asks before it changes anything.
export function describe(filter) {
	const parts = FIELDS.filter((f) => filter[f]).map((f) =>
		`${LABEL[f]} ${f === 'since' && SPAN_LABEL[filter[f]] ? SPAN_LABEL[filter[f]] : filter[f].replace(/,/g, ' or ')}`);
	return parts.length ? parts.join(', ') : 'no filter: all tasks';
}

export function matches(filter, event) {
	const states = statesOf(filter);
	return (!states.length || states.includes(event.state)) && (!filter.queue || filter.queue === event.queue) &&
		(!filter.task || filter.task === event.task);
}

const literal = (text) => (/\\/.test(text) ? 'E' : '') + `'${text.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`;

// The same list, for psql.
export function toSql(filter) {
	const where = [];
	const states = statesOf(filter);
	if (states.length) where.push(`state IN (${states.map(literal).join(', ')})`);
	for (const name of ['queue', 'task', 'kind', 'owner', 'key']) {
		if (filter[name]) where.push(`${name} = ${literal(filter[name])}`);
	}
	if (filter.tag) where.push(`${literal(filter.tag)} = ANY (tags)`);
	if (filter.group) where.push(`task_group = ${literal(filter.group)}`);
	if (filter.q) {
		const t = literal(filter.q);
		where.push(`(strpos(lower(error), lower(${t})) > 0 OR strpos(lower(key), lower(${t})) > 0 OR strpos(lower(task), lower(${t})) > 0 OR id::text = ${t})`);
	}
	if (SPANS[filter.since]) where.push(`submitted_at >= now() - interval '${SPANS[filter.since]} s'`);
	else if (filter.since) where.push(`submitted_at >= ${literal(filter.since)}`);
	if (filter.until) where.push(`submitted_at < ${literal(filter.until)}`);
	return `SELECT * FROM errand.tasks${where.length ? '\nWHERE ' + where.join('\n  AND ') : ''}\nORDER BY id DESC LIMIT 50;`;
}
