import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { messageOf } from '../errors.js';
import { type FoundFile, readIfExists } from './files.js';
import { type Layout, layoutOf, type Target } from './folder.js';
import type { Validity } from './validity.js';

/** What one folder holds at a moment. */
export interface FolderState<T extends Target = Target> {
  readonly target: T;
  readonly layout: Layout;
  readonly cert: FoundFile | undefined;
  readonly key: FoundFile | undefined;
  readonly caCopy: FoundFile | undefined;
  readonly pem: FoundFile | undefined;
  readonly crl: FoundFile | undefined;
  readonly request: FoundFile | undefined;
}

/**
 * Reads the folder of `target`, in the reverse of the order in which its files are made: whoever sees one here
 * sees those that it was made from too, however busy another run is.
 *
 * @throws SALLY_FILE_UNREADABLE
 */
export async function readState<T extends Target>(dir: string, target: T): Promise<FolderState<T>> {
  const layout = layoutOf(dir, target);
  const pem = await readOptional(layout.pem);
  const crl = await readIfExists(layout.crl);
  const caCopy = await readOptional(layout.caCopy);
  const cert = await readIfExists(layout.cert);
  const key = await readIfExists(layout.key);
  const request = await readOptional(layout.request);
  return { target, layout, cert, key, caCopy, pem, crl, request };
}

async function readOptional(path: string | undefined): Promise<FoundFile | undefined> {
  return path === undefined ? undefined : readIfExists(path);
}

export function isEmpty(state: FolderState): boolean {
  return !(state.cert ?? state.key ?? state.caCopy ?? state.pem ?? state.request);
}

export function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** `validToDate` came with Node 22: the text form is what Node 20 has. */
export function validityIn(certificate: X509Certificate): Validity {
  return { notBefore: new Date(certificate.validFrom), notAfter: new Date(certificate.validTo) };
}

/** A key file's content: an encrypted key is fine for a server that knows its password, but not to sign with. */
export type KeyContent =
  | { readonly kind: 'key'; readonly key: KeyObject }
  | { readonly kind: 'encrypted' }
  | { readonly kind: 'bad'; readonly reason: string };

export function parseKey(pem: string): KeyContent {
  try {
    return { kind: 'key', key: createPrivateKey(pem) };
  } catch (error) {
    // The code of the error tells little: for EC keys Node 20 says "interrupted or cancelled" in place of ERR_MISSING_PASSPHRASE.
    if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem))
      return { kind: 'encrypted' };
    return { kind: 'bad', reason: messageOf(error) };
  }
}
