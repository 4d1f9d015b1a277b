import { isAlnum } from './groups.js';

const localMark = "._%+-'";
const imageScale = /^[1-9]x\.(?:png|jpe?g|gif|webp|svg|avif)$/i;

const topLevel = /^(?:xn--[a-z0-9-]{1,59}$|\p{L}{2,63}(?=$|-))/iu;

/** Calls `found` with each e-mail address of a text. An `@` that has none costs a look at what is beside it. */
export function findEmails(text: string, found: (start: number, end: number) => void): void {
  let done = 0;
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    let start = at;
    const least = Math.max(done, at - 320);
    while (start > least && isLocal(text, start - 1)) start -= 1;
    while (start < at && localMark.includes(text.charAt(start))) start += 1;
    if (start === at) continue;
    const end = endOfDomain(text, at + 1);
    if (end === -1 || imageScale.test(text.slice(at + 1, end)) || isPassword(text, start)) continue;
    found(start, end);
    done = end;
  }
}

const isLocal = (text: string, at: number): boolean =>
  isAlnum(text.charCodeAt(at)) || localMark.includes(text.charAt(at));

/** Of `scheme://user:password@host`: the password, which is no part of an address. */
const isPassword = (text: string, start: number): boolean =>
  text.charAt(start - 1) === ':' && /:\/\/[^\s/:@]{0,64}:$/.test(text.slice(Math.max(0, start - 72), start));

/** Where a domain name ends that begins at `start`: two labels or more, the last one no number. */
function endOfDomain(text: string, start: number): number {
  let at = start;
  let label = start;
  let end = -1;
  for (; at <= start + 254; at += 1) {
    const code = text.charCodeAt(at);
    if (isAlnum(code) || (code === 45 && at > label)) continue;
    // The last label that is a top-level one: letters, or in Punycode. A hyphen after it belongs to the sentence.
    const [top = ''] = label > start ? (topLevel.exec(text.slice(label, at)) ?? []) : [];
    if (top !== '') end = label + top.length;
    if (code !== 46 || at === label) break;
    label = at + 1;
  }
  return end;
}
