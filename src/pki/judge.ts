import type { X509Certificate } from 'node:crypto';
import { shellWord } from '../errors.js';
import { caExtensionsDefect, caStrictnessGap, signingDefect } from './certificate.js';
import { crlsIn, isCrlOf, lifeOf, reasonName, revocationIn } from './crl.js';
import { canSign, isSelfSigned, keyWeakness, partsOf, weaknessOf } from './der.js';
import {
  certsCommandLine,
  type FolderState,
  type LeafTarget,
  makeCommand,
  remakeCommand,
  targetName,
} from './folder.js';
import { bundleHas, certificatesIn, compareBundles, issuerIn, oneLineName, readKey } from './pem.js';
import { isRequestFor } from './request.js';
import {
  dateDefect,
  dayMs,
  defaultDue,
  dueAt,
  inDate,
  opensslDate,
  type Validity,
  validityIn,
} from './validity.js';
import { type Finding, finding, type JudgeContext } from './verdicts.js';

/** `soonAt`: from when on it "expires soon". */
function judgeTime(
  validity: Validity,
  now: Date,
  soonAt: Date,
  path: string,
  remedy: string,
): readonly Finding[] {
  const { notBefore, notAfter } = validity;
  const defect = dateDefect(validity, now);
  if (defect === 'expired') return [finding(defect, path, `expired on ${opensslDate(notAfter)}`, remedy)];
  if (defect === 'not yet valid') {
    const clock = `check this host's clock: date -u; or ${remedy}`;
    return [finding(defect, path, `is not valid before ${opensslDate(notBefore)}`, clock)];
  }
  if (now < soonAt) return [];
  return [finding('expires soon', path, `expires on ${opensslDate(notAfter)}`, remedy)];
}

/** The key as text; of an encrypted one nothing can be said without its password. */
function judgeKey(state: FolderState, remedy: string): readonly Finding[] {
  const { keyContent: content, certificate, layout } = state;
  if (content?.kind === 'bad') {
    const detail = `is not a private key in PEM form (${content.reason})`;
    return [finding('unreadable', layout.key, detail, remedy)];
  }
  if (content?.kind !== 'key' || !certificate || certificate.checkPrivateKey(content.key)) return [];
  return [finding('key mismatch', layout.key, 'is not the key of the certificate beside it', remedy)];
}

function judgeMode(...files: readonly FolderState['key'][]): readonly Finding[] {
  return files.flatMap((file) => {
    if (!file || (file.mode & 0o077) === 0) return [];
    const mode = file.mode.toString(8).padStart(3, '0');
    const detail = `has mode ${mode}: other users of this host can use it`;
    return [finding('key readable by others', file.path, detail, `chmod 600 ${shellWord(file.path)}`)];
  });
}

const earlier = (a: Date, b: Date): Date => (a < b ? a : b);
const daysBefore = (date: Date, days: number): Date => new Date(date.getTime() - days * dayMs);

/** What to do about a CA that ends: only while it lives can another take over from it. */
export const replaceCa = (dir: string, notAfter: Date, { now, rotating = false }: ReplaceContext): string =>
  notAfter > now
    ? certsCommandLine(dir, 'ca-rotate', rotating ? 'status' : 'prepare')
    : `to start anew: ${remakeCommand(dir, { role: 'ca' })}`;

type ReplaceContext = Pick<JudgeContext, 'now' | 'rotating'>;

/** What is wrong with the CA's folder. A CA whose key is kept elsewhere is fine. */
export function judgeCa(state: FolderState, context: JudgeContext, hasLeaves = false): readonly Finding[] {
  const { dir, now, warnDays } = context;
  const { cert, key, layout, target, certificate, certificates } = state;
  const anew = `to start anew: ${remakeCommand(dir, target)}`;
  const { cert: path } = layout;
  if (!cert) {
    const make = makeCommand(dir, target);
    if (key) return [finding('incomplete', path, 'is missing beside its key', make)];
    return [
      finding('missing', path, 'is not there', hasLeaves ? `look where it is; if it is lost, ${anew}` : make),
    ];
  }
  if (!certificate) return [finding('unreadable', path, 'is not a certificate in PEM form', anew)];
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
  const { notAfter } = validity;
  // While it has a third of its life left, what it issues can live as long as it should: replacing it takes time.
  const soonAt =
    warnDays === 0 ? notAfter : earlier(daysBefore(notAfter, warnDays), dueAt(validity, defaultDue));
  return [
    ...(defect === undefined ? [] : [finding('unusable CA', path, defect, anew)]),
    ...(gap === undefined
      ? []
      : [finding('not strict', path, `has no ${gap}, which strict verifiers ask for`, strict)]),
    ...judgeTime(validity, now, soonAt, path, replaceCa(dir, notAfter, context)),
    ...judgeMode(key),
    ...judgeKey(state, anew),
    ...judgeCrl(state, context),
  ];
}

/** What to do about a list that cannot be read. */
export const crlFromBackup = 'bring it back from a backup: what was revoked is known from there alone';

/** A list that has ended is refused by whoever checks it, and with it every certificate of this CA. */
function judgeCrl(
  { crl, certificates }: FolderState,
  { dir, now, warnDays }: JudgeContext,
): readonly Finding[] {
  if (!crl) return [];
  const { path } = crl;
  const again = certsCommandLine(dir, 'crl', '--force');
  const lists = crlsIn(crl.text);
  if (!lists) return [finding('ca.crl unusable', path, 'cannot be read', crlFromBackup)];
  const foreign = lists.find((list) => !certificates.some((ca) => isCrlOf(list, ca)));
  if (foreign) {
    const detail = `has a list of ${foreign.issuer}, which no CA here has signed`;
    return [finding('ca.crl unusable', path, detail, again)];
  }
  const without = certificates
    .filter((ca) => inDate(ca, now) && !lists.some((list) => isCrlOf(list, ca)))
    .map(({ subject }) => oneLineName(subject));
  if (without.length > 0)
    return [finding('ca.crl unusable', path, `has no list of ${without.join(' and ')}`, again)];
  return lists.flatMap((list) => {
    const { issuer, thisUpdate, nextUpdate } = list;
    const ends = `${issuer}: ${opensslDate(nextUpdate)}`;
    const defect = dateDefect(lifeOf(list), now);
    if (defect === 'not yet valid') {
      const detail = `is not valid before ${opensslDate(thisUpdate)} (check this host's clock)`;
      return [finding('ca.crl unusable', path, detail, again)];
    }
    if (defect === 'expired') {
      const detail = `has ended, and whoever checks it refuses everyone (${ends})`;
      return [finding('ca.crl expired', path, detail, again)];
    }
    const soon = Math.min(warnDays * dayMs, (nextUpdate.getTime() - thisUpdate.getTime()) / 3);
    if (nextUpdate.getTime() - now.getTime() > soon) return [];
    return [finding('ca.crl expires soon', path, `ends soon (${ends})`, certsCommandLine(dir, 'crl'))];
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

const fileOf = ({ from = 'ca/ca.crt' }: Trust): string => from;

type Leaf = FolderState<LeafTarget>;

/** What is wrong with a leaf's folder; against `trust`, where there is a CA. */
export function judgeLeaf(state: Leaf, trust: Trust | undefined, context: JudgeContext): readonly Finding[] {
  const { dir } = context;
  const { cert, certificate, layout, target } = state;
  const remake = remakeCommand(dir, target);
  const fill = makeCommand(dir, target);
  const missing = cert
    ? finding('unreadable', layout.cert, 'is not a certificate in PEM form', remake)
    : finding('incomplete', layout.cert, 'is missing', fill);
  const own = certificate
    ? [
        ...judgeIssue(certificate, state, trust, context),
        ...judgeUse(certificate, state, dir),
        ...judgeKeyOf(certificate, state, certsCommandLine(dir, 'renew', targetName(target))),
      ]
    : [missing, ...judgeKey(state, remake)];
  return [...own, ...judgeCopies(state, trust, fill, dir), ...judgeMode(state.key, state.pem)];
}

/** Whose certificate it is, and until when. */
function judgeIssue(
  certificate: X509Certificate,
  { layout: { cert: path }, target }: Leaf,
  trust: Trust | undefined,
  context: JudgeContext,
): readonly Finding[] {
  const { dir, now } = context;
  const findings: Finding[] = [];
  const issuer = trust && issuerIn(trust.bundle, certificate);
  const again = certsCommandLine(dir, 'renew', targetName(target), '--force');
  if (trust && !issuer) {
    const detail = `was not issued by the CA in ${fileOf(trust)}`;
    findings.push(finding('not issued by this CA', path, detail, remakeCommand(dir, target)));
  }
  const revocation = trust?.crl && issuer && revocationIn(trust.crl, certificate.serialNumber, issuer);
  if (revocation) {
    const detail = `was revoked on ${opensslDate(revocation.date)} (${reasonName(revocation.reason)})`;
    findings.push(finding('revoked', path, detail, again));
  }
  const ends = validityIn(certificate);
  const caEnds = issuer && validityIn(issuer).notAfter;
  // A new leaf would end with its CA again.
  const withCa = caEnds !== undefined && ends.notAfter.getTime() + dayMs > caEnds.getTime();
  const remedy = !withCa
    ? again
    : caEnds > now
      ? `it ends with its CA: ${replaceCa(dir, caEnds, context)}`
      : replaceCa(dir, caEnds, context);
  const soonAt = daysBefore(ends.notAfter, context.warnDays);
  return [...findings, ...judgeTime(ends, now, soonAt, path, remedy)];
}

const purposes = {
  gateway: { oid: '1.3.6.1.5.5.7.3.2', end: 'TLS client' },
  plugin: { oid: '1.3.6.1.5.5.7.3.1', end: 'TLS server' },
};

/** Whether a new certificate would be for the same weak key: it is kept elsewhere, or encrypted. */
export function keepsWeakKey(
  { key, keyContent, request }: FolderState,
  certificate: X509Certificate,
): boolean {
  const keeps = key ? keyContent?.kind === 'encrypted' : request !== undefined;
  return keeps && keyWeakness(certificate.publicKey) !== undefined;
}

/** What it may be used for, and whether it should. */
function judgeUse(certificate: X509Certificate, state: Leaf, dir: string): readonly Finding[] {
  const { layout, target } = state;
  const remake = remakeCommand(dir, target);
  const { oid, end } = purposes[target.role];
  // Node's `keyUsage` is the extended key usage; without one a certificate is fit for every role (RFC 5280 4.2.1.12).
  const usages = certificate.keyUsage as readonly string[] | undefined;
  const weak = weaknessOf(certificate, { leaf: true, root: false });
  const again = certsCommandLine(dir, 'renew', targetName(target), '--force');
  const wrong = `may not be used as a ${end} (extendedKeyUsage)`;
  const version1 = partsOf(certificate)?.version1 === true;
  const open = 'has no extendedKeyUsage: its holder can act as a client and as a server';
  return [
    ...(usages && !usages.includes(oid) ? [finding('wrong purpose', layout.cert, wrong, remake)] : []),
    ...(weak === undefined
      ? []
      : [finding('weak', layout.cert, weak, keepsWeakKey(state, certificate) ? remake : again)]),
    ...(!usages && !version1 ? [finding('no purpose', layout.cert, open, again)] : []),
    ...(version1
      ? [finding('version 1', layout.cert, 'is of X.509 version 1, and cannot say what it is for', again)]
      : []),
  ];
}

/** The key of a certificate. With a request beside it, it is where the request was made. */
function judgeKeyOf(certificate: X509Certificate, state: Leaf, again: string): readonly Finding[] {
  const { key, layout, request, certificates } = state;
  const [first = certificate] = certificates;
  if (first !== certificate) {
    const detail = `begins with ${oneLineName(first.subject)}, and its own certificate, that of the key, comes later: it has to be the first`;
    return [finding('wrong order', layout.cert, detail, again)];
  }
  if (key) return judgeKey(state, again);
  if (!request) return [finding('key missing', layout.key, 'is missing beside its certificate', again)];
  if (isRequestFor(request.text, certificate)) return [];
  const detail = 'was not answered: the certificate beside it is for another key';
  return [finding('incomplete', request.path, detail, again)];
}

/** The files of the folder that are made of others. */
function judgeCopies(
  { caCopy, pem, crl, layout, certificate }: Leaf,
  trust: Trust | undefined,
  fill: string,
  dir: string,
): readonly Finding[] {
  const findings: Finding[] = [];
  const differs = (verdict: Finding['verdict'], path: string, detail: string) =>
    findings.push(finding(verdict, path, detail, `rm ${shellWord(path)} && ${fill}`));
  if (!caCopy) findings.push(finding('incomplete', layout.caCopy ?? '', 'is missing', fill));
  else if (trust) {
    const likeness = compareBundles(certificatesIn(caCopy.text), trust.bundle);
    if (likeness === 'different') differs('ca.crt differs', caCopy.path, `is not a copy of ${fileOf(trust)}`);
    if (likeness === 'overlapping')
      differs('ca.crt behind', caCopy.path, `has not the same CAs as ${fileOf(trust)}`);
  }
  if (pem && !isPairOf(pem.text, certificate))
    differs('client.pem differs', pem.path, 'is not made of client.crt and client.key');
  if (trust?.crl !== undefined && crl?.text !== trust.crl) {
    const list = fileOf(trust).replace(/crt$/, 'crl');
    const detail = crl ? `is not a copy of ${list}` : `is missing: ${list} has not reached this folder`;
    findings.push(finding('ca.crl differs', layout.crl, detail, certsCommandLine(dir, 'crl')));
  }
  return findings;
}

function isPairOf(pem: string, certificate: X509Certificate | undefined): boolean {
  if (!certificate || !bundleHas(certificatesIn(pem).slice(0, 1), certificate)) return false;
  const content = readKey(pem);
  return content.kind === 'encrypted' || (content.kind === 'key' && certificate.checkPrivateKey(content.key));
}
