import type { X509Certificate } from 'node:crypto';
import { reasonName, revocationIn } from './crl.js';
import { keyWeakness, weaknessOf } from './der.js';
import {
  certsCommandLine,
  type FolderState,
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
  type Trust,
} from './judge.js';
import { bundleHas, certificatesIn, compareBundles, issuerIn, readKey } from './pem.js';
import { isRequestFor } from './request.js';
import { dayMs, opensslDate, validityIn } from './validity.js';

const fileOf = ({ from = 'ca/ca.crt' }: Trust): string => from;

/** What is wrong with a leaf's folder; against `trust`, where there is a CA. */
export function judgeLeaf(
  state: FolderState<LeafTarget>,
  trust: Trust | undefined,
  context: JudgeContext,
): readonly Finding[] {
  const { dir } = context;
  const { cert, certificate, key, pem, layout, target } = state;
  const remake = remakeCommand(dir, target);
  const fill = makeCommand(dir, target);
  const own = certificate
    ? [
        ...judgeIssue(certificate, state, trust, context),
        ...judgeUse(certificate, state, dir),
        ...judgeKeyOf(certificate, state, certsCommandLine(dir, 'renew', targetName(target))),
      ]
    : [
        cert
          ? findingIn(layout.cert, remake)('unreadable', 'is not a certificate in PEM form')
          : findingIn(layout.cert, fill)('incomplete', 'is missing'),
        ...judgeKey(state, remake),
      ];
  const copies = judgeCopies(state, certificate, trust, fill, context);
  return [...own, ...copies, ...[key, pem].flatMap((file) => (file ? judgeMode(file) : []))];
}

/** Whose certificate it is, and until when. */
function judgeIssue(
  certificate: X509Certificate,
  { layout, target }: FolderState<LeafTarget>,
  trust: Trust | undefined,
  context: JudgeContext,
): readonly Finding[] {
  const { dir } = context;
  const findings: Finding[] = [];
  const issuer = trust && issuerIn(trust.bundle, certificate);
  const again = certsCommandLine(dir, 'renew', targetName(target), '--force');
  if (trust && !issuer) {
    const detail = `was not issued by the CA in ${fileOf(trust)}`;
    findings.push(findingIn(layout.cert, remakeCommand(dir, target))('not issued by this CA', detail));
  }
  const revocation = trust?.crl && issuer && revocationIn(trust.crl, certificate.serialNumber, issuer);
  if (revocation) {
    const detail = `was revoked on ${opensslDate(revocation.date)} (${reasonName(revocation.reason)})`;
    findings.push(findingIn(layout.cert, again)('revoked', detail));
  }
  const ends = validityIn(certificate);
  const caEnds = issuer && validityIn(issuer).notAfter;
  // A new leaf would end with its CA again.
  const withCa = caEnds !== undefined && ends.notAfter.getTime() + dayMs > caEnds.getTime();
  const anew =
    caEnds !== undefined && caEnds > context.now
      ? `it ends with its CA: ${certsCommandLine(dir, 'ca-rotate', 'prepare')}`
      : `to start anew: ${remakeCommand(dir, { role: 'ca' })}`;
  return [...findings, ...judgeTime(ends, context, layout.cert, withCa ? anew : again)];
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
function judgeUse(
  certificate: X509Certificate,
  state: FolderState<LeafTarget>,
  dir: string,
): readonly Finding[] {
  const { layout, target } = state;
  const findings: Finding[] = [];
  const remake = remakeCommand(dir, target);
  const { oid, end } = purposes[target.role];
  // Node's `keyUsage` is the extended key usage; without one a certificate is fit for every role (RFC 5280 4.2.1.12).
  const usages = certificate.keyUsage as readonly string[] | undefined;
  if (usages && !usages.includes(oid))
    findings.push(
      findingIn(layout.cert, remake)('wrong purpose', `may not be used as a ${end} (extendedKeyUsage)`),
    );
  const weak = weaknessOf(certificate, { leaf: true, root: false });
  if (weak === undefined) return findings;
  const remedy = keepsWeakKey(state, certificate)
    ? remake
    : certsCommandLine(dir, 'renew', targetName(target), '--force');
  return [...findings, findingIn(layout.cert, remedy)('weak', weak)];
}

/** The key of a certificate. With a request beside it, it is where the request was made. */
function judgeKeyOf(
  certificate: X509Certificate,
  state: FolderState<LeafTarget>,
  again: string,
): readonly Finding[] {
  const { key, layout, request } = state;
  if (key) return judgeKey(state, again);
  if (!request) return [findingIn(layout.key, again)('key missing', 'is missing beside its certificate')];
  if (isRequestFor(request.text, certificate)) return [];
  const detail = 'was not answered: the certificate beside it is for another key';
  return [findingIn(request.path, again)('incomplete', detail)];
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
    const remedy = certsCommandLine(dir, 'crl');
    findings.push({ verdict: 'ca.crl differs', path: layout.crl, detail, remedy });
  }
  return findings;
}

function isPairOf(pem: string, certificate: X509Certificate | undefined): boolean {
  if (!certificate || !bundleHas(certificatesIn(pem).slice(0, 1), certificate)) return false;
  const content = readKey(pem);
  return content.kind === 'encrypted' || (content.kind === 'key' && certificate.checkPrivateKey(content.key));
}
