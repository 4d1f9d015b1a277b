// An MCP server of 2026-07-28 over HTTP with the one tool: node upstream.mjs FILE. Writes its port to stdout.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { callTool, tool } from './marks.mjs';

const [file] = process.argv.slice(2);
const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'web', version: '1.0.0' } };
const results = {
  'server/discover': () => ({
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    ttlMs: 60_000,
    cacheScope: 'public',
  }),
  'tools/list': () => ({ tools: [tool], ttlMs: 60_000, cacheScope: 'private' }),
  'tools/call': ({ arguments: args }) => callTool(file, args),
};
const server = createServer(async (request, response) => {
  try {
    const { id, method, params } = await json(request);
    const result = await results[method]?.(params);
    const answer = result
      ? { result: { resultType: 'complete', ...result, _meta } }
      : { error: { code: -32601, message: 'Method not found' } };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  } catch {
    // A request that was cut off.
    response.destroy();
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
