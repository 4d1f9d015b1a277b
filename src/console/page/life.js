import { counted } from './format.js';

/** @import { CertificateFacts } from '../facts.js' */

const dayMs = 86_400_000;

/** How much of a life is over, from 0 to 1. @param {CertificateFacts} one @param {number} now */
export function goneOf({ notBefore, notAfter }, now) {
  const [from, to] = [Date.parse(notBefore), Date.parse(notAfter)];
  return !(to > from) ? 1 : Math.min(1, Math.max(0, (now - from) / (to - from)));
}

/** @param {string} notAfter @param {number} now */
export function leftOf(notAfter, now) {
  const ms = Date.parse(notAfter) - now;
  if (Number.isNaN(ms)) return 'dates unknown';
  if (ms <= 0) return `ended ${counted(Math.floor(-ms / dayMs), 'day')} ago`;
  return ms < dayMs
    ? `${counted(Math.floor(ms / 3_600_000), 'hour')} left`
    : `${counted(Math.floor(ms / dayMs), 'day')} left`;
}
