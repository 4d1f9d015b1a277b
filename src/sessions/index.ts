import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';

/**
 * Where sessions are kept, and who holds them. A session's sockets stay in one process, its holder; what else it is, is a
 * value. Workers of one host, and replicas of several, are the same thing from here: a client asks any of them.
 */

/** What a session is outside of its holder: JSON, so that a store elsewhere can keep it too. */
export interface SessionRecord {
  /** The secret that the client shows. */
  readonly id: string;
  /** What everybody else calls it. */
  readonly key: string;
  /** Whose it is: to anyone else it does not exist. */
  readonly principal: string;
  readonly identity: object;
  /** What was agreed on when it was opened. */
  readonly revision: string;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
  /** The virtual server where it was opened, and where alone it is; absent at `/mcp`. */
  readonly server?: string | undefined;
  /** The level that the client has set with `logging/setLevel`. */
  readonly level?: string;
  /** URIs of the resources that the client is subscribed to. */
  readonly subscriptions: readonly string[];
}

/** The reply of a holder, as it comes. */
export interface HolderReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

export interface SessionStore {
  /** An id that nobody can guess, of a session or of a request that is suspended, by which its holder is found again. */
  makeId(): string;
  /** Keeps what a session of this process is, in place of what it was before. */
  keep(session: SessionRecord): void;
  /** The session has ended. */
  forget(id: string): void;
  /**
   * The other process that holds what an id stands for; absent where there are none. Undefined for this one, and where nobody can
   * have handed it out: it is a client's word. Asked with every request, so the id itself has to say it; how its holder is
   * reached is found out by `ask`.
   */
  holderOf?(id: unknown): string | undefined;
  /** Forwards a request to the holder and resolves with its reply. Undefined where there is none of this name, or it ended before it replied. */
  ask?(holder: string, body: string, signal: AbortSignal): Promise<HolderReply | undefined>;
}

/** 192 bits: nobody finds what another one holds by trying. */
export const randomId = (): string => randomBytes(24).toString('base64url');

/** The store of a process that serves alone: all of its sessions are in its memory. */
export const ownSessions: SessionStore = {
  makeId: randomId,
  keep() {},
  forget() {},
};
