// Whether what is shown is live.
import { html } from '../lib/html.js';
import { useAtom } from '../lib/atom.js';
import { useNow } from '../lib/clock.js';
import { liveState, lastHeard, connect } from '../lib/live.js';

const STALE = 6000; // stats come each second

function say(live, now) {
	if (live.state === 'live') {
		return now - lastHeard.at > STALE ? ['warn', 'Stale', 'nothing heard for some seconds'] : ['good', 'Live', 'changes appear as they happen'];
	}
	if (live.state === 'waiting') return ['bad', `Disconnected, again in ${Math.max(0, Math.ceil((live.until - now) / 1000))} s`, 'numbers are from the last answer'];
	if (live.state === 'connecting') return ['warn', 'Connecting', ''];
	if (live.state === 'refused') return ['bad', 'Not live', live.text];
	return ['plain', 'Paused', 'the page rests while it is hidden'];
}

export function Badge() {
	const live = useAtom(liveState);
	const [tone, word, note] = say(live, useNow());
	return html`<span class="live" data-tone=${tone} data-live=${live.state} title=${note}><span class="dot" aria-hidden="true"></span>
		<span role="status">${word.replace(/,.*/, '')}</span>${word.includes(',') && html`<span aria-hidden="true" class="live-wait">${word.replace(/.*,/, '')}</span>
			<button class="plain" onClick=${connect}>Reconnect</button>`}</span>`;
}
