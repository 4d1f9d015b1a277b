import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { legacyClient, modernClient, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';

const script = resolve(import.meta.dirname, '../../support/mcp-told.mjs');
const told = (...args: string[]) => ({ command: process.execPath, args: [script, ...args] });
const names = ({ tools }: { tools: { name: string }[] }) => tools.map(({ name }) => name);

/** A client that connects and asks for the tools, and how many milliseconds that takes. */
async function visit(url: string, connect: typeof legacyClient | typeof modernClient) {
  const begun = performance.now();
  const client = await connect(url);
  const tools = names(await client.listTools());
  return { tools, client, ms: performance.now() - begun };
}

it.each(['initialize', 'tools/list'])(
  'a server that hangs over %s costs the clients nothing',
  async (method) => {
    const upstreams = { good: told(), hung: told('--hang', method) };
    const { url } = await startGateway({ gateway: { upstreams } });
    const first = await visit(url, legacyClient);
    expect(first.tools).toEqual(['good__told']);
    for (const connect of [legacyClient, modernClient]) {
      const { tools, ms } = await visit(url, connect);
      expect(tools).toEqual(['good__told']);
      expect(ms).toBeLessThan(Math.min(patience(1_000), 4_000));
    }
    const { upstreams: states } = (await (await fetch(new URL('/ready', url))).json()) as {
      upstreams: object;
    };
    expect(states).toMatchObject({ good: 'up' });
  },
);

it('the tools of a slow server come into the first list of every client that is there after its start, whatever it can be asked', async () => {
  const upstreams = { slow: told('--start', '6000', '--instructions', 'slow it is'), good: told() };
  const { url, waitForLog } = await startGateway({ gateway: { upstreams } });
  const early = await visit(url, legacyClient);
  expect(early.client.getInstructions()).not.toContain('slow it is');
  await waitForLog(({ msg }) => msg === "connected to the upstream 'slow'");
  for (const connect of [legacyClient, modernClient]) {
    const { tools, client } = await visit(url, connect);
    expect(tools.sort()).toEqual(['good__told', 'slow__told']);
    expect(client.getInstructions()).toContain('slow it is');
  }
});
