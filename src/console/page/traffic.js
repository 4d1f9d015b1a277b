import { count, counted, duration, rate, timeOfPlot } from './format.js';

/** @import { TrafficFacts } from '../facts.js' */

/** @typedef {(number | null)[]} Values */
/**
 * The last hour, ready to be drawn: `times` in seconds; rates per second, latencies in milliseconds, counts for each interval.
 * @typedef {{ times: number[], rates: Values, p50: Values, p99: Values, refused: Values, failed: Values }} Hour
 */

/**
 * @param {TrafficFacts} traffic
 * @param {string} at when it was so: the last interval is still going on then
 * @returns {Hour}
 */
export function hourOf({ from, everySeconds, requests, refused, failed, p50, p99 }, at) {
  const rates = requests.map((n) => n / everySeconds);
  const begun = from + (requests.length - 1) * everySeconds;
  const open = Math.max(0, 1 - (Date.parse(at) / 1000 - begun) / everySeconds);
  // What is missing of the last interval counts as it was in the one before: without it each would begin with a fall.
  if (rates.length > 0) rates.push((rates.pop() ?? 0) + (rates.at(-1) ?? 0) * open);
  return {
    times: requests.map((_, i) => from + i * everySeconds),
    rates,
    p50: [...p50],
    p99: [...p99],
    refused: [...refused],
    failed: [...failed],
  };
}

/** The newest there is in the last two: an interval that has just begun has none yet. @param {Values} values */
export const newest = (values) => values.at(-1) ?? values.at(-2) ?? null;

/** @param {readonly (number | null)[]} values */
const sum = (values) => values.reduce((/** @type {number} */ all, n) => all + (n ?? 0), 0);

/** The greatest and where it is; undefined where there is none. @param {readonly (number | null)[]} values */
function peakOf(values) {
  let at = -1;
  for (const [i, n] of values.entries()) if (n !== null && (at < 0 || n > (values[at] ?? 0))) at = i;
  const value = values[at];
  return value == null ? undefined : { value, at };
}

/**
 * What each plot shows, in words.
 * @param {Hour} hour
 */
export function wordsOf(hour) {
  const { times, rates, p50, p99, refused, failed } = hour;
  const when = (/** @type {number} */ at) => timeOfPlot((times[at] ?? 0) * 1000);
  const busiest = peakOf(rates);
  const slowest = peakOf(p99);
  const mean = rates.length === 0 ? 0 : sum(rates) / rates.length;
  return {
    rates:
      busiest === undefined || busiest.value === 0
        ? 'No request in the last hour.'
        : `Now ${rate(newest(rates))} requests per second, ${rate(mean)} on average, ${rate(busiest.value)} at most at ${when(busiest.at)}.`,
    latency:
      slowest === undefined
        ? 'No latency measured in the last hour.'
        : `Now ${duration(newest(p50))} in the middle (p50) and ${duration(newest(p99))} for the slowest hundredth (p99), which was ${duration(slowest.value)} at most at ${when(slowest.at)}.`,
    refusals: `${counted(sum(refused), 'request')} refused and ${sum(failed) === 0 ? 'none' : count(sum(failed))} failed in the last hour.`,
  };
}

/**
 * The hour in rows of `minutes`, the newest first: what somebody reads who does not look at the plots.
 * @param {Hour} hour
 * @param {number} [minutes]
 */
export function rowsOf({ times, rates, p50, p99, refused, failed }, minutes = 5) {
  const length = minutes * 60;
  /** @type {Map<number, number[]>} */
  const groups = new Map();
  for (const [i, at] of times.entries()) {
    const start = Math.floor(at / length) * length;
    groups.set(start, [...(groups.get(start) ?? []), i]);
  }
  const pick = (/** @type {Values} */ values, /** @type {number[]} */ places) =>
    places.flatMap((i) => values[i] ?? []);
  return [...groups]
    .map(([start, places]) => {
      const medians = pick(p50, places);
      return {
        start,
        rate: sum(pick(rates, places)) / places.length,
        p50: medians.length === 0 ? null : sum(medians) / medians.length,
        p99: peakOf(pick(p99, places))?.value ?? null,
        refused: sum(pick(refused, places)),
        failed: sum(pick(failed, places)),
      };
    })
    .reverse();
}
