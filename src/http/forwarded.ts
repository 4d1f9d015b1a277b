import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { type Networks, networksOf, plainAddress } from '../config/index.js';
import type { Forwarded, RequestHead } from './reply.js';
import { hostName } from './request-head.js';

/** Reads what the proxies of `trusted` say; undefined where a request did not come from one. It never is about who may call. */
export type Forwarding = (request: Pick<RequestHead, 'headers' | 'socket'>) => Forwarded | undefined;

/** Proxies one behind the other; what is beyond was said by a client. */
const mostHops = 16;
const longest = 4_096;

/** The rule for these addresses and networks; undefined where there are none. */
export function createForwarding(trusted: readonly string[]): Forwarding | undefined {
  if (trusted.length === 0) return undefined;
  const networks = networksOf(trusted);
  return ({ headers, socket }) => {
    const peer = plainAddress(socket.remoteAddress ?? '');
    return networks.has(peer) ? forwarded(headers, peer, networks) : undefined;
  };
}

/** What one kind of header says, of the hop at which the request came in. */
interface Said {
  readonly remote: string;
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

/** By header values alone: `Forwarded` (RFC 7239), or `X-Forwarded-*`. Of both only what both say. */
export function forwarded(headers: IncomingHttpHeaders, peer: string, trusted: Networks): Forwarded {
  const standard = headers['forwarded'];
  const customary = headers['x-forwarded-for'] ?? headers['x-forwarded-proto'] ?? headers['x-forwarded-host'];
  const all: Said[] = [];
  if (standard !== undefined) all.push(saidByStandard(String(standard), peer, trusted));
  if (customary !== undefined) all.push(saidByCustom(headers, peer, trusted));
  const [first, second] = all;
  // A client can send the kind that the proxy does not know: what the proxy has not said is not believed.
  const agreed = <K extends keyof Said>(key: K) =>
    second === undefined || second[key] === first?.[key] ? first?.[key] : undefined;
  const proto = agreed('proto')?.toLowerCase();
  const host = agreed('host');
  const prefix = prefixOf(headers['x-forwarded-prefix']);
  return {
    remote: agreed('remote') ?? peer,
    ...((proto === 'http' || proto === 'https') && { proto }),
    ...(host !== undefined && hostName(host) !== undefined && { host }),
    ...(prefix !== undefined && { prefix }),
  };
}

function saidByCustom(headers: IncomingHttpHeaders, peer: string, trusted: Networks): Said {
  const { remote, hops } = walk(listOf(headers['x-forwarded-for']).map(addressOf), peer, trusted);
  const at = (name: string) => {
    const list = listOf(headers[name]);
    // Each proxy adds its own, or the first one's stays.
    return list.length <= 1 ? list[0] : list[Math.max(0, list.length - Math.max(hops, 1))];
  };
  return { remote, proto: at('x-forwarded-proto'), host: at('x-forwarded-host') };
}

function saidByStandard(header: string, peer: string, trusted: Networks): Said {
  const elements = listOf(header).map(pairsOf);
  const { remote, hops } = walk(
    elements.map((element) => addressOf(element.get('for') ?? '')),
    peer,
    trusted,
  );
  const element = elements[elements.length - Math.max(hops, 1)];
  return { remote, proto: element?.get('proto'), host: element?.get('host') };
}

/** Goes from the last hop back to the first address that is none of a trusted proxy. `hops`: how many entries were looked at. */
function walk(addresses: readonly (string | undefined)[], peer: string, trusted: Networks) {
  let remote = peer;
  let hops = 0;
  for (const address of addresses.slice(-mostHops).reverse()) {
    // An unknown or a made-up name: what is before it cannot be told.
    if (address === undefined) break;
    hops += 1;
    remote = address;
    if (!trusted.has(address)) break;
  }
  return { remote, hops };
}

/** The entries of a list, of which quoted ones may have commas in them. */
function listOf(header: string | readonly string[] | undefined): string[] {
  const text = String(header ?? '');
  if (text === '' || text.length > longest) return [];
  return (text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []).map((entry) => entry.trim());
}

/** `for=192.0.2.60;proto=https;host="a.example"` (RFC 7239 section 4). */
function pairsOf(element: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [, name = '', quoted, plain = ''] of element.matchAll(
    /([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))/g,
  ))
    pairs.set(name.toLowerCase(), quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'));
  return pairs;
}

/** An address without its port and brackets; undefined for `unknown` and names that hide one. */
function addressOf(text: string): string | undefined {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  const bare = bracketed ?? (/^[\d.]+:\d+$/.test(text) ? text.replace(/:\d+$/, '') : text);
  const plain = plainAddress(bare);
  return isIP(plain) === 0 ? undefined : plain;
}

function prefixOf(header: string | readonly string[] | undefined): string | undefined {
  const text = String(header ?? '').replace(/\/+$/, '');
  return /^(?:\/[A-Za-z0-9._~-]+){1,8}$/.test(text) && !/\/\.{1,2}(\/|$)/.test(text) ? text : undefined;
}
