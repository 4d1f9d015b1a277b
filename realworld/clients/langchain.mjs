import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { run } from './tasks.mjs';

await run(async ({ url, headers, prefix: _prefix, ...child }) => {
  const server = url ? { transport: 'http', url, headers } : { transport: 'stdio', ...child };
  const client = new MultiServerMCPClient({
    mcpServers: { one: server },
    prefixToolNameWithServerName: false,
  });
  const tools = await client.getTools();
  const named = (name) => tools.find((one) => one.name === name);
  return {
    tools: async () =>
      tools.map(({ name, description, schema }) => ({ name, description, inputSchema: schema })),
    call: (name, args) => named(name).invoke(args),
    resources: async () => (await client.listResources('one')).one,
    read: (uri) => client.readResource('one', uri),
    close: () => client.close(),
  };
});
