// A lean MCP server of 2026-07-28: one tool, answered as JSON.
import { createServer } from 'node:http';

const meta = { 'io.modelcontextprotocol/serverInfo': { name: 'upstream', version: '1.0.0' } };
const text = 'the weather is fine. '.repeat(45);
const results = {
  'server/discover': {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    ttlMs: 60_000,
    cacheScope: 'public',
  },
  'tools/list': {
    tools: [{ name: 'search', inputSchema: { type: 'object' } }],
    ttlMs: 0,
    cacheScope: 'private',
  },
  'tools/call': { content: [{ type: 'text', text }] },
};
const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    const { id, method } = JSON.parse(text);
    const [, scores] = /"scores":(\[[^\]]*\])/.exec(text) ?? [];
    const own = scores && { structuredContent: { scores: 'SCORES' } };
    const result = { resultType: 'complete', ...results[method], ...own, _meta: meta };
    const body = JSON.stringify({ jsonrpc: '2.0', id, result }).replace('"SCORES"', scores);
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
