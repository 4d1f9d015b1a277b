import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PluginsConfig } from '../config/index.js';
import { AuditKeyBeside, AuditWriteFailed, asSallyError, fileReason } from '../errors.js';
import { defaultKeyPath, keyWarning, readAuditKey } from '../telemetry/audit/index.js';
import type { AuditLook } from './facts.js';

/** The file and the key of a gateway's audit log, without a line written to it; undefined where it keeps none. */
export async function examineAudit({ gateway }: PluginsConfig): Promise<AuditLook | undefined> {
  const audit = gateway?.audit;
  if (audit === undefined) return undefined;
  const { file, chain, keyFile } = audit;
  const found = await stat(file).catch(() => undefined);
  try {
    await access(found ? file : dirname(file), constants.W_OK);
  } catch (error) {
    return { file, problems: [AuditWriteFailed({ path: file, reason: fileReason(error) })], warnings: [] };
  }
  if (!chain) return { file, problems: [], warnings: [] };
  const path = keyFile ?? defaultKeyPath(file);
  // It is made with a new log.
  if (keyFile === undefined && !found?.size) return { file, problems: [], warnings: [] };
  try {
    readAuditKey(path);
  } catch (error) {
    return { file, problems: [asSallyError(error)], warnings: [] };
  }
  const beside = resolve(dirname(path)) === resolve(dirname(file)) ? AuditKeyBeside({ path }) : undefined;
  return { file, problems: [], warnings: [keyWarning(path), beside].filter((one) => one !== undefined) };
}
