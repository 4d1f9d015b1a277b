import type { PluginManager, PluginRun } from '../../manager/index.js';
import type { Answer } from '../../mcp/messages.js';
import type { ClientRequest } from '../client.js';
import { pluginErrorAnswer, violationAnswer } from '../router/index.js';
import { listens } from './http-hooks.js';

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
export async function checkPermission(
  request: ClientRequest,
  plugins: Pick<PluginManager, 'plugins'>,
): Promise<Answer | undefined> {
  const needed = neededFor(request);
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
  const onPlugin = (run: PluginRun) => void request.trace.plugins.push(run);
  try {
    const result = await request
      .plugins()
      .invoke('http_auth_check_permission', payload, { signal: request.signal, onPlugin });
    if (!result.continue_processing) return violationAnswer(result.violation, undefined);
    const decision = result.modified_payload as { granted: boolean; reason?: string | null } | null;
    if (decision === null || decision.granted) return undefined;
    const message = `Permission denied: ${decision.reason ?? permission}`;
    return { error: { code: permissionDenied, message, data: { permission } } };
  } catch (error) {
    return pluginErrorAnswer(error, undefined);
  }
}
