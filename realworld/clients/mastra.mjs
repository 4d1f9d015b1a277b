import { MCPClient } from '@mastra/mcp';
import { run } from './tasks.mjs';

await run(async ({ url, headers, prefix: _prefix, ...child }) => {
  const server = url ? { url: new URL(url), requestInit: { headers } } : child;
  const client = new MCPClient({ servers: { one: server } });
  const tools = await client.getTools();
  return {
    tools: async () =>
      Object.entries(tools).map(([name, { description }]) => ({
        name: name.replace(/^one_/, ''),
        description,
      })),
    call: (name, args) => tools[`one_${name}`].execute({ context: args }),
    prompts: async () => (await client.prompts.list()).one,
    prompt: (name, args) => client.prompts.get({ serverName: 'one', name, args }),
    resources: async () => (await client.resources.list()).one,
    read: (uri) => client.resources.read('one', uri),
    close: () => client.disconnect(),
  };
});
