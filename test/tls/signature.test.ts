import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasSigned } from '../../src/pki/der.js';
import { temporaryFolder } from '../support/folder.js';
import { judgedBy } from '../support/judges.js';
import { ca, openssl, parsed } from './made.js';

judgedBy('openssl').each([
  ['rsa:2048', ''],
  ['rsa:2048', ' -sha512'],
  ['rsa:2048', ' -sigopt rsa_padding_mode:pss -sha384'],
  ['ec -pkeyopt ec_paramgen_curve:secp384r1', ' -sha384'],
  ['ec -pkeyopt ec_paramgen_curve:prime256v1', ''],
  ['ed25519', ''],
])('[O3] a signature of %s%s is that of its key, and of no other', async (newkey, more) => {
  const folder = await temporaryFolder();
  await openssl(
    folder,
    `req -x509 -newkey ${newkey} -nodes -keyout ca.key -out ca.crt -subj /CN=Root${more}`,
  );
  const own = new X509Certificate(await readFile(join(folder, 'ca.crt')));
  expect(hasSigned(own.publicKey, own.raw)).toBe(true);
  expect(hasSigned(parsed(await ca('Other')).publicKey, own.raw)).toBe(false);
  const changed = Buffer.from(own.raw);
  changed.writeUInt8(changed.readUInt8(40) ^ 1, 40);
  expect(hasSigned(own.publicKey, changed)).toBe(false);
  expect(hasSigned(own.publicKey, own.raw.subarray(0, -1))).toBe(false);
});
