import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { connectWithOauth } from './oauth.mjs';
import { run } from './tasks.mjs';

await run(async ({ url, headers, oauth, ...child }) => {
  const client = new Client({ name: 'sdk-1', version: '1.0.0' });
  const http = (authProvider) =>
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, authProvider });
  const connect = (transport) => client.connect(transport);
  if (oauth) await connectWithOauth(http, connect);
  else await connect(url ? http() : new StdioClientTransport({ ...child, stderr: 'ignore' }));
  return {
    instructions: () => client.getInstructions() ?? null,
    tools: async () => (await client.listTools()).tools,
    call: (name, args) => client.callTool({ name, arguments: args }),
    async withProgress(name, args) {
      const told = [];
      const options = { onprogress: (one) => told.push(one) };
      const result = await client.callTool({ name, arguments: args }, undefined, options);
      return { told, result };
    },
    prompts: async () => (await client.listPrompts()).prompts,
    prompt: (name, args) => client.getPrompt({ name, arguments: args }),
    resources: async () => (await client.listResources()).resources,
    read: (uri) => client.readResource({ uri }),
    close: () => client.close(),
  };
});
