import { describe, expect, it, onTestFinished } from 'vitest';
import { createGateway, type GatewayConfig, parseConfig } from '../../../src/index.js';
import { silentLogger } from '../../../src/log.js';
import { everything, firstText, legacyClient, plugin } from '../../support/gateway-run.js';

function configOf(plugins: readonly object[]): GatewayConfig {
  const file = { plugins, gateway: { upstreams: { one: everything } } };
  const config = parseConfig(JSON.stringify(file), {
    path: 'gateway.yaml',
    cwd: process.cwd(),
    env: {},
    side: 'gateway',
    exists: () => true,
  });
  return config as GatewayConfig;
}

describe('createGateway', () => {
  it('makes gateways that share nothing, in one process', async () => {
    const start = async (plugins: readonly object[]) => {
      const gateway = await createGateway(configOf(plugins), { log: silentLogger, version: '0.0.0' });
      onTestFinished(() => gateway.close());
      const client = await legacyClient((await gateway.listen({ port: 0 })).url);
      const call = async () =>
        firstText(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }));
      return { gateway, call };
    };
    const [plain, marked] = [await start([]), await start([plugin('rewriter.mjs')])];
    expect([await plain.call(), await marked.call()]).toEqual(['Echo: hi', 'Echo: hi <pre post>']);
    await plain.gateway.drain();
    expect(await marked.call()).toBe('Echo: hi <pre post>');
    await expect(plain.gateway.reload(configOf([]))).rejects.toMatchObject({
      code: 'SALLY_GATEWAY_STOPPING',
    });
  });
});
