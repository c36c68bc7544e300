// Views over what a source fills: small tables that follow it.
import { html, useEffect, useRef } from '../lib/html.js';
import { get, part } from '../lib/api.js';
import { amount } from '../lib/format.js';
import { usePoll } from '../lib/poll.js';
import { Card, Loading, Problem } from './card.js';
import { Value } from './source-parts.js';
import { Table } from './table.js';
import { When } from './when.js';

const LEAST = 1200; // ms from one reading to the next: everybody shares one for a second
const SHARE = 10; // of the time it takes: what is dear is read less often
const BROAD = 6; // more columns have the whole width
const OTHERWISE = 10; // s: a view may change by other tables, and by the time

// useView(source, view, news): its poll; it is read when news is another number
function useView(source, view, news) {
	const asked = useRef(0);
	const timer = useRef(0);
	const poll = usePoll((signal) => {
		asked.current = Date.now();
		return get(`sources/${part(source)}/view`, { view }, signal);
	}, OTHERWISE, [source, view]);
	useEffect(() => {
		if (!news || timer.current) return;
		const pause = Math.max(LEAST, SHARE * ((poll.data && poll.data.took_ms) || 0));
		timer.current = setTimeout(() => {
			timer.current = 0;
			poll.refresh();
		}, Math.max(0, asked.current + pause - Date.now()));
	}, [news]);
	useEffect(() => () => clearTimeout(timer.current), []);
	return poll;
}

function cellOf(type, value) {
	if (value === null || value === undefined) return null;
	if (type === 'time') return html`<${When} at=${value} />`;
	return type === 'number' ? html`<span title=${value}>${amount(value)}</span>` : html`<${Value} value=${value} />`;
}

function Rows({ data, label, most }) {
	if (data.error) return html`<${Problem} error=${{ message: data.error, hint: data.hint }} />`;
	const columns = (data.columns || []).map((c, n) => ({ name: c.name, first: n === 0, num: c.type === 'number', cell: (r) => cellOf(c.type, r.row[n]) }));
	return html`<${Table} label=${label} columns=${columns} rows=${(data.rows || []).slice(0, most).map((row, n) => ({ row, n }))} rowKey=${(r) => r.n} empty="No rows." />`;
}

// view: {view, description}, as the API lists it of a source
export function View({ source, view: v, news, most = 10 }) {
	const poll = useView(source, v.view, news);
	const label = `View ${v.view}`;
	return html`<${Card} title=${html`<bdi>${v.view}</bdi>`} note=${v.description} label=${label} class=${poll.data && (poll.data.columns || []).length > BROAD ? 'broad' : ''}>
		${poll.error && html`<${Problem} error=${poll.error} retry=${poll.refresh} />`}
		${poll.data ? html`<${Rows} data=${poll.data} label=${label} most=${most} />` : !poll.error && html`<${Loading} />`}<//>`;
}
