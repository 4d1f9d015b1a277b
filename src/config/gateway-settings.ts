import { ConfigBadValue, ConfigGatewayOpen, ConfigGatewayOpenly, ConfigHealthPort } from '../errors.js';
import { authSettings } from './auth-settings.js';
import { gatewayKeys, limitKeys } from './gateway-keys.js';
import { given, type Reading } from './reading.js';
import type { Field, Fields } from './schema.js';
import { shown } from './secrets.js';
import { serverTls } from './server-settings.js';
import type { AuthSettings, GatewayLimits, GatewaySettings } from './types.js';
import { upstreamSettings } from './upstream-settings.js';
import { isLoopback } from './url.js';

type GatewayFields = Fields<typeof gatewayKeys>;

/** The `gateway` block. It has problems where it is not whole; what it then answers is not used. */
export function gatewaySettings(
  { value: fields = {}, place }: Field<GatewayFields>,
  reading: Reading,
): GatewaySettings {
  const { problems } = reading;
  const { tls: block, port } = fields;
  const host = fields.host?.value ?? gatewayKeys.host.default;
  const owner = { subject: 'the gateway', side: 'gateway' } as const;
  const tls = block?.value && serverTls({ place: block.place, fields: block.value }, owner, reading);
  if (block !== undefined && port?.value !== undefined && port.value + 1000 > 65_535)
    problems.add(ConfigHealthPort({ at: port.place, port: port.value }));
  const auth =
    fields.auth === undefined
      ? ({ kind: 'none' } as const)
      : authSettings(fields.auth, tls?.sslCertReqs === 2, reading);
  const allowUnauthenticated = fields.allow_unauthenticated?.value ?? false;
  if (auth?.kind === 'none' && !isLoopback(host)) {
    const at = fields.allow_unauthenticated?.place ?? fields.host?.place ?? place;
    const said = (allowUnauthenticated ? ConfigGatewayOpenly : ConfigGatewayOpen)({ at, host });
    if (allowUnauthenticated) problems.warn(said);
    else problems.add(said);
  }
  return {
    host,
    port: port?.value ?? Number(gatewayKeys.port.default),
    ...given('tls', tls),
    auth: auth ?? ({ kind: 'none' } satisfies AuthSettings),
    allowUnauthenticated,
    allowedHosts: fields.allowed_hosts?.value ?? [],
    allowedOrigins: originsOf(fields.allowed_origins, reading),
    upstreams: upstreamSettings(Object.entries(fields.upstreams?.value ?? {}), 'gateway.upstreams', reading),
    failures: fields.failures?.value ?? gatewayKeys.failures.default,
    limits: limitsOf(fields.limits?.value ?? {}),
  };
}

/** What counts where a file has no `gateway` block, or none of its keys. */
export const gatewayDefaults: Omit<GatewaySettings, 'upstreams'> = {
  host: gatewayKeys.host.default,
  port: Number(gatewayKeys.port.default),
  auth: { kind: 'none' },
  allowUnauthenticated: false,
  allowedHosts: [],
  allowedOrigins: [],
  failures: gatewayKeys.failures.default,
  limits: limitsOf({}),
};

function limitsOf(fields: Fields<typeof limitKeys>): GatewayLimits {
  const of = (key: keyof typeof limitKeys) => fields[key]?.value ?? Number(limitKeys[key].default);
  return {
    bodyBytes: of('body_bytes'),
    concurrentCalls: of('concurrent_calls'),
    concurrentCallsPerUser: of('concurrent_calls_per_user'),
    sessions: of('sessions'),
    sessionsPerUser: of('sessions_per_user'),
    sessionIdleMs: Math.max(1, Math.round(of('session_idle') * 1000)),
    upstreamQueue: of('upstream_queue'),
  };
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
