// What happens now.  Subscriptions outlive the connection: after a break each
// resumes at the position of the last event it was given, so that none is
// missing and none comes twice.
import { atom } from './atom.js';
import { visible } from './clock.js';
import { session, logOut } from './session.js';
import { openSocket, FOR_GOOD } from './socket.js';

const FIRST = 500;
const LONGEST = 30000;
const STABLE = 10000;
const HIDDEN_FOR = 5000; // a short look elsewhere costs no reconnect

// {state: 'off' | 'connecting' | 'live' | 'waiting' | 'paused' | 'refused', until, text}
export const liveState = atom({ state: 'off' });
export const lastHeard = { at: 0 };

const subscriptions = new Map();
let nextId = 1;
let socket = null;
let ready = false;
let failures = 0;
let retryTimer = 0;
let stableTimer = 0;
let hideTimer = 0;

function sendSubscribe(s) {
	const message = { type: 'subscribe', id: s.id, channel: s.channel, batch: true };
	if (s.filter) message.filter = s.filter;
	if (s.position) message.since = s.position;
	socket.send(message);
}

// The number within a position; null across a restart of the relay.
function after(position, than) {
	const [epoch, n] = String(position).split(':');
	const [epochThan, nThan] = String(than).split(':');
	return epoch !== epochThan || Number(n) > Number(nThan);
}

function message(m) {
	lastHeard.at = Date.now();
	const s = subscriptions.get(m.id);
	if (!s) return;
	if (m.type === 'event' || m.type === 'notify') {
		if (s.position && !after(m.position, s.position)) return;
		s.position = m.position;
		if (s.on.event) s.on.event(m);
	} else if (m.type === 'snapshot') {
		s.position = m.position;
		if (s.on.snapshot) s.on.snapshot(m.data, s.fresh);
		s.fresh = false;
	} else if (m.type === 'subscribed') {
		// not recovered: a snapshot follows, and what we had may have holes
		if (!m.recovered) s.position = m.position;
		if (s.on.subscribed) s.on.subscribed(m.recovered === true);
	} else if (m.type === 'error') {
		if (s.on.error) s.on.error(m);
	}
}

function welcome() {
	ready = true;
	lastHeard.at = Date.now();
	liveState.set({ state: 'live' });
	stableTimer = setTimeout(() => (failures = 0), STABLE);
	for (const s of subscriptions.values()) sendSubscribe(s);
}

function ended(code) {
	socket = null;
	ready = false;
	clearTimeout(stableTimer);
	if (!session.get()) return liveState.set({ state: 'off' });
	if (code === 4401) return logOut(FOR_GOOD[4401]);
	if (FOR_GOOD[code]) return liveState.set({ state: 'refused', text: FOR_GOOD[code] });
	if (!visible.get()) return liveState.set({ state: 'paused' });
	const longest = Math.min(LONGEST, FIRST * 2 ** failures) * (code === 4429 || code === 1013 ? 4 : 1);
	const delay = longest / 2 + Math.random() * (longest / 2);
	failures = Math.min(failures + 1, 8);
	liveState.set({ state: 'waiting', until: Date.now() + delay });
	retryTimer = setTimeout(connect, delay);
}

export function connect() {
	clearTimeout(retryTimer);
	const now = session.get();
	if (!now || socket || !visible.get()) return;
	liveState.set({ state: 'connecting' });
	const mine = openSocket(now.token, {
		welcome: () => socket === mine && welcome(),
		message: (m) => socket === mine && message(m),
		end: (code) => socket === mine && ended(code),
	});
	socket = mine;
}

function disconnect(state) {
	clearTimeout(retryTimer);
	clearTimeout(stableTimer);
	const old = socket;
	socket = null;
	ready = false;
	if (old) old.close();
	liveState.set({ state });
}

// subscribe(channel, {filter, event, snapshot, subscribed, error}): call the
// result to end it.
export function subscribe(channel, { filter, ...on }) {
	const s = { id: String(nextId++), channel, filter, on, position: null, fresh: true };
	subscriptions.set(s.id, s);
	if (ready) sendSubscribe(s);
	return () => {
		subscriptions.delete(s.id);
		if (ready) socket.send({ type: 'unsubscribe', id: s.id });
	};
}

export function startLive() {
	session.listen((now) => {
		disconnect('off');
		failures = 0;
		for (const s of subscriptions.values()) s.position = null;
		if (now) connect();
	});
	visible.listen((is) => {
		clearTimeout(hideTimer);
		if (!session.get() || liveState.get().state === 'refused') return;
		if (is) connect();
		else hideTimer = setTimeout(() => disconnect('paused'), HIDDEN_FOR);
	});
	connect();
}
