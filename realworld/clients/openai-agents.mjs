import { MCPServerStdio, MCPServerStreamableHttp } from '@openai/agents';
import { run } from './tasks.mjs';

await run(async ({ url, headers, ...child }) => {
  const server = url
    ? new MCPServerStreamableHttp({ url, requestInit: { headers }, name: 'one' })
    : new MCPServerStdio({ ...child, name: 'one' });
  await server.connect();
  return {
    tools: () => server.listTools(),
    call: (name, args) => server.callTool(name, args),
    close: () => server.close(),
  };
});
