import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import {
  ClientNotAllowed,
  ClientWithoutRole,
  NamedByCommonName,
  PeerChainTooLong,
  PeerExpired,
  PeerNotCheckable,
  PeerNotYetValid,
  PeerRevoked,
  PeerUnknownCa,
  PeerWeak,
  PinMismatch,
  type SallyError,
  SelfSignedServer,
  WrongPlugin,
} from '../errors.js';
import { nearest } from '../nearest.js';
import { isSelfSigned } from '../pki/der.js';
import { oneLineName, pinOfKey } from '../pki/pem.js';
import { dateDefect, inDate, validityIn } from '../pki/validity.js';
import { followStrongChain, longestChain, weakShown } from './chain.js';
import type { Credentials } from './credentials.js';
import { type IdentityRule, judgeIdentity, machineNames, rolesOf, showNames } from './identity.js';
import { type CredentialSet, isRevoked } from './load.js';

/** Who may be at the other end, beside what OpenSSL makes sure of. */
export interface PeerRule {
  readonly identity: IdentityRule;
  /** `sha256/…` of public keys: the peer, or a CA above it, must have one of them. */
  readonly pins?: readonly string[] | undefined;
}

/** Any peer whose certificate verifies. */
export const anyPeer: PeerRule = { identity: { kind: 'any' } };

export type PeerVerdict =
  /**
   * `until`: when something that this rests on ends, so that it has to be judged again. `remarks`: what it passes with
   * and deserves to be seen.
   */
  | { readonly kind: 'trusted'; readonly until: Date; readonly remarks: readonly SallyError[] }
  | { readonly kind: 'refused'; readonly error: SallyError };

interface Asked {
  readonly set: Pick<CredentialSet, 'authorities' | 'crls'> & Partial<Pick<CredentialSet, 'trust'>>;
  readonly rule: PeerRule;
  /** The peer as a sentence names it. */
  readonly peer: string;
  readonly side: 'client' | 'server';
  readonly now: Date;
}

/**
 * Whether the peer with that chain is trusted now, by that set: its chain, dates, revocation, keys and names. Asked after
 * the handshake, and of a live connection whenever the set changes or time passes, when OpenSSL is not there to ask.
 */
export function judgePeer(chain: readonly X509Certificate[], asked: Asked): PeerVerdict {
  const { set, rule, peer, side, now } = asked;
  const [leaf, ...others] = chain;
  const refused = (error: SallyError): PeerVerdict => ({ kind: 'refused', error });
  if (leaf === undefined) return refused(PeerUnknownCa({ peer, side, detail: 'it has shown none' }));
  const context = { peer, side, subject: oneLineName(leaf.subject) };
  const outOfDate = peerDates(leaf, context, now);
  if (outOfDate) return refused(outOfDate);
  const current = (certificate: X509Certificate) => inDate(certificate, now);
  const shownBy = side === 'server' ? 'client' : 'server';
  const found =
    set.trust === 'system'
      ? shownOfSystem(chain, shownBy)
      : followStrongChain(
          leaf,
          others.filter(current),
          set.authorities.filter(current),
          shownBy,
          set.trust === 'partial',
        );
  if (found.kind === 'weak') return refused(PeerWeak({ ...context, detail: found.weak.detail }));
  if (found.kind === 'too-long') return refused(PeerChainTooLong({ ...context, most: longestChain }));
  if (found.kind !== 'trusted')
    return refused(PeerUnknownCa({ ...context, detail: 'its chain leads to no CA of the bundle' }));
  const { path } = found;
  const ends = path.filter(current).map((link) => new Date(link.validTo));
  if (set.crls.length > 0) {
    for (const [i, link] of path.entries()) {
      const issuer = path[i + 1] ?? link;
      // A CA that is trusted without the one above it: whether that one has revoked it is not asked.
      if (issuer === link && !isSelfSigned(link)) continue;
      const lists = set.crls.filter((crl) => crl.issuer.publicKey.equals(issuer.publicKey));
      const fresh = lists.filter(({ nextUpdate }) => nextUpdate >= now);
      if (isRevoked(link, lists)) return refused(PeerRevoked(context));
      if (fresh.length === 0) {
        const detail = lists.length > 0 ? 'CRL_HAS_EXPIRED' : 'UNABLE_TO_GET_CRL';
        return refused(PeerNotCheckable({ ...context, detail }));
      }
      ends.push(...fresh.map(({ nextUpdate }) => nextUpdate));
    }
  }
  if (rule.pins) {
    const seen = path.map(pinOf);
    if (!seen.some((pin) => rule.pins?.includes(pin))) return refused(PinMismatch({ ...context, seen }));
  }
  const names = machineNames(leaf);
  const identity = judgeIdentity(names, rule.identity);
  if (identity.kind === 'refused') {
    const told = { peer, seen: showNames(names), expected: identity.expected };
    if (side === 'server') return refused(ClientNotAllowed(told));
    const plugins = rolesOf(names).flatMap((role) => (role.kind === 'plugin' ? [role.name] : []));
    const wanted = rule.identity.kind === 'plugin' ? (rule.identity.name ?? '') : '';
    return refused(WrongPlugin({ ...told, meant: nearest(wanted, plugins) }));
  }
  const until = new Date(Math.min(...ends.map(Number)));
  const remarks: SallyError[] = [];
  if (side === 'client' && path.length === 1) remarks.push(SelfSignedServer(context));
  // A pin says who it is where no name does.
  if (identity.kind === 'passes-without-role' && !rule.pins)
    remarks.push(ClientWithoutRole({ peer, seen: showNames(names) }));
  if (identity.kind === 'passes' && identity.commonName !== undefined)
    remarks.push(NamedByCommonName({ peer, name: identity.commonName }));
  return { kind: 'trusted', until, remarks };
}

/**
 * The chain of a peer that OpenSSL has found to lead to a root of the system. Which way it went is not told, and of
 * what a server shows beyond that a part may have ended: a root that was signed by an older one.
 */
function shownOfSystem(chain: readonly X509Certificate[], shownBy: 'client' | 'server') {
  const weak = weakShown(chain, shownBy);
  return weak ? ({ kind: 'weak', weak } as const) : ({ kind: 'trusted', path: chain } as const);
}

/** What is wrong with the dates of a peer's certificate. */
export function peerDates(
  leaf: X509Certificate,
  context: Pick<Asked, 'peer' | 'side'> & { readonly subject: string },
  now: Date,
): SallyError | undefined {
  const defect = dateDefect(validityIn(leaf), now);
  if (defect === 'not yet valid') return PeerNotYetValid({ ...context, from: leaf.validFrom });
  return defect && PeerExpired({ ...context, until: leaf.validTo });
}

export const pinOf = ({ publicKey }: X509Certificate): string => pinOfKey(publicKey);

/**
 * The certificates that the peer of a socket has shown, its own first; empty where it has shown none. Not by way of
 * `getPeerX509Certificate`: on a client's socket, Node 20 takes the chain out of the session with it.
 */
export function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  // The last one may name itself as its issuer. One more than may be tells a chain that is too long.
  while (
    next?.raw !== undefined &&
    !seen.has(next as DetailedPeerCertificate) &&
    chain.length <= longestChain
  ) {
    seen.add(next as DetailedPeerCertificate);
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}

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
  readonly judge: (connection: Passed, set: CredentialSet) => PeerVerdict | undefined;
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
