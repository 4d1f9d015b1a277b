import { MCPClient } from 'mcp-use';
import { run } from './tasks.mjs';

await run(async ({ url, headers, command, args, env }) => {
  const client = new MCPClient({ mcpServers: { one: url ? { url, headers } : { command, args, env } } });
  const session = await client.createSession('one');
  return {
    tools: () => session.listTools(),
    call: (name, given) => session.callTool(name, given),
    prompts: async () => (await session.listPrompts()).prompts,
    prompt: (name, given) => session.getPrompt(name, given),
    resources: async () => (await session.listResources()).resources,
    read: (uri) => session.readResource(uri),
    close: () => client.closeAllSessions(),
  };
});
