import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { AuditKeyReadable, AuditKeyUnusable, fileReason } from '../../errors.js';
import type { Logger } from '../../log.js';
import { readFileBytesSync } from '../../read-file.js';

/** Where the key is that nobody names. */
export const defaultKeyPath = (file: string): string => `${file}.key`;

/** The key beside a log that may have been renamed since: `audit.jsonl.key` is that of `audit.jsonl.1` too. */
export function keyPathBeside(file: string): string {
  for (let name = file; ; ) {
    if (existsSync(defaultKeyPath(name))) return defaultKeyPath(name);
    const shorter = name.replace(/[.-][^./-]*$/, '');
    if (shorter === name) return defaultKeyPath(file);
    name = shorter;
  }
}

/** A shorter one could be guessed. */
const leastBytes = 32;

/** @throws SALLY_AUDIT_KEY where there is none that can be used. */
export function readAuditKey(path: string): KeyObject {
  let text: Buffer;
  try {
    text = readFileBytesSync(path);
  } catch (error) {
    throw AuditKeyUnusable({ path, problem: `cannot be read: ${fileReason(error)}` }, error);
  }
  // A line end belongs to the file, not to the key: editors and shells put it there.
  let end = text.length;
  while (end > 0 && (text[end - 1] === 0x0a || text[end - 1] === 0x0d)) end -= 1;
  if (end < leastBytes)
    throw AuditKeyUnusable({ path, problem: `has ${end} bytes, and needs ${leastBytes} at least` });
  return createSecretKey(text.subarray(0, end));
}

/** Warns where others can read the key: they could make lines of their own. */
export function keyWarning(path: string): ReturnType<typeof AuditKeyReadable> | undefined {
  const mode = statSync(path).mode & 0o777;
  return (mode & 0o077) === 0 ? undefined : AuditKeyReadable({ path, mode: mode.toString(8) });
}

/** The key at `named`; where none is named the one beside the log, which is made with a new log. */
export function openAuditKey(
  file: string,
  named: string | undefined,
  isNew: boolean,
  log: Logger,
): KeyObject {
  const path = named ?? defaultKeyPath(file);
  if (named === undefined && isNew) {
    try {
      writeFileSync(path, `${randomBytes(32).toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
      log.warn(
        { path },
        'a key was made for the chain of the audit log: keep a copy where nobody who can write the log can read it',
      );
    } catch (error) {
      // Another worker was quicker, or the key is older than the log.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw AuditKeyUnusable({ path, problem: `cannot be made: ${fileReason(error)}` }, error);
    }
  }
  const key = readAuditKey(path);
  const open = keyWarning(path);
  if (open) log.warn({ code: open.code, remedy: open.remedy }, open.message);
  return key;
}
