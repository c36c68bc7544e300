// The states of a task, in the words of SQL; each with an icon and a colour.
export const STATES = ['waiting', 'scheduled', 'ready', 'running', 'retrying', 'succeeded', 'failed', 'cancelled', 'unknown'];
export const FINAL = new Set(['succeeded', 'failed', 'cancelled', 'unknown']);
export const isFinal = (state) => FINAL.has(state);
export const canCancel = (state) => !FINAL.has(state);
export const canRetry = (state) => FINAL.has(state) || state === 'retrying';

export const MEANING = {
	waiting: 'waits for other tasks',
	scheduled: 'its time lies ahead',
	ready: 'runs as soon as there is room',
	running: 'runs now',
	retrying: 'failed, runs again later',
	succeeded: 'done',
	failed: 'no attempt left',
	cancelled: 'will not run',
	unknown: 'may have been sent before a crash',
};
