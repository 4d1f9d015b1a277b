import { type LookupAddress, lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isLoopback, type Networks, networksOf } from '../config/index.js';
import { OauthAddress } from '../errors.js';

/** Addresses of IPv4 that are of no use across the Internet (RFC 6890 and the registry that follows it), or of several hosts at once. */
const specialV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];
/** Of IPv6 only 2000::/3 is handed out; of that these are special too: Teredo and 6to4 lead to an address of IPv4 that nobody has looked at. */
const unicastV6 = ['2000::/3'];
const specialV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const refusedV4 = networksOf(specialV4);
const takenV6 = networksOf(unicastV6);
const refusedV6 = networksOf(specialV6);

/** Whether an address is one of the Internet. One of IPv4 that is written as one of IPv6 is none: nobody is reached by it alone. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !refusedV4.has(address);
    case 6:
      return takenV6.has(address) && !refusedV6.has(address);
    default:
      return false;
  }
}

/**
 * Where discovery may lead. What an upstream names, and what an authorization server names of itself, is the word of
 * somebody else: it must not make the gateway ask what only its own network reaches (server-side request forgery).
 */
export class Reach {
  readonly #upstream: string;
  readonly #origins: ReadonlySet<string>;
  readonly #names: ReadonlySet<string>;
  readonly #ranges: Networks;

  /** `configured` are URLs that the configuration itself gives: they are asked wherever they are. `listed` are `private_hosts`. */
  constructor(upstream: string, configured: readonly URL[], listed: readonly string[]) {
    const isRange = (text: string) => isIP(text.replace(/\/.*$/, '')) !== 0;
    this.#upstream = upstream;
    this.#origins = new Set(configured.map(({ origin }) => origin));
    this.#names = new Set(listed.filter((text) => !isRange(text)).map((text) => text.toLowerCase()));
    this.#ranges = networksOf(listed.filter(isRange));
  }

  /** Throws SALLY_UPSTREAM_OAUTH_ADDRESS where this is not asked, as far as that shows before its name is resolved. */
  check(url: URL): void {
    if (this.#isConfigured(url)) return;
    const host = bareHost(url);
    const listed = this.#names.has(host.toLowerCase()) || this.#isListed(host);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && listed && isLoopback(host)))
      throw this.#refusal(url, 'it is no https URL');
    if (isIP(host) !== 0 && !listed && !isPublicAddress(host))
      throw this.#refusal(url, 'its address is private');
  }

  /** Whether `address` may be connected to for `url`. */
  isOpen(url: URL, address: string): boolean {
    if (this.#isConfigured(url) || this.#names.has(bareHost(url).toLowerCase())) return true;
    return isPublicAddress(address) || this.#isListed(address);
  }

  refusalOf(url: URL, address: string) {
    return this.#refusal(url, `its address ${address} is private`);
  }

  /** Resolves the name of `url` for a connection: to addresses that may be connected to, or to an error. */
  lookup(url: URL): LookupFunction {
    return (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 0);
        const refused = addresses.find(({ address }) => !this.isOpen(url, address));
        const [first] = addresses as [LookupAddress, ...LookupAddress[]];
        // One name with addresses of both kinds is no mistake that anybody makes: none of them is asked.
        if (refused) callback(this.refusalOf(url, refused.address), '', 0);
        else if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    };
  }

  #isConfigured({ origin }: URL): boolean {
    return this.#origins.has(origin);
  }

  #isListed(address: string): boolean {
    return this.#ranges.has(address);
  }

  #refusal({ origin }: URL, reason: string) {
    return OauthAddress({ upstream: this.#upstream, url: origin, reason });
  }
}

/** A URL's host without the brackets of an IPv6 address. */
function bareHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}
