import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** A token as its file keeps it: enough to know it again, too little to use it. */
export const TokenRecord = z.strictObject({
  id: z.string().regex(/^[a-z0-9]{8}$/),
  user: z.string().min(1),
  tenant: z.string().min(1).nullish(),
  /** SHA-256 of the whole token, in hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  created: z.iso.datetime(),
  /** Null: it does not end. */
  expires: z.iso.datetime().nullable(),
});
export type TokenRecord = Readonly<z.output<typeof TokenRecord>>;

export const TokensFile = z.strictObject({ tokens: z.array(TokenRecord) });

const shape = /^sally_([a-z0-9]{8})_[A-Za-z0-9_-]{43}$/;
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** A new token of 256 random bits, and its record. The id in it only says which record to compare with. */
export function makeToken(fields: {
  readonly user: string;
  readonly tenant?: string | undefined;
  readonly created: Date;
  readonly expires: Date | null;
}): { readonly token: string; readonly record: TokenRecord } {
  const id = [...randomBytes(8)].map((byte) => alphabet[byte % 32]).join('');
  const token = `sally_${id}_${randomBytes(32).toString('base64url')}`;
  const { user, tenant, created, expires } = fields;
  const record = {
    id,
    user,
    tenant: tenant ?? null,
    sha256: hashOf(token).toString('hex'),
    created: created.toISOString(),
    expires: expires?.toISOString() ?? null,
  };
  return { token, record };
}

/**
 * The record of `token`, unless there is none or it has ended. A token's hash is compared in constant time; that of a
 * token of 256 random bits needs no salt and no slow function.
 */
export function findToken(
  token: string,
  records: ReadonlyMap<string, TokenRecord>,
  now: Date,
): TokenRecord | 'unknown' | 'expired' {
  const [, id = ''] = shape.exec(token) ?? [];
  const record = records.get(id);
  const expected = Buffer.from(record?.sha256 ?? '0'.repeat(64), 'hex');
  if (!timingSafeEqual(hashOf(token), expected) || record === undefined) return 'unknown';
  return record.expires !== null && Date.parse(record.expires) <= now.getTime() ? 'expired' : record;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
