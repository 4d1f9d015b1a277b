import { entropy } from '../text/entropy.js';
import type { Match } from '../text/index.js';

/** Secrets that have no form of their own: what is around them says so. */

/** What stands where a secret would, and is none. */
const placeholder =
  /^(?:\*+|x{3,}|\.{3,}|<.*|\$.*|\{.*|%.*|\[.*|your[_-].*|my[_-].*|example.*|changeme|change[_-]me|placeholder|redacted|none|null|undefined|true|false|secret|password|token|string|process\.env.*|os\.environ.*|env[.[(].*)$/i;

const isRandom = (value: string): boolean =>
  /\d/.test(value) && /[A-Za-z]/.test(value) && entropy(value) >= 3;

/** `scheme://user:password@host`: the password. */
export function urlPasswords(text: string, matches: Match[]): void {
  for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', at + 3)) {
    if (!/[a-z0-9]/i.test(text.charAt(at - 1))) continue;
    userinfo.lastIndex = at + 3;
    const found = userinfo.exec(text);
    const password = found?.[2] ?? '';
    if (found === null || placeholder.test(password)) continue;
    const start = at + 3 + (found[1] ?? '').length + 1;
    matches.push({ kind: 'url_password', start, end: start + password.length });
  }
}
const userinfo = /([^\s/:@"'`<>?#]{0,256}):([^\s/@"'`<>?#]{1,512})@(?=[A-Za-z0-9[])/y;

const authorization = /\b(?:(bearer)|basic)[ \t]{1,4}([A-Za-z0-9._~+/-]{16,4096}={0,2})/gi;

/** What an `Authorization` header carries. */
export function authorizations(text: string, matches: Match[]): void {
  for (const found of text.matchAll(authorization)) {
    const [all, bearer, value = ''] = found;
    const isCredential = bearer
      ? isRandom(value)
      : /^[^\p{Cc}:]+:./u.test(Buffer.from(value, 'base64').toString('latin1'));
    if (!isCredential) continue;
    const end = found.index + all.length;
    matches.push({ kind: 'authorization', start: end - value.length, end });
  }
}

const assignment =
  /(passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|auth[_-]?key|credentials?)(?:[_-](?:id|key))?["'`]{0,2}[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}(["'`]?)([^\s"'`,;{}<>]{4,512})/gi;

/** `api_key = …`, `"password": "…"`: the value. AWS has no other form for its secret access keys. */
export function assignments(text: string, wanted: (kind: string) => boolean, matches: Match[]): void {
  for (const found of text.matchAll(assignment)) {
    const [all, name = '', quote, value = ''] = found;
    if (placeholder.test(value)) continue;
    const end = found.index + all.length;
    const start = end - value.length;
    const isAws =
      /aws|access_?key/i.test(text.slice(Math.max(0, found.index - 16), found.index) + name) &&
      /^[A-Za-z0-9/+]{40}$/.test(value);
    if (isAws && wanted('aws_secret_access_key')) matches.push({ kind: 'aws_secret_access_key', start, end });
    else if (wanted('assignment') && isSecretValue(name, value, quote !== ''))
      matches.push({ kind: 'assignment', start, end });
  }
}

function isSecretValue(name: string, value: string, quoted: boolean): boolean {
  if (/passw|pwd|passphrase/i.test(name))
    return quoted ? value.length >= 5 : /\d|[^\w.]/.test(value) && value.length >= 6;
  return value.length >= 12 && isRandom(value);
}

const runs = /[A-Za-z0-9+/_=-]{20,4096}/g;

/** What looks random: by itself it is as often an id or a hash as a secret. */
export function randomTexts(
  text: string,
  wanted: (kind: string) => boolean,
  least: number,
  matches: Match[],
): void {
  for (const { 0: value, index: start } of text.matchAll(runs)) {
    const end = start + value.length;
    if (/^[0-9a-fA-F]+$/.test(value)) {
      if (value.length >= 32 && wanted('hex_32')) matches.push({ kind: 'hex_32', start, end });
    } else if (
      /^[A-Za-z0-9+/]{24,}={0,2}$/.test(value) &&
      /\d/.test(value) &&
      /[A-Z]/.test(value) &&
      wanted('base64_24')
    ) {
      matches.push({ kind: 'base64_24', start, end });
    } else if (wanted('random') && /\d/.test(value) && /[A-Za-z]/.test(value) && entropy(value) >= least)
      matches.push({ kind: 'random', start, end });
  }
}
