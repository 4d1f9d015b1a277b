import type { ClientHeaders, ClientValue, ValuePart } from '../../config/index.js';
import { UpstreamHeader } from '../../errors.js';
import { headerValue } from '../../headers.js';
import type { RequestOptions } from '../../mcp/client/session.js';
import { type JsonObject, metaOf } from '../../mcp/messages.js';
import type { Identity } from '../client.js';

/** Whose request it is: what headers towards an upstream are made of. */
export type Sender = NonNullable<RequestOptions['from']>;

/** W3C Trace Context and Baggage: they are passed on without being asked for. */
const traceHeaders = ['traceparent', 'tracestate', 'baggage'] as const;

/** As much as a whole head may have here, in characters. */
const longest = 8_192;

/**
 * The headers of one request to an upstream over HTTP: what the client sent and may pass, over that what plugins have set,
 * and over both what the configuration says of who the client is. The same object where nothing is added.
 */
export function headersFor(
  upstream: string,
  rules: ClientHeaders | undefined,
  from: Sender,
  ofPlugins: RequestOptions['headers'],
): RequestOptions['headers'] {
  const { headers: sent } = from;
  let made: Record<string, string> | undefined;
  for (const name of traceHeaders) {
    const value = sent[name];
    if (value !== undefined && headerValue.test(value)) made = { ...made, [name]: value };
  }
  if (rules !== undefined) {
    made ??= {};
    for (const name of rules.pass) {
      const value = sent[name];
      if (value !== undefined) made[name] = checked(upstream, name, value);
    }
    for (const name of rules.passCredentials) {
      const value = from.credentials?.[name];
      if (value !== undefined) made[name] = checked(upstream, name, value);
    }
    Object.assign(made, ofPlugins);
    for (const name of Object.keys(rules.fromClient)) delete made[name];
    Object.assign(made, headersOfIdentity(upstream, rules, from));
    return made;
  }
  return made === undefined ? ofPlugins : { ...made, ...ofPlugins };
}

/**
 * The `_meta` of one request to an upstream without headers, where something is added to it: the trace context of the client's
 * headers (MCP has the same names there), and under `added` ours. What the client itself has in `_meta` comes before its headers.
 */
export function metaFor(
  from: Sender | undefined,
  params: JsonObject | undefined,
  added: RequestOptions['headers'],
): JsonObject | undefined {
  const meta = metaOf(params ?? {});
  let made: Record<string, unknown> | undefined;
  for (const name of traceHeaders) {
    const value = from?.headers[name];
    if (value !== undefined && meta[name] === undefined) made = { ...(made ?? meta), [name]: value };
  }
  return made || added ? { ...(made ?? meta), ...added } : undefined;
}

/** The headers that say who a client is. What nobody knows of it is left out. */
export function headersOfIdentity(
  upstream: string,
  { fromClient }: ClientHeaders,
  from: Pick<Sender, 'identity' | 'remote'>,
): Record<string, string> {
  const made: Record<string, string> = {};
  for (const [name, parts] of Object.entries(fromClient)) {
    const value = textOf(parts, from);
    if (value !== undefined) made[name] = checked(upstream, name, value);
  }
  return made;
}

/** Undefined where a part is not known and nothing stands in for it, or nothing is left of it. */
function textOf(parts: readonly ValuePart[], from: Pick<Sender, 'identity' | 'remote'>): string | undefined {
  let value = '';
  for (const part of parts) {
    const text = typeof part === 'string' ? part : (known(part, from) ?? part.otherwise);
    if (text === undefined) return undefined;
    value += text;
  }
  return value.trim() || undefined;
}

function known({ name, claim = '' }: ClientValue, { identity, remote }: Pick<Sender, 'identity' | 'remote'>) {
  const { user, tenant, method, claims }: Identity = identity;
  switch (name) {
    case 'user':
      return user ?? undefined;
    case 'tenant':
      return tenant ?? undefined;
    case 'auth_method':
      return method;
    case 'client_host':
      return remote;
    case 'claims':
      return claims && Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  }
}

/** An upstream that is told nothing of its client could take it for somebody else: what cannot be sent fails the request. */
function checked(upstream: string, header: string, value: string): string {
  if (value.length > longest)
    throw UpstreamHeader({ upstream, header, problem: `it has more than ${longest} characters` });
  if (!headerValue.test(value))
    throw UpstreamHeader({ upstream, header, problem: 'it has characters that no header may have' });
  return value;
}
