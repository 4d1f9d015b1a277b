import { X509Certificate } from 'node:crypto';
import { rmdir, utimes } from 'node:fs/promises';
import { CaUnusable, RotationRefused } from '../errors.js';
import {
  type Authorities,
  isEncrypted,
  isOccupied,
  readAuthorities,
  readAuthority,
  type Slot,
  type SlotName,
} from './authority.js';
import { createCa, keyTypeOf, type Subject } from './certificate.js';
import { type ChangeOptions, changing, presentLeaves } from './change.js';
import { hasIssued } from './der.js';
import {
  allDone,
  type BeforeChange,
  privateFile,
  publicFile,
  publish,
  removeEach,
  replaceEach,
} from './files.js';
import {
  certsCommandLine,
  type FolderState,
  type LeafTarget,
  leafTargets,
  makeCommand,
  type Settings,
  settingsOf,
} from './folder.js';
import { isSame, pemOfKey, readKey } from './pem.js';
import { lifeInDays, renewLeaf } from './renew.js';
import { crlsFor } from './revoke.js';
import {
  hasReached,
  isOfNewCa,
  type RotationFolder,
  type RotationStatus,
  type RotationStep,
  statusOf,
} from './rotate-state.js';
import { defaultDays, validityIn, validityOf } from './validity.js';

/** What a step left behind. */
export interface RotationResult {
  readonly step: RotationStep;
  /** Paths that are new or gone. */
  readonly changed: readonly string[];
  readonly status: RotationStatus;
}

/**
 * One step of replacing the CA so that nobody is stranded on the way:
 *
 * - `prepare` makes a second CA in `ca/next/`; every `ca.crt` becomes a bundle of both. `days` and `keyType` are its own;
 *   default: those of the CA that is there, and 825 days at least.
 * - `activate` lets the new one issue, and reissues every certificate; the old one moves to `ca/previous/`.
 * - `retire` takes the old one out of every bundle and deletes it. From here there is no way back.
 * - `undo` takes `activate` back, and `prepare` when it is run again.
 *
 * A step that was cut off goes on where it is run again.
 *
 * @throws SALLY_CA_ROTATE where the step before has not reached every folder, and nothing has changed then;
 * SALLY_CA_UNUSABLE, SALLY_CERT_CRL, SALLY_CERTS_MISSING, SALLY_CERT_WRITE, SALLY_CERTS_BUSY.
 * @example
 * ```ts
 * import { rotateCa } from 'sallyport/pki';
 *
 * const { status } = await rotateCa('prepare', { days: 1825 });
 * console.log('copy the folders to their hosts, then:', status.next);
 * ```
 */
export async function rotateCa(step: RotationStep, options: ChangeOptions = {}): Promise<RotationResult> {
  const settings = settingsOf(options);
  return changing(settings.dir, async () => {
    const changed: string[] = [];
    const onChange = (path: string) => {
      options.onChange?.(path);
      changed.push(path);
    };
    const context = { settings, options: { ...options, onChange } };
    const rotation = await rotationIn(context);
    const path = rotation.authorities.state.layout.cert;
    if (rotation.authorities.active === undefined)
      throw CaUnusable({
        path,
        reason: 'is not a certificate in PEM form',
        remedy: makeCommand(settings.dir, { role: 'check' }),
      });
    await steps[step](rotation);
    const { next, previous } = await readAuthorities(settings.dir);
    const { cert: waiting } = isOccupied(previous) ? previous : next;
    // Its time says when the step last changed something: `dueStep` goes by it.
    if (waiting && changed.length > 0) await utimes(waiting.path, settings.now, settings.now);
    return { step, changed, status: (await rotationIn(context)).status };
  });
}

const steps: Readonly<Record<RotationStep, (rotation: Rotation) => Promise<void>>> = {
  async prepare(rotation) {
    const { phase } = rotation.status;
    if (phase === 'activated')
      throw refusal(rotation, 'prepare', 'the new CA is active already', [], 'retire');
    if (phase === 'switching')
      throw refusal(rotation, 'prepare', '`activate` or its undoing was cut off', [], 'activate');
    const { active } = rotation.authorities;
    const next = active && (await secondCa(active, rotation));
    if (next) await spread(rotation, [...rotation.authorities.bundle, next]);
  },

  async activate(rotation) {
    const { phase, bundled, folders } = rotation.status;
    if (phase === 'none') throw refusal(rotation, 'activate', 'there is no second CA', [], 'prepare');
    if (phase === 'prepared') {
      const left = folders.filter((folder) => !hasReached(folder));
      if (!bundled || left.length > 0)
        throw refusal(rotation, 'activate', 'the bundle of both CAs has not reached', left, 'prepare');
    }
    assertReissuable(rotation, 'activate', 'new');
    if (phase !== 'activated') await switchTo(rotation, 'next', 'previous');
    await reissue(rotation);
  },

  async retire(rotation) {
    const { phase, folders } = rotation.status;
    if (phase === 'none') throw refusal(rotation, 'retire', 'there is no CA to retire', [], 'prepare');
    if (phase !== 'activated')
      throw refusal(rotation, 'retire', 'the new CA does not issue yet', [], 'activate');
    const left = folders.filter((folder) => !isOfNewCa(folder));
    if (left.length > 0)
      throw refusal(rotation, 'retire', 'certificates of the old CA are left in', left, 'activate');
    const { bundle, previous } = rotation.authorities;
    const old = rotation.status.old?.fingerprint;
    // First the bundle that new folders get: from then on the step can only be finished.
    await spread(rotation, bundle, old);
    await vacate(rotation, previous);
  },

  async undo(rotation) {
    const { phase, bundled, folders, old, new: second } = rotation.status;
    if (phase === 'none') throw refusal(rotation, 'undo', 'nothing is under way', [], 'prepare');
    if (phase === 'activated' && !bundled)
      throw refusal(rotation, 'undo', '`retire` has begun, and it can only be finished', [], 'retire');
    if (phase !== 'prepared') {
      assertReissuable(rotation, 'undo', 'old');
      await switchTo(rotation, 'previous', 'next');
      await reissue(rotation);
    } else if (folders.some(({ issuedBy }) => issuedBy === 'new')) {
      // Undoing `activate` was cut off: the CA is back, some certificates are not.
      assertReissuable(rotation, 'undo', 'old');
      await reissue(rotation);
    } else {
      if (old && second && old.fingerprint !== second.fingerprint)
        await spread(rotation, rotation.authorities.bundle, second.fingerprint);
      await vacate(rotation, rotation.authorities.next);
    }
  },
};

/** A revoked certificate must not come back to life as a new one, and one of another CA is not ours to reissue. */
function assertReissuable(rotation: Rotation, step: RotationStep, to: 'old' | 'new'): void {
  const { folders, dir } = rotation.status;
  const due = folders.filter(({ issuedBy }) => issuedBy !== to && issuedBy !== 'none');
  const foreign = due.filter(({ issuedBy }) => issuedBy === 'neither');
  const revoked = due.filter((folder) => folder.revoked);
  if (foreign.length > 0)
    throw RotationRefused({
      step,
      reason: 'these have certificates of neither CA',
      folders: foreign.map(({ folder }) => folder),
      remedy: makeCommand(dir, { role: 'check' }),
    });
  if (revoked.length > 0) {
    const names = revoked.map(({ name }) => name);
    throw RotationRefused({
      step,
      reason: 'these are revoked, and would be given a new certificate',
      folders: revoked.map(({ folder }) => folder),
      remedy: `where they are to have one: ${certsCommandLine(dir, 'renew', ...names, '--force')}; else delete the folders`,
    });
  }
}

function refusal(
  { status: { dir } }: Rotation,
  step: RotationStep,
  reason: string,
  folders: readonly RotationFolder[],
  next: RotationStep,
) {
  return RotationRefused({
    step,
    reason,
    folders: folders.map(({ folder }) => folder),
    remedy: certsCommandLine(dir, 'ca-rotate', next),
  });
}

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

async function rotationIn(context: Context): Promise<Rotation> {
  const { dir } = context.settings;
  const leaves = await presentLeaves(dir, await leafTargets(dir));
  const authorities = await readAuthorities(dir, context.settings);
  return { ...context, authorities, leaves, status: statusOf(dir, authorities, leaves) };
}

/** The second CA's certificate: as it is in `ca/next/`, or made there. */
async function secondCa(
  old: X509Certificate,
  { authorities, settings, options }: Rotation,
): Promise<X509Certificate> {
  const { next } = authorities;
  if (next.certificate) return next.certificate;
  const content = next.key && readKey(next.key.text);
  const keyPem =
    next.key && content
      ? pemOfKey(content.kind === 'key' ? content.key : await settings.openKey(next.key))
      : await settings.newKey(options.keyType ?? keyTypeOf(old.publicKey));
  // One as short as its leaves could not renew them: see `onTheWay`.
  const days = options.days ?? Math.max(lifeInDays(validityIn(old)), defaultDays);
  const subject = nextSubject(old.subject);
  const sealed = settings.encryptCaKey || isEncrypted(authorities.state.key);
  const text = sealed ? await settings.sealKey(keyPem, next.paths.key) : keyPem;
  const { certPem } = await createCa({ ...validityOf({ now: settings.now, days }), subject, keyPem });
  const files = [
    ...(next.key ? [] : [privateFile(next.paths.key, text)]),
    publicFile(next.paths.cert, certPem),
  ];
  for (const file of files) {
    options.onChange(file.path);
    await publish([file]);
  }
  return new X509Certificate(certPem);
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
async function spread(
  rotation: Pick<Rotation, 'settings' | 'options'>,
  cas: readonly X509Certificate[],
  without?: string,
): Promise<void> {
  const { settings, options } = rotation;
  const authorities = await readAuthorities(settings.dir, settings);
  const { state, active } = authorities;
  const ordered = [...(active === undefined ? [] : [active]), ...cas];
  const each = new Map(ordered.map((ca) => [ca.fingerprint256, ca]));
  if (without !== undefined) each.delete(without);
  const bundle = [...each.values()];
  const text = bundle.join('');
  const crl = state.crl && (await crlsFor({ ...authorities, bundle }, { settings }));
  const give = (caPath: string, crlPath: string) =>
    replaceEach(
      [publicFile(caPath, text), ...(crl === undefined ? [] : [publicFile(crlPath, crl)])],
      options.onChange,
    );
  await give(state.layout.cert, state.layout.crl);
  // What was made while this run began has the bundle of before.
  for (const { layout } of await presentLeaves(settings.dir, await leafTargets(settings.dir)))
    if (layout.caCopy !== undefined) await give(layout.caCopy, layout.crl);
}

/**
 * Lets the CA of one slot issue, and puts the one that issued into the other slot. Each file is one step, and after
 * each the same call goes on: which CA issues is told by `ca/ca.key` alone (see `stateOf`), so that name and key
 * cannot disagree, and both CAs are in every bundle while this runs.
 */
async function switchTo(rotation: Rotation, from: SlotName, to: SlotName): Promise<void> {
  const { options } = rotation;
  const { active, state, ...slots } = rotation.authorities;
  const { [from]: source, [to]: target } = slots;
  if (source.certificate && active && !isSame(source.certificate, active)) {
    const missing = source.key ? (state.key ? undefined : state.layout.key) : source.paths.key;
    if (missing !== undefined) {
      const remedy = `put ${missing} back for as long as this command runs`;
      throw CaUnusable({ path: source.paths.cert, reason: `cannot take over without ${missing}`, remedy });
    }
    await replaceEach(
      [
        privateFile(target.paths.key, state.key?.text ?? ''),
        publicFile(target.paths.cert, active.toString()),
        privateFile(state.layout.key, source.key?.text ?? ''),
      ],
      options.onChange,
    );
  }
  await spread(rotation, rotation.authorities.bundle);
  await vacate(rotation, source);
}

/** Reissues every certificate that is not of the CA that issues now. */
async function reissue({ settings, options }: Rotation): Promise<void> {
  const authority = await readAuthority(settings);
  const leaves = await presentLeaves(settings.dir, await leafTargets(settings.dir));
  const due = leaves.flatMap((leaf) => {
    const { certificate } = leaf;
    const done = certificate && hasIssued(authority.issuing, certificate);
    return certificate && !done ? [{ ...leaf, certificate }] : [];
  });
  // `days` and `keyType` of `prepare` are the CA's; here they are the certificates'.
  await allDone(due.map((leaf) => renewLeaf(leaf, authority, settings, options)));
}

/** Empties a slot. The certificate first: a key alone is what `prepare` would make a CA of, were it to start there. */
async function vacate({ options }: Pick<Rotation, 'options'>, slot: Slot): Promise<void> {
  await removeEach([slot.paths.cert, slot.paths.key], options.onChange);
  // Something of the user's may be in there: then it stays.
  await rmdir(slot.folder).catch(() => {});
}
