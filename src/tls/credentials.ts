import { asSallyError, messageOf, type SallyError } from '../errors.js';
import type { Logger } from '../log.js';
import { oneLineName } from '../pki/pem.js';
import type { Observer } from '../telemetry/index.js';
import { type CredentialFiles, certificateFile, filesOf, readFiles, readSettled } from './files.js';
import { type CredentialSet, loadCredentials } from './load.js';
import { expiryWarnings, type TlsMetrics } from './metrics.js';
import type { TlsRole } from './own.js';

/** What came of a look at the files. */
export type Reloaded =
  | { readonly kind: 'changed'; readonly set: CredentialSet }
  | { readonly kind: 'unchanged' }
  /** What is there is not whole or not valid: the set before is kept. */
  | { readonly kind: 'refused'; readonly error: SallyError };

/** The holder of one side's certificate, key and CA bundle. Everyone who makes a connection asks it. */
export interface Credentials {
  readonly role: TlsRole;
  current(): CredentialSet;
  /** Looks at the files now. A reload that fails keeps the old set and is reported, never thrown. */
  reload(): Promise<Reloaded>;
  /** Calls `listener` after each change; returns a disposer. */
  onChange(listener: (set: CredentialSet) => void): () => void;
  /** Ends the watching. The set stays. */
  close(): void;
}

export interface CredentialDeps {
  readonly log: Logger;
  readonly now?: () => Date;
  readonly observer?: Observer | undefined;
  /** Shows when the certificates in use end. */
  readonly holds?: TlsMetrics['holds'] | undefined;
  /** What has been warned of, by the fingerprint of a certificate: shared by holders of the same ones. */
  readonly warned?: Map<string, number>;
  /** How often the files are looked at, in milliseconds. Default 250. */
  readonly pollMs?: number;
  /** How long files have to stay as they are before they are taken, in milliseconds. Default 100. */
  readonly settleMs?: number;
}

/**
 * A revocation is to be in force within a second: a look, a pause for what is being written, and the load together. No
 * events of folders beside it: a folder that is made anew often has the number of the one before, a link to a folder may
 * lead elsewhere, a queue may overflow, a system may have no more watchers; in each case no event comes, and nothing says so.
 */
const defaultPollMs = 250;

/** How often what stays refused is tried again, for the clock alone may make it good, and ends are warned of. */
const slowMs = 10_000;

/** More reads than these of files that change all the time are not waited for. */
const settleTries = 20;

/**
 * Loads and checks the files, holds the result, and watches them: a change is taken as soon as it is whole and valid.
 * Until then the old set is kept, with one warning for each cause, and the files are looked at again.
 *
 * @throws SallyError where the first load fails: nothing listens or connects without valid credentials.
 */
export async function openCredentials(
  files: CredentialFiles,
  role: TlsRole,
  deps: CredentialDeps,
): Promise<Credentials> {
  const { log, observer, warned = new Map(), pollMs = defaultPollMs, settleMs = 100 } = deps;
  const now = deps.now ?? (() => new Date());
  const listeners = new Set<(set: CredentialSet) => void>();
  const warn = (error: SallyError, text = error.message) =>
    log.warn({ code: error.code, remedy: error.remedy }, text);
  let seen = readFiles(files);
  let current = await loadCredentials(files, role, { version: 1, now: now(), snapshot: seen });
  for (const warning of current.warnings) warn(warning);
  const warnOfExpiry = () => {
    for (const warning of expiryWarnings(current, now(), warned)) warn(warning);
  };
  warnOfExpiry();
  const forget = deps.holds?.(role, () => current);
  let closed = false;
  /** Causes that have been warned of since the files were last good. */
  const causes = new Set<string>();

  let refused: { readonly fingerprint: string; readonly error: SallyError } | undefined;

  /** `anew`: what was refused before is tried once more. */
  const look = async (anew: boolean): Promise<Reloaded> => {
    const known = [current.fingerprint, ...(anew || !refused ? [] : [refused.fingerprint])];
    const snapshot = await readSettled(files, { known, pauseMs: settleMs, tries: settleTries });
    seen = snapshot;
    if (closed || snapshot.fingerprint === current.fingerprint) {
      causes.clear();
      refused = undefined;
      return { kind: 'unchanged' };
    }
    if (!anew && refused?.fingerprint === snapshot.fingerprint)
      return { kind: 'refused', error: refused.error };
    const observed = observer?.reload?.({ role });
    let next: CredentialSet;
    try {
      next = await loadCredentials(files, role, { version: current.version + 1, now: now(), snapshot });
    } catch (thrown) {
      const error = asSallyError(thrown);
      const cause = causeOf(error);
      if (!causes.has(cause)) warn(error, `the certificates in use are kept: ${error.message}`);
      causes.add(cause);
      refused = { fingerprint: snapshot.fingerprint, error };
      observed?.end(error);
      return { kind: 'refused', error };
    }
    current = next;
    refused = undefined;
    causes.clear();
    observed?.end(undefined);
    log.info(factsOf(current), 'new certificates are in use');
    for (const warning of current.warnings) warn(warning);
    for (const listener of [...listeners]) {
      try {
        listener(current);
      } catch (error) {
        log.error({ error: messageOf(error) }, 'a change of certificates could not be passed on');
      }
    }
    return { kind: 'changed', set: current };
  };

  // One after another, so that the files that were read last are the ones in use.
  let last: Promise<unknown> = Promise.resolve();
  const reload = (anew = true): Promise<Reloaded> => {
    const next = last.then(() => look(anew));
    last = next;
    return next;
  };

  let slowAt = performance.now();
  const tick = async () => {
    const slow = performance.now() - slowAt >= slowMs;
    if (slow) {
      slowAt = performance.now();
      warnOfExpiry();
    }
    if (!seen.isStill() || (slow && refused)) await reload(slow);
    if (!closed) timer = setTimeout(tick, pollMs).unref();
  };
  let timer = setTimeout(tick, pollMs).unref();

  return {
    role,
    current: () => current,
    reload: () => reload(),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      listeners.clear();
      forget?.();
    },
  };
}

/** Two errors of one code and file are one cause: a file that is being written fails in many ways. */
function causeOf({ code, context }: SallyError): string {
  const { path, certfile, keyfile } = context as { path?: string; certfile?: string; keyfile?: string };
  return [code, path, certfile, keyfile].join(' ');
}

function factsOf({ version, certificate, files }: CredentialSet): object {
  const subject = certificate && oneLineName(certificate.subject);
  const own = certificate && {
    subject,
    serial: certificate.serialNumber,
    validTo: certificate.validTo,
    certfile: certificateFile(files),
  };
  return { version, ...own, ca_bundle: files.caBundle };
}

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
  const warned = deps.warned ?? new Map<string, number>();
  const shared = new Map<string, Shared>();
  const release = async (key: string, entry: Shared) => {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (shared.get(key) === entry) shared.delete(key);
    (await entry.opened).close();
  };
  return {
    async open(files, role) {
      const key = JSON.stringify([role, filesOf(files)]);
      const entry = shared.get(key) ?? {
        opened: openCredentials(files, role, { ...deps, warned }),
        users: 0,
      };
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
