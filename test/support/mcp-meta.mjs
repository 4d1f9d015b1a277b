// A stdio server whose one tool returns the _meta of its call.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const server = new McpServer({ name: 'meta', version: '1.0.0' });
server.registerTool('meta', {}, ({ _meta }) => ({
  content: [{ type: 'text', text: JSON.stringify(_meta ?? {}) }],
}));
await server.connect(new StdioServerTransport());
