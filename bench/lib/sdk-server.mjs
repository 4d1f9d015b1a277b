// The MCP SDK's server as it comes, over `node:https`, with the plugin's work as one tool.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { replaceWords } from './work.mjs';

const [certfile, keyfile, cafile] = process.argv.slice(2);

function createMcpServer() {
  const server = new Server({ name: 'stock', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({
    tools: [{ name: 'invoke_hook', inputSchema: { type: 'object' } }],
  }));
  server.setRequestHandler('tools/call', ({ params }) => {
    const { payload, plugin_name } = params.arguments;
    const modified_payload = replaceWords(payload) ?? null;
    const result = { continue_processing: true, modified_payload, violation: null, metadata: {} };
    return { content: [{ type: 'text', text: JSON.stringify({ plugin_name, result }) }] };
  });
  return server;
}

const tls = {
  cert: readFileSync(certfile),
  key: readFileSync(keyfile),
  ca: readFileSync(cafile),
  requestCert: true,
  rejectUnauthorized: true,
};
const handle = toNodeHandler(createMcpHandler(createMcpServer));
const server = createServer(tls, (request, response) => handle(request, response));
server.listen(0, 'localhost', () => console.log(server.address().port));
