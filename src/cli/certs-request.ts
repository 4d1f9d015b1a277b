import { readFile } from 'node:fs/promises';
import { FileUnreadable, fileReason } from '../errors.js';
import { signRequest } from '../pki/index.js';
import { type Flags, progressing, variable } from './certs-options.js';
import { printEnsured } from './certs-print.js';
import type { CommandIo } from './io.js';

/** `sallyport certs plugin --csr`. */
export async function signed(
  io: CommandIo,
  flags: Flags,
  path: string,
  given: string | undefined,
): Promise<void> {
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw FileUnreadable({ path, what: 'the request', reason: fileReason(error) }, error);
  });
  const name = given || variable(io, 'PLUGIN_NAME');
  const named = name === undefined ? {} : { name };
  const result = await progressing(io, (options) => signRequest(pem, { ...options, ...named, path }), flags);
  await printEnsured(io, flags, [result]);
}
