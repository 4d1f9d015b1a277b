import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { firstText, legacyClient, plugin, startGateway } from '../../support/gateway-run.js';
import { clientTls, startPluginServer } from '../../support/plugin-server.js';

const script = resolve(import.meta.dirname, '../../support/mcp-asking.mjs');
const upstreams = { one: { command: process.execPath, args: [script] } };
const large = { name: 'big', arguments: { chars: 1_100_000 } };
const watcher = (more: object = {}) => plugin('watcher.mjs', more);

/** A client of a gateway with these plugins, which run in its own process. */
async function clientWith(plugins: readonly object[], settings: object = {}) {
  const { url } = await startGateway({ plugins, plugin_settings: settings, gateway: { upstreams } });
  return legacyClient(url);
}

/** The same, with one plugin behind mutual TLS; `more` is in the gateway's own entry of it. */
async function clientOfServer(entry: object, settings: object = {}, more: object = {}) {
  const server = await startPluginServer({ plugins: [watcher(entry)], settings });
  const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
  return clientWith([{ name: 'Plugin', kind: 'external', mcp, ...more }], settings);
}

const withheld = { code: -32013, data: { code: 'SALLY_HOOK_RESULT_SIZE' } };
const seenIn = (result: unknown) =>
  (result as { _meta?: { seen: { fields: string[]; bytes: number } } })._meta?.seen;

describe('a result that is larger than plugins take', () => {
  it('is an error of its own: the tool has run, and what to set', async () => {
    const client = await clientWith([watcher()]);
    const error = await client.callTool(large).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(withheld);
    expect(String(error)).toMatch(
      /the tool 'big' has run, .* take at most 1000000 \(plugin_settings\.max_payload_bytes\)/,
    );
  });

  it('passes both ways where both sides take more', async () => {
    const client = await clientOfServer({}, { max_payload_bytes: 5_000_000 });
    const result = await client.callTool({ name: 'big', arguments: { chars: 4_500_000 } });
    expect(firstText(result).length).toBe(4_500_000);
    expect(seenIn(result)?.bytes).toBeGreaterThan(4_500_000);
  });

  it('does not concern a plugin that wants no content, and stays as it is', async () => {
    const client = await clientOfServer({ result_content: 'none' });
    const result = await client.callTool(large);
    expect(result.content).toEqual([{ type: 'text', text: 'x'.repeat(1_100_000) }]);
    const seen = seenIn(result);
    expect(seen?.fields).toEqual(['content']);
    expect(seen?.bytes).toBeLessThan(100);
  });

  it('may be replaced by a plugin that has not seen it', async () => {
    const client = await clientWith([watcher({ result_content: 'none', config: { replace: 'withheld' } })]);
    expect(firstText(await client.callTool(large))).toBe('withheld');
  });
});

describe('a plugin that takes results up to a size', () => {
  const small = { name: 'big', arguments: { chars: 100 } };
  const larger = { name: 'big', arguments: { chars: 2_000 } };

  it('is left out above it where its failures are ignored', async () => {
    const client = await clientOfServer({ max_content_size: 1_000, on_error: 'ignore' });
    expect(seenIn(await client.callTool(small))?.fields).toEqual(['content']);
    const result = await client.callTool(larger);
    expect([firstText(result).length, seenIn(result)]).toEqual([2_000, undefined]);
  });

  it('ends the call above it where its failures do, and says that the tool has run', async () => {
    const client = await clientOfServer({}, {}, { max_content_size: 1_000 });
    const error = await client.callTool(larger).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(withheld);
    expect(String(error)).toMatch(/has run, .* take at most 1000 \(max_content_size of plugin 'Plugin'\)/);
  });

  it('is not asked beyond the limit of all because it takes more', async () => {
    const client = await clientOfServer({ max_content_size: 10_000_000 });
    await expect(client.callTool(large)).rejects.toMatchObject(withheld);
  });
});
