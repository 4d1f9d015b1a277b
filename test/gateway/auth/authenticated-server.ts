import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { type AuthSettings, parseConfig } from '../../../src/config/index.js';
import { createAuthentication, openAuthenticator } from '../../../src/gateway/auth/index.js';
import { createPluginSets } from '../../../src/gateway/in-use.js';
import { silentLogger } from '../../../src/log.js';
import { openPluginManager, type PluginRequest } from '../../../src/manager/index.js';

interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Record<string, unknown>;
}

/** A real HTTP server with nothing behind its authentication: it replies with what that says of a request. */
export async function authenticatedServer(
  auth: AuthSettings,
  options: { plugins?: readonly object[]; settings?: object; now?: () => Date } = {},
): Promise<(headers?: Record<string, string>, path?: string) => Promise<Reply>> {
  const { plugins = [], settings, now = () => new Date() } = options;
  const config = parseConfig(stringify({ plugins, ...(settings && { plugin_settings: settings }) }), {
    path: 'plugins.yaml',
    cwd: process.cwd(),
    env: {},
    side: 'gateway',
    exists: () => true,
  });
  const log = silentLogger;
  const authenticator = await openAuthenticator(auth, { log, now });
  const sets = createPluginSets(await openPluginManager(config, { log }));
  const authentication = createAuthentication({ authenticator: () => authenticator, sets, log, now });
  const server = createServer(async (incoming, response) => {
    const entry = await authentication.authenticate(incoming, response, new AbortController().signal);
    const refused = entry.kind === 'refused';
    const status = refused ? entry.status : 200;
    const own = { 'content-type': 'application/json' };
    const headers = refused ? entry.headers : ((await entry.replyHeaders?.(status, own)) ?? own);
    response.writeHead(status, headers);
    const global = refused ? undefined : (entry.context() as PluginRequest).global;
    response.end(
      JSON.stringify(refused ? entry.body : { identity: entry.identity, headers: entry.headers, global }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await sets.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async (headers = {}, path = '/mcp') => {
    const reply = await request(`${origin}${path}`, { method: 'POST', headers });
    return {
      status: reply.statusCode,
      headers: reply.headers,
      body: (await reply.body.json()) as Record<string, unknown>,
    };
  };
}
