import { messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import { type Identity, principalOf } from '../client.js';
import type { Authenticator, Shown } from './authenticator.js';

/** What let a client in. Whoever keeps something open on its strength keeps it too, and ends that once it is over. */
export class Credential {
  readonly identity: Identity;
  readonly shown: Shown;
  /** When it ends by itself, in milliseconds since 1970. */
  readonly until: number | undefined;
  /** The basis of its last verdict; undefined where another process has judged it. */
  judged: object | undefined;
  /** Whether it lets nobody in any more. */
  over = false;

  constructor(identity: Identity, shown: Shown, until: number | undefined, judged?: object) {
    this.identity = identity;
    this.shown = shown;
    this.until = until;
    this.judged = judged;
  }
}

/** Judges credentials again, of which something is open. */
export interface Standing {
  /**
   * Finds out which are over, of those that may have ended since they were judged. A verdict that takes its time shows
   * at a later look.
   */
  look(credentials: () => Iterable<Credential>): Promise<void>;
}

interface StandingDeps {
  readonly authenticator: () => Authenticator;
  readonly log: Logger;
  readonly now: () => Date;
}

export function createStanding({ authenticator, log, now }: StandingDeps): Standing {
  const again = async (credential: Credential, by: Authenticator) => {
    const verdict = await by.judge(credential.shown);
    if (verdict.kind === 'known') {
      // Who is somebody else now may not go on as who it was.
      credential.over = principalOf(verdict.identity) !== principalOf(credential.identity);
    } else if (verdict.kind === 'unknown') credential.over = true;
    // Nobody can say: it is asked again.
    else credential.judged = undefined;
  };
  return {
    async look(credentials) {
      const by = authenticator();
      await by.look?.();
      const basis = basisOf(by);
      const at = now().getTime();
      for (const credential of credentials()) {
        if (credential.over) continue;
        if (credential.until !== undefined && credential.until <= at) credential.over = true;
        else if (credential.judged !== basis) {
          credential.judged = basis;
          again(credential, by).catch((error: unknown) => {
            credential.judged = undefined;
            log.error({ error: messageOf(error) }, 'a credential could not be judged again');
          });
        }
      }
    },
  };
}

/** What the verdicts of an authenticator rest on now. */
export function basisOf(authenticator: Authenticator): object {
  return authenticator.basis?.() ?? authenticator;
}
