import type { X509Certificate } from 'node:crypto';
import { compareBundles, issuerIn } from './bundle.js';
import { reasonName, revocationIn } from './crl.js';
import {
  certsCommandLine,
  type LeafTarget,
  makeCommand,
  remakeCommand,
  shellWord,
  targetName,
} from './folder.js';
import {
  type Finding,
  findingIn,
  type JudgeContext,
  judgeKey,
  judgeMode,
  judgeTime,
  type MakeFinding,
} from './judge.js';
import { isRequestFor } from './request.js';
import { type FolderState, parseCertificate, parseKey, validityIn } from './state.js';
import { dayMs, opensslDate } from './validity.js';
import { keyWeakness, weaknessOf } from './weakness.js';

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

/** Renewing makes a new key, where the key is here and can be replaced; else it is the key that has to come anew. */
function judgeStrength(
  { key, layout, request, target }: FolderState<LeafTarget>,
  certificate: X509Certificate,
  { dir }: JudgeContext,
): readonly Finding[] {
  const detail = weaknessOf(certificate, { leaf: true, root: false });
  if (detail === undefined) return [];
  const keeps = (!key && request) || (key && parseKey(key.text).kind === 'encrypted');
  const remedy =
    keeps && keyWeakness(certificate.publicKey)
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
