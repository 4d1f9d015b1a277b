import { isIP, isIPv6 } from 'node:net';
import { PluginNameInvalid, PluginNamesClash, SansInvalid, TrustDomainInvalid } from '../errors.js';

/**
 * `mcp-plugin-<Name>` is a label of a DNS name (at most 63 characters, RFC 1035 2.3.4) and a common name
 * (at most 64, RFC 5280 appendix A): the label is the tighter of the two.
 */
export const longestPluginName = 63 - 'mcp-plugin-'.length;

const label = '[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?';
const dottedLabels = new RegExp(`^${label}(?:\\.${label})*$`);

/**
 * `name` as a plugin's name: fit to be a folder, a common name, a DNS name and the end of a SPIFFE URI.
 *
 * @throws SALLY_CERT_PLUGIN_NAME for anything else: it is never turned into something that would fit.
 * @example
 * ```ts
 * import { parsePluginName } from 'sallyport/pki';
 *
 * export const name: string = parsePluginName('ReplaceBadWordsPlugin');
 * ```
 */
export function parsePluginName(name: string): string {
  const reason = defectOf(name);
  if (reason !== undefined) throw PluginNameInvalid({ name, reason });
  return name;
}

function defectOf(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > longestPluginName) {
    return `it has ${name.length} characters, more than the ${longestPluginName} that leave room for "mcp-plugin-" in a DNS name`;
  }
  const odd = /[^A-Za-z0-9._-]/u.exec(name);
  if (odd) return `it contains ${JSON.stringify(odd[0])}`;
  if (isIP(name) !== 0) return 'it is an IP address, which a DNS name cannot be';
  if (!dottedLabels.test(name))
    return 'it begins, ends or goes on after a dot with a character that a host name cannot have there';
  return undefined;
}

/**
 * The names, each once, checked. Two that differ only in letter case would share a folder on some file
 * systems, and their DNS names are equal (RFC 4343).
 */
export function parsePluginNames(names: readonly string[]): readonly string[] {
  const distinct = [...new Set(names.map(parsePluginName))];
  for (const name of distinct) assertNoTwin(name, distinct);
  return distinct;
}

/** Throws where one of `others` differs from `name` in letter case only. */
export function assertNoTwin(name: string, others: readonly string[]): void {
  const twin = others.find((other) => other !== name && other.toLowerCase() === name.toLowerCase());
  if (twin !== undefined) throw PluginNamesClash({ first: name, second: twin });
}

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
