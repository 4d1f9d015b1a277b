import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { legacyClient, modernClient, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';

const script = resolve(import.meta.dirname, '../../support/mcp-told.mjs');
const told = (...args: string[]) => ({ command: process.execPath, args: [script, ...args] });
const names = ({ tools }: { tools: { name: string }[] }) => tools.map(({ name }) => name);

type Connect = (url: string) => ReturnType<typeof legacyClient> | ReturnType<typeof modernClient>;

/** A client that connects and asks for the tools, and how many milliseconds that takes. */
async function visit(url: string, connect: Connect) {
  const begun = performance.now();
  const client = await connect(url);
  const tools = names(await client.listTools());
  return { tools, client, ms: performance.now() - begun };
}

it.each(['initialize', 'tools/list'])(
  'a server that hangs over %s costs the clients nothing',
  async (method) => {
    const upstreams = { good: told(), hung: told('--hang', method) };
    const { url } = await startGateway({ gateway: { upstreams } }, { slow: ['hung'] });
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
  const { url, waitForLog } = await startGateway({ gateway: { upstreams } }, { slow: ['slow'] });
  const early = await visit(url, legacyClient);
  expect(early.client.getInstructions()).not.toContain('slow it is');
  await waitForLog(({ msg }) => msg === "connected to the upstream 'slow'");
  for (const connect of [legacyClient, modernClient]) {
    const { tools, client } = await visit(url, connect);
    expect(tools.sort()).toEqual(['good__told', 'slow__told']);
    expect(client.getInstructions()).toContain('slow it is');
  }
});

describe('the only server', () => {
  it.each([
    ['initialize', 'start'],
    ['tools/list', 'list'],
  ])(
    'that is slow with %s lets clients begin with an empty list, and tells them once it is there',
    async (_, phase) => {
      const file = join(await temporaryFolder(), 'go');
      const upstreams = { slow: told(`--${phase}`, file) };
      const { url } = await startGateway({ gateway: { upstreams } }, { slow: ['slow'] });
      let changed = 0;
      const client = new Client({ name: 'listening', version: '1.0.0' });
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
        changed += 1;
      });
      expect((await visit(url, (to) => legacyClient(to, { client }))).tools).toEqual([]);
      await writeFile(file, '');
      await expect.poll(() => changed, { timeout: patience(20_000) }).toBeGreaterThan(0);
      const now = async () => names(await client.listTools());
      await expect.poll(now, { timeout: patience(20_000) }).toEqual(['told']);
    },
  );

  it.each(['initialize', 'tools/list'])('that hangs over %s is waited for once', async (method) => {
    const upstreams = { hung: told('--hang', method) };
    const { url } = await startGateway({ gateway: { upstreams } }, { slow: ['hung'] });
    expect((await visit(url, legacyClient)).tools).toEqual([]);
    for (const connect of [legacyClient, modernClient]) {
      const { tools, ms } = await visit(url, connect);
      expect(tools).toEqual([]);
      expect(ms).toBeLessThan(Math.min(patience(1_000), 4_000));
    }
  });

  it('that fails is named at once', async () => {
    const upstreams = { failing: { command: process.execPath, args: ['-e', 'process.exit(3)'] } };
    const { url } = await startGateway({ gateway: { upstreams } });
    const begun = performance.now();
    const client = await legacyClient(url);
    await expect(client.listTools()).rejects.toThrow(/'failing'.*SALLY_UPSTREAM_DOWN/);
    expect(performance.now() - begun).toBeLessThan(patience(2_000));
  });
});
