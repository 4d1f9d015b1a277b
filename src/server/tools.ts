import type { PluginSettings, PluginsConfig } from '../config/index.js';
import { ExternalOnServer } from '../errors.js';
import { carriedDepth } from '../json/index.js';
import type { Logger } from '../log.js';
import { openPluginManager, type PluginManager } from '../manager/index.js';
import { codes } from '../mcp/messages.js';
import { serverRevisions } from '../mcp/revisions.js';
import type { Router } from '../mcp/router.js';
import type { PluginDefinition } from '../plugin/index.js';
import type { Observer } from '../telemetry/index.js';
import { type HookHost, toolList, tools } from '../wire/index.js';

/** What is read of a call: its payload, and on top of that its context and the envelope. */
export const maxBodyBytes = ({ maxPayloadBytes }: PluginSettings): number =>
  maxPayloadBytes + Math.max(3_000_000, maxPayloadBytes);

/**
 * Starts the plugins that a server hosts. External ones are refused: a server that passed calls on would lend its own
 * certificate to whoever may call it.
 */
export async function openOwnPlugins(
  config: PluginsConfig,
  log: Logger,
  definitions?: ReadonlyMap<string, PluginDefinition>,
): Promise<PluginManager> {
  const external = config.plugins
    .filter((entry) => entry.kind === 'external' && entry.mode !== 'disabled')
    .map((entry) => entry.name);
  if (external.length > 0) throw ExternalOnServer({ plugins: external });
  return openPluginManager(config, { log, ...(definitions && { definitions }) });
}

/** What a plugin server tells its endpoint, over HTTP and stdio: the tools are all there is behind it. */
export function serving(
  plugins: HookHost,
  {
    settings,
    log,
    version,
    observer,
  }: { settings: PluginSettings; log: Logger; version: string; observer: Observer | undefined },
) {
  const serverInfo = { name: 'sallyport-plugin-server', version };
  return {
    router: createToolRouter(plugins, serverInfo),
    serverInfo,
    limits: {
      bodyBytes: maxBodyBytes(settings),
      concurrentCalls: Number.POSITIVE_INFINITY,
      concurrentCallsPerUser: Number.POSITIVE_INFINITY,
      sessions: Number.POSITIVE_INFINITY,
      sessionsPerUser: Number.POSITIVE_INFINITY,
      sessionIdleMs: Number.POSITIVE_INFINITY,
    },
    depth: carriedDepth,
    // The oldest ones differ in nothing that a tool's call is about.
    revisions: [...serverRevisions, '2024-10-07'],
    log,
    observer,
  };
}

function createToolRouter(plugins: HookHost, serverInfo: { name: string; version: string }): Router {
  const offer = {
    capabilities: { tools: {} },
    serverInfo,
    instructions: 'Hosts policy plugins: a gateway calls them by invoke_hook.',
  };
  return {
    describe: () => offer,
    async handle(request) {
      const { method, params, client } = request;
      const modern = client.era === 'modern';
      if (method === 'tools/call') {
        const { name, arguments: args } = params;
        const tool = typeof name === 'string' && Object.hasOwn(tools, name) ? tools[name] : undefined;
        if (tool) {
          request.observed?.routed?.(undefined, name as string);
          return { result: await tool(args, plugins, request) };
        }
        const message =
          typeof name === 'string' ? `Unknown tool: ${name}` : 'Invalid params: name has to be a text';
        return { error: { code: codes.invalidParams, message } };
      }
      if (method === 'tools/list') {
        const fresh = modern ? { ttlMs: 0, cacheScope: 'private' } : {};
        return { result: { tools: toolList, ...fresh } };
      }
      if (method === 'subscriptions/listen' && modern) {
        // Nothing here ever changes.
        request.notify('notifications/subscriptions/acknowledged', { notifications: {} });
        return { result: {} };
      }
      return { error: { code: codes.methodNotFound, message: `Method not found: ${method}` } };
    },
    notified() {},
    ended: () => Promise.resolve(),
  };
}
