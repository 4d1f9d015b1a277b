import { join } from 'node:path';
import { activeCa, certificatesIn, fingerprint } from './bundle.js';
import type { Issued } from './certificate.js';
import { type FoundFile, readIfExists } from './files.js';
import { layoutOf } from './folder.js';
import { type FolderState, parseCertificate, parseKey, readState } from './state.js';

/** A CA in waiting, beside the one that issues: `ca/next/` before it takes over, `ca/previous/` after. */
export interface Slot {
  readonly folder: string;
  readonly paths: { readonly cert: string; readonly key: string };
  readonly cert: FoundFile | undefined;
  readonly key: FoundFile | undefined;
}

export type SlotName = 'next' | 'previous';

/** Everything in `ca/` at a moment. */
export interface Authorities {
  readonly state: FolderState<{ readonly role: 'ca' }>;
  /** The certificate that issues. */
  readonly active: string | undefined;
  /** All certificates of `ca/ca.crt`. */
  readonly bundle: readonly string[];
  readonly next: Slot;
  readonly previous: Slot;
}

export async function readAuthorities(dir: string): Promise<Authorities> {
  const state = await readState(dir, { role: 'ca' });
  return {
    state,
    active: activeCa(state),
    bundle: certificatesIn(state.cert?.text ?? ''),
    next: await readSlot(dir, 'next'),
    previous: await readSlot(dir, 'previous'),
  };
}

async function readSlot(dir: string, name: SlotName): Promise<Slot> {
  const folder = join(layoutOf(dir, { role: 'ca' }).folder, name);
  const paths = { cert: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
  return { folder, paths, cert: await readIfExists(paths.cert), key: await readIfExists(paths.key) };
}

export const isOccupied = (slot: Slot): boolean => (slot.cert ?? slot.key) !== undefined;

/** The CA with its key, from wherever in `ca/` that is; undefined where the key is kept elsewhere. */
export function withKey(certPem: string, { state, next, previous }: Authorities): Issued | undefined {
  const certificate = parseCertificate(certPem);
  for (const file of [state.key, next.key, previous.key]) {
    const content = file && parseKey(file.text);
    if (file && content?.kind === 'key' && certificate?.checkPrivateKey(content.key))
      return { certPem, keyPem: file.text };
  }
  return undefined;
}

/** Where the key of a CA belongs that is not there. */
export function keyPathFor(certPem: string, { state, next, previous }: Authorities): string {
  const slot = [next, previous].find(
    ({ cert }) => cert !== undefined && fingerprint(cert.text) === fingerprint(certPem),
  );
  return slot?.paths.key ?? state.layout.key;
}
