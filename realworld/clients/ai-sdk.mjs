import { createMCPClient } from '@ai-sdk/mcp';
import { Experimental_StdioMCPTransport as StdioTransport } from '@ai-sdk/mcp/mcp-stdio';
import { run } from './tasks.mjs';

await run(async ({ url, headers, ...child }) => {
  const transport = url ? { type: 'http', url, headers } : new StdioTransport({ ...child, stderr: 'ignore' });
  const client = await createMCPClient({ transport });
  const tools = await client.tools();
  return {
    tools: async () =>
      Object.entries(tools).map(([name, { description, inputSchema }]) => ({
        name,
        description,
        inputSchema: inputSchema.jsonSchema,
      })),
    call: (name, args) => tools[name].execute(args, { toolCallId: '1', messages: [] }),
    prompts: async () => (await client.experimental_listPrompts()).prompts,
    prompt: (name, args) => client.experimental_getPrompt({ name, arguments: args }),
    resources: async () => (await client.listResources()).resources,
    read: (uri) => client.readResource({ uri }),
    close: () => client.close(),
  };
});
