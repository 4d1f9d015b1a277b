import { type CredentialDeps, type Credentials, openCredentials, type Reloaded } from './credentials.js';
import type { CredentialFiles } from './files.js';
import type { TlsRole } from './load.js';

/**
 * The credentials of one program. Whoever asks for the same files gets the same holder: they are watched once, warned of
 * once, and reloaded together.
 */
export interface CredentialStore {
  /** As `openCredentials`; closing what it gives lets go of it. */
  open(files: CredentialFiles, role: TlsRole): Promise<Credentials>;
  /** Looks at all files now. */
  reload(): Promise<readonly Reloaded[]>;
}

interface Shared {
  readonly opened: Promise<Credentials>;
  users: number;
}

export function createCredentialStore(deps: CredentialDeps): CredentialStore {
  const told = deps.told ?? new Map<string, number>();
  const shared = new Map<string, Shared>();
  const release = async (key: string, entry: Shared) => {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (shared.get(key) === entry) shared.delete(key);
    (await entry.opened).close();
  };
  return {
    async open(files, role) {
      const { certfile, keyfile, keyfilePassword, caBundle, crlFile } = files;
      const key = JSON.stringify([role, certfile, keyfile, keyfilePassword, caBundle, crlFile]);
      const entry = shared.get(key) ?? { opened: openCredentials(files, role, { ...deps, told }), users: 0 };
      entry.users += 1;
      shared.set(key, entry);
      let credentials: Credentials;
      try {
        credentials = await entry.opened;
      } catch (error) {
        if (shared.get(key) === entry) shared.delete(key);
        throw error;
      }
      let closed = false;
      return {
        ...credentials,
        close() {
          if (!closed) void release(key, entry);
          closed = true;
        },
      };
    },
    async reload() {
      const all = await Promise.allSettled([...shared.values()].map(({ opened }) => opened));
      return Promise.all(all.flatMap((one) => (one.status === 'fulfilled' ? [one.value.reload()] : [])));
    },
  };
}
