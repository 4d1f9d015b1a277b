import { domainToASCII } from 'node:url';
import { asSallyError, ConfigNoProxyEntry, ConfigProxyIdle, ConfigUrl, SallyError } from '../errors.js';
import type { Env } from './files.js';
import type { proxyKeys } from './keys.js';
import { networksOf } from './networks.js';
import { hiddenText, type Problems, shown } from './problems.js';
import { given, isLoopback, type Reading } from './reading.js';
import type { Field, Fields } from './schema.js';
import { type ClientTlsSettings, upstreamTls } from './tls-settings.js';

/** A proxy that connections leave through. */
export interface ProxySettings {
  /** Where it is, without credentials: http, or https for TLS to the proxy itself. */
  readonly url: URL;
  /** The value of `Proxy-Authorization`. Secret. */
  readonly authorization?: string;
  /** TLS to the proxy; absent with https: the system's roots are trusted. */
  readonly tls?: ClientTlsSettings;
}

/** Which proxy connections leave through, by the scheme of where they go. */
export interface ProxyRules {
  /** An error in place of a proxy that a variable names, and that cannot be used. */
  readonly http?: ProxySettings | SallyError;
  readonly https?: ProxySettings | SallyError;
  /** Where none is used, as entries of `NO_PROXY`. */
  readonly except: readonly string[];
}

/** No proxy at all. */
export const noProxies: ProxyRules = { except: [] };

const loopback = networksOf(['127.0.0.0/8', '::1']);

/**
 * The proxy that a connection to `url` leaves through; undefined where it goes straight there, as it always does on this
 * machine.
 *
 * @throws SallyError where that is one of a variable which cannot be used.
 */
export function proxyFor({ except, ...proxies }: ProxyRules, url: URL): ProxySettings | undefined {
  const proxy = url.protocol === 'https:' ? proxies.https : proxies.http;
  if (proxy === undefined || isOwnMachine(url) || except.some((entry) => isExcepted(entry, url)))
    return undefined;
  if (proxy instanceof SallyError) throw proxy;
  return proxy;
}

/** The proxy that an upstream is reached through over HTTP. */
export function upstreamProxy({
  uds,
  url,
  proxies = noProxies,
}: {
  readonly uds?: string;
  readonly url: URL;
  readonly proxies?: ProxyRules;
}): ProxySettings | undefined {
  return uds === undefined ? proxyFor(proxies, url) : undefined;
}

/** A variable with a proxy that cannot be used is a problem where something would go through it. */
export function checkProxy(rules: ProxyRules, url: URL, problems: Problems): void {
  try {
    proxyFor(rules, url);
  } catch (error) {
    problems.add(asSallyError(error));
  }
}

/**
 * Warns of what the variables of proxies say that has no effect: a proxy that cannot be used, where `checkProxy` has found
 * nothing that would go through it, and entries of `NO_PROXY` that are about nothing.
 */
export function warnOfProxies(rules: ProxyRules, env: Env, problems: Problems): void {
  const refused = problems.inOrder();
  for (const rule of [rules.http, rules.https]) {
    if (!ConfigUrl.is(rule) || refused.includes(rule)) continue;
    const { at, key: variable, seen: text, reason } = rule.context;
    problems.warn(ConfigProxyIdle({ at, variable, seen: text, reason }));
  }
  const variable = env['no_proxy'] === undefined ? 'NO_PROXY' : 'no_proxy';
  for (const entry of rules.http || rules.https ? exceptions(env) : []) {
    if (isException(entry)) continue;
    const host = entry.replace(/^[a-z][a-z0-9+.-]*:\/\//, '').replace(/[/?#].*$/, '');
    const likely = host !== entry && isException(host) ? host : undefined;
    problems.warn(
      ConfigNoProxyEntry({ at: { variable }, variable, entry: shown(entry), ...given('likely', likely) }),
    );
  }
}

const hostName = /^\*?\.?[\w-]+(?:\.[\w-]+)*\.?(?::\d+)?$/;

/** Whether an entry of `NO_PROXY` can be about anything. */
function isException(entry: string): boolean {
  let isAddress = true;
  networksOf([bare(entry.replace(/^(\[[^\]]*\]|[\d.]+):\d+$/, '$1'))], () => {
    isAddress = false;
  });
  return isAddress || entry === '*' || (!entry.includes('/') && hostName.test(domainToASCII(entry) || entry));
}

/** A proxy as logs and errors name it: without credentials. */
export const proxyName = ({ url }: ProxySettings): string => url.origin;

const isOwnMachine = (url: URL): boolean => isLoopback(url.hostname) || loopback.has(bare(url.hostname));

/** Without the brackets that an IPv6 address has in a URL alone. */
const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

/**
 * Whether an entry of `NO_PROXY` is about `url`: `*`, a name with all below it, `.name` or `*.name` with what is below it, an
 * address, a network (`10.0.0.0/8`), each but `*` and a network with or without a port.
 */
function isExcepted(entry: string, url: URL): boolean {
  if (entry === '*') return true;
  const [, named = entry, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (port !== undefined && port !== (url.port || (url.protocol === 'https:' ? '443' : '80'))) return false;
  const host = bare(url.hostname).replace(/\.$/, '');
  const name = bare(named).replace(/^\*\./, '.').replace(/\.$/, '');
  if (networksOf([name]).has(host)) return true;
  const ascii = domainToASCII(name.replace(/^\./, '')) || name;
  return name.startsWith('.') ? host.endsWith(`.${ascii}`) : host === ascii || host.endsWith(`.${ascii}`);
}

/** What `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say; in lower case, as most programs have them, they come first. */
export function environmentProxies(env: Env): ProxyRules {
  const proxy = (scheme: 'http' | 'https'): ProxySettings | SallyError | undefined => {
    const upper = `${scheme.toUpperCase()}_PROXY`;
    const variable = env[`${scheme}_proxy`] === undefined ? upper : `${scheme}_proxy`;
    const text = env[variable]?.trim();
    if (!text) return undefined;
    const read = readProxy(text);
    if (typeof read !== 'string') return read;
    return ConfigUrl({ at: { variable }, key: variable, seen: seen(text), reason: read, likely });
  };
  return { ...given('http', proxy('http')), ...given('https', proxy('https')), except: exceptions(env) };
}

/** The entries of `NO_PROXY`, of which some programs have spaces in between. */
function exceptions(env: Env): readonly string[] {
  const text = env['no_proxy'] ?? env['NO_PROXY'] ?? '';
  return text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '');
}

const likely = 'http://proxy.example:3128';
/** A password may stand before any @. */
const seen = (text: string): string => (text.includes('@') ? hiddenText : shown(text));

/** A proxy as a URL names it, which may leave out its scheme; why it is none where it is none. */
function readProxy(text: string): ProxySettings | string {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (/\s/.test(whole) || !URL.canParse(whole)) return 'not a valid URL';
  const url = new URL(whole);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `a proxy is reached over http or https, not over ${url.protocol.slice(0, -1)}`;
  if ((url.pathname !== '/' && url.pathname !== '') || url.search !== '' || url.hash !== '')
    return 'the URL of a proxy ends with its host and port';
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return { url };
  try {
    return withCredentials({ url }, decodeURIComponent(username), decodeURIComponent(password));
  } catch {
    return 'its user or password is not percent-encoded as URLs have it';
  }
}

/** RFC 7617: a user without a colon, and neither with control characters; why they cannot be sent where they cannot. */
function withCredentials(proxy: ProxySettings, user: string, password: string): ProxySettings | string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
  if (user.includes(':') || /[\x00-\x1f\x7f]/.test(user + password))
    return 'its user has a colon, or there are control characters in user or password';
  const authorization = `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
  return { ...proxy, authorization };
}

type ProxyField = Field<Fields<typeof proxyKeys>>;

/** What a `proxy` key says, in place of `otherwise`: `none`, or one for wherever `except` does not forbid it. */
export function proxyRules(
  field: ProxyField | undefined,
  path: string,
  otherwise: ProxyRules,
  except: readonly string[],
  reading: Pick<Reading, 'paths' | 'problems'>,
): ProxyRules {
  if (field === undefined) return otherwise;
  const proxy = proxySettings(field, path, reading);
  return proxy ? { http: proxy, https: proxy, except } : noProxies;
}

/** The proxy of a `proxy` key; undefined for `none`, and, with a problem, for what is none. */
export function proxySettings(
  { value: fields, place }: ProxyField,
  path: string,
  { problems, paths }: Pick<Reading, 'paths' | 'problems'>,
): ProxySettings | undefined {
  const { url, tls, user, password } = fields ?? {};
  if (url?.value === undefined || url.value === 'none') return undefined;
  const read = readProxy(url.value);
  const refuse = (reason: string): undefined => {
    const text = url.hidden ? hiddenText : seen(url.value ?? '');
    problems.add(ConfigUrl({ at: url.place, key: `${path}.url`, seen: text, reason, likely }));
  };
  if (typeof read === 'string') return refuse(read);
  if (tls !== undefined && read.url.protocol !== 'https:')
    return refuse('it has a tls block, and its URL does not begin with https:');
  const checked =
    tls?.value && upstreamTls(tls.value, tls.place, `the proxy of ${path}`, { problems, paths });
  const secured = { ...read, ...(checked && { tls: checked }) };
  if (user?.value === undefined && password?.value === undefined) return secured;
  const whole = withCredentials(secured, user?.value ?? '', password?.value ?? '');
  if (typeof whole !== 'string') return whole;
  const at = (user ?? password)?.place ?? place;
  problems.add(ConfigUrl({ at, key: `${path}.user`, seen: hiddenText, reason: whole, likely }));
  return undefined;
}
