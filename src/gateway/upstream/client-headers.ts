import type { ClientHeaders, ClientValue, ValuePart } from '../../config/index.js';
import { UpstreamHeader } from '../../errors.js';
import { headerValue } from '../../headers.js';
import type { RequestOptions } from '../../mcp/client/session.js';
import { type JsonObject, metaOf } from '../../mcp/messages.js';
import { traceFields } from '../../telemetry/index.js';
import type { Identity } from '../client.js';

/** Whose request it is: what headers towards an upstream are made of. */
export type Sender = NonNullable<RequestOptions['from']>;

/** As much as a whole head may have here, in characters. */
const longest = 8_192;

/** Trace context and baggage are passed on without being asked for; where the call has a span of its own, no other passes. */
const passedOn = (added: RequestOptions['headers']): readonly string[] =>
  added?.['traceparent'] === undefined ? traceFields : onlyBaggage;
const onlyBaggage = ['baggage'];

/** What whoever watches a call has for its way, without what the configuration says itself. */
export function allowedBy(
  rules: ClientHeaders | undefined,
  added: RequestOptions['headers'],
): RequestOptions['headers'] {
  if (rules === undefined || added === undefined || rules.fromClient['traceparent'] === undefined)
    return added;
  return undefined;
}

/**
 * The headers of one request to an upstream over HTTP: what the client sent and may pass, over that what plugins have set,
 * and over both what the configuration says of who the client is; `added`, which whoever watches the call has for it, over all. The
 * same object where nothing is added.
 */
export function headersFor(
  upstream: string,
  rules: ClientHeaders | undefined,
  from: Sender,
  ofPlugins: RequestOptions['headers'],
  added: RequestOptions['headers'],
): RequestOptions['headers'] {
  const { headers: sent } = from;
  let made: Record<string, string> | undefined;
  for (const name of passedOn(added)) {
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
    Object.assign(made, headersOfIdentity(upstream, rules, from), added);
    return made;
  }
  if (made === undefined && added === undefined) return ofPlugins;
  return { ...made, ...ofPlugins, ...added };
}

/**
 * The `_meta` of one request to an upstream, where it is another than the client's: with its trace context over that of the client.
 * `from` is given where there are no headers for what the client's own have of that: MCP has the same names in `_meta`.
 */
export function metaFor(
  from: Sender | undefined,
  params: JsonObject | undefined,
  added: RequestOptions['headers'],
): JsonObject | undefined {
  const meta = metaOf(params ?? {});
  let made: Record<string, unknown> | undefined;
  for (const name of from === undefined ? [] : passedOn(added)) {
    const value = from?.headers[name];
    if (value !== undefined && meta[name] === undefined) made = { ...(made ?? meta), [name]: value };
  }
  if (added === undefined) return made;
  made = { ...(made ?? meta), ...added };
  // That of the client belongs to another span.
  if (added['tracestate'] === undefined && added['traceparent'] !== undefined) delete made['tracestate'];
  return made;
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
