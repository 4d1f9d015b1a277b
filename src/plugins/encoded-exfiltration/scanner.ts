import { createScanner as createSecretScanner } from '../secrets/scanner.js';
import { secretsSettings } from '../secrets/settings.js';
import { allowedBy } from '../text/allowed.js';
import { entropy } from '../text/entropy.js';
import { apart, type Match } from '../text/index.js';
import type { Encoding, ExfiltrationSettings } from './settings.js';

/** What people would not encode in a text but to hide it. */
const sensitive =
  'password|passwd|secret|token|api[_-]?key|apikey|authorization|bearer|credential|private[ _-]key|ssh-rsa|aws_|session|cookie|-----begin|select .{1,40} from|/etc/passwd|/etc/shadow';
/** What sends things away, near an encoded part. */
const egress =
  'curl|wget|webhook|upload|exfil|socket|pastebin|netcat|\\bnc\\b|scp|ftp|post to|send to|http post|requests\\.post|fetch\\(|requestbin|ngrok|dns query|nslookup';

/** So much of what is decoded is looked at, and so far around it. */
const looked = 65_536;
const nearby = 80;
const longSegment = 160;

const escaped = (words: readonly string[]): string =>
  words.map((word) => `|${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`).join('');

/** What finds the encoded parts of a text that are worth a look, by points. */
export function createScanner(config: ExfiltrationSettings): (text: string) => readonly Match[] {
  const least = config.min_encoded_length;
  const wanted = new Set<Encoding>(config.encodings);
  const sensitiveWords = new RegExp(sensitive + escaped(config.extra_sensitive_keywords), 'i');
  const egressWords = new RegExp(egress + escaped(config.extra_egress_hints), 'i');
  const secrets = createSecretScanner(secretsSettings.parse({}));
  const allowed = allowedBy(config);
  // Over lines too, as mail and PEM wrap it.
  const runs = new RegExp(
    `[A-Za-z0-9+/_-]{${least},}(?:\\r?\\n[A-Za-z0-9+/_-]{4,128}(?![^\\r\\n="'])){0,20000}={0,2}`,
    'g',
  );
  const percent = new RegExp(`(?:%[0-9A-Fa-f]{2}){${Math.ceil(least / 3)},}`, 'g');
  const hexEscapes = new RegExp(`(?:\\\\{1,2}x[0-9A-Fa-f]{2}){${Math.ceil(least / 4)},}`, 'g');

  const points = (text: string, match: Match, depth: number): number => {
    const written = text.slice(match.start, Math.min(match.end, match.start + 2 * looked));
    const bytes = decode(match.kind as Encoding, written);
    if (bytes === undefined || bytes.length < config.min_decoded_length) return 0;
    const inside = bytes.subarray(0, looked).toString('latin1');
    let score = 1;
    if (entropy(written.slice(0, 4096)) >= config.min_entropy) score += 1;
    const isPrintable = printable(bytes) >= config.min_printable_ratio;
    if (isPrintable) score += 1;
    if (sensitiveWords.test(inside)) score += 2;
    if (written.length >= longSegment && isPrintable) score += 1;
    if (
      egressWords.test(text.slice(Math.max(0, match.start - nearby), match.start)) ||
      egressWords.test(text.slice(match.end, match.end + nearby))
    )
      score += 1;
    if (isPrintable && secrets(inside).length > 0) score += 3;
    // What is encoded more than once has something to hide.
    if (isPrintable && depth < config.max_decode_depth && find(inside, depth + 1).length > 0) score += 2;
    return score;
  };
  const find = (text: string, depth: number): Match[] => {
    const candidates: Match[] = [];
    for (const { 0: run, index: start } of text.matchAll(runs)) {
      const kind = encodingOf(run);
      if (kind !== undefined && wanted.has(kind)) candidates.push({ kind, start, end: start + run.length });
    }
    if (wanted.has('percent_encoding') && text.includes('%'))
      for (const { 0: run, index: start } of text.matchAll(percent))
        candidates.push({ kind: 'percent_encoding', start, end: start + run.length });
    if (wanted.has('escaped_hex') && text.includes('\\x'))
      for (const { 0: run, index: start } of text.matchAll(hexEscapes))
        candidates.push({ kind: 'escaped_hex', start, end: start + run.length });
    return candidates.filter((match) => points(text, match, depth) >= config.min_suspicion_score);
  };
  return (text) => {
    const found = find(text, 1);
    return found.length === 0
      ? found
      : apart(found.filter(({ start, end }) => !allowed(text.slice(start, end))));
  };
}

function encodingOf(run: string): Encoding | undefined {
  const compact = run.replace(/[\r\n]/g, '');
  if (/^(?:[0-9a-f]{2})+$/i.test(compact)) return 'hex';
  const length = compact.replace(/=+$/, '').length;
  if (length % 4 === 1) return undefined;
  const isUrl = /[-_]/.test(compact);
  if (isUrl && /[+/]/.test(compact)) return undefined;
  return isUrl ? 'base64url' : 'base64';
}

function decode(encoding: Encoding, written: string): Buffer | undefined {
  if (encoding === 'base64' || encoding === 'base64url')
    return Buffer.from(written.replace(/\s/g, ''), 'base64');
  const digits = encoding === 'hex' ? written.replace(/\s/g, '') : written.replace(/\\{1,2}x|%/g, '');
  return Buffer.from(digits, 'hex');
}

/** How much of it is printable ASCII, of the part that is looked at. */
function printable(bytes: Buffer): number {
  const end = Math.min(bytes.length, 4096);
  let count = 0;
  for (let i = 0; i < end; i += 1) {
    const byte = bytes[i] ?? 0;
    if ((byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13) count += 1;
  }
  return count / end;
}
