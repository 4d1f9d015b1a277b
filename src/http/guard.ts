import { isLoopback } from '../config/index.js';
import type { RequestHead } from './exchange.js';

/** Names that a server answers to beside its own: those of a proxy before it, and of pages that may call it. */
interface AlsoAllowed {
  /** Host names, with or without a port. */
  readonly hosts: readonly string[];
  /** Whole origins, such as `https://app.example.org`. */
  readonly origins: readonly string[];
}

/**
 * Why a request may come from a web page that rebinds a name to this machine (DNS rebinding), as status and text.
 * Asked where no client certificate is required: a page has none to present.
 */
export function rebindingRefusal(
  request: Pick<RequestHead, 'headers'>,
  boundHost: string,
  also: AlsoAllowed = { hosts: [], origins: [] },
): [number, string] | undefined {
  const { host = '', origin } = request.headers;
  // On an address that others reach nobody knows by which names, unless they are given.
  const limited = isLoopback(boundHost) || also.hosts.length > 0;
  if (limited && !isOwn(host, boundHost) && !includes(also.hosts, host)) {
    const others = also.hosts.length > 0 ? ' and those of allowed_hosts' : '';
    return [421, `this server answers to the name of ${boundHost}${others} only, not to '${host}'`];
  }
  if (origin !== undefined && !isLoopback(hostname(origin)) && !also.origins.includes(origin))
    return [403, `requests of the origin '${origin}' are refused`];
  return undefined;
}

/** The names that nearly all requests to this machine have: what they mean needs no parsing. */
const ownNames = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;

/** A page cannot have a name of this machine, nor the address itself: neither is resolved. */
function isOwn(host: string, boundHost: string): boolean {
  if (ownNames.test(host)) return true;
  const name = hostname(`http://${host}`);
  return (
    isLoopback(name) || name === hostname(`http://${boundHost.includes(':') ? `[${boundHost}]` : boundHost}`)
  );
}

/** Names of hosts are alike whatever their case (RFC 9110 section 4.2.3); one without a port stands for all ports. */
function includes(hosts: readonly string[], host: string): boolean {
  const seen = host.toLowerCase();
  const name = hostname(`http://${host}`);
  return hosts.some((allowed) => allowed.toLowerCase() === seen || allowed.toLowerCase() === name);
}

function hostname(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
