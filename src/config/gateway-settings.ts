import {
  ConfigAuth,
  ConfigBadValue,
  ConfigGatewayOpen,
  ConfigGatewayOpenly,
  type ConfigPlace,
} from '../errors.js';
import { nearest } from '../nearest.js';
import type { RulesSettings } from '../policy/index.js';
import { type ApprovalSettings, approvalSettings } from './approval-settings.js';
import { auditKeys } from './audit-keys.js';
import { type ConsentSettings, checkGrants, consentSettings } from './consent-settings.js';
import { type ConsoleSettings, consoleSettings } from './console-settings.js';
import { type PathBase, resolvePath } from './files.js';
import { authKeys, gatewayKeys, limitKeys, metricsKeys, toolNameKeys, userKeys } from './keys.js';
import { networksOf } from './networks.js';
import { shown } from './problems.js';
import {
  checkProxy,
  environmentProxies,
  noProxies,
  type ProxyRules,
  proxyRules,
  warnOfProxies,
} from './proxies.js';
import { given, isLoopback, pathOf, type Reading, readUrl } from './reading.js';
import { noRules, rulesSettings } from './rules-settings.js';
import { type Field, type Fields, type SettingsOf, settingsOf, type ValuesOf, valuesOf } from './schema.js';
import { refuseHealthPort } from './server-settings.js';
import { type ServerTlsSettings, serverTls, warnOfUriPatterns } from './tls-settings.js';
import { type ToolsLockSettings, toolsLockSettings } from './tools-lock-settings.js';
import { type UpstreamSettings, upstreamSettings } from './upstream-settings.js';
import { type VirtualServerSettings, virtualServers } from './virtual-servers.js';

/** Who may call the gateway. */
export type AuthSettings =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'bearer';
      /** The file that `sallyport token` writes: hashes of tokens, each with its user and tenant. */
      readonly tokensFile: string;
    }
  | {
      readonly kind: 'jwt';
      readonly issuer: string;
      readonly audience: string;
      /** A URL or a file. */
      readonly jwks: { readonly url: URL } | { readonly file: string };
      readonly userClaim: string;
      readonly tenantClaim?: string;
      /** The claim that names the virtual servers that a token is bound to. */
      readonly serversClaim?: string;
      readonly groupsClaim?: string;
      readonly scopes: readonly string[];
      /** The gateway's own address, as protected-resource metadata names it (RFC 9728). */
      readonly resource?: URL;
    }
  | {
      readonly kind: 'mtls';
      /** The first entry whose pattern matches the certificate counts; without entries its own name is the user. */
      readonly users: readonly ValuesOf<typeof userKeys>[];
    };

/** What the gateway takes at most. More is answered with 429 (one user's doing) or 503, and `Retry-After`. */
export type GatewayLimits = SettingsOf<typeof limitKeys>;

/** Where decisions are recorded, and what happens where they cannot be. */
export interface AuditSettings extends Omit<SettingsOf<typeof auditKeys>, 'file'> {
  readonly file: string;
}

/** The `gateway` block. */
export interface GatewaySettings extends SettingsOf<typeof gatewayKeys> {
  readonly tls?: ServerTlsSettings;
  /** Who may see and use what. */
  readonly rules: RulesSettings;
  readonly auth: AuthSettings;
  /** Where users consent; absent: nobody is asked. */
  readonly consent?: ConsentSettings;
  readonly upstreams: readonly UpstreamSettings[];
  /** Parts of what the upstreams offer, each at a path of its own. */
  readonly servers: readonly VirtualServerSettings[];
  readonly limits: GatewayLimits;
  /** What names of tools may be, as models take them. */
  readonly toolNames: SettingsOf<typeof toolNameKeys>;
  /** Which proxy connections to issuers leave through, and those to upstreams that do not say otherwise. */
  readonly proxies: ProxyRules;
  readonly metrics: SettingsOf<typeof metricsKeys>;
  /** Absent: there is no page, unless the command line asks for it. */
  readonly console?: ConsoleSettings;
  /** Absent: none is kept. */
  readonly audit?: AuditSettings;
  /** Absent: nobody is asked, and what a person would have to decide is refused. */
  readonly approvals?: ApprovalSettings;
  /** Absent: upstreams show what they like. */
  readonly toolsLock?: ToolsLockSettings;
}

const noPaths: PathBase = { cwd: '/', folder: '/', home: undefined, exists: () => false };

/** What counts where a file has no `gateway` block, or none of its keys. */
export const gatewayDefaults: Omit<GatewaySettings, 'upstreams'> = {
  ...settingsOf(gatewayKeys, {}, noPaths),
  auth: { kind: gatewayKeys.auth.default },
  servers: [],
  rules: noRules,
  limits: settingsOf(limitKeys, {}, noPaths),
  toolNames: settingsOf(toolNameKeys, {}, noPaths),
  proxies: noProxies,
  metrics: settingsOf(metricsKeys, {}, noPaths),
};

type GatewayFields = Fields<typeof gatewayKeys>;

/** The `gateway` block. It has problems where it is not whole; what it then answers is not used. */
export function gatewaySettings(
  { value: fields = {}, place }: Field<GatewayFields>,
  reading: Reading,
): GatewaySettings {
  const { problems } = reading;
  const { tls: block, port } = fields;
  const settings = settingsOf(gatewayKeys, fields, reading.paths);
  const { host, allowUnauthenticated } = settings;
  const owner = { subject: 'the gateway', side: 'gateway', anyIssuer: true } as const;
  const tls = block?.value && serverTls({ place: block.place, fields: block.value }, owner, reading);
  if (block !== undefined) refuseHealthPort(port, reading);
  const auth =
    fields.auth === undefined
      ? gatewayDefaults.auth
      : authSettings(fields.auth, tls?.sslCertReqs === 2, reading);
  if (auth?.kind === 'none' && !isLoopback(host)) {
    const at = fields.allow_unauthenticated?.place ?? fields.host?.place ?? place;
    const said = (allowUnauthenticated ? ConfigGatewayOpenly : ConfigGatewayOpen)({ at, host });
    if (allowUnauthenticated) problems.warn(said);
    else problems.add(said);
  }
  const variables = environmentProxies(reading.env);
  const proxies = proxyRules(fields.proxy, 'gateway.proxy', variables, variables.except, reading);
  if (auth?.kind === 'jwt' && 'url' in auth.jwks) checkProxy(proxies, auth.jwks.url, problems);
  const page = fields.console && consoleSettings(fields.console, { auth: auth?.kind, tls }, reading);
  const consent = fields.oauth && consentSettings(fields.oauth, reading);
  const toolNames = settingsOf(toolNameKeys, fields.tool_names?.value ?? {}, reading.paths);
  const servers = virtualServers(fields.servers, toolNames, reading);
  checkBindings(fields.auth?.value, servers, reading);
  checkGrants(fields.upstreams?.value ?? {}, auth?.kind, fields.oauth !== undefined, problems);
  const upstreams = upstreamSettings(Object.entries(fields.upstreams?.value ?? {}), 'gateway.upstreams', {
    ...reading,
    proxies,
  });
  if (fields.proxy === undefined) warnOfProxies(proxies, reading.env, problems);
  return {
    ...settings,
    ...given('tls', tls),
    ...given('consent', consent),
    ...given('console', page),
    proxies,
    auth: auth ?? gatewayDefaults.auth,
    ...wayIn(fields, reading),
    allowedOrigins: originsOf(fields.allowed_origins, reading),
    upstreams,
    servers,
    limits: settingsOf(limitKeys, fields.limits?.value ?? {}, reading.paths),
    toolNames,
    metrics: settingsOf(metricsKeys, fields.metrics?.value ?? {}, reading.paths),
    rules: rulesSettings(fields.rules, fields.rule_tests, fields.rules_default?.value, problems),
    ...given('audit', auditSettings(fields.audit, reading)),
    ...given(
      'approvals',
      fields.approvals && approvalSettings(fields.approvals, fields.console !== undefined, reading),
    ),
    ...given('toolsLock', toolsLockSettings(fields.tools_lock, reading)),
  };
}

/** `gateway.audit`; undefined, with problems, where it is not whole. */
function auditSettings(
  field: GatewayFields['audit'],
  { problems, paths }: Reading,
): AuditSettings | undefined {
  if (field?.value === undefined) return undefined;
  const { file, ...settings } = settingsOf(auditKeys, field.value, paths);
  const { key_file: keyFile } = field.value;
  if (keyFile && !settings.chain) {
    const [expected, seen] = ['absent, or chain: true beside it', keyFile.seen];
    problems.add(ConfigBadValue({ at: keyFile.place, key: 'gateway.audit.key_file', expected, seen }));
  }
  return file === undefined ? undefined : { ...settings, file };
}

/** How proxies before the gateway bring requests to it. */
function wayIn(fields: GatewayFields, { problems }: Reading) {
  const bad = (field: Field<unknown>, key: string, expected: string, text: string) =>
    problems.add(ConfigBadValue({ at: field.place, key: `gateway.${key}`, expected, seen: shown(text) }));
  const { base_path: base, trusted_proxies: trusted, proxy_protocol: protocol } = fields;
  const basePath = (base?.value ?? '').replace(/\/+$/, '');
  if (
    base &&
    basePath !== '' &&
    (!/^(\/[A-Za-z0-9._~-]+)+$/.test(basePath) || /\/\.{1,2}(\/|$)/.test(basePath))
  )
    bad(base, 'base_path', 'a path, such as /gw', basePath);
  if (trusted)
    networksOf(trusted.value ?? [], (text) =>
      bad(trusted, 'trusted_proxies', 'a list of addresses and networks, such as 10.0.0.0/8', text),
    );
  if (protocol?.value === true && (trusted?.value ?? []).length === 0)
    bad(protocol, 'proxy_protocol', 'false, or trusted_proxies beside it', 'true');
  return { basePath };
}

/** Origins as browsers send them (RFC 6454 section 6.2): scheme and host, without a path. */
function originsOf(field: GatewayFields['allowed_origins'], { problems }: Reading): readonly string[] {
  return (field?.value ?? []).map((text) => {
    if (field && (!URL.canParse(text) || new URL(text).origin === 'null')) {
      const expected = 'a list of origins, such as https://app.example';
      const key = 'gateway.allowed_origins';
      problems.add(ConfigBadValue({ at: field.place, key, expected, seen: shown(text) }));
      return text;
    }
    return new URL(text).origin;
  });
}

type AuthFields = Fields<typeof authKeys>;
type AuthKey = keyof typeof authKeys;
type Kind = AuthSettings['kind'];

/** The keys that a kind has beside `kind`; the first ones it cannot do without. */
const keysOf: Record<Kind, { needed: readonly AuthKey[]; more: readonly AuthKey[] }> = {
  none: { needed: [], more: [] },
  bearer: { needed: ['tokens_file'], more: [] },
  jwt: {
    needed: ['issuer', 'audience', 'jwks'],
    more: ['user_claim', 'tenant_claim', 'groups_claim', 'servers_claim', 'scopes', 'resource'],
  },
  mtls: { needed: [], more: ['users'] },
};

/** `gateway.auth`; undefined, with problems, where it is not whole. */
function authSettings(
  { value: fields, place }: Field<AuthFields>,
  mutualTls: boolean,
  reading: Reading,
): AuthSettings | undefined {
  const kind = fields?.kind?.value;
  if (fields === undefined || kind === undefined) return undefined;
  const { needed, more } = keysOf[kind];
  const refuse = (at: ConfigPlace, problem: string, instead: string): undefined => {
    reading.problems.add(ConfigAuth({ at, kind, problem, instead }));
  };
  for (const key of Object.keys(fields) as AuthKey[]) {
    const field = fields[key];
    if (field && key !== 'kind' && !needed.includes(key) && !more.includes(key))
      refuse(field.place, `${key} has no meaning for it`, `remove ${key}`);
  }
  for (const key of needed)
    if (fields[key] === undefined) refuse(place, `${key} is missing`, `add '${key}:' to gateway.auth`);
  if (kind === 'none') return { kind };
  if (kind === 'mtls') {
    if (!mutualTls)
      refuse(
        place,
        'client certificates are not required',
        'give gateway.tls with certfile, keyfile, ca_bundle and ssl_cert_reqs: 2',
      );
    for (const { value } of fields.users?.value ?? [])
      warnOfUriPatterns([value?.match?.value ?? ''], value?.match?.place, reading.problems);
    return { kind, users: usersOf(fields) };
  }
  if (kind === 'bearer') {
    const tokensFile = pathOf(fields.tokens_file, reading.paths);
    return tokensFile === undefined ? undefined : { kind, tokensFile };
  }
  return jwtSettings(fields, reading);
}

/** Whoever is bound to a virtual server that is not there could go nowhere. */
function checkBindings(
  auth: AuthFields | undefined,
  servers: readonly VirtualServerSettings[],
  { problems }: Reading,
): void {
  const names = servers.map(({ name }) => name);
  for (const { value } of auth?.users?.value ?? []) {
    const bound = value?.servers;
    for (const seen of bound?.value ?? []) {
      if (bound === undefined || names.includes(seen)) continue;
      const expected = 'a list of names in gateway.servers';
      const key = 'gateway.auth.users[].servers';
      const meant = given('nearest', nearest(seen, names));
      problems.add(ConfigBadValue({ at: bound.place, key, expected, seen: shown(seen), ...meant }));
    }
  }
}

function usersOf({ users }: AuthFields): ValuesOf<typeof userKeys>[] {
  return (users?.value ?? []).flatMap(({ value }) =>
    value?.match?.value === undefined ? [] : [valuesOf(userKeys, value)],
  );
}

function jwtSettings(fields: AuthFields, reading: Reading): AuthSettings | undefined {
  const { jwks: keys, resource: named } = fields;
  const jwks = keys?.value === undefined ? undefined : jwksOf({ ...keys, value: keys.value }, reading);
  const resource = named && readUrl(named, 'gateway.auth.resource', reading.problems);
  const { issuer, audience, userClaim, tenantClaim, groupsClaim, serversClaim, scopes } = settingsOf(
    authKeys,
    fields,
    reading.paths,
  );
  if (issuer === undefined || audience === undefined || jwks === undefined) return undefined;
  const who = {
    userClaim,
    ...given('tenantClaim', tenantClaim),
    groupsClaim,
    ...given('serversClaim', serversClaim),
    scopes,
  };
  return { kind: 'jwt', issuer, audience, jwks, ...who, ...given('resource', resource) };
}

function jwksOf(
  field: Field<string> & { readonly value: string },
  { problems, paths }: Reading,
): Extract<AuthSettings, { kind: 'jwt' }>['jwks'] | undefined {
  if (!/^https?:/i.test(field.value)) return { file: resolvePath(field.value, paths) };
  const url = readUrl(field, 'gateway.auth.jwks', problems);
  // Whoever answers for the keys decides who passes.
  if (url?.protocol === 'http:' && !isLoopback(url.hostname)) {
    const [problem, instead] = ['its keys would come unencrypted', 'begin the URL of jwks with https:'];
    problems.add(ConfigAuth({ at: field.place, kind: 'jwt', problem, instead }));
  }
  return url && { url };
}
