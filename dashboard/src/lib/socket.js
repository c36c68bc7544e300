// One WebSocket: connects, says hello, notices silence, tells how it ended.
// What it carries is live.js's business.
const SILENCE = 40000; // the relay pings every 25 s; we ask, then give up
const ANSWER = 10000;

// Which endings are worth another try (docs: PROTOCOL's close codes).
export const FOR_GOOD = {
	1008: 'The relay does not accept this page’s address. A superuser can list it in errand.allowed_origins.',
	4400: 'The relay did not understand this page. Reload it.',
	4401: 'The token has expired or was revoked.',
	4403: 'This token may not follow live changes.',
	4406: 'The relay speaks another protocol. Reload the page.',
};

function address() {
	const url = new URL('ws', location.href.replace(/[?#].*$/, ''));
	url.protocol = url.protocol.replace('http', 'ws');
	return url.href;
}

// openSocket(token, {welcome, message, end}): {send, close}
export function openSocket(token, on) {
	let timer = 0;
	let over = false;
	const socket = new WebSocket(address(), ['errand.v1.json', 'bearer.' + token]);
	const end = (code) => {
		if (over) return;
		over = true;
		clearTimeout(timer);
		socket.close();
		on.end(code);
	};
	const send = (message) => {
		if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
	};
	const listen = () => {
		clearTimeout(timer);
		timer = setTimeout(() => {
			send({ type: 'ping' });
			timer = setTimeout(() => end(1006), ANSWER);
		}, SILENCE);
	};
	socket.onmessage = (event) => {
		if (over) return;
		listen();
		// messages of one tick share a frame, one a line
		for (const line of event.data.split('\n')) {
			if (!line) continue;
			const message = JSON.parse(line);
			if (message.type === 'welcome') on.welcome(message);
			else on.message(message);
		}
	};
	socket.onclose = (event) => end(event.code);
	timer = setTimeout(() => end(1006), ANSWER);
	return { send, close: () => end(1000) };
}
