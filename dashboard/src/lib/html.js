// The one place that knows the view library.  htm turns template strings into
// preact elements: text from outside is a child or an attribute, never markup.
import { h, render, Fragment } from 'preact';
import htm from 'htm';
import { seen } from './format.js';

export { render, Fragment };
export { useState, useReducer, useEffect, useLayoutEffect, useRef, useMemo, useCallback } from 'preact/hooks';

// A button does what it says: it submits no form unless it is told to.  Text
// shows what would turn the direction of its neighbours.
const element = (type, props, ...children) =>
	h(type, type === 'button' ? { type: 'button', ...props } : props, ...children.map((c) => (typeof c === 'string' ? seen(c) : c)));
export const html = htm.bind(element);
