import { MCPServerStdio, MCPServerStreamableHttp } from '@openai/agents';
import { run } from './tasks.mjs';

await run(async ({ url, headers, ...child }) => {
  const more = { name: 'one', clientSessionTimeoutSeconds: 60 };
  const server = url
    ? new MCPServerStreamableHttp({ url, requestInit: { headers }, ...more })
    : new MCPServerStdio({ ...child, ...more });
  await server.connect();
  return {
    tools: () => server.listTools(),
    call: (name, args) => server.callTool(name, args),
    close: () => server.close(),
  };
});
