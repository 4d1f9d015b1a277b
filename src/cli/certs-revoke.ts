import { UsageError } from '../errors.js';
import {
  type CrlResult,
  opensslDate,
  parseDays,
  parseReason,
  refreshCrl,
  revokeCertificate,
} from '../pki/index.js';
import { type Flags, variable } from './certs-options.js';
import { type CommandIo, columns, paint } from './io.js';

/** `sallyport certs revoke`. */
export async function revoke(io: CommandIo, flags: Flags, given: string | undefined): Promise<void> {
  const what = given || variable(io, 'PLUGIN_NAME');
  if (what === undefined) {
    const usage = 'sallyport certs revoke NAME|FILE|SERIAL\nor: make certs-mcp-revoke PLUGIN_NAME=MyPlugin';
    throw UsageError({ message: 'what to revoke is missing', usage });
  }
  const { dir } = flags;
  const reason = flags.reason === undefined ? {} : { reason: parseReason(flags.reason) };
  const result = await revokeCertificate(what, { dir, ...reason, days: parseDays(flags.days ?? '30') });
  if (flags.json) {
    io.out(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  io.out(
    `${paint(io, 'green', 'revoked')} ${result.name}, serial number ${result.serial} (${result.reason})\n\n`,
  );
  printCrl(io, result.crl);
}

/** `sallyport certs crl`. */
export async function refresh(io: CommandIo, flags: Flags): Promise<void> {
  const { dir } = flags;
  const force = flags.force ? { force: true } : {};
  const result = await refreshCrl({ dir, ...force, days: parseDays(flags.days ?? '30') });
  if (flags.json) io.out(`${JSON.stringify(result, null, 2)}\n`);
  else printCrl(io, result);
}

function printCrl(io: CommandIo, { path, lists, made }: CrlResult): void {
  const rows = columns(
    lists.map(({ issuer, number, nextUpdate, revoked }) => [
      `  ${issuer}`,
      `number ${number}`,
      `${revoked.length} revoked`,
      `ends ${opensslDate(nextUpdate)}`,
    ]),
  );
  io.out(`${path}${made.length === 0 ? ', as it was' : ''}\n`);
  for (const row of rows) io.out(`${row}\n`);
  for (const copy of made.filter((file) => file !== path)) io.out(`  copied to ${copy}\n`);
}
