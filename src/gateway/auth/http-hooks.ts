import { messageOf } from '../../errors.js';
import { framingHeaders, headerName, headerValue } from '../../headers.js';
import type { HookName, Violation } from '../../hooks/index.js';
import type { Logger } from '../../log.js';
import type { InvokeOptions, PluginManager, PluginRequest } from '../../manager/index.js';
import type { RpcResponse } from '../../mcp/messages.js';
import { traceFieldsOf } from '../../telemetry/index.js';
import type { ClientRequest, Identity, Router } from '../client.js';
import type { PluginSets } from '../in-use.js';
import { pluginErrorResponse, violationResponse } from '../router/index.js';
import type { AuthRequest } from './authenticator.js';

type Headers = Readonly<Record<string, string>>;

/**
 * Whether a plugin may answer to `hook`. One whose server has never been there may. One whose server has gone away had
 * its hooks: where they were about MCP, the client is told of it in MCP's words, not with an HTTP error.
 */
export function listens({ plugins }: Pick<PluginManager, 'plugins'>, hook: HookName): boolean {
  for (const { mode, hooks, lastHooks = hooks } of plugins)
    if (mode !== 'disabled' && (lastHooks === undefined || lastHooks.includes(hook))) return true;
  return false;
}

/** What came of a hook that may end a request. */
export type Asked<T> = { readonly value: T } | { readonly violation: Violation | null };

/** The headers that authentication sees: those of plugins over the client's own. */
export async function preRequest(
  request: PluginRequest,
  { path, method, host, port, headers }: AuthRequest,
  options: InvokeOptions,
): Promise<Asked<Headers>> {
  const payload = { path, method, client_host: host, client_port: port, headers };
  const result = await request.invoke('http_pre_request', payload, options);
  if (!result.continue_processing) return { violation: result.violation };
  const changed = result.modified_payload as Headers | null;
  return { value: changed === null ? headers : mergeHeaders(headers, changed) };
}

/** Credentials that a client has sent are its own: plugins may make them, but not put others in their place. */
const credentials = new Set(['authorization', 'cookie', 'x-api-key', 'proxy-authorization']);

/** `changed` over `headers`; what a plugin leaves out stays, as other gateways have it. */
export function mergeHeaders(headers: Headers, changed: Headers): Headers {
  const merged: Record<string, string> = { ...headers };
  for (const [name, value] of Object.entries(changed)) {
    const lower = name.toLowerCase();
    if (credentials.has(lower) && headers[lower] !== undefined) continue;
    merged[lower] = value;
  }
  return merged;
}

/** The user that a plugin knows the client as; undefined where none says anything. */
export async function resolveUser(
  request: PluginRequest,
  { host, port }: AuthRequest,
  headers: Headers,
  options: InvokeOptions,
): Promise<Asked<Identity | undefined | 'nameless'>> {
  const payload = {
    credentials: credentialsOf(headers['authorization']),
    headers,
    client_host: host,
    client_port: port,
  };
  const result = await request.invoke('http_auth_resolve_user', payload, options);
  if (!result.continue_processing) return { violation: result.violation };
  const record = result.modified_payload as Record<string, unknown> | null;
  return { value: record === null ? undefined : (identityOf(record) ?? 'nameless') };
}

/** `Bearer abc` as the contract has it: scheme and the rest; null where there is none. */
function credentialsOf(header: string | undefined): { scheme: string; credentials: string } | null {
  const [, scheme, rest] = /^(\S+)\s+(.+)$/.exec(header?.trim() ?? '') ?? [];
  return scheme === undefined || rest === undefined ? null : { scheme, credentials: rest };
}

/** Who a plugin's user record is about; undefined where it names nobody. */
function identityOf(record: Record<string, unknown>): Identity | undefined {
  const text = (...names: string[]): string | undefined =>
    names.map((name) => record[name]).find((value) => typeof value === 'string' && value !== '') as
      | string
      | undefined;
  const user = text('email', 'sub', 'id', 'username', 'name');
  if (user === undefined || record['is_active'] === false) return undefined;
  const tenant = text('tenant_id', 'tenant', 'team_id') ?? null;
  const { groups } = record;
  const texts = Array.isArray(groups) && { groups: groups.filter((one) => typeof one === 'string') };
  return { user, tenant, method: 'plugin', record, ...texts };
}

/** The headers of the reply as plugins leave them. The work is done by then: a plugin that fails here is only reported. */
export async function postRequest(
  request: PluginRequest,
  { path, method, host, port }: AuthRequest,
  headers: Headers,
  reply: { readonly status: number; readonly headers: Headers },
  { log, ...options }: InvokeOptions & { readonly log: Logger },
): Promise<Headers> {
  const payload = {
    path,
    method,
    client_host: host,
    client_port: port,
    headers,
    response_headers: lowerCased(reply.headers),
    status_code: reply.status,
  };
  try {
    const result = await request.invoke('http_post_request', payload, options);
    const changed = result.modified_payload as Headers | null;
    return changed === null ? reply.headers : { ...lowerCased(reply.headers), ...sendable(changed) };
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'http_post_request failed: the reply goes out as it was');
    return reply.headers;
  }
}

function lowerCased(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** What a plugin may say of a reply: not what frames it (RFC 9112 section 6), and nothing that would break the head. */
export function sendable(headers: Headers): Headers {
  const kept = (name: string) =>
    framingHeaders.has(name) || name === 'content-type' || name === 'mcp-session-id';
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name, value]) => !kept(name) && headerName.test(name) && headerValue.test(value)),
  );
}

/** The permission that a method needs, as ContextForge names them. */
const permissions: Readonly<Record<string, readonly [permission: string, resource: string]>> = {
  'tools/call': ['tools.execute', 'tool'],
  'prompts/get': ['prompts.read', 'prompt'],
  'resources/read': ['resources.read', 'resource'],
  'resources/subscribe': ['resources.read', 'resource'],
};

/** What a request needs; nothing where it asks for nobody's content. Whoever subscribes hears of resources in either era. */
function neededFor({
  method,
  params,
}: ClientRequest): readonly [permission: string, resource: string] | undefined {
  if (method !== 'subscriptions/listen') {
    return Object.hasOwn(permissions, method) ? permissions[method] : undefined;
  }
  const { resourceSubscriptions: uris } = Object(params['notifications']) as Record<string, unknown>;
  return Array.isArray(uris) && uris.length > 0 ? permissions['resources/subscribe'] : undefined;
}

/** JSON-RPC's range for servers: ContextForge answers so too. */
const permissionDenied = -32003;

/** The answer to a request that the plugins do not permit; undefined where it may go on. */
async function checkPermission(request: ClientRequest): Promise<RpcResponse | undefined> {
  const needed = neededFor(request);
  if (needed === undefined) return undefined;
  const { identity } = request.client;
  const [permission, resource_type] = needed;
  const payload = {
    user_email: identity.user ?? 'anonymous',
    permission,
    resource_type,
    team_id: identity.tenant,
    is_admin: identity.record?.['is_admin'] === true,
    auth_method: identity.method,
    client_host: request.remote ?? null,
    user_agent: request.headers['user-agent'] ?? null,
  };
  const { signal, observed } = request;
  try {
    const headers = traceFieldsOf(request.headers, request.params['_meta']);
    const options = { signal, observed, headers };
    const result = await request.context().invoke('http_auth_check_permission', payload, options);
    if (!result.continue_processing) return violationResponse(result.violation, undefined);
    const decision = result.modified_payload as { granted: boolean; reason?: string | null } | null;
    if (decision === null || decision.granted) return undefined;
    const message = `Permission denied: ${decision.reason ?? permission}`;
    return { error: { code: permissionDenied, message, data: { permission } } };
  } catch (error) {
    return pluginErrorResponse(error, undefined);
  }
}

/**
 * The router behind `http_auth_check_permission`: what plugins do not permit never gets to it. The plugins of a request
 * are kept open until its response is there. Over stdio there is no HTTP, and the client is who started the gateway: nothing
 * is asked.
 */
export function guarded(
  router: Router,
  sets: Pick<PluginSets, 'current'>,
  transport: 'http' | 'stdio',
): Router {
  return {
    describe: (client, signal) => router.describe(client, signal),
    serverInfo: (server) => router.serverInfo?.(server),
    inputSchema: (client, tool) => router.inputSchema?.(client, tool),
    suspendedId: (params) => router.suspendedId?.(params),
    notified: (client, method, params) => router.notified(client, method, params),
    ended: (client) => router.ended(client),
    async handle(request: ClientRequest): Promise<RpcResponse> {
      const set = sets.current;
      const release = set.hold();
      try {
        const asks = transport === 'http' && listens(set.plugins, 'http_auth_check_permission');
        return (asks && (await checkPermission(request))) || (await router.handle(request));
      } finally {
        release();
      }
    },
  };
}
