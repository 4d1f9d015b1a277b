import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Agent, fetch } from 'undici';
import { pluginName, startFloor } from '../lib/ends.mjs';
import { compare } from '../lib/measure.mjs';
import { check, payloadOf } from '../lib/work.mjs';

/** The same call through the MCP SDK's client and server as they come, over the same certificates. */
export const ids = ['peer.sdk.seq', 'peer.sdk.c32'];

export async function run(bench, { seconds, wanted }) {
  const { server, client } = await bench.certs();
  const script = fileURLToPath(new URL('../lib/sdk-server.mjs', import.meta.url));
  const { child, line } = await bench.start([script, server.cert, server.key, server.ca], 'stdout');
  const dispatcher = new Agent({
    connections: 64,
    connect: {
      cert: readFileSync(client.cert),
      key: readFileSync(client.key),
      ca: readFileSync(client.ca),
    },
  });
  const mcp = new Client({ name: 'stock', version: '1.0.0' });
  await mcp.connect(
    new StreamableHTTPClientTransport(new URL(`https://localhost:${line}/mcp`), {
      fetch: (url, init) => {
        // One signal for all its requests, which undici would warn of.
        if (init?.signal) setMaxListeners(Number.POSITIVE_INFINITY, init.signal);
        return fetch(url, { ...init, dispatcher });
      },
    }),
  );
  bench.onClose(() => mcp.close());
  let id = 0;
  const call = async () => {
    id += 1;
    const { content } = await mcp.callTool({
      name: 'invoke_hook',
      arguments: {
        hook_type: 'tool_pre_invoke',
        plugin_name: pluginName,
        payload: payloadOf(940),
        context: { global_context: { request_id: `${id}` } },
      },
    });
    check(JSON.parse(content[0].text).result.modified_payload);
  };
  const floor = await startFloor(bench);
  const rows = [];
  for (const [name, concurrency] of [
    ['peer.sdk.seq', 1],
    ['peer.sdk.c32', 32],
  ]) {
    if (wanted(name))
      rows.push(await compare(name, { call, pid: child.pid }, floor, { concurrency, seconds: seconds / 2 }));
  }
  return rows;
}
