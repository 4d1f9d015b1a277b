import type { Logger } from '../log.js';

/** What is logged of a `SallyError`. */
interface LoggedError {
  readonly code: string;
  readonly remedy: string;
  readonly message: string;
}

/** Lines about what others do at a server: however often they do it, the log stays one that can be read. */
export interface PeerLog {
  /** Says what happened, or counts it. `peer` is an address without a port, `before` what the message begins with. */
  warn(peer: string | undefined, error: LoggedError, before?: string): void;
  error(peer: string | undefined, error: LoggedError): void;
  /** Says what was counted so far. */
  flush(): void;
}

interface PeerLogLimits {
  /** So many lines of a kind and peer; a peer of which nothing is heard for an interval begins anew. */
  readonly ofPeer?: number;
  /** So many of a kind in an interval, of whatever peers. */
  readonly ofKind?: number;
  readonly intervalMs?: number;
}

interface Kind {
  readonly code: string;
  readonly level: 'warn' | 'error';
  readonly before: string;
  readonly remedy: string;
  /** How many lines of each peer were written, and whether there was anything of it in this interval. */
  readonly peers: Map<string, { lines: number; active: boolean; counted: boolean }>;
  /** Written, and only counted, in this interval. */
  lines: number;
  counted: number;
}

/** Addresses that are counted apart within one kind: whoever has many more of them has a network of version 6. */
const maxPeers = 1_024;

const ofLoggers = new WeakMap<Logger, PeerLog>();

/** The one of `log`: whoever logs there shares what is counted. */
export function peerLog(log: Logger): PeerLog {
  let found = ofLoggers.get(log);
  if (found === undefined) {
    found = createPeerLog(log);
    ofLoggers.set(log, found);
  }
  return found;
}

/** The first few of a kind and peer are lines of their own, the rest is counted and logged once an interval. */
export function createPeerLog(log: Logger, limits: PeerLogLimits = {}): PeerLog {
  const { ofPeer = 5, ofKind = 20, intervalMs = 10_000 } = limits;
  const kinds = new Map<string, Kind>();
  let timer: NodeJS.Timeout | undefined;

  const flush = () => {
    for (const kind of kinds.values()) {
      const { code, counted, remedy, level, before } = kind;
      const addresses = [...kind.peers].filter(([, peer]) => peer.counted).map(([address]) => address);
      kind.lines = 0;
      kind.counted = 0;
      for (const peer of kind.peers.values()) peer.counted = false;
      if (counted === 0) continue;
      const many = `${addresses.length}${kind.peers.size >= maxPeers ? ' or more' : ''} addresses`;
      const from = addresses.length === 1 ? addresses[0] : many;
      const fields = { code, remedy, more: counted, addresses: addresses.slice(0, 10) };
      log[level](fields, `${before}${code}: ${counted} more within ${intervalMs / 1000} s, from ${from}`);
    }
  };
  const tick = () => {
    flush();
    for (const [key, { peers }] of kinds) {
      for (const [address, peer] of peers) {
        if (!peer.active) peers.delete(address);
        peer.active = false;
      }
      if (peers.size === 0) kinds.delete(key);
    }
    if (kinds.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  const say = (
    level: 'warn' | 'error',
    address: string,
    { code, remedy, message }: LoggedError,
    before = '',
  ) => {
    const key = before + code;
    let kind = kinds.get(key);
    if (kind === undefined) {
      kind = { code, level, before, remedy, peers: new Map(), lines: 0, counted: 0 };
      kinds.set(key, kind);
    }
    let peer = kind.peers.get(address);
    if (peer === undefined && kind.peers.size < maxPeers) {
      peer = { lines: 0, active: true, counted: false };
      kind.peers.set(address, peer);
    }
    timer ??= setInterval(tick, intervalMs).unref();
    if (peer) peer.active = true;
    if (peer && peer.lines < ofPeer && kind.lines < ofKind) {
      peer.lines += 1;
      kind.lines += 1;
      log[level]({ code, remedy }, before + message);
    } else {
      kind.counted += 1;
      if (peer) peer.counted = true;
    }
  };
  return {
    warn: (peer, error, before) => say('warn', peer ?? 'unknown', error, before),
    error: (peer, error) => say('error', peer ?? 'unknown', error),
    flush,
  };
}
