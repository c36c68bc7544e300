// The one place that knows the view library.  htm turns template strings into
// preact elements: text from outside is a child or an attribute, never markup.
import { h, render, Fragment } from 'preact';
import htm from 'htm';

export { render, Fragment };
export { useState, useReducer, useEffect, useLayoutEffect, useRef, useMemo, useCallback } from 'preact/hooks';
export const html = htm.bind(h);
