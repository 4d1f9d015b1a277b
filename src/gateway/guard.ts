import type { Answer } from '../mcp/messages.js';
import { checkPermission } from './auth/index.js';
import type { ClientRequest, Router } from './client.js';
import type { PluginSets } from './plugin-sets.js';

/**
 * The router behind `http_auth_check_permission`: what plugins do not permit never gets to it. The plugins of a request
 * are kept open until it is answered.
 */
export function guarded(router: Router, sets: Pick<PluginSets, 'current'>): Router {
  return {
    describe: (client, signal) => router.describe(client, signal),
    inputSchema: (client, tool) => router.inputSchema?.(client, tool),
    notified: (client, method, params) => router.notified(client, method, params),
    ended: (client) => router.ended(client),
    async handle(request: ClientRequest): Promise<Answer> {
      const set = sets.current();
      const release = set.hold();
      try {
        return (await checkPermission(request, set.plugins)) ?? (await router.handle(request));
      } finally {
        release();
      }
    },
  };
}
