const integer = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

const none = '–';

/** A count: in full below a million. @param {number} n */
export const count = (n) => (Math.abs(n) < 1e6 ? integer : short).format(n);

/** So many of something: `1 tool`, `3 tools`. @param {number} n @param {string} one @param {string} [many] */
export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Of something per second. @param {number | null | undefined} n */
export const rate = (n) =>
  n == null ? none : n === 0 ? '0' : n < 0.1 ? '<0.1' : n < 10 ? n.toFixed(1) : count(Math.round(n));

/** Milliseconds, with the unit. @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms == null) return none;
  if (ms === 0) return '0 ms';
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 100 ? `${Math.round(ms)} ms` : ms >= 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`;
}

/** The time of day, in the zone of whoever looks. @param {string | number} at */
export const time = (at) => clock.format(new Date(at));

/** The time of day to the minute. @param {number} at milliseconds */
export const timeOfPlot = (at) => minutes.format(new Date(at));

/** The day, as everywhere else in this project. @param {string} at */
export const day = (at) => at.slice(0, 10);

/** How long that is, in its largest unit. @param {number} ms */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return counted(Math.floor(seconds / 86_400), 'day');
}

/** How long ago. @param {string} at @param {number} now */
export function ago(at, now) {
  const ms = now - Date.parse(at);
  return ms < 2000 ? 'now' : `${span(ms)} ago`;
}

/** Characters that show as nothing or turn what follows round: a name with one is not what it looks like. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const parted = new RegExp(`(${unseen.source})`, 'u');
const codePoint = (/** @type {string} */ c) =>
  `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/**
 * The parts of a text from elsewhere: what can be read as it stands, and characters that cannot be seen by their number.
 * @param {string} text
 * @returns {{ text: string, unseen: boolean }[]}
 */
export const partsOf = (text) =>
  text
    .split(parted)
    .filter((part) => part !== '')
    .map((part) =>
      unseen.test(part) ? { text: codePoint(part), unseen: true } : { text: part, unseen: false },
    );

/** As {@link partsOf}, where there is only room for a text. @param {string} text @param {number} [most] */
export function plain(text, most = 200) {
  const seen = partsOf(text.slice(0, most)).map((part) => (part.unseen ? `<${part.text}>` : part.text));
  return seen.join('') + (text.length > most ? '…' : '');
}
