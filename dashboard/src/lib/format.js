// Numbers, durations and times as people read them.
const whole = new Intl.NumberFormat('en');
const dash = '–';

export function number(n) {
	return n === null || n === undefined || !Number.isFinite(Number(n)) ? dash : whole.format(Math.round(Number(n)));
}

// 3456789 → "3.5 M": what is estimated has no more digits than it deserves.
export function short(n) {
	if (n === null || n === undefined || !Number.isFinite(Number(n))) return dash;
	const v = Number(n);
	for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e4]]) {
		const by = unit === 'k' ? 1e3 : size;
		if (Math.abs(v) >= size) return `${(v / by).toFixed(Math.abs(v / by) < 10 ? 1 : 0)} ${unit}`;
	}
	return whole.format(Math.round(v));
}

export function rate(n) {
	if (n === null || n === undefined || !Number.isFinite(Number(n))) return dash;
	const v = Number(n);
	return v >= 100 ? whole.format(Math.round(v)) : v >= 10 ? v.toFixed(0) : v === 0 ? '0' : v.toFixed(1);
}

export function percent(share) {
	if (share === null || share === undefined || !Number.isFinite(Number(share))) return dash;
	const p = Number(share) * 100;
	return `${p === 0 || p >= 10 ? p.toFixed(0) : p.toFixed(p < 1 ? 2 : 1)} %`;
}

// A number as SQL writes it, with commas: "1234567.50" → "1,234,567.50"; of a
// long fraction only what tells something.
const tail = new Intl.NumberFormat('en', { maximumFractionDigits: 4 });
const small = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
export function amount(text) {
	const m = /^(-?)(\d+)(\.\d+)?$/.exec(text);
	if (!m) return text;
	if (m[3] && m[3].length > 5) return (Math.abs(Number(text)) < 1 ? small : tail).format(Number(text));
	return m[1] + m[2].replace(/\B(?=(\d{3})+$)/g, ',') + (m[3] || '');
}

// Milliseconds: "3.2 ms", "840 ms", "2.5 s", "4 min 10 s", "2 h 5 min", "3 d 4 h"
export function duration(ms) {
	if (ms === null || ms === undefined || !Number.isFinite(Number(ms))) return dash;
	const v = Math.max(0, Number(ms));
	if (v < 0.05) return '0 ms';
	if (v < 10) return `${v.toFixed(1)} ms`;
	if (v < 1000) return `${v.toFixed(0)} ms`;
	if (v < 10000) return `${(v / 1000).toFixed(1)} s`;
	const s = Math.round(v / 1000);
	const two = (a, unit, b, below) => (b ? `${a} ${unit} ${b} ${below}` : `${a} ${unit}`);
	if (s < 60) return `${s} s`;
	if (s < 3600) return two(Math.floor(s / 60), 'min', s % 60, 's');
	if (s < 86400) return two(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
	return two(Math.floor(s / 86400), 'd', Math.floor((s % 86400) / 3600), 'h');
}

export function bytes(n) {
	if (n === null || n === undefined || !Number.isFinite(Number(n))) return dash;
	let v = Number(n);
	for (const unit of ['B', 'kB', 'MB', 'GB']) {
		if (v < 1000 || unit === 'GB') return `${unit === 'B' || v >= 10 ? v.toFixed(0) : v.toFixed(1)} ${unit}`;
		v /= 1000;
	}
	return dash;
}

// One unit only, for "ago" and "in".
function rough(ms) {
	const s = Math.round(ms / 1000);
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.round(s / 60)} min`;
	if (s < 86400) return `${Math.round(s / 3600)} h`;
	return `${Math.round(s / 86400)} d`;
}

export function relative(at, now) {
	const ms = now - at;
	if (Math.abs(ms) < 1500) return 'now';
	return ms > 0 ? `${rough(ms)} ago` : `in ${rough(-ms)}`;
}

const pad = (n, width = 2) => String(n).padStart(width, '0');

// A Date as "2026-03-04 17:05:06.123", with the zone behind it.
export function absolute(date, clock, precise) {
	const utc = clock === 'utc';
	const of = (name) => date[`get${utc ? 'UTC' : ''}${name}`]();
	const day = `${of('FullYear')}-${pad(of('Month') + 1)}-${pad(of('Date'))}`;
	const time = `${pad(of('Hours'))}:${pad(of('Minutes'))}:${pad(of('Seconds'))}`;
	const rest = precise ? `.${pad(of('Milliseconds'), 3)}` : '';
	return `${day} ${time}${rest} ${utc ? 'UTC' : zoneOf(date)}`;
}

function zoneOf(date) {
	const minutes = -date.getTimezoneOffset();
	const sign = minutes < 0 ? '-' : '+';
	return `${sign}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
}

// milliseconds between two times of the API, null if one is missing
export function between(from, to) {
	if (!from || !to) return null;
	const ms = new Date(to) - new Date(from);
	return Number.isFinite(ms) ? ms : null;
}

// Characters that turn the direction of text, or cannot be seen, are written out.
const UNSEEN = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
export const seen = (text) => text.replace(UNSEEN, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));

export const plural = (n, one, many = one + 's') => `${number(n)} ${Number(n) === 1 ? one : many}`;
