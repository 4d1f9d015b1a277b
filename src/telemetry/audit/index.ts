/**
 * The audit log: a line for each decision, in a file of its own, chained by keyed hashes where that is asked for, and never
 * dropped. Reading begins with `openAuditLog`.
 */
import type { Registry } from 'prom-client';
import type { Logger } from '../../log.js';
import { openGauge } from '../metrics.js';
import type { Observer } from '../observer.js';
import { AuditFile, type AuditFileOptions } from './file.js';
import { AuditedRequest } from './observer.js';

export type { AuditFileOptions } from './file.js';
export { defaultKeyPath, keyWarning, readAuditKey } from './key.js';

export interface AuditLog {
  readonly observer: Observer;
  /** Whether requests are refused because it cannot be written. */
  readonly barred: boolean;
  /** Goes on with the file that its path leads to now: after a rename, a new one. */
  reopen(): Promise<void>;
  /** Ends it with a closing line. */
  close(): Promise<void>;
}

/** @throws SALLY_AUDIT_WRITE, SALLY_AUDIT_KEY where the file or its key cannot be opened. */
export async function openAuditLog(
  options: AuditFileOptions,
  { log, registry }: { readonly log: Logger; readonly registry: Registry },
): Promise<AuditLog> {
  const file = await AuditFile.open(options, log);
  const ahead = options.onFailure === 'refuse';
  const { counts } = file;
  await openGauge(registry, 'auditLines', () => [[{}, counts.lines]]);
  await openGauge(registry, 'auditFailures', () => [[{}, counts.failures]]);
  await openGauge(registry, 'auditLost', () => [[{}, counts.lost]]);
  await openGauge(registry, 'auditFailing', () => [[{}, file.failing ? 1 : 0]]);
  return {
    observer: { request: (start) => new AuditedRequest(file, ahead, start) },
    get barred() {
      return file.barred;
    },
    reopen: () => file.reopen(),
    close: () => file.close(),
  };
}
