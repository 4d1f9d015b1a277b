import { randomUUID } from 'node:crypto';
import type { GatewayLimits } from '../../config/index.js';
import { messageOf, type SallyError, SessionsFull, UserSessionsFull } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { JsonObject } from '../../mcp/messages.js';
import { randomId } from '../../mcp/requests.js';
import { type Identity, principalOf, type Router } from '../client.js';
import { createRunning } from './running.js';
import { Session } from './session.js';
import { createSlots } from './slots.js';

/** The sessions of all clients over HTTP. */
export interface Sessions extends Iterable<Session> {
  open(facts: {
    readonly identity: Identity;
    readonly revision: string;
    readonly capabilities: JsonObject;
    readonly info: JsonObject;
  }): Session | SallyError;
  /** The session of this id, of this principal only: to anyone else it does not exist. */
  find(id: string, identity: Identity): Session | undefined;
  /** Resolves when the router has let go of it. */
  end(session: Session): Promise<void>;
  /** Ends those that nobody has used for too long. */
  sweep(): void;
  /** Ends those whose client has shown nothing that is still valid. */
  sweepOver(): void;
  /** Ends all, and waits for their end for at most so long. */
  endAll(withinMs: number): Promise<void>;
  readonly size: number;
}

interface SessionsDeps {
  readonly router: Router;
  readonly limits: GatewayLimits;
  readonly log: Logger;
  readonly now: () => number;
  readonly makeId?: (() => string) | undefined;
}

/**
 * Clients fetch a new token when the old one is refused, as one is whose stream has ended: so long a session without
 * any waits for it.
 */
const refreshMs = 3_000;

export function createSessions({ router, limits, log, now, makeId = randomId }: SessionsDeps): Sessions {
  const sessions = new Map<string, Session>();
  const slots = createSlots(limits.sessions, limits.sessionsPerUser);
  const ending = createRunning<Session>();

  const end = (session: Session): Promise<void> => {
    if (!sessions.delete(session.id)) return Promise.resolve();
    slots.give(holder(session));
    session.end();
    const over = ending.add(session);
    return router
      .ended(session)
      .catch((error: unknown) => {
        log.error({ session: session.key, error: messageOf(error) }, 'a session did not end in order');
      })
      .finally(over);
  };

  return {
    open(facts) {
      const principal = principalOf(facts.identity);
      const room = slots.take(holder({ ...facts, principal }));
      if (room === 'full') return SessionsFull({ limit: limits.sessions });
      if (room === 'full-for-one') return UserSessionsFull({ limit: limits.sessionsPerUser });
      const id = makeId();
      const session = new Session({ ...facts, id, key: randomUUID(), principal }, now());
      sessions.set(id, session);
      return session;
    },
    find(id, identity) {
      const session = sessions.get(id);
      if (session === undefined || session.identity === identity) return session;
      return session.principal === principalOf(identity) ? session : undefined;
    },
    end,
    sweep() {
      const oldest = now() - limits.sessionIdleMs;
      for (const session of sessions.values()) {
        if (!session.busy && session.lastUsed <= oldest) void end(session);
      }
    },
    sweepOver() {
      const at = now();
      for (const session of sessions.values()) {
        const since = session.shown.overSince(at);
        if (since === undefined || at - since < refreshMs) continue;
        const { user, tenant } = session.identity;
        log.info({ session: session.key, user, tenant }, 'a session ended: no credential of it is valid');
        void end(session);
      }
    },
    [Symbol.iterator]: () => sessions.values(),
    async endAll(withinMs) {
      for (const session of [...sessions.values()]) void end(session);
      await ending.over(() => true, withinMs);
    },
    get size() {
      return sessions.size;
    },
  };
}

/** Whose share is taken: where nobody is known, everyone would share one. */
export function holder(of: { readonly identity: Identity; readonly principal: string }): string | undefined {
  return of.identity.method === 'none' ? undefined : of.principal;
}
