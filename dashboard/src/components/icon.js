// Icons, drawn with lines in the colour of the text.
import { html } from '../lib/html.js';

const PATHS = {
	waiting: 'M6.5 9.5l3-3M5.5 7.5L3.8 9.2a2.1 2.1 0 003 3l1.7-1.7M10.5 8.5l1.7-1.7a2.1 2.1 0 00-3-3L7.5 5.5',
	scheduled: 'M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM8 5v3l2 1.5',
	ready: 'M8 3.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9z',
	running: 'M5 3.5v9l7.5-4.5z',
	retrying: 'M12.8 8a4.8 4.8 0 11-1.4-3.4M12.5 2v3h-3',
	succeeded: 'M3 8.5l3.3 3.3L13 4.8',
	failed: 'M4 4l8 8M12 4l-8 8',
	cancelled: 'M8 2.8a5.2 5.2 0 100 10.4A5.2 5.2 0 008 2.8zM4.4 11.6l7.2-7.2',
	pending: 'M3.5 8h.1M8 8h.1M12.5 8h.1',
	unknown: 'M5.8 6a2.3 2.3 0 113.4 2c-.8.5-1.2.9-1.2 1.8M8 12.4v.1',
	paused: 'M5.5 3.5v9M10.5 3.5v9',
	draining: 'M8 2.5v8M4.5 7.5L8 11l3.5-3.5M3 13.5h10',
	overview: 'M2.5 8.5h2.8l1.7-5 2.5 9 1.7-4h2.3',
	tasks: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1',
	queues: 'M2.5 4.5L8 2l5.5 2.5L8 7zM2.5 8L8 10.5 13.5 8M2.5 11.5L8 14l5.5-2.5',
	sources: 'M3 12.8v.1M3 8.5a4.5 4.5 0 014.5 4.5M3 4a9 9 0 019 9',
	schedules: 'M3 3.5h10v10H3zM3 6.5h10M5.8 2v2.5M10.2 2v2.5',
	workflows: 'M2.5 5.5h3v3h-3zM10.5 2.5h3v3h-3zM10.5 10h3v3h-3zM5.5 7h2.5M8 4v7.5M8 4h2.5M8 11.5h2.5',
	hosts: 'M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM2.5 8h11M8 2.5c-4 4-4 7 0 11M8 2.5c4 4 4 7 0 11',
	workers: 'M4.5 4.5h7v7h-7zM6.5 2v2.5M9.5 2v2.5M6.5 11.5V14M9.5 11.5V14M2 6.5h2.5M2 9.5h2.5M11.5 6.5H14M11.5 9.5H14',
	search: 'M7 2.8a4.2 4.2 0 100 8.4 4.2 4.2 0 000-8.4zM10.2 10.2l3.3 3.3',
	sun: 'M8 5.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
	moon: 'M13 9.5A5.5 5.5 0 016.5 3 5.5 5.5 0 1013 9.5z',
	close: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
	next: 'M6 3.5L10.5 8 6 12.5',
	copy: 'M5.5 5.5h8v8h-8zM5.5 10.5h-3v-8h8v3',
	download: 'M8 2.5v8M4.8 7.5L8 10.7l3.2-3.2M3 13.5h10',
	warn: 'M8 2.5L14 13H2zM8 6.5v3M8 11.2v.1',
	lock: 'M4 7.5h8v6H4zM5.5 7.5v-2a2.5 2.5 0 015 0v2',
	live: 'M8 6.5a1.5 1.5 0 100 3 1.5 1.5 0 000-3zM4.8 4.8a4.5 4.5 0 000 6.4M11.2 4.8a4.5 4.5 0 010 6.4',
};

export function Icon({ name, size = 16 }) {
	return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
		<path d=${PATHS[name] || PATHS.unknown} /></svg>`;
}
