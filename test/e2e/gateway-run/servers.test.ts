import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { legacyClient, memory, startGateway } from '../../support/gateway-run.js';

it("[M29] an editor's file: a tool that is switched off is not there, and a server that cannot be used keeps no other out", async () => {
  const folder = await temporaryFolder();
  const servers = join(folder, 'mcp.json');
  const old = { type: 'websocket', url: 'http://127.0.0.1:1/ws' };
  const mem = {
    ...memory(join(folder, 'm.json')),
    disabledTools: ['read_graph'],
    includeTools: ['search_nodes', 'read_graph', 'create_entities'],
    excludeTools: ['create_entities'],
    alwaysAllow: ['search_nodes'],
  };
  await writeFile(servers, JSON.stringify({ mcpServers: { old, mem } }));
  const { url, log } = await startGateway({ gateway: {} }, { args: ['--servers', servers] });
  const client = await legacyClient(url);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['search_nodes']);
  for (const name of ['read_graph', 'create_entities', 'open_nodes'])
    await expect(client.callTool({ name, arguments: {} })).rejects.toThrow(`there is no tool '${name}' here`);
  const said = (code: string) => log.find((line) => line.code === code);
  expect(said('SALLY_CONFIG_SERVER_LEFT_OUT')).toMatchObject({ level: 50 });
  expect(said('SALLY_CONFIG_SERVER_KEYS')).toMatchObject({ level: 40 });
});
