import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import {
  FileUnreadable,
  fileReason,
  findSallyError,
  messageOf,
  TokensFileInvalid,
  TokensFileLocked,
  TokensFileWrite,
  TokensFolderMissing,
  TokensNone,
  TokensReadableByOthers,
} from '../../errors.js';
import { parseJson } from '../../json/index.js';
import { locked } from '../../lock.js';
import type { Logger } from '../../log.js';
import { readFileText } from '../../read-file.js';
import {
  type Authenticator,
  type AuthResult,
  bearerChallenge,
  bearerToken,
  invalidToken,
  shownHeader,
} from './authenticator.js';

/** A token as its file keeps it: enough to know it again, too little to use it. */
export const TokenRecord = z.strictObject({
  id: z.string().regex(/^[a-z0-9]{8}$/),
  user: z.string().min(1),
  tenant: z.string().min(1).nullish(),
  /** The virtual servers that it is bound to; absent: it may go anywhere. */
  servers: z.array(z.string().min(1)).optional(),
  groups: z.array(z.string().min(1)).optional(),
  /** SHA-256 of the whole token, in hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  created: z.iso.datetime(),
  /** Null: it does not end. */
  expires: z.iso.datetime().nullable(),
});
export type TokenRecord = Readonly<z.output<typeof TokenRecord>>;

const TokensFile = z.strictObject({ tokens: z.array(TokenRecord) });

const shape = /^sally_([a-z0-9]{8})_[A-Za-z0-9_-]{43}$/;
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** A new token of 256 random bits, and its record. The id in it only says which record to compare with. */
export function makeToken(fields: {
  readonly user: string;
  readonly tenant?: string | undefined;
  readonly servers?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly created: Date;
  readonly expires: Date | null;
}): { readonly token: string; readonly record: TokenRecord } {
  const id = [...randomBytes(8)].map((byte) => alphabet[byte % 32]).join('');
  const token = `sally_${id}_${randomBytes(32).toString('base64url')}`;
  const { user, tenant, servers, groups = [], created, expires } = fields;
  const record = {
    id,
    user,
    tenant: tenant ?? null,
    ...(servers && { servers: [...servers] }),
    ...(groups.length > 0 && { groups: [...groups] }),
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

/** The records of a tokens file. A file that is not there has none where `missing` says so, and is an error else. */
export async function readTokens(
  path: string,
  missing: 'empty' | 'error' = 'error',
): Promise<readonly TokenRecord[]> {
  let text: string;
  try {
    text = await readFileText(path);
  } catch (error) {
    if (missing === 'empty' && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw FileUnreadable({ path, what: 'the tokens', reason: fileReason(error) }, error);
  }
  let json: unknown;
  try {
    json = parseJson(text, { what: 'it' });
  } catch (error) {
    throw TokensFileInvalid({ path, reason: findSallyError(error)?.message ?? 'it is not JSON' }, error);
  }
  const read = TokensFile.safeParse(json);
  if (!read.success) {
    const [first] = read.error.issues;
    const reason = `${first?.path.join('.') || 'it'}: ${first?.message ?? 'not as it was written'}`;
    throw TokensFileInvalid({ path, reason });
  }
  return read.data.tokens;
}

/**
 * Changes the records of a file. Whoever reads it meanwhile sees the old or the new one, never a part; whoever changes
 * it at the same time waits. The file is its user's alone from the moment that it exists. Its folder is not made: whose
 * that is and where is not for us to say, and a path with a typing error would begin a second file that no gateway reads.
 */
export async function changeTokens(
  path: string,
  change: (records: readonly TokenRecord[]) => readonly TokenRecord[],
  missing: 'empty' | 'error' = 'empty',
): Promise<void> {
  const lock = `${path}.new`;
  const failed = (error: unknown) =>
    ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
      ? TokensFolderMissing({ path, folder: dirname(path) }, error)
      : TokensFileWrite({ path, reason: fileReason(error) }, error);
  const busy = () => TokensFileLocked({ path, lock });
  await locked({ path: lock, mode: 0o600, patienceMs: 10_000, busy, failed }, async () => {
    const tokens = change(await readTokens(path, missing));
    // Beside it under a name that only the holder of the lock uses: one that was killed leaves no second file.
    const next = `${path}.next`;
    try {
      await rm(next, { force: true });
      const handle = await open(next, 'wx', 0o600);
      await handle
        .writeFile(`${JSON.stringify({ tokens }, null, 2)}\n`)
        .then(() => handle.sync())
        .finally(() => handle.close());
      await rename(next, path);
    } catch (error) {
      await rm(next, { force: true }).catch(() => {});
      throw TokensFileWrite({ path, reason: fileReason(error) }, error);
    }
  });
}

/** What changes whenever a file is replaced or written; undefined where there is none. */
async function fileVersion(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.ino} ${found.size} ${found.mtimeMs} ${found.mode}`;
}

/** Whether others than its owner can read a file. */
async function readableByOthers(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && (found.mode & 0o077) !== 0;
}

/** A file that changed is read again at the first request after this. */
const lookEveryMs = 1_000;

/**
 * Tokens of a file that `sallyport token` writes. One that is revoked there is refused a second later, without a
 * signal. A file that cannot be used any more changes nothing, and is reported once.
 *
 * @throws SallyError where the file cannot be used at the start.
 */
export async function openBearer(
  path: string,
  deps: { readonly log: Logger; readonly now: () => Date },
): Promise<Authenticator> {
  const { log, now } = deps;
  const load = async () => new Map((await readTokens(path)).map((record) => [record.id, record]));
  let version = await fileVersion(path);
  let records: ReadonlyMap<string, TokenRecord> = await load();
  let looked = now().getTime();
  const ended = ({ expires }: TokenRecord) => expires !== null && Date.parse(expires) <= looked;
  const warnings = [
    ...((await readableByOthers(path)) ? [TokensReadableByOthers({ path })] : []),
    ...([...records.values()].every(ended) ? [TokensNone({ path, count: records.size })] : []),
  ];
  for (const { code, remedy, message } of warnings) log.warn({ code, remedy }, message);
  let looking: Promise<void> | undefined;
  /** A look that has not begun: it is for all who ask for one meanwhile. */
  let next: Promise<void> | undefined;
  const look = async () => {
    const seen = await fileVersion(path);
    if (seen === version) return;
    version = seen;
    try {
      records = await load();
      log.info({ file: path, tokens: records.size }, 'the tokens were read again');
    } catch (error) {
      log.warn(
        { file: path, error: messageOf(error) },
        'the tokens in use are kept: the file cannot be used',
      );
    }
  };
  const begin = () => {
    looked = now().getTime();
    // One after the other: an older look must not put back what a newer one has read.
    next ??= (looking ?? Promise.resolve()).then(() => {
      next = undefined;
      return look();
    });
    looking = next;
    return next;
  };
  return {
    basis: () => records,
    recheck: begin,
    shown: shownHeader,
    async judge(shown) {
      const presented = bearerToken(shown);
      if ('kind' in presented) return presented;
      if (now().getTime() - looked >= lookEveryMs) begin();
      await looking;
      const found = findToken(presented.token, records, now());
      if (found !== 'unknown') return resultOf(found);
      // It may have been made since.
      await begin();
      return resultOf(findToken(presented.token, records, now()));
    },
    challenge: (_, refusal) => bearerChallenge(refusal),
  };
}

function resultOf(found: ReturnType<typeof findToken>): AuthResult {
  if (typeof found === 'object') {
    const { user, tenant, servers, groups, expires } = found;
    const until = expires === null ? undefined : Date.parse(expires);
    const more = { ...(servers && { servers }), ...(groups && { groups }) };
    const identity = { user, tenant: tenant ?? null, method: 'bearer', ...more } as const;
    return { kind: 'known', identity, until };
  }
  return invalidToken(found === 'expired' ? 'the token has expired' : 'the token is not known');
}
