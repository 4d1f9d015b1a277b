// An MCP server of the SDK, generation 2, on standard input and output: it speaks both eras.
import { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

serveStdio(
  ({ era }) => {
    const server = new Server({ name: 'stdio', version: '1' }, { capabilities: { tools: {} } });
    server.setRequestHandler('tools/list', () => ({ tools: [] }));
    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
      if (params.name === 'slow') await new Promise((go) => mcpReq.signal.addEventListener('abort', go));
      return { content: [{ type: 'text', text: `${era} ${params.name}` }] };
    });
    return server;
  },
  { legacy: process.argv[2] ?? 'serve' },
);
