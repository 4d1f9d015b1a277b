/** @import { Decision } from '../facts.js' */
/** @import { Verdict } from './states.js' */

/** How many decisions the page keeps, and how many of those it draws. */
export const kept = 1000;
export const drawn = 100;

/**
 * The decisions that the page has, newest first. While paused, what comes in waits in `held`.
 * @typedef {{ shown: readonly Decision[], held: readonly Decision[], missed: number, paused: boolean }} DecisionLog
 */

/** @type {DecisionLog} */
export const emptyLog = { shown: [], held: [], missed: 0, paused: false };

/** What tells a decision from every other: after a restart numbers begin anew. @param {Decision} decision */
export const keyOf = ({ id, at }) => `${at} ${id}`;

/** @param {Decision} a @param {Decision} b */
const newestFirst = (a, b) => Date.parse(b.at) - Date.parse(a.at) || b.id - a.id;

/**
 * Adds what came in, in whatever order; what is there already stays once.
 * @param {DecisionLog} log
 * @param {readonly Decision[]} came
 * @returns {DecisionLog}
 */
export function added(log, came) {
  const known = new Set([...log.shown, ...log.held].map(keyOf));
  const fresh = came.filter((one) => !known.has(keyOf(one)) && known.add(keyOf(one))).sort(newestFirst);
  if (fresh.length === 0) return log;
  if (!log.paused) return { ...log, shown: [...fresh, ...log.shown].slice(0, kept) };
  const held = [...fresh, ...log.held];
  return { ...log, held: held.slice(0, kept), missed: log.missed + Math.max(0, held.length - kept) };
}

/** @param {DecisionLog} log @returns {DecisionLog} */
export const paused = (log) => ({ ...log, paused: true });

/** Goes on, with what came in meanwhile. @param {DecisionLog} log @returns {DecisionLog} */
export const resumed = ({ shown, held }) => ({ ...emptyLog, shown: [...held, ...shown].slice(0, kept) });

/** @typedef {{ words: string, verdicts: readonly Verdict[], plugin: string }} Filter no verdict means each, and '' any plugin */

/** @type {Filter} */
export const noFilter = { words: '', verdicts: [], plugin: '' };

/** @param {Filter} filter */
export const isFiltering = ({ words, verdicts, plugin }) =>
  words.trim() !== '' || verdicts.length > 0 || plugin !== '';

/**
 * Whether a decision is to be shown: each word has to be in one of its fields.
 * @param {Filter} filter
 * @returns {(decision: Decision) => boolean}
 */
export function matching({ words, verdicts, plugin }) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (decision) => {
    if (verdicts.length > 0 && !verdicts.includes(decision.verdict)) return false;
    if (plugin !== '' && decision.plugin !== plugin) return false;
    if (wanted.length === 0) return true;
    const said = Object.values(decision).join('\n').toLowerCase();
    return wanted.every((word) => said.includes(word));
  };
}
