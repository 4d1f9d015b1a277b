import type { X509Certificate } from 'node:crypto';
import { type LeafTarget, makeCommand, remakeCommand, shellWord } from './folder.js';
import { caExtensionsDefect, caStrictnessGap } from './inspect.js';
import { signingDefect } from './keys.js';
import { type FolderState, parseCertificate, parseKey, validityIn } from './state.js';
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
  'ca.crt differs': { exit: 3, blocks: true },
  'client.pem differs': { exit: 3, blocks: true },
  incomplete: { exit: 3, blocks: false },
  expired: { exit: 1, blocks: false },
  'not yet valid': { exit: 1, blocks: false },
  'expires soon': { exit: 1, blocks: false },
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

/** What is wrong with the CA's folder. A CA whose key is kept elsewhere is fine. */
export function judgeCa(state: FolderState, context: JudgeContext): readonly Finding[] {
  const { dir } = context;
  const { cert, key, layout, target } = state;
  const anew = `to start anew: ${remakeCommand(dir, target)}`;
  const finding = findingIn(layout.cert, anew);
  if (!cert) {
    const made = { remedy: makeCommand(dir, target) };
    return [
      key
        ? { ...finding('incomplete', 'is missing beside its key'), ...made }
        : { ...finding('missing', 'is not there'), ...made },
    ];
  }
  const certificate = parseCertificate(cert.text);
  if (!certificate) return [finding('unreadable', 'is not a certificate in PEM form')];
  const defect =
    caExtensionsDefect(cert.text) ??
    signingDefect(certificate.publicKey) ??
    (isSelfSigned(certificate) ? undefined : 'is not self-signed, and nothing here leads to its issuer');
  const gap = defect === undefined ? caStrictnessGap(cert.text) : undefined;
  const strict = `it works; for peers that verify strictly (Python 3.13), ${anew}`;
  return [
    ...(defect === undefined ? [] : [finding('unusable CA', defect)]),
    ...(gap === undefined
      ? []
      : [{ ...finding('not strict', `has no ${gap}, which strict verifiers ask for`), remedy: strict }]),
    ...judgeTime(validityIn(certificate), context, layout.cert, anew),
    ...judgeKey(state, certificate, anew),
  ];
}

/** What is wrong with a leaf's folder; against `ca`, the text of the CA certificate, where there is one. */
export function judgeLeaf(
  state: FolderState<LeafTarget>,
  ca: string | undefined,
  context: JudgeContext,
): readonly Finding[] {
  const { dir } = context;
  const { cert, key, caCopy, pem, layout, target } = state;
  const remake = remakeCommand(dir, target);
  const fill = makeCommand(dir, target);
  const finding = findingIn(layout.cert, remake);
  const findings: Finding[] = [];
  const certificate = cert && parseCertificate(cert.text);
  const authority = ca === undefined ? undefined : parseCertificate(ca);
  if (certificate) {
    if (authority && !isIssuedBy(certificate, authority))
      findings.push(finding('not issued by this CA', 'was not issued by the CA in ca/ca.crt'));
    findings.push(...judgePurpose(state, certificate, finding));
    const ends = validityIn(certificate);
    // A new leaf would end with its CA again.
    const withCa =
      authority !== undefined && ends.notAfter.getTime() + dayMs > validityIn(authority).notAfter.getTime();
    const renew = withCa ? `to start anew: ${remakeCommand(dir, { role: 'ca' })}` : remake;
    findings.push(...judgeTime(ends, context, layout.cert, renew));
    if (!key)
      findings.push({ ...finding('key missing', 'is missing beside its certificate'), path: layout.key });
  } else {
    findings.push(
      cert
        ? finding('unreadable', 'is not a certificate in PEM form')
        : { ...finding('incomplete', 'is missing'), remedy: fill },
    );
  }
  findings.push(...judgeKey(state, certificate, remake));
  if (!caCopy)
    findings.push({ ...finding('incomplete', 'is missing'), path: layout.caCopy ?? '', remedy: fill });
  else if (ca !== undefined && caCopy.text !== ca) {
    const remedy = `rm ${shellWord(caCopy.path)} && ${fill}`;
    findings.push({
      verdict: 'ca.crt differs',
      path: caCopy.path,
      detail: 'is not a copy of ca/ca.crt',
      remedy,
    });
  }
  if (pem && !isPairOf(pem.text, certificate)) {
    const remedy = `rm ${shellWord(pem.path)} && ${fill}`;
    findings.push({
      verdict: 'client.pem differs',
      path: pem.path,
      detail: 'is not made of client.crt and client.key',
      remedy,
    });
  }
  for (const file of [key, pem]) if (file) findings.push(...judgeMode(file));
  return findings;
}

type MakeFinding = (verdict: Finding['verdict'], detail: string) => Finding;

const findingIn =
  (path: string, remedy: string): MakeFinding =>
  (verdict, detail) => ({ verdict, path, detail, remedy });

function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

function isIssuedBy(certificate: X509Certificate, ca: X509Certificate): boolean {
  return certificate.checkIssued(ca) && certificate.verify(ca.publicKey);
}

const purposeOids = { gateway: '1.3.6.1.5.5.7.3.2', plugin: '1.3.6.1.5.5.7.3.1' };

/** Node's `keyUsage` is the extended key usage; a certificate without one is fit for every role (RFC 5280 4.2.1.12). */
function judgePurpose(
  state: FolderState<LeafTarget>,
  certificate: X509Certificate,
  finding: MakeFinding,
): readonly Finding[] {
  const purposes = certificate.keyUsage as readonly string[] | undefined;
  if (!purposes || purposes.includes(purposeOids[state.target.role])) return [];
  const needed = state.target.role === 'gateway' ? 'TLS client' : 'TLS server';
  return [finding('wrong purpose', `may not be used as a ${needed} (extendedKeyUsage)`)];
}

function judgeTime(
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
function judgeKey(
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

function judgeMode(file: { readonly path: string; readonly mode: number }): readonly Finding[] {
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

function isPairOf(pem: string, certificate: X509Certificate | undefined): boolean {
  const own = parseCertificate(pem);
  if (!own || !certificate || !own.raw.equals(certificate.raw)) return false;
  const content = parseKey(pem);
  return content.kind === 'encrypted' || (content.kind === 'key' && certificate.checkPrivateKey(content.key));
}
