import { createPublicKey, type KeyObject } from 'node:crypto';
import { CertUnusable, RequestInvalid } from '../errors.js';
import type { Authority } from './authority.js';
import { certify, type Issued } from './certificate.js';
import { type NewFile, publish } from './files.js';
import { type LeafTarget, profileOf, remakeCommand, targetName } from './folder.js';
import { sansOf } from './inspect.js';
import { recordIssued } from './issued.js';
import { type Finding, verdicts } from './judge.js';
import { judgeLeaf, type Trust } from './judge-leaf.js';
import { requestKey } from './request.js';
import { describe, type EnsureResult, untilComplete } from './result.js';
import { distinctSans, type San, sansWithout, showSan } from './sans.js';
import type { Settings } from './settings.js';
import { type FolderState, parseCertificate, parseKey, readState, validityIn } from './state.js';
import { opensslDate, validityOf } from './validity.js';

/** What stands in the way of completing the folder without touching what is there. `trust` undefined: there is no CA yet. */
export function leafObstacles(
  state: FolderState<LeafTarget>,
  trust: Trust | undefined,
  settings: Settings,
): readonly Finding[] {
  const findings = judgeLeaf(state, trust, { ...settings, warnDays: 0 }).filter(
    ({ verdict }) => verdicts[verdict].blocks,
  );
  const remedy = remakeCommand(settings.dir, state.target);
  const orphan = trust === undefined && (state.cert ?? state.caCopy);
  if (orphan) {
    const detail = 'is of a CA that is no longer there (ca/ca.crt is missing)';
    const elsewhere = `run this where that CA is; if it is lost: ${remedy}`;
    return [{ verdict: 'not issued by this CA', path: orphan.path, detail, remedy: elsewhere }];
  }
  if (!state.cert && state.key && parseKey(state.key.text).kind === 'encrypted') {
    const detail = 'is encrypted and has no certificate';
    return [...findings, { verdict: 'unreadable', path: state.key.path, detail, remedy }];
  }
  return findings;
}

/** The gateway's or a plugin's folder on disk, completed with whatever it lacks. */
export async function ensureLeaf(
  settings: Settings,
  target: LeafTarget,
  authority: Promise<{ readonly authority: Authority }>,
): Promise<EnsureResult> {
  const made: string[] = [];
  let newKey: string | undefined;
  return untilComplete(target.role, async () => {
    // The folder before the CA: whatever this read sees was issued by a CA that the next one sees.
    const state = await readState(settings.dir, target);
    if (!state.key && !state.request) newKey ??= await settings.newKey();
    const { authority: trust } = await authority;
    const findings = leafObstacles(state, trust, settings);
    if (findings.length > 0) throw CertUnusable({ findings });
    const files = await missingFiles(state, trust, state.key?.text ?? newKey, settings);
    if (files.length === 0 && state.cert) {
      return describe(state, state.cert.text, made, notesOn(state, state.cert.text, trust, made, settings));
    }
    const published = await publish(files);
    made.push(...published);
    const cert = files.find(({ path }) => path === state.layout.cert);
    if (cert && published.includes(cert.path))
      await recordIssued(settings.dir, targetName(target), cert.text, trust.ca.certPem);
    return undefined;
  });
}

/** `keyPem` is undefined where the key is kept elsewhere: then the request beside the certificate stands for it. */
async function missingFiles(
  state: FolderState<LeafTarget>,
  trust: Authority,
  keyPem: string | undefined,
  settings: Settings,
): Promise<readonly NewFile[]> {
  const { target, cert, key, caCopy, crl, pem, layout } = state;
  const certPem = cert?.text ?? (await issueProfile(target, trust.ca, publicKeyIn(state, keyPem), settings));
  const files: NewFile[] = [];
  if (!key && keyPem !== undefined) files.push({ path: layout.key, mode: 0o600, text: keyPem });
  if (!cert) files.push({ path: layout.cert, mode: 0o644, text: certPem });
  if (!caCopy && layout.caCopy !== undefined)
    files.push({ path: layout.caCopy, mode: 0o644, text: trust.bundle });
  if (!crl && trust.crl !== undefined) files.push({ path: layout.crl, mode: 0o644, text: trust.crl });
  if (!pem && layout.pem !== undefined && keyPem !== undefined)
    files.push({ path: layout.pem, mode: 0o600, text: `${certPem}${keyPem}` });
  return files;
}

function publicKeyIn(state: FolderState<LeafTarget>, keyPem: string | undefined): KeyObject {
  if (keyPem !== undefined) return createPublicKey(keyPem);
  const { request, layout } = state;
  const key = request && requestKey(request.text);
  if (!key) throw RequestInvalid({ path: request?.path ?? layout.folder, reason: 'it cannot be read' });
  return key;
}

/** A certificate for `publicKey` that says of its holder what the role says. */
export function issueProfile(
  target: LeafTarget,
  ca: Issued,
  publicKey: KeyObject,
  settings: Settings,
): Promise<string> {
  const { subject, purpose } = profileOf(target, settings.trustDomain);
  return certify(publicKey, {
    ...leafValidity(ca, settings),
    ca,
    subject,
    purposes: [purpose],
    sans: sansFor(target, settings),
  });
}

function sansFor(target: LeafTarget, settings: Settings): readonly San[] {
  const { sans } = profileOf(target, settings.trustDomain);
  return target.role === 'plugin' ? distinctSans([...sans, ...settings.extraSans]) : sans;
}

/** A leaf that outlived its CA would be refused from the CA's end on, however good its own date looks. */
export function leafValidity(ca: Issued, settings: Settings) {
  const certificate = parseCertificate(ca.certPem);
  return validityOf({ ...settings, ...(certificate ? { ca: validityIn(certificate) } : {}) });
}

function notesOn(
  state: FolderState<LeafTarget>,
  certPem: string,
  trust: Authority,
  made: readonly string[],
  settings: Settings,
): readonly string[] {
  const remake = remakeCommand(settings.dir, state.target);
  const notes = judgeLeaf(state, trust, { ...settings, warnDays: 0 }).map(
    (finding) => `${finding.path} ${finding.detail}: ${finding.remedy}`,
  );
  if (made.includes(state.layout.cert)) {
    const { shortened, notAfter } = leafValidity(trust.ca, settings);
    if (shortened)
      notes.push(`ends with its CA on ${opensslDate(notAfter)}, before the ${settings.days} days are over`);
  } else {
    const lacking = sansWithout(state.target.role === 'plugin' ? settings.extraSans : [], sansOf(certPem));
    if (lacking.length > 0)
      notes.push(
        `lacks ${lacking.map(showSan).join(', ')}; to have it issued with them: ${withSans(remake, settings.extraSans)}`,
      );
  }
  return notes;
}

/** The command that issues the certificate again, with the SANs that were asked for now. */
function withSans(command: string, sans: readonly San[]): string {
  return command.replace(' && make ', ` && MCP_CERT_SANS=${sans.map(showSan).join(',')} make `);
}
