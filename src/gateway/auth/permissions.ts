import type { HookCallResult, PluginManager } from '../../manager/index.js';
import type { ClientRequest } from '../client.js';
import { listens } from './http-hooks.js';

/** The permission that a method needs, as ContextForge names them. */
const permissions: Readonly<Record<string, readonly [permission: string, resource: string]>> = {
  'tools/call': ['tools.execute', 'tool'],
  'prompts/get': ['prompts.read', 'prompt'],
  'resources/read': ['resources.read', 'resource'],
  'resources/subscribe': ['resources.read', 'resource'],
};

/** What the plugins say of a request's permission; undefined where none is asked. */
export async function checkPermission(
  request: ClientRequest,
  plugins: Pick<PluginManager, 'plugins'>,
): Promise<HookCallResult | undefined> {
  const needed = Object.hasOwn(permissions, request.method) ? permissions[request.method] : undefined;
  // Over stdio there is no HTTP, and the client is who started the gateway.
  if (needed === undefined || request.remote === undefined) return undefined;
  if (!listens(plugins, 'http_auth_check_permission')) return undefined;
  const { identity } = request.client;
  const [permission, resource_type] = needed;
  const payload = {
    user_email: identity.user ?? 'anonymous',
    permission,
    resource_type,
    team_id: identity.tenant,
    is_admin: identity.record?.['is_admin'] === true,
    auth_method: identity.method,
    client_host: request.remote,
    user_agent: request.headers['user-agent'] ?? null,
  };
  return request.plugins().invoke('http_auth_check_permission', payload, { signal: request.signal });
}
