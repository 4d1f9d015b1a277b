import { isIP } from 'node:net';
import { domainToUnicode } from 'node:url';

/** A URL as its readers will take it: what is written in one of many ways is one and the same here. */
export interface SeenUrl {
  readonly url: URL;
  /** The scheme, without its colon. */
  readonly scheme: string;
  /**
   * The host: an address as such (decimal, octal, hexadecimal and short forms of IPv4 are read, brackets are off), or a name in
   * lower case and Punycode without a dot at its end; '' where there is none.
   */
  readonly host: string;
  readonly isAddress: boolean;
}

/** Reads a URL as the WHATWG standard has it; undefined where it is none. */
export function seenUrl(text: string): SeenUrl | undefined {
  // Browsers and most libraries leave these out, wherever they stand.
  const url = parsed(text.replace(/[\t\n\r]/g, '').trim());
  if (url === undefined) return undefined;
  const host = hostOf(url);
  if (host === undefined) return undefined;
  return { url, scheme: url.protocol.slice(0, -1).toLowerCase(), host, isAddress: isIP(host) !== 0 };
}

const special = new Set(['http:', 'https:', 'ws:', 'wss:', 'ftp:']);

function hostOf(url: URL): string | undefined {
  let { hostname } = url;
  // Of other schemes the host is left as it is written: it is read as that of http is.
  if (hostname !== '' && !special.has(url.protocol)) {
    const read = parsed(`http://${hostname}/`);
    if (read === undefined) return undefined;
    ({ hostname } = read);
  }
  const bare = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return isIP(bare) === 0 ? bare.replace(/\.+$/, '') : plainV4(bare);
}

function parsed(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** An address of IPv4 that is within one of IPv6: mapped, translated (NAT64) or compatible; others as they are. */
function plainV4(address: string): string {
  const within = /^(?:::ffff:(?:0:)?|64:ff9b::|::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (within === null) return address;
  const [high, low] = [Number.parseInt(within[1] ?? '', 16), Number.parseInt(within[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Whether a host is a domain of a list, or below one. */
export const isWithin = (host: string, domains: readonly string[]): boolean =>
  domains.some((domain) => host === domain || host.endsWith(`.${domain}`));

/** A domain of the settings as `SeenUrl` has it; undefined where it is none. */
export function domainOf(text: string): string | undefined {
  const bare = text.trim().replace(/^\*?\./, '');
  return seenUrl(`http://${isIP(bare) === 6 ? `[${bare}]` : bare}/`)?.host || undefined;
}

/** Names that lead into one's own network wherever they are asked for. */
const ownNames = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'lan',
  'home.arpa',
  'corp',
  'home',
  'private',
  'svc',
  'metadata',
  'instance-data',
  'localtest.me',
  'lvh.me',
  'vcap.me',
];

/** Whether a name is one of the own network: by its end, without a dot, or with a private address in it (10.0.0.1.nip.io). */
export function isOwnName(host: string, isPublic: (address: string) => boolean): boolean {
  if (host === '') return false;
  if (!host.includes('.') || isWithin(host, ownNames)) return true;
  if (!/(?:^|\.)(?:nip|sslip|xip)\.io$/.test(host)) return false;
  const address = /(?:^|[.-])(\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-]/
    .exec(host)
    ?.slice(1, 5)
    .join('.');
  return address === undefined || !isPublic(address);
}

const scripts = ['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Cherokee'].map(
  (script) => new RegExp(`\\p{Script=${script}}`, 'u'),
);
/** Letters of Cyrillic and Greek that look like Latin ones. */
const lookalikes = /^[асԁеһіјӏорԛѕтухѵԝԍкмнвгԗɑαβγεικνορτυχ\d-]+$/u;

const nonAscii = /[\u0080-\u{10ffff}]/u;

/** Whether a name is written to look like another: scripts mixed in one label, or letters that look like Latin ones alone. */
export function isLookalike(host: string): boolean {
  if (!host.includes('xn--')) return false;
  const labels = domainToUnicode(host).split('.');
  const [top = ''] = labels.slice(-1);
  return labels.some((label) => {
    if (!nonAscii.test(label)) return label.startsWith('xn--');
    const mixed = scripts.filter((script) => script.test(label)).length > 1;
    return mixed || (lookalikes.test(label) && !nonAscii.test(top));
  });
}
