import type { Socket } from 'node:net';
import { type SallyError, TooManyStrangers } from '../errors.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';

/**
 * The connections of one port that nobody was let in on yet. They are counted apart from the others and are few: where
 * there are too many, the oldest goes, so that those who are let in always find room.
 */
export interface Strangers {
  /** A connection that came in. */
  add(raw: Socket): void;
  /** From here on `secure` stands for the connection: TLS over it. */
  wrap(raw: Socket, secure: Socket): void;
  /** Somebody was let in on this connection. */
  know(socket: Socket): void;
  /** How many there are, and how many were ended for others to come in. */
  readonly count: { readonly open: number; readonly evicted: number };
  /** The reason, where a connection was ended for others to come in. */
  wasEvicted(raw: Socket): SallyError | undefined;
}

interface StrangersOptions {
  readonly log: Logger;
  /** Whether a whole request of a connection is being answered: it goes after those that leave us waiting. */
  readonly isAnswering: (socket: Socket) => boolean;
}

/** Far more than come in within the seconds that a handshake and a first request may take, where nobody means ill. */
const maxStrangers = 1_024;

export function createStrangers(options: StrangersOptions): Strangers {
  const { log, isAnswering } = options;
  /** By the socket that came in, the one that is read; the oldest first. */
  const all = new Map<Socket, Socket>();
  const rawOf = new WeakMap<Socket, Socket>();
  const evicted = new WeakMap<Socket, SallyError>();
  let evictions = 0;

  const evict = () => {
    let [victim] = all.keys();
    for (const [raw, socket] of all) {
      if (isAnswering(socket)) continue;
      victim = raw;
      break;
    }
    if (victim === undefined) return;
    const error = TooManyStrangers({ limit: maxStrangers });
    evicted.set(victim, error);
    evictions += 1;
    all.delete(victim);
    const remote = victim.remoteAddress;
    victim.destroy();
    peerLog(log).warn(remote, error);
  };

  return {
    add(raw) {
      if (all.size >= maxStrangers) evict();
      all.set(raw, raw);
      raw.once('close', () => all.delete(raw));
    },
    wrap(raw, secure) {
      rawOf.set(secure, raw);
      if (all.has(raw)) all.set(raw, secure);
    },
    know(socket) {
      all.delete(rawOf.get(socket) ?? socket);
    },
    get count() {
      return { open: all.size, evicted: evictions };
    },
    wasEvicted: (raw) => evicted.get(raw),
  };
}
