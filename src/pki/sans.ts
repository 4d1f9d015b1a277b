import { isIP, isIPv6 } from 'node:net';
import { SansInvalid, TrustDomainInvalid } from '../errors.js';

/** One subject alternative name (RFC 5280 4.2.1.6). An IPv6 address is in its shortest form. */
export interface San {
  readonly type: 'dns' | 'ip' | 'uri';
  readonly value: string;
}

const hostName =
  /^(?:\*\.)?(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** What each prefix accepts: the value as it goes into the certificate, or why it cannot. */
const kinds: Record<string, (value: string) => San | string> = {
  DNS: (value) => {
    if (isIP(value) !== 0) return `an address never matches a DNS name: write IP:${value}`;
    return hostName.test(value) ? { type: 'dns', value } : 'it is not a host name';
  },
  IP: (value) => (isIP(value) === 0 || value.includes('%') ? 'it is not an IP address' : ipSan(value)),
  URI: (value) => {
    // The SPIFFE URI is what a peer reads the role from; a second one would let a plugin claim another's.
    if (/^spiffe:/i.test(value)) return 'the SPIFFE name follows from the role and is never given';
    return URL.canParse(value) && /^[\x21-\x7e]+$/.test(value)
      ? { type: 'uri', value }
      : 'it is not an absolute URI';
  },
};

export function ipSan(address: string): San {
  return {
    type: 'ip',
    value: isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address,
  };
}

/**
 * A list as `MCP_CERT_SANS` has it: `IP:127.0.0.1,DNS:host,URI:https://host/x`. Empty text is an empty list.
 *
 * @throws SALLY_CERT_SANS with the entry that cannot be used and why.
 * @example
 * ```ts
 * import { parseSans, type San } from 'sallyport/pki';
 *
 * export const sans: readonly San[] = parseSans('IP:127.0.0.1,DNS:gateway.internal');
 * ```
 */
export function parseSans(text: string): readonly San[] {
  if (text.trim() === '') return [];
  return distinctSans(text.split(',').map((entry) => parseSan(entry.trim())));
}

function parseSan(entry: string): San {
  const colon = entry.indexOf(':');
  const kind = kinds[entry.slice(0, Math.max(colon, 0)).trim().toUpperCase()];
  if (kind === undefined) throw SansInvalid({ entry, reason: 'it does not begin with DNS:, IP: or URI:' });
  const san = kind(entry.slice(colon + 1).trim());
  if (typeof san === 'string') throw SansInvalid({ entry, reason: san });
  return san;
}

/** Each name once, in the order of first appearance. Host names are compared without regard to case. */
export function distinctSans(sans: readonly San[]): readonly San[] {
  const keys = sans.map(sanKey);
  return sans.filter((san, i) => keys.indexOf(sanKey(san)) === i);
}

/** Those of `wanted` that are not among `present`. */
export function sansWithout(wanted: readonly San[], present: readonly San[]): readonly San[] {
  const keys = new Set(present.map(sanKey));
  return wanted.filter((san) => !keys.has(sanKey(san)));
}

const sanKey = (san: San): string =>
  `${san.type}:${san.type === 'dns' ? san.value.toLowerCase() : san.value}`;

/** The name as `MCP_CERT_SANS` would have it. */
export function showSan(san: San): string {
  return `${san.type.toUpperCase()}:${san.value}`;
}

/**
 * A trust domain as SPIFFE-ID 2.1 has it: lower case letters, digits, dots, hyphens and underscores.
 *
 * @throws SALLY_CERT_TRUST_DOMAIN
 * @example
 * ```ts
 * import { parseTrustDomain } from 'sallyport/pki';
 *
 * export const trustDomain: string = parseTrustDomain('example.org');
 * ```
 */
export function parseTrustDomain(value: string): string {
  if (/^[a-z0-9._-]{1,255}$/.test(value)) return value;
  throw TrustDomainInvalid({ value });
}
