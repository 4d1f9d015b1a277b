import type { X509Certificate } from 'node:crypto';
import { caExtensionsDefect, caStrictnessGap, signingDefect } from './certificate.js';
import { crlsIn, isCrlOf, lifeOf } from './crl.js';
import { canSign, isSelfSigned, weaknessOf } from './der.js';
import { certsCommandLine, type FolderState, makeCommand, remakeCommand, shellWord } from './folder.js';
import { oneLineName } from './pem.js';
import { dateDefect, dayMs, inDate, opensslDate, type Validity, validityIn } from './validity.js';

interface VerdictRule {
  /** The code by which the rest of the program knows the same fault. */
  readonly code?: string;
  /** Exit status of `certs check` where this is the worst: 1 in time or by a command, 3 broken. */
  readonly exit: 0 | 1 | 3;
  /** Whether issuing goes on: it fills what is missing, and keeps what is merely worth a word. */
  readonly blocks: boolean;
}

/** What can be said of a folder of certificates, the worst first: codes of the registry, in words. */
export const verdicts = {
  missing: { code: 'SALLY_CERTS_MISSING', exit: 3, blocks: false },
  unreadable: { code: 'SALLY_FILE_UNREADABLE', exit: 3, blocks: true },
  'unusable CA': { code: 'SALLY_CA_UNUSABLE', exit: 3, blocks: true },
  'not issued by this CA': { code: 'SALLY_TLS_CHAIN', exit: 3, blocks: true },
  'key mismatch': { code: 'SALLY_TLS_KEY_MISMATCH', exit: 3, blocks: true },
  'key missing': { code: 'SALLY_FILE_UNREADABLE', exit: 3, blocks: true },
  'wrong purpose': { code: 'SALLY_TLS_PURPOSE', exit: 3, blocks: true },
  weak: { code: 'SALLY_TLS_WEAK', exit: 3, blocks: false },
  'ca.crt differs': { code: 'SALLY_TLS_UNKNOWN_CA', exit: 3, blocks: true },
  'client.pem differs': { code: 'SALLY_CERT_UNUSABLE', exit: 3, blocks: true },
  revoked: { code: 'SALLY_CERT_REVOKED', exit: 3, blocks: false },
  'ca.crt behind': { code: 'SALLY_TLS_UNKNOWN_CA', exit: 3, blocks: false },
  'ca.crl unusable': { code: 'SALLY_CERT_CRL', exit: 3, blocks: false },
  'ca.crl differs': { code: 'SALLY_CRL_FOREIGN', exit: 3, blocks: false },
  'ca.crl expired': { code: 'SALLY_CRL_EXPIRED', exit: 3, blocks: false },
  incomplete: { code: 'SALLY_CERTS_MISSING', exit: 3, blocks: false },
  expired: { code: 'SALLY_CERT_EXPIRED', exit: 1, blocks: false },
  'not yet valid': { code: 'SALLY_CERT_NOT_YET_VALID', exit: 1, blocks: false },
  'expires soon': { code: 'SALLY_CERT_EXPIRING', exit: 1, blocks: false },
  'ca.crl expires soon': { code: 'SALLY_CRL_EXPIRED', exit: 1, blocks: false },
  'key readable by others': { code: 'SALLY_TLS_KEY_READABLE', exit: 1, blocks: false },
  'not strict': { code: 'SALLY_CA_UNUSABLE', exit: 0, blocks: false },
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
  const finding = findingIn(path, remedy);
  const defect = dateDefect(validity, now);
  if (defect === 'expired') return [finding(defect, `expired on ${opensslDate(validity.notAfter)}`)];
  if (defect === 'not yet valid') {
    const begins = `is not valid before ${opensslDate(validity.notBefore)}`;
    return [{ ...finding(defect, begins), remedy: `check this host's clock: date -u; or ${remedy}` }];
  }
  if (validity.notAfter.getTime() - now.getTime() <= warnDays * dayMs)
    return [finding('expires soon', `expires on ${opensslDate(validity.notAfter)}`)];
  return [];
}

/** The key as text; of an encrypted one nothing can be said without its password. */
export function judgeKey(state: FolderState, remedy: string): readonly Finding[] {
  const { key, keyContent: content, certificate, layout } = state;
  if (!key || !content) return [];
  const finding = findingIn(layout.key, remedy);
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

/** What is wrong with the CA's folder. A CA whose key is kept elsewhere is fine. */
export function judgeCa(state: FolderState, context: JudgeContext, hasLeaves = false): readonly Finding[] {
  const { dir } = context;
  const { cert, key, layout, target } = state;
  const anew = `to start anew: ${remakeCommand(dir, target)}`;
  const finding = findingIn(layout.cert, anew);
  if (!cert) {
    const made = { remedy: makeCommand(dir, target) };
    return [
      key
        ? { ...finding('incomplete', 'is missing beside its key'), ...made }
        : hasLeaves
          ? { ...finding('missing', 'is not there'), remedy: `look where it is; if it is lost, ${anew}` }
          : { ...finding('missing', 'is not there'), ...made },
    ];
  }
  const { certificate, certificates } = state;
  if (!certificate) return [finding('unreadable', 'is not a certificate in PEM form')];
  const other = certificates.find((one) => !canSign(one));
  const defect =
    weaknessOf(certificate, { leaf: false, root: true }) ??
    caExtensionsDefect(certificate) ??
    signingDefect(certificate.publicKey) ??
    (isSelfSigned(certificate) ? undefined : 'is not self-signed, and nothing here leads to its issuer') ??
    (other && `holds ${oneLineName(other.subject)}, which is not a CA`);
  const gap = defect === undefined ? caStrictnessGap(certificate) : undefined;
  const strict = `it works; for peers that verify strictly (Python 3.13), ${anew}`;
  const validity = validityIn(certificate);
  // A CA that has ended verifies nothing any more: only while it lives can a second one take over from it.
  const rotate = certsCommandLine(dir, 'ca-rotate', 'prepare');
  return [
    ...(defect === undefined ? [] : [finding('unusable CA', defect)]),
    ...(gap === undefined
      ? []
      : [{ ...finding('not strict', `has no ${gap}, which strict verifiers ask for`), remedy: strict }]),
    ...judgeTime(validity, context, layout.cert, validity.notAfter > context.now ? rotate : anew),
    ...judgeKey(state, anew),
    ...judgeCrl(state, context),
  ];
}

/** A list that has ended is refused by whoever checks it, and with it every certificate of this CA. */
function judgeCrl(
  { crl, certificates }: FolderState,
  { dir, now, warnDays }: JudgeContext,
): readonly Finding[] {
  if (!crl) return [];
  const finding = findingIn(crl.path, certsCommandLine(dir, 'crl', '--force'));
  const lists = crlsIn(crl.text);
  if (!lists) {
    const remedy = 'bring it back from a backup: what was revoked is known from there alone';
    return [{ ...finding('ca.crl unusable', 'cannot be read'), remedy }];
  }
  const foreign = lists.find((list) => !certificates.some((ca) => isCrlOf(list, ca)));
  if (foreign)
    return [finding('ca.crl unusable', `has a list of ${foreign.issuer}, which no CA here has signed`)];
  const without = certificates
    .filter((ca) => inDate(ca, now) && !lists.some((list) => isCrlOf(list, ca)))
    .map(({ subject }) => oneLineName(subject));
  if (without.length > 0) return [finding('ca.crl unusable', `has no list of ${without.join(' and ')}`)];
  return lists.flatMap((list) => {
    const ends = `${list.issuer}: ${opensslDate(list.nextUpdate)}`;
    const defect = dateDefect(lifeOf(list), now);
    if (defect === 'not yet valid')
      return [
        finding(
          'ca.crl unusable',
          `is not valid before ${opensslDate(list.thisUpdate)} (check this host's clock)`,
        ),
      ];
    if (defect === 'expired')
      return [finding('ca.crl expired', `has ended, and whoever checks it refuses everyone (${ends})`)];
    const soon = Math.min(warnDays * dayMs, (list.nextUpdate.getTime() - list.thisUpdate.getTime()) / 3);
    if (list.nextUpdate.getTime() - now.getTime() > soon) return [];
    return [
      { ...finding('ca.crl expires soon', `ends soon (${ends})`), remedy: certsCommandLine(dir, 'crl') },
    ];
  });
}

/** What leaves are judged by: the CA's bundle, and its list of the revoked where there is one. */
export interface Trust {
  /** The CA that issues, where it can be read. */
  readonly issuing: X509Certificate | undefined;
  readonly bundle: readonly X509Certificate[];
  readonly crl?: string;
  /** The file of the bundle, as findings name it. Default `ca/ca.crt`. */
  readonly from?: string;
}

export const trustIn = ({ certificate, certificates, crl }: FolderState, from?: string): Trust => ({
  issuing: certificate,
  bundle: certificates,
  ...(crl && { crl: crl.text }),
  ...(from !== undefined && { from }),
});
