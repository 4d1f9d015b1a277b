import { X509Certificate } from 'node:crypto';
import { rmdir } from 'node:fs/promises';
import { CaUnusable } from '../errors.js';
import { type Authorities, readAuthorities, type Slot, type SlotName } from './authorities.js';
import { readAuthority } from './authority.js';
import { bundleOf, certificatesIn, fingerprint, issuerIn } from './bundle.js';
import { createCa, type Subject } from './certificate.js';
import { type ChangeOptions, presentLeaves } from './change.js';
import { crlsFor } from './crl-files.js';
import { type NewFile, publish } from './files.js';
import { type LeafTarget, leafTargets } from './folder.js';
import { keyTypeOf } from './keys.js';
import { lifeInDays, renewLeaf } from './renew-leaf.js';
import { type BeforeChange, removeEach, replaceEach } from './replace.js';
import { type RotationStatus, statusOf } from './rotate-state.js';
import type { Settings } from './settings.js';
import { type FolderState, parseCertificate, validityIn } from './state.js';
import { validityOf } from './validity.js';

interface Context {
  readonly settings: Settings;
  readonly options: ChangeOptions & { readonly onChange: BeforeChange };
}

/** What is on disk when a step begins. */
export interface Rotation extends Context {
  readonly authorities: Authorities;
  readonly leaves: readonly FolderState<LeafTarget>[];
  readonly status: RotationStatus;
}

export async function rotationIn(context: Context): Promise<Rotation> {
  const { dir } = context.settings;
  const leaves = await presentLeaves(dir, await leafTargets(dir));
  const authorities = await readAuthorities(dir);
  return { ...context, authorities, leaves, status: statusOf(dir, authorities, leaves) };
}

/** The second CA's certificate: as it is in `ca/next/`, or made there. */
export async function secondCa({ authorities, settings, options }: Rotation): Promise<string> {
  const { active = '', next } = authorities;
  if (next.cert) return next.cert.text;
  const old = new X509Certificate(active);
  const keyPem = next.key?.text ?? (await settings.newKey(options.keyType ?? keyTypeOf(old.publicKey)));
  const days = options.days ?? lifeInDays(validityIn(old));
  const subject = nextSubject(old.subject);
  const { certPem } = await createCa({ ...validityOf({ now: settings.now, days }), subject, keyPem });
  const files: NewFile[] = [{ path: next.paths.cert, mode: 0o644, text: certPem }];
  if (!next.key) files.unshift({ path: next.paths.key, mode: 0o600, text: keyPem });
  for (const file of files) {
    options.onChange(file.path);
    await publish([file]);
  }
  return certPem;
}

/**
 * Another name than the CA before: verifiers look issuers and revocation lists up by name, and some (NSS) keep but
 * one list for a name.
 */
function nextSubject(subject: string): Subject {
  const ours = /^CN=Sallyport MCP CA(?: G(\d+))?$/m.exec(subject);
  const generation = ours ? ` G${Number(ours[1] ?? 1) + 1}` : '';
  return { CN: `Sallyport MCP CA${generation}`, O: 'Sallyport' };
}

/**
 * Gives `ca/ca.crt` and every folder these CAs, the one that issues first; one of them can be left out. Where there are
 * revocation lists, each folder's follow its bundle at once: a peer takes a bundle only with the list of each CA in it.
 */
export async function spread(
  rotation: Pick<Rotation, 'settings' | 'options'>,
  pems: readonly string[],
  without?: string,
): Promise<void> {
  const { settings, options } = rotation;
  const authorities = await readAuthorities(settings.dir);
  const { state, active } = authorities;
  const ordered = [...(active === undefined ? [] : [active]), ...pems];
  const text = bundleOf(ordered.filter((pem) => fingerprint(pem) !== without));
  const bundle = certificatesIn(text);
  const crl = state.crl && (await crlsFor({ ...authorities, bundle }, { now: settings.now }));
  const give = (caPath: string, crlPath: string) =>
    replaceEach(
      [
        { path: caPath, mode: 0o644, text },
        ...(crl === undefined ? [] : [{ path: crlPath, mode: 0o644, text: crl }]),
      ],
      options.onChange,
    );
  await give(state.layout.cert, state.layout.crl);
  // What was made while this run began has the bundle of before.
  for (const { layout } of await presentLeaves(settings.dir, await leafTargets(settings.dir)))
    if (layout.caCopy !== undefined) await give(layout.caCopy, layout.crl);
}

/**
 * Lets the CA of one slot issue, and puts the one that issued into the other slot. Each file is one step, and after
 * each the same call goes on: which CA issues is told by `ca/ca.key` alone (see `activeCa`), so that name and key
 * cannot disagree, and both CAs are in every bundle while this runs.
 */
export async function switchTo(rotation: Rotation, from: SlotName, to: SlotName): Promise<void> {
  const { options } = rotation;
  const { active = '', state, ...slots } = rotation.authorities;
  const { [from]: source, [to]: target } = slots;
  if (source.cert && fingerprint(source.cert.text) !== fingerprint(active)) {
    const missing = source.key ? (state.key ? undefined : state.layout.key) : source.paths.key;
    if (missing !== undefined) {
      const remedy = `put ${missing} back for as long as this command runs`;
      throw CaUnusable({ path: source.paths.cert, reason: `cannot take over without ${missing}`, remedy });
    }
    const key = { mode: 0o600, text: state.key?.text ?? '' };
    await replaceEach(
      [
        { path: target.paths.key, ...key },
        { path: target.paths.cert, mode: 0o644, text: active },
        { path: state.layout.key, mode: 0o600, text: source.key?.text ?? '' },
      ],
      options.onChange,
    );
  }
  await spread(rotation, rotation.authorities.bundle);
  await vacate(rotation, source);
}

/** Reissues every certificate that is not of the CA that issues now. */
export async function reissue({ settings, options }: Rotation): Promise<void> {
  const authority = await readAuthority(settings);
  const leaves = await presentLeaves(settings.dir, await leafTargets(settings.dir));
  const due = leaves.flatMap((leaf) => {
    const certificate = leaf.cert && parseCertificate(leaf.cert.text);
    const done = certificate && issuerIn(authority.ca.certPem, certificate) !== undefined;
    return leaf.cert && !done ? [{ ...leaf, cert: leaf.cert }] : [];
  });
  // `days` and `keyType` of `prepare` are the CA's; here they are the certificates'.
  const made = await Promise.allSettled(due.map((leaf) => renewLeaf(leaf, authority, settings, options)));
  for (const outcome of made) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Empties a slot. The certificate first: a key alone is what `prepare` would make a CA of, were it to start there. */
export async function vacate({ options }: Pick<Rotation, 'options'>, slot: Slot): Promise<void> {
  await removeEach([slot.paths.cert, slot.paths.key], options.onChange);
  // Something of the user's may be in there: then it stays.
  await rmdir(slot.folder).catch(() => {});
}
