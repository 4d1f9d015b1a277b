import {
  ConfigBadValue,
  ConfigDuplicateUpstream,
  type ConfigPlace,
  ConfigUpstream,
  ConfigUpstreamName,
  ConfigUpstreamPlainHttp,
  placeText,
} from '../errors.js';
import { framingHeaders, headerName, headerValue } from '../headers.js';
import { type ClientHeaders, clientHeaders, isRule } from './client-headers.js';
import { upstreamKeys } from './keys.js';
import { isPerUser, type OauthSettings, oauthSettings } from './oauth-settings.js';
import { hiddenText, looksSecret, type Problems, shown } from './problems.js';
import { checkProxy, type ProxyRules, proxyRules } from './proxies.js';
import { given, isLoopback, pathOf, type Reading, readUrl } from './reading.js';
import { type Field, type Fields, type SettingsOf, settingsOf } from './schema.js';
import { type ClientTlsSettings, upstreamTls } from './tls-settings.js';

/** How an upstream MCP server is reached, and what of it is offered. Paths are absolute. */
export type UpstreamSettings = UpstreamOffer &
  (
    | {
        readonly transport: 'http';
        readonly url: URL;
        /** The one transport that is spoken: Streamable HTTP, or HTTP+SSE. Absent: the second where the first is refused. */
        readonly type?: 'http' | 'sse';
        /** A Unix domain socket in place of the URL's host. */
        readonly uds?: string;
        /** Sent with every request, such as a token of the upstream's own. Secret. */
        readonly headers: Readonly<Record<string, string>>;
        /** What of its clients it is told in headers; absent: nothing. */
        readonly client?: ClientHeaders;
        /** Which proxy it is reached through, and what belongs to it, such as who issues its tokens. Absent: none. */
        readonly proxies?: ProxyRules;
        /** Absent for http, and for https without a `tls` block: the system's roots are trusted then. */
        readonly tls?: ClientTlsSettings;
        /** How access tokens for it are had. Absent: no request has one but what `headers` say. */
        readonly oauth?: OauthSettings;
      }
    | ({ readonly transport: 'stdio'; readonly command: string } & Pick<
        UpstreamValues,
        'args' | 'env' | 'cwd'
      >)
  );
type UpstreamValues = SettingsOf<typeof upstreamKeys>;
interface UpstreamOffer
  extends Pick<
    UpstreamValues,
    'prefix' | 'include' | 'exclude' | 'share' | 'timeoutMs' | 'toolTimeouts' | 'maxTotalTimeoutMs'
  > {
  readonly name: string;
  /** Tools that are offered, by their exact names, beside what `include` and `exclude` say; absent: all. */
  readonly tools?: { readonly include?: readonly string[]; readonly exclude: readonly string[] };
}

export type UpstreamFields = Fields<typeof upstreamKeys>;

/** What is needed of a `Reading` here: upstreams are read from files of other kinds too. */
interface UpstreamReading extends Pick<Reading, 'paths' | 'problems'> {
  /** What counts for an upstream without a `proxy` of its own. */
  readonly proxies: ProxyRules;
}

/** The upstreams of one file; `taken` are names that another has, and where. What is wrong with one does not keep the others from being looked at. */
export function upstreamSettings(
  named: readonly (readonly [name: string, field: Field<UpstreamFields>])[],
  path: string,
  reading: UpstreamReading,
  taken: ReadonlyMap<string, string> = new Map(),
): UpstreamSettings[] {
  refuseDuplicates(named, taken, reading.problems);
  return named.flatMap(([name, { value, place }]) => {
    const reason = nameProblem(name);
    if (reason !== undefined)
      reading.problems.add(ConfigUpstreamName({ at: place, name: shown(name), reason }));
    const settings = value && upstream(name, value, { place, path: `${path}.${name}` }, reading);
    return settings === undefined ? [] : [settings];
  });
}

/** Names that differ in case only would be told apart by machines, and by nobody else. */
function refuseDuplicates(
  named: readonly (readonly [name: string, field: Field<UpstreamFields>])[],
  taken: ReadonlyMap<string, string>,
  problems: Problems,
): void {
  const first = new Map([...taken].map(([name, where]) => [name.toLowerCase(), where]));
  for (const [name, { place: at }] of named) {
    const before = first.get(name.toLowerCase());
    if (before === undefined) first.set(name.toLowerCase(), placeText(at));
    else problems.add(ConfigDuplicateUpstream({ at, name: shown(name), first: before }));
  }
}

function nameProblem(name: string): string | undefined {
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    return 'it has other characters than letters, digits, dots, hyphens, underscores';
  if (name.includes('__')) return 'it contains __';
  return name.length > 64 ? 'it has more than 64 characters' : undefined;
}

interface Where {
  readonly place: ConfigPlace;
  readonly path: string;
}

function upstream(
  name: string,
  fields: UpstreamFields,
  where: Where,
  reading: UpstreamReading,
): UpstreamSettings | undefined {
  const { problems } = reading;
  const { command, url } = fields;
  const refuse = (at: ConfigPlace, problem: string, instead: string): undefined => {
    problems.add(ConfigUpstream({ at, upstream: shown(name), problem, instead }));
  };
  if (command !== undefined && url !== undefined)
    return refuse(url.place, 'it has command and url', 'keep one of the two');
  if (command === undefined && url === undefined)
    return refuse(where.place, 'it has neither command nor url', 'give command: and args:, or url:');
  const foreign =
    url === undefined
      ? (['type', 'headers', 'tls', 'uds', 'proxy', 'oauth'] as const)
      : (['args', 'env', 'cwd'] as const);
  const [owner, other] = url === undefined ? ['url', 'command'] : ['command', 'url'];
  for (const key of foreign) {
    const field = fields[key];
    if (field !== undefined)
      refuse(field.place, `${key} is for ${owner}, and it has ${other}`, `remove ${key}, or write ${owner}`);
  }
  const settings = settingsOf(upstreamKeys, fields, reading.paths);
  const { prefix, include, exclude, share, timeoutMs, args, env, cwd } = settings;
  const { toolTimeouts, maxTotalTimeoutMs } = settings;
  const times = {
    timeoutMs,
    ...given('toolTimeouts', toolTimeouts),
    ...given('maxTotalTimeoutMs', maxTotalTimeoutMs),
  };
  const offer = { name, prefix, include, exclude, ...given('share', share), ...times };
  if (url !== undefined) {
    const http = httpOptions(name, fields, url, where, reading);
    return http && { ...offer, ...http, ...given('type', fields.type?.value) };
  }
  if (command?.value === undefined) return undefined;
  return { ...offer, transport: 'stdio', command: command.value, args, env, ...given('cwd', cwd) };
}

type HttpOptions = Pick<
  Extract<UpstreamSettings, { transport: 'http' }>,
  'transport' | 'url' | 'uds' | 'headers' | 'client' | 'proxies' | 'tls' | 'oauth'
>;

function httpOptions(
  name: string,
  { headers: named, tls: block, uds, proxy, oauth: signIn, share }: UpstreamFields,
  urlField: Field<string>,
  { path }: Where,
  reading: UpstreamReading,
): HttpOptions | undefined {
  const { problems, paths } = reading;
  const headers = headerMap(named?.value ?? {}, `${path}.headers`, problems);
  const refuse = (at: ConfigPlace, problem: string, instead: string) =>
    problems.add(ConfigUpstream({ at, upstream: shown(name), problem, instead }));
  const client = given(
    'client',
    clientHeaders(named?.value ?? {}, Object.keys(headers), `${path}.headers`, shown(name), problems),
  );
  if (client.client && share?.value === 'all') {
    const { fromClient, passCredentials } = client.client;
    if (Object.keys(fromClient).length > 0 || passCredentials.length > 0)
      refuse(
        share.place,
        'share is all, and headers say who each client is',
        'set share to user or session, or remove from_client and pass_credentials',
      );
  }
  const url = readUrl(urlField, `${path}.url`, problems, { path: 'any' });
  if (url === undefined) return undefined;
  const subject = `upstream ${shown(name)}`;
  const socket = given('uds', pathOf(uds, paths));
  const rules = proxyRules(proxy, `${path}.proxy`, reading.proxies, [], reading);
  const proxies = given('proxies', rules.http || rules.https ? rules : undefined);
  const own = proxy?.value?.url?.value;
  if (
    proxy !== undefined &&
    own !== undefined &&
    own !== 'none' &&
    (uds !== undefined || isLoopback(url.hostname))
  )
    refuse(proxy.place, 'it is on this machine, which no proxy is asked for', 'remove proxy, or correct url');
  if (uds === undefined) checkProxy(rules, url, problems);
  if (uds !== undefined && url.protocol === 'https:')
    refuse(
      uds.place,
      'a Unix domain socket is reached without TLS',
      'remove uds, or begin the URL with http:',
    );
  const plainAndFar = url.protocol === 'http:' && uds === undefined && !isLoopback(url.hostname);
  const authorized = [
    ...Object.keys(headers),
    ...(client.client?.passCredentials ?? []),
    ...Object.keys(client.client?.fromClient ?? {}),
  ];
  if (signIn !== undefined && authorized.includes('authorization'))
    refuse(signIn.place, 'it has oauth and a header Authorization', 'keep one of the two');
  // RFC 6750 section 5.3.
  if (signIn !== undefined && plainAndFar)
    refuse(signIn.place, 'its access tokens would be sent unencrypted', 'begin the URL with https:');
  const grant = signIn?.value?.grant?.value;
  if (share?.value === 'all' && grant && isPerUser({ grant }))
    refuse(
      share.place,
      `share is all, and ${grant} makes tokens of each user's`,
      'set share to user or session',
    );
  const tokens = given('oauth', signIn && oauthSettings(name, signIn, `${path}.oauth`, reading));
  if (url.protocol === 'http:') {
    if (block !== undefined)
      refuse(block.place, 'it has a tls block, but its URL begins with http:', 'begin the URL with https:');
    const passed = client.client?.passCredentials ?? [];
    const header = [...Object.keys(headers), ...passed].find(looksSecret);
    if (header !== undefined && plainAndFar) {
      const host = urlField.hidden ? hiddenText : url.host;
      problems.warn(ConfigUpstreamPlainHttp({ at: urlField.place, upstream: shown(name), host, header }));
    }
    return { transport: 'http', url, ...socket, headers, ...client, ...proxies, ...tokens };
  }
  if (block === undefined) return { transport: 'http', url, headers, ...client, ...proxies, ...tokens };
  if (block.value === undefined) return undefined;
  const tls = upstreamTls(block.value, block.place, subject, { problems, paths });
  return { transport: 'http', url, headers, ...client, ...proxies, tls, ...tokens };
}

/** Header names in lower case; what RFC 9110 sections 5.1 and 5.5 do not allow is a problem, and never shown. */
function headerMap(
  named: Readonly<Record<string, Field<string>>>,
  path: string,
  problems: Problems,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, { value, place }] of Object.entries(named)) {
    if (value === undefined || isRule(name, value)) continue;
    const lower = name.toLowerCase();
    const key = `${path}.${shown(name).slice(1, -1)}`;
    const bad = (expected: string) =>
      problems.add(ConfigBadValue({ at: place, key, expected, seen: hiddenText }));
    if (!headerName.test(name)) bad('the value of a header whose name is a token');
    else if (framingHeaders.has(lower) || ownHeaders.test(lower))
      bad('left out: the gateway sets this header itself');
    else if (!headerValue.test(value)) bad('a text without control characters');
    else headers[lower] = value.trim();
  }
  return headers;
}

/** What belongs to MCP itself. */
const ownHeaders = /^(content-type|accept|mcp-.*|last-event-id)$/;
