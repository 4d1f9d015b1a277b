import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { type PluginsConfig, parseConfig } from '../../src/config/index.js';
import type { SallyError } from '../../src/errors.js';
import { type Logger, silentLogger } from '../../src/log.js';
import { openPluginManager, type PluginManager } from '../../src/manager/index.js';
import type { CredentialStore } from '../../src/tls/index.js';
import { clientTls } from './plugin-server.js';

interface GatewayOptions {
  readonly url: string;
  readonly tls?: object | null;
  readonly name?: string;
  /** Further fields of the entry. */
  readonly entry?: object;
  readonly settings?: object;
  readonly env?: Record<string, string>;
  readonly log?: Logger;
  readonly credentials?: CredentialStore;
  readonly connect?: 'now' | 'on-first-call';
}

/** The gateway side's configuration for one external plugin. */
export function gatewayConfig({ url, tls, name, entry, settings, env = {} }: GatewayOptions): PluginsConfig {
  const secure = url.startsWith('https:') && tls !== null;
  const mcp = { proto: 'STREAMABLEHTTP', url, ...(secure && { tls: tls ?? clientTls() }) };
  const file = {
    plugins: [{ name: name ?? 'ReplaceBadWordsPlugin', kind: 'external', mcp, ...entry }],
    ...(settings && { plugin_settings: settings }),
  };
  return parseConfig(stringify(file), {
    path: '/test/plugins.yaml',
    cwd: '/test',
    env,
    side: 'gateway',
    exists: () => true,
  });
}

/** A plugin manager with one external plugin; closed when the test ends. */
export async function openGateway(options: GatewayOptions): Promise<PluginManager> {
  const log = options.log ?? silentLogger;
  const { credentials, connect = 'on-first-call' } = options;
  const manager = await openPluginManager(gatewayConfig(options), {
    log,
    connect,
    ...(credentials && { credentials }),
  });
  onTestFinished(() => manager.close());
  return manager;
}

/** Calls `tool_pre_invoke` with one argument and answers what became of it. */
export async function callTool(
  manager: PluginManager,
  text = 'what a crap day',
): Promise<string | undefined> {
  const { payload } = await manager
    .request()
    .invoke('tool_pre_invoke', { name: 'search', args: { q: text } });
  return payload.args.q;
}

/** The error that `work` ends with; fails where it ends well. */
export async function errorOf(work: Promise<unknown>): Promise<SallyError> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error: error as SallyError }),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`no error, but ${JSON.stringify(outcome.value)}`);
}
