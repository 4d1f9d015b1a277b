import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6, type Socket } from 'node:net';
import { isLoopback } from '../config/index.js';
import { token } from '../headers.js';
import { LastHead } from './message.js';
import { type Reply, type RequestHead, sendJson } from './reply.js';

/** `host[:port]`: a name as DNS has them, an address of version 4, or one of version 6 in brackets and without a zone. */
const shape = /^(?:[a-z0-9_](?:[a-z0-9._~-]*)|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;

/** Nearly all requests to a server have the same one. */
let last: { readonly text: string; readonly name: string | undefined } = { text: '', name: undefined };

/**
 * The name in a Host header or an authority (RFC 9110 section 7.2): in lower case, an address as URLs write it, without a
 * dot at its end. Undefined where it is not valid: a user, a path, a list, an escape or a port out of range make it so.
 */
export function hostName(text: string): string | undefined {
  if (text !== last.text) last = { text, name: shape.test(text) ? urlHost(`http://${text}`) : undefined };
  return last.name;
}

/** The name in a URL or an origin, as `hostName` has it; undefined where it has none. */
function urlHost(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/\.$/, '') || undefined;
}

/** The head of a request that nothing is in doubt of, and its length. */
export interface PlainHead {
  /** By lower-case name, each once, but for the length: requests of one connection may have the same object. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentLength: number;
  /** The target of its request line. */
  readonly url: string;
}

/** The requests that are read here: a POST to one path, or to one of others that `also` knows. */
export interface PlainTarget {
  readonly path: string;
  readonly also?: ((path: string) => boolean) | undefined;
}

const [lineStart, lineEnd] = ['POST ', ' HTTP/1.1'];

/** The path that a request line names, where it is one of these. */
function pathIn(line: string, { path, also }: PlainTarget): string | undefined {
  if (!line.startsWith(lineStart) || !line.endsWith(lineEnd)) return undefined;
  const named = line.slice(lineStart.length, -lineEnd.length);
  return named === path || also?.(named) ? named : undefined;
}

const headerLine = new RegExp(`^${token}:[\\x20-\\x7e]*$`);
const length = /^\d{1,8}$/;
const maxHeaders = 64;

/** Headers that change how a message is read, or what is expected before its reply. */
const special = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'content-encoding',
  'proxy-connection',
  '__proto__',
]);

/**
 * Reads the head of a request (RFC 9112) that has the one shape which makes up the traffic: a POST to this target, no header
 * twice, a length, and nothing that could be read in two ways. Undefined is no refusal: such a request is Node's to
 * read, to answer or to refuse.
 */
export function readPlainHead(text: string, target: PlainTarget): PlainHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const url = pathIn(first, target);
  if (url === undefined || lines.length > maxHeaders) return undefined;
  const headers: Record<string, string> = {};
  for (const line of lines) {
    if (!headerLine.test(line)) return undefined;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (special.has(name) || Object.hasOwn(headers, name)) return undefined;
    headers[name] = line.slice(colon + 1).trim();
  }
  const { host, connection, 'content-length': bytes } = headers;
  delete headers['content-length'];
  if (host === undefined || hostName(host) === undefined) return undefined;
  if (bytes === undefined || !length.test(bytes)) return undefined;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  return { headers: Object.freeze({ ...headers }), contentLength: Number(bytes), url };
}

/** Reads the heads of one connection as `readPlainHead` does, each by comparison with the one before where they are alike. */
export function createHeadReader(target: PlainTarget): (text: string) => PlainHead | undefined {
  const last = new LastHead<PlainHead>();
  return (text) => {
    const contentLength = last.lengthIn(text);
    if (contentLength !== undefined) {
      const { headers, url } = last.head as PlainHead;
      return { headers, contentLength, url };
    }
    const head = readPlainHead(text, target);
    last.keep(text, head);
    return head;
  };
}

/** Why a request is not served whatever it asks for. */
export interface HeadFault {
  readonly status: 400 | 415 | 421 | 501;
  readonly error: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Of these a second one would be judged by one reader and served by another; Node keeps the first without a word. */
const single: ReadonlySet<string> = new Set(['host', 'authorization', 'origin']);

const ends = { Connection: 'close' };
const malformed = (error: string, status: 400 | 421 | 501 = 400): HeadFault => ({
  status,
  error,
  headers: ends,
});

/**
 * What is wrong with the head of a request that Node's parser lets pass. A target in absolute form becomes one in origin
 * form, and its authority the Host (RFC 9112 section 3.2.2), so that nothing behind this has to know of it.
 */
export function headFault(request: IncomingMessage): HeadFault | undefined {
  return repeated(request) ?? codingFault(request) ?? hostFault(request) ?? takeTarget(request);
}

/** RFC 9112 section 3.2 for Host; the others are single values as well (RFC 9110 section 5.3). */
function repeated({ rawHeaders }: IncomingMessage): HeadFault | undefined {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!single.has(name)) continue;
    if (seen.has(name)) return malformed(`the header ${name} stands twice`);
    seen.add(name);
  }
  return undefined;
}

function codingFault({ headers, httpVersion }: IncomingMessage): HeadFault | undefined {
  const transfer = headers['transfer-encoding']?.trim().toLowerCase();
  if (transfer !== undefined) {
    // RFC 9112 section 6.1: such a message is to be taken as wrongly framed, and its connection ends.
    if (httpVersion === '1.0') return malformed('HTTP/1.0 has no Transfer-Encoding');
    const codings = transfer.split(',').map((coding) => coding.trim());
    // RFC 9112 section 6.3: where the body would end cannot be known.
    if (codings.at(-1) !== 'chunked') return malformed('the last transfer coding has to be chunked');
    const unknown = codings.find((coding) => coding !== 'chunked');
    if (unknown !== undefined) return malformed(`the transfer coding '${unknown}' is not known here`, 501);
    if (codings.length > 1) return malformed('the transfer coding chunked stands twice');
  }
  const content = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (/^(?:identity)?(?:\s*,\s*identity)*$/.test(content)) return undefined;
  // RFC 9110 section 15.5.16: Accept-Encoding says that it is the coding which is not taken.
  const error = `a request body with the content coding '${content}' is not taken: send it as it is`;
  return { status: 415, error, headers: { 'Accept-Encoding': 'identity' } };
}

/** HTTP/1.0 may have none; Node refuses a request of HTTP/1.1 without one. */
function hostFault({ headers: { host } }: IncomingMessage): HeadFault | undefined {
  if (host === undefined || hostName(host) !== undefined) return undefined;
  return malformed(`'${host}' is no host and port`);
}

function takeTarget(request: IncomingMessage): HeadFault | undefined {
  const { url = '', socket } = request;
  if (url.startsWith('/') || url === '*') return undefined;
  const [, scheme, authority = '', path = ''] = /^(https?):\/\/([^/?#]*)([^#]*)$/i.exec(url) ?? [];
  if (hostName(authority) === undefined) return malformed('the target of the request is not a valid URL');
  // RFC 9110 section 7.4: what is asked for by https is not to be had without TLS.
  if (scheme?.toLowerCase() === 'https' && !('encrypted' in socket))
    return malformed('this server has no TLS: it answers to http URLs only', 421);
  request.url = path.startsWith('/') ? path : `/${path}`;
  request.headers.host = authority;
  return undefined;
}

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

  /** Nearly all requests call it by the same name. */
  let known: string | undefined;
  const answersTo = (host: string, socket: Socket): boolean => {
    const name = hostName(host);
    if (name === undefined) return false;
    // Names of hosts are alike whatever their case (RFC 9110 section 4.2.3); one without a port stands for all ports.
    if (isLoopback(name) || name === own || names.has(name) || names.has(host.toLowerCase())) {
      known = host;
      return true;
    }
    // A page cannot have an address as its name: nothing is resolved. A probe by the IP of a pod has it.
    return /[\d\]]$/.test(name) && isOwnAddress(name, socket.localAddress);
  };

  return ({ headers, socket }) => {
    const { host = '', origin } = headers;
    if (limited && host !== known && !answersTo(host, socket))
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
