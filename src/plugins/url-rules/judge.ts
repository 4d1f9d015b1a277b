import { lookup as lookupOf } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isPublicAddress } from '../../oauth/reach.js';
import { isLookalike, isOwnName, isWithin, type SeenUrl, seenUrl } from './host.js';
import type { UrlSettings } from './settings.js';

/** Why a URL is refused; undefined where it is not. */
export type Refusal =
  | 'not a URL'
  | 'scheme'
  | 'credentials'
  | 'domain'
  | 'pattern'
  | 'private address'
  | 'own network'
  | 'lookalike'
  | 'not resolved'
  | 'redirects'
  | 'no answer'
  | undefined;

/** What a URL says by itself. */
export function judgeUrl(text: string, settings: UrlSettings): Refusal {
  const seen = seenUrl(text);
  return seen === undefined ? 'not a URL' : judgeSeen(seen, settings);
}

function judgeSeen({ url, scheme, host, isAddress }: SeenUrl, settings: UrlSettings): Refusal {
  const { schemes, allow_domains, block_domains, block_patterns } = settings;
  if (schemes.length > 0 && !schemes.includes(scheme)) return 'scheme';
  if (settings.credentials === 'block' && (url.username !== '' || url.password !== '')) return 'credentials';
  if (block_patterns.some((pattern) => pattern.matcher(url.href).find())) return 'pattern';
  if (host === '') return undefined;
  if (isWithin(host, block_domains)) return 'domain';
  const listed = isWithin(host, allow_domains);
  if (allow_domains.length > 0 && !listed) return 'domain';
  if (settings.lookalikes === 'block' && isLookalike(host)) return 'lookalike';
  if (settings.private === 'allow' || listed) return undefined;
  if (isAddress) return isOpen(host, settings) ? undefined : 'private address';
  return isWeb(scheme) && isOwnName(host, isPublicAddress) ? 'own network' : undefined;
}

/** Of other schemes what stands for a host is often none: `memo://insights`. */
const isWeb = (scheme: string): boolean =>
  /^(?:https?|wss?|ftps?|sftp|ssh|git|gopher|ldaps?|smb|telnet|redis|tcp|udp)$/.test(scheme);

const isOpen = (address: string, { private: own, allow_networks }: UrlSettings): boolean =>
  own === 'allow' || isPublicAddress(address) || allow_networks.has(address);

/** The same, with what its name resolves to and where it redirects. */
export async function judgeReach(text: string, settings: UrlSettings, signal: AbortSignal): Promise<Refusal> {
  let at = text;
  for (let followed = 0; ; followed += 1) {
    const seen = seenUrl(at);
    const refused = seen === undefined ? 'not a URL' : judgeSeen(seen, settings);
    if (refused !== undefined || seen === undefined) return refused;
    const { host, isAddress, scheme } = seen;
    if (host === '' || !isWeb(scheme)) return undefined;
    if (!isAddress && !isWithin(host, settings.allow_domains)) {
      const addresses = await lookup(host, { all: true }).catch(() => []);
      if (signal.aborted || addresses.length === 0) return 'not resolved';
      if (addresses.some(({ address }) => !isOpen(address, settings))) return 'private address';
    }
    if (settings.redirects === 0 || !/^https?$/.test(scheme)) return undefined;
    const next = await redirectOf(seen.url, settings, signal);
    if (next === 'no answer' || next === undefined) return next;
    if (followed >= settings.redirects) return 'redirects';
    at = next;
  }
}

/** Where a URL redirects to; undefined where it does not. */
async function redirectOf(url: URL, settings: UrlSettings, signal: AbortSignal): Promise<string | undefined> {
  const { Agent, request } = await import('undici');
  // What the name resolves to is looked at once more: it may be another address by now.
  const agent = new Agent({
    connect: {
      lookup: (name, options, done) =>
        lookupOf(name, { ...options, all: true }, (error, addresses) => {
          const refused = !error && addresses.some(({ address }) => !isOpen(address, settings));
          if (error || refused)
            return done(
              error ?? (new DOMException('private address') as unknown as NodeJS.ErrnoException),
              [],
            );
          return done(null, addresses);
        }),
    },
  });
  try {
    const { statusCode, headers, body } = await request(url, { method: 'HEAD', dispatcher: agent, signal });
    await body.dump();
    const { location } = headers;
    if (statusCode < 300 || statusCode > 399 || typeof location !== 'string') return undefined;
    return URL.canParse(location, url.href) ? new URL(location, url.href).href : 'not a URL';
  } catch {
    return 'no answer';
  } finally {
    await agent.destroy();
  }
}
