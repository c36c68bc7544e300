// The same as relay/broadcast.c by node's `ws`: every line of standard input
// goes to every client.
//
//   node broadcast.js PORT [each]
//
// What one read of the input brings is one message for all; with "each" every
// line is a message, as programs commonly use `ws`.
import { WebSocketServer } from 'ws';

const [port, each] = process.argv.slice(2);
const server = new WebSocketServer({
	host: '127.0.0.1', port: Number(port), perMessageDeflate: false,
	handleProtocols: () => 'errand.v1.json',
});
let rest = '';

function broadcast(text)
{
	const message = Buffer.from(text);
	for (const client of server.clients) client.send(message, { binary: false });
}

process.stdin.setEncoding('utf8');
process.stdin.on('data', chunk => {
	const end = chunk.lastIndexOf('\n') + 1;
	if (end === 0) {
		rest += chunk;
		return;
	}
	const lines = rest + chunk.slice(0, end);
	rest = chunk.slice(end);
	if (each)
		for (const line of lines.slice(0, -1).split('\n')) broadcast(line);
	else
		broadcast(lines);
});
process.stdin.on('end', () => process.exit(0));
