import { findSallyError, InternalError, messageOf, type SallyError } from '../errors.js';
import type { Logger } from '../log.js';
import { type CredentialFiles, type CredentialSet, loadCredentials, type TlsRole } from './load.js';

/** What came of a reload. */
export type Reloaded = { readonly changed: true } | { readonly changed: false; readonly error: SallyError };

/** The holder of one side's certificate, key and CA bundle. Everyone who makes a connection asks it. */
export interface Credentials {
  readonly role: TlsRole;
  current(): CredentialSet;
  /** Reads the files again. A reload that fails keeps the old set and is reported, never thrown. */
  reload(): Promise<Reloaded>;
  /** Calls `listener` after each reload that succeeded; the answer removes it. */
  onChange(listener: (set: CredentialSet) => void): () => void;
}

/**
 * Loads and checks the files, and holds the result.
 *
 * @throws SallyError where the first load fails: nothing listens or connects without valid credentials.
 */
export async function openCredentials(
  files: CredentialFiles,
  role: TlsRole,
  deps: { log: Logger; now?: () => Date },
): Promise<Credentials> {
  const now = deps.now ?? (() => new Date());
  const listeners = new Set<(set: CredentialSet) => void>();
  const load = async (version: number): Promise<CredentialSet> => {
    const set = await loadCredentials(files, role, { version, now: now() });
    for (const warning of set.warnings) {
      deps.log.warn({ code: warning.code, remedy: warning.remedy }, warning.message);
    }
    return set;
  };
  let current = await load(1);
  const reload = async (): Promise<Reloaded> => {
    try {
      current = await load(current.version + 1);
    } catch (thrown) {
      const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
      const fields = { code: error.code, remedy: error.remedy };
      deps.log.warn(fields, `the certificates in use are kept: ${error.message}`);
      return { changed: false, error };
    }
    for (const listener of listeners) {
      try {
        listener(current);
      } catch (error) {
        deps.log.error({ error: messageOf(error) }, 'a change of certificates could not be passed on');
      }
    }
    return { changed: true };
  };
  // One after another, so that the files that were read last are the ones in use.
  let last: Promise<unknown> = Promise.resolve();
  return {
    role,
    current: () => current,
    reload() {
      const next = last.then(reload);
      last = next;
      return next;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
