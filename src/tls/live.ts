import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { SallyError } from '../errors.js';
import type { Credentials } from './credentials.js';
import type { CredentialSet } from './load.js';
import type { Verdict } from './trust.js';

/** The connections of one listener or one way out, judged again whenever what they rest on changes or ends. */
export interface LiveConnections {
  add(connection: Passed): void;
}

/** A connection whose peer has passed. */
interface Passed {
  readonly socket: TLSSocket;
  /** What the peer has shown. */
  readonly chain: readonly X509Certificate[];
  /** When it has to be judged again at the latest. */
  readonly until?: Date | undefined;
  /** Of the set that its handshake was made with. */
  readonly version: number;
}

interface LiveOptions {
  readonly credentials: Credentials;
  /** What `judgePeer` says of such a peer now; undefined where nobody asks. */
  readonly judge: (connection: Passed, set: CredentialSet) => Verdict | undefined;
  /**
   * What stays after a change: `trusted`, whatever is still trusted; `current`, only what was made with the new set. A
   * client lets go of the rest: it connects anew before the other side stops trusting what it showed.
   */
  readonly keep: 'trusted' | 'current';
  /**
   * Ends a connection once what is in flight is over, and gives it nothing new. `reason`: why it is not trusted any
   * more; undefined where it only belongs to an older set.
   */
  readonly retire: (socket: TLSSocket, reason: SallyError | undefined) => void;
  readonly now?: () => Date;
}

/** `setTimeout` takes 31 bits of milliseconds, and fires at once for more. */
const longestTimerMs = 2 ** 31 - 1;

export function createLiveConnections(options: LiveOptions): LiveConnections {
  const { credentials, judge, keep, retire } = options;
  const now = options.now ?? (() => new Date());
  const live = new Map<TLSSocket, Passed>();
  let timer: NodeJS.Timeout | undefined;
  /** When it fires, where there is one. */
  let due = Number.POSITIVE_INFINITY;
  let unsubscribe: (() => void) | undefined;

  const end = (socket: TLSSocket, reason: SallyError | undefined) => {
    live.delete(socket);
    retire(socket, reason);
  };
  const judgeAgain = (connection: Passed) => {
    const set = credentials.current();
    const verdict = judge(connection, set);
    if (verdict?.kind === 'refused') end(connection.socket, verdict.error);
    else if (keep === 'current' && connection.version !== set.version) end(connection.socket, undefined);
    else live.set(connection.socket, { ...connection, until: verdict?.until });
  };
  const onChange = () => {
    for (const connection of [...live.values()]) judgeAgain(connection);
    schedule();
  };
  /** One timer, for the first end of all. */
  const schedule = () => {
    let first = Number.POSITIVE_INFINITY;
    for (const { until } of live.values()) first = Math.min(first, until?.getTime() ?? first);
    wakeAt(first);
  };
  const wakeAt = (first: number) => {
    clearTimeout(timer);
    due = first;
    if (!Number.isFinite(first)) return;
    // A certificate is valid until the end of its last second (RFC 5280 section 4.1.2.5).
    const wait = Math.max(first - now().getTime() + 1, 1);
    timer = setTimeout(onEnd, Math.min(wait, longestTimerMs)).unref();
  };
  const onEnd = () => {
    const at = now();
    for (const connection of [...live.values()]) {
      if (connection.until !== undefined && connection.until < at) judgeAgain(connection);
    }
    schedule();
  };
  return {
    add(connection) {
      const { socket, version } = connection;
      live.set(socket, connection);
      // Listened to only as long as there is somebody to judge: nobody has to end this.
      unsubscribe ??= credentials.onChange(onChange);
      socket.once('close', () => {
        live.delete(socket);
        if (live.size > 0) return;
        unsubscribe?.();
        unsubscribe = undefined;
        wakeAt(Number.POSITIVE_INFINITY);
      });
      if (keep === 'current' && version !== credentials.current().version) {
        setImmediate(() => live.has(socket) && end(socket, undefined));
      }
      // One that ends earlier than all others; a look at those for each that comes would be one too many.
      const until = connection.until?.getTime() ?? Number.POSITIVE_INFINITY;
      if (until < due) wakeAt(until);
    },
  };
}
