import { isIPv4, isIPv6, type Socket } from 'node:net';
import { isLoopback } from '../config/index.js';
import { type Reply, type RequestHead, sendJson } from './reply.js';
import { hostName, urlHost } from './request-head.js';

/** Who may name a server, and how. */
interface Reachable {
  /** The address that it listens on. */
  readonly host: string;
  /** Names that it answers to beside its own, such as those of a proxy before it; with or without a port. */
  readonly allowedHosts?: readonly string[];
  /** Pages that may call it, as whole origins: `https://app.example.org`. */
  readonly allowedOrigins?: readonly string[];
  /** Whether nobody gets here who could have been sent by a web page: it has no client certificate to present. */
  readonly trusted: boolean;
}

/** Why a request is refused for its Host or Origin, as status and text. */
export type HostGuard = (
  request: Pick<RequestHead, 'headers' | 'socket'>,
) => readonly [status: 403 | 421, why: string] | undefined;

/**
 * The rule for Host and Origin of every page of a server but `/health`: a web page that rebinds a name of its own to the
 * server's address (DNS rebinding) gets to none of them.
 */
export function createHostGuard(reachable: Reachable): HostGuard {
  const { host: bound, allowedHosts = [], allowedOrigins = [], trusted } = reachable;
  if (trusted) return () => undefined;
  // On an address that others reach nobody knows by which names, unless they are given.
  const limited = isLoopback(bound) || allowedHosts.length > 0;
  const own = nameOfAddress(bound);
  const names = new Set(allowedHosts.map((allowed) => allowed.toLowerCase().replace(/\.$/, '')));
  const others = allowedHosts.length > 0 ? ' and those of allowed_hosts' : '';

  const answersTo = (host: string, socket: Socket): boolean => {
    const name = hostName(host);
    if (name === undefined) return false;
    // Names of hosts are alike whatever their case (RFC 9110 section 4.2.3); one without a port stands for all ports.
    if (isLoopback(name) || name === own || names.has(name) || names.has(host.toLowerCase())) return true;
    // A page cannot have an address as its name: nothing is resolved. A probe by the IP of a pod has it.
    return /[\d\]]$/.test(name) && isOwnAddress(name, socket.localAddress);
  };

  return ({ headers, socket }) => {
    const { host = '', origin } = headers;
    if (limited && !answersTo(host, socket))
      return [421, `this server answers to the name of ${bound}${others} only, not to '${host}'`];
    if (origin !== undefined && !isLoopback(urlHost(origin) ?? '') && !allowedOrigins.includes(origin))
      return [403, `requests of the origin '${origin}' are refused`];
    return undefined;
  };
}

/** Answers a request that `guard` refuses; false where it may go on. */
export function refusedBy(guard: HostGuard, request: RequestHead, reply: Reply): boolean {
  const refusal = guard(request);
  if (refusal) sendJson(reply, refusal[0], { error: refusal[1] });
  return refusal !== undefined;
}

/** An address or a name as `hostName` has it. */
function nameOfAddress(address: string): string | undefined {
  return hostName(isIPv6(address) ? `[${address}]` : address);
}

/** A listener for both versions sees those of version 4 as `::ffff:10.0.0.5`; one of a link may have its zone. */
function isOwnAddress(name: string, localAddress: string | undefined): boolean {
  const address = localAddress?.replace(/%.*$/, '');
  if (address === undefined) return false;
  const mapped = address.replace(/^::ffff:/i, '');
  return name === nameOfAddress(address) || (isIPv4(mapped) && name === mapped);
}
