import type { X509Certificate } from 'node:crypto';
import { activeCa, certificatesIn, compareBundles, isIssuedBy, issuerIn } from './bundle.js';
import { caExtensionsDefect, caStrictnessGap, read, signingDefect } from './certificate.js';
import { crlsIn, reasonName, revocationIn } from './crl.js';
import { keyWeakness, weaknessOf } from './der.js';
import {
  certsCommandLine,
  type FolderState,
  type LeafTarget,
  makeCommand,
  parseCertificate,
  parseKey,
  remakeCommand,
  shellWord,
  targetName,
  validityIn,
} from './folder.js';
import { isRequestFor } from './request.js';
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

const findingIn =
  (path: string, remedy: string): MakeFinding =>
  (verdict, detail) => ({ verdict, path, detail, remedy });

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
  const active = activeCa(state);
  const certificate = active === undefined ? undefined : parseCertificate(active);
  if (active === undefined || !certificate)
    return [finding('unreadable', 'is not a certificate in PEM form')];
  const defect =
    weaknessOf(certificate, { leaf: false, root: true }) ??
    caExtensionsDefect(active) ??
    signingDefect(certificate.publicKey) ??
    (isIssuedBy(certificate, certificate)
      ? undefined
      : 'is not self-signed, and nothing here leads to its issuer');
  const gap = defect === undefined ? caStrictnessGap(active) : undefined;
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
    ...judgeKey(state, certificate, anew),
    ...judgeCrl(state, context),
  ];
}

/** A list that has ended is refused by whoever checks it, and with it every certificate of this CA. */
function judgeCrl({ crl, cert }: FolderState, { dir, now, warnDays }: JudgeContext): readonly Finding[] {
  if (!crl) return [];
  const finding = findingIn(crl.path, certsCommandLine(dir, 'crl', '--force'));
  const lists = crlsIn(crl.text);
  if (!lists) {
    const remedy = 'bring it back from a backup: what was revoked is known from there alone';
    return [{ ...finding('ca.crl unusable', 'cannot be read'), remedy }];
  }
  const names = certificatesIn(cert?.text ?? '').map((pem) => read(pem).subject);
  const without = names.filter((name) => !lists.some((list) => list.issuer === name));
  if (without.length > 0) return [finding('ca.crl unusable', `has no list of ${without.join(' and ')}`)];
  return lists.flatMap((list) => {
    const ends = `${list.issuer}: ${opensslDate(list.nextUpdate)}`;
    if (list.nextUpdate < now)
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
  readonly bundle: string;
  readonly crl?: string;
  /** The file of the bundle, as findings name it. Default `ca/ca.crt`. */
  readonly from?: string;
}

const fileOf = ({ from = 'ca/ca.crt' }: Trust): string => from;

/** What is wrong with a leaf's folder; against `trust`, where there is a CA. */
export function judgeLeaf(
  state: FolderState<LeafTarget>,
  trust: Trust | undefined,
  context: JudgeContext,
): readonly Finding[] {
  const { dir } = context;
  const { cert, key, layout, target, request } = state;
  const remake = remakeCommand(dir, target);
  const fill = makeCommand(dir, target);
  const finding = findingIn(layout.cert, remake);
  const findings: Finding[] = [];
  const certificate = cert && parseCertificate(cert.text);
  if (cert && certificate) {
    findings.push(...judgeIssue(cert.text, certificate, state, trust, context));
    findings.push(...judgePurpose(state, certificate, finding));
    findings.push(...judgeStrength(state, certificate, context));
    const again = certsCommandLine(dir, 'renew', targetName(target));
    const at = { path: layout.key, remedy: again };
    // With a request beside it the key is where the request was made.
    if (!key && !request)
      findings.push({ ...finding('key missing', 'is missing beside its certificate'), ...at });
    if (!key && request && !isRequestFor(request.text, certificate)) {
      const detail = 'was not answered: the certificate beside it is for another key';
      findings.push({ verdict: 'incomplete', path: request.path, detail, remedy: again });
    }
    findings.push(...judgeKey(state, certificate, again));
  } else {
    findings.push(
      cert
        ? finding('unreadable', 'is not a certificate in PEM form')
        : { ...finding('incomplete', 'is missing'), remedy: fill },
    );
    findings.push(...judgeKey(state, undefined, remake));
  }
  findings.push(...judgeCopies(state, certificate, trust, fill, context));
  for (const file of [key, state.pem]) if (file) findings.push(...judgeMode(file));
  return findings;
}

function judgeIssue(
  pem: string,
  certificate: X509Certificate,
  { layout, target }: FolderState<LeafTarget>,
  trust: Trust | undefined,
  context: JudgeContext,
): readonly Finding[] {
  const { dir } = context;
  const findings: Finding[] = [];
  const finding = findingIn(layout.cert, remakeCommand(dir, target));
  const issuer = trust && issuerIn(trust.bundle, certificate);
  const again = certsCommandLine(dir, 'renew', targetName(target), '--force');
  if (trust && issuer === undefined)
    findings.push(finding('not issued by this CA', `was not issued by the CA in ${fileOf(trust)}`));
  if (trust?.crl !== undefined && issuer !== undefined) {
    const revocation = revocationIn(trust.crl, pem, issuer);
    const detail = `was revoked on ${revocation && opensslDate(revocation.date)} (${reasonName(revocation?.reason)})`;
    if (revocation) findings.push({ ...finding('revoked', detail), remedy: again });
  }
  const ends = validityIn(certificate);
  const ca = issuer === undefined ? undefined : parseCertificate(issuer);
  const caEnds = ca && validityIn(ca).notAfter;
  // A new leaf would end with its CA again.
  const withCa = caEnds !== undefined && ends.notAfter.getTime() + dayMs > caEnds.getTime();
  const anew =
    caEnds !== undefined && caEnds > context.now
      ? `it ends with its CA: ${certsCommandLine(dir, 'ca-rotate', 'prepare')}`
      : `to start anew: ${remakeCommand(dir, { role: 'ca' })}`;
  return [...findings, ...judgeTime(ends, context, layout.cert, withCa ? anew : again)];
}

/** The files of the folder that are made of others. */
function judgeCopies(
  { caCopy, pem, crl, layout }: FolderState<LeafTarget>,
  certificate: X509Certificate | undefined,
  trust: Trust | undefined,
  fill: string,
  { dir }: JudgeContext,
): readonly Finding[] {
  const findings: Finding[] = [];
  const differs = (verdict: Finding['verdict'], path: string, detail: string) =>
    findings.push({ verdict, path, detail, remedy: `rm ${shellWord(path)} && ${fill}` });
  if (!caCopy) {
    const path = layout.caCopy ?? '';
    findings.push({ verdict: 'incomplete', path, detail: 'is missing', remedy: fill });
  } else if (trust) {
    const likeness = compareBundles(caCopy.text, trust.bundle);
    if (likeness === 'different') differs('ca.crt differs', caCopy.path, `is not a copy of ${fileOf(trust)}`);
    if (likeness === 'overlapping')
      differs('ca.crt behind', caCopy.path, `has not the same CAs as ${fileOf(trust)}`);
  }
  if (pem && !isPairOf(pem.text, certificate))
    differs('client.pem differs', pem.path, 'is not made of client.crt and client.key');
  if (trust?.crl !== undefined && crl?.text !== trust.crl) {
    const list = fileOf(trust).replace(/crt$/, 'crl');
    const detail = crl ? `is not a copy of ${list}` : `is missing: ${list} has not reached this folder`;
    const remedy = certsCommandLine(dir, 'crl');
    findings.push({ verdict: 'ca.crl differs', path: layout.crl, detail, remedy });
  }
  return findings;
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

/** Whether a new certificate would be for the same weak key: it is kept elsewhere, or encrypted. */
export function keepsWeakKey({ key, request }: FolderState, certificate: X509Certificate): boolean {
  const keeps = key ? parseKey(key.text).kind === 'encrypted' : request !== undefined;
  return keeps && keyWeakness(certificate.publicKey) !== undefined;
}

function judgeStrength(
  state: FolderState<LeafTarget>,
  certificate: X509Certificate,
  { dir }: JudgeContext,
): readonly Finding[] {
  const { layout, target } = state;
  const detail = weaknessOf(certificate, { leaf: true, root: false });
  if (detail === undefined) return [];
  const remedy = keepsWeakKey(state, certificate)
    ? remakeCommand(dir, target)
    : certsCommandLine(dir, 'renew', targetName(target), '--force');
  return [findingIn(layout.cert, remedy)('weak', detail)];
}

function isPairOf(pem: string, certificate: X509Certificate | undefined): boolean {
  const own = parseCertificate(pem);
  if (!own || !certificate || !own.raw.equals(certificate.raw)) return false;
  const content = parseKey(pem);
  return content.kind === 'encrypted' || (content.kind === 'key' && certificate.checkPrivateKey(content.key));
}
