import type { X509Certificate } from 'node:crypto';
import { shellWord } from './folder.js';
import { type FolderState, parseKey } from './state.js';
import { dayMs, opensslDate, type Validity } from './validity.js';

interface VerdictRule {
  /** Exit status of `certs check` where this is the worst: 1 in time or by a command, 3 broken. */
  readonly exit: 0 | 1 | 3;
  /** Whether issuing goes on: it fills what is missing, and keeps what is merely worth a word. */
  readonly blocks: boolean;
}

/** What can be said of a folder of certificates, the worst first. */
export const verdicts = {
  missing: { exit: 3, blocks: false },
  unreadable: { exit: 3, blocks: true },
  'unusable CA': { exit: 3, blocks: true },
  'not issued by this CA': { exit: 3, blocks: true },
  'key mismatch': { exit: 3, blocks: true },
  'key missing': { exit: 3, blocks: true },
  'wrong purpose': { exit: 3, blocks: true },
  weak: { exit: 3, blocks: false },
  'ca.crt differs': { exit: 3, blocks: true },
  'client.pem differs': { exit: 3, blocks: true },
  revoked: { exit: 3, blocks: false },
  'ca.crt behind': { exit: 3, blocks: false },
  'ca.crl unusable': { exit: 3, blocks: false },
  'ca.crl differs': { exit: 3, blocks: false },
  'ca.crl expired': { exit: 3, blocks: false },
  incomplete: { exit: 3, blocks: false },
  expired: { exit: 1, blocks: false },
  'not yet valid': { exit: 1, blocks: false },
  'expires soon': { exit: 1, blocks: false },
  'ca.crl expires soon': { exit: 1, blocks: false },
  'key readable by others': { exit: 1, blocks: false },
  'not strict': { exit: 0, blocks: false },
  ok: { exit: 0, blocks: false },
} as const satisfies Record<string, VerdictRule>;

/** One word of the table of verdicts. */
export type Verdict = keyof typeof verdicts;

/** Something about a file that is not as it should be. */
export interface Finding {
  readonly verdict: Exclude<Verdict, 'ok'>;
  readonly path: string;
  readonly detail: string;
  /** The command to run, or the thing to do. */
  readonly remedy: string;
}

const rank = Object.keys(verdicts);

/** The findings, the worst first. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => rank.indexOf(a.verdict) - rank.indexOf(b.verdict));
}

/** What the judgement depends on beside the files. */
export interface JudgeContext {
  readonly dir: string;
  readonly now: Date;
  /** How many days before its end a certificate "expires soon". */
  readonly warnDays: number;
}

export type MakeFinding = (verdict: Finding['verdict'], detail: string) => Finding;

export const findingIn =
  (path: string, remedy: string): MakeFinding =>
  (verdict, detail) => ({ verdict, path, detail, remedy });

export function judgeTime(
  validity: Validity,
  context: JudgeContext,
  path: string,
  remedy: string,
): readonly Finding[] {
  const { now, warnDays } = context;
  const left = validity.notAfter.getTime() - now.getTime();
  const finding = findingIn(path, remedy);
  if (left < 0) return [finding('expired', `expired on ${opensslDate(validity.notAfter)}`)];
  if (validity.notBefore > now) {
    const begins = `is not valid before ${opensslDate(validity.notBefore)}`;
    return [
      { ...finding('not yet valid', begins), remedy: `check this host's clock: date -u; or ${remedy}` },
    ];
  }
  if (left <= warnDays * dayMs)
    return [finding('expires soon', `expires on ${opensslDate(validity.notAfter)}`)];
  return [];
}

/** The key as text; of an encrypted one nothing can be said without its password. */
export function judgeKey(
  state: FolderState,
  certificate: X509Certificate | undefined,
  remedy: string,
): readonly Finding[] {
  const { key, layout } = state;
  if (!key) return [];
  const finding = findingIn(layout.key, remedy);
  const content = parseKey(key.text);
  const findings: Finding[] = state.target.role === 'ca' ? [...judgeMode(key)] : [];
  if (content.kind === 'bad')
    findings.push(finding('unreadable', `is not a private key in PEM form (${content.reason})`));
  if (content.kind === 'key' && certificate && !certificate.checkPrivateKey(content.key)) {
    findings.push(finding('key mismatch', 'is not the key of the certificate beside it'));
  }
  return findings;
}

export function judgeMode(file: { readonly path: string; readonly mode: number }): readonly Finding[] {
  if ((file.mode & 0o077) === 0) return [];
  const mode = file.mode.toString(8).padStart(3, '0');
  const detail = `has mode ${mode}: other users of this host can use it`;
  return [
    {
      verdict: 'key readable by others',
      path: file.path,
      detail,
      remedy: `chmod 600 ${shellWord(file.path)}`,
    },
  ];
}
