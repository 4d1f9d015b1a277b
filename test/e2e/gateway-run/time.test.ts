import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { firstText, legacyClient, startGateway } from '../../support/gateway-run.js';

const script = resolve(import.meta.dirname, '../../support/mcp-asking.mjs');
const asking = { command: process.execPath, args: [script] };

/** A client of a gateway whose only upstream has this in its entry too. */
async function clientOf(entry: object) {
  const gateway = await startGateway({ gateway: { upstreams: { one: { ...asking, ...entry } } } });
  return { gateway, client: await legacyClient(gateway.url) };
}

it('a tool has a time of its own, and the error names the key that says so', async () => {
  const { gateway, client } = await clientOf({ tool_timeouts: { slow: 0.3 } });
  const slow = { name: 'slow', arguments: { ms: 60_000 } };
  const said =
    /the upstream 'one' did not answer tools\/call within 0\.3 s, the tool_timeouts\.slow of its entry \(SALLY_UPSTREAM_TIMEOUT, request /;
  await expect(client.callTool(slow)).rejects.toThrow(said);
  await gateway.waitForLog(({ code }) => code === 'SALLY_UPSTREAM_TIMEOUT');
});

it('log messages extend the time of a call', async () => {
  const { client } = await clientOf({ timeout: 0.6 });
  const result = await client.callTool({ name: 'mutter', arguments: { times: 12 } });
  expect(firstText(result)).toBe('done');
});

it('a call that goes on telling of its progress ends when its time in all is over', async () => {
  const { client } = await clientOf({ timeout: 0.5, max_total_timeout: 1 });
  const call = client.callTool({ name: 'drip' }, undefined, { onprogress: () => {} });
  await expect(call).rejects.toThrow(/within 1 s, the max_total_timeout of its entry/);
});

it('the keys count in a file of servers, too', async () => {
  const { gateway } = await clientOf({});
  const file = `${gateway.folder}/servers.json`;
  const entry = { ...asking, timeout: 30, toolTimeouts: { slow: 0.3 }, maxTotalTimeout: 120 };
  await writeFile(file, JSON.stringify({ mcpServers: { one: entry } }));
  const { status, stderr } = await sallyport(['gateway', '--servers', file, '--stdio'], {
    cwd: gateway.folder,
    input: [
      {
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} },
      },
      { id: 2, method: 'tools/call', params: { name: 'slow', arguments: { ms: 60_000 } } },
    ]
      .map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
      .join(''),
  });
  expect([status, stderr]).toEqual([0, expect.stringContaining('tool_timeouts.slow of its entry')]);
});
