// Lean MCP servers of 2026-07-28 on one port, each at a path of its own, with so many tools each: many-tools.mjs TOOLS
import { createServer } from 'node:http';

const count = Number(process.argv[2]);
const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'upstream', version: '1.0.0' } };
const properties = Object.fromEntries(
  ['query', 'limit', 'cursor'].map((name) => [
    name,
    { type: 'string', description: `the ${name} of a search` },
  ]),
);
const tools = Array.from({ length: count }, (_, i) => ({
  name: `tool_${i}`,
  description: `Looks for things of kind ${i}, and says what was found, in order.`,
  inputSchema: { type: 'object', properties },
}));
const results = {
  'server/discover': {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    ttlMs: 60_000,
    cacheScope: 'public',
  },
  'tools/list': { tools, ttlMs: 60_000, cacheScope: 'public' },
  'tools/call': { content: [{ type: 'text', text: 'the weather is fine' }] },
};
const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString());
    const result = { resultType: 'complete', ...results[method], _meta: meta };
    const body = JSON.stringify({ jsonrpc: '2.0', id, result });
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
