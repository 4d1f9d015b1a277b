import { readFile } from 'node:fs/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Agent, fetch } from 'undici';
import { onTestFinished } from 'vitest';
import { cert } from './certs.js';

/** A client of the plain MCP SDK, generation 1: nothing of ours between it and the server. */
export async function plainClient(url: string): Promise<Client> {
  const dispatcher = new Agent({
    connect: {
      ca: await readFile(cert('ca.crt')),
      cert: await readFile(cert('client.crt')),
      key: await readFile(cert('client.key')),
    },
  });
  const client = new Client({ name: 'plain', version: '1.0.0' });
  const overTls = (input: string | URL, init?: object) => fetch(input, { ...init, dispatcher });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), {
      fetch: overTls as unknown as typeof globalThis.fetch,
    }) as never,
  );
  onTestFinished(async () => {
    await client.close();
    await dispatcher.destroy();
  });
  return client;
}

/** The JSON of a tool's first text item. */
export async function callJson(
  client: Pick<Client, 'callTool'>,
  name: string,
  args: object = {},
): Promise<Record<string, unknown>> {
  const result = await client.callTool({ name, arguments: { ...args } });
  const [item] = result.content as { type: string; text: string }[];
  return JSON.parse(item?.text ?? 'null') as Record<string, unknown>;
}

/** The arguments of `invoke_hook`. */
export function hookCall(payload: object, more: object = {}): object {
  return {
    hook_type: 'tool_pre_invoke',
    plugin_name: 'ReplaceBadWordsPlugin',
    payload,
    context: { global_context: { request_id: '1' } },
    ...more,
  };
}
