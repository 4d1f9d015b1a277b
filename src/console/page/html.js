import htm from './htm.js';
import { h } from './preact.js';

/**
 * Nodes of the page from a template. What is put into one becomes text or an attribute: nothing here turns data into markup.
 */
export const html = htm.bind(h);

/** @typedef {import('./preact.js').ComponentChildren} Children */
