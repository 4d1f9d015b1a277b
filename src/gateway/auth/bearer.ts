import { messageOf, TokensReadableByOthers } from '../../errors.js';
import type { Logger } from '../../log.js';
import {
  type Authenticator,
  bearerChallenge,
  bearerToken,
  shownHeader,
  type Verdict,
} from './authenticator.js';
import { findToken, type TokenRecord } from './tokens.js';
import { fileVersion, readableByOthers, readTokens } from './tokens-file.js';

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
  if (await readableByOthers(path)) {
    const warning = TokensReadableByOthers({ path });
    log.warn({ code: warning.code, remedy: warning.remedy }, warning.message);
  }
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
    look: begin,
    shown: shownHeader,
    async judge(shown) {
      const presented = bearerToken(shown);
      if ('kind' in presented) return presented;
      if (now().getTime() - looked >= lookEveryMs) begin();
      await looking;
      const found = findToken(presented.token, records, now());
      if (found !== 'unknown') return verdictOf(found);
      // It may have been made since.
      await begin();
      return verdictOf(findToken(presented.token, records, now()));
    },
    challenge: (_, { error, description }) =>
      bearerChallenge({ realm: 'sallyport', error, error_description: error && description }),
  };
}

function verdictOf(found: ReturnType<typeof findToken>): Verdict {
  if (typeof found === 'object') {
    const { user, tenant, expires } = found;
    const until = expires === null ? undefined : Date.parse(expires);
    return { kind: 'known', identity: { user, tenant: tenant ?? null, method: 'bearer' }, until };
  }
  const description = found === 'expired' ? 'the token has expired' : 'the token is not known';
  return { kind: 'unknown', status: 401, error: 'invalid_token', description };
}
