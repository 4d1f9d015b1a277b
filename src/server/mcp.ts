import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, ProtocolError, Server } from '@modelcontextprotocol/server';
import { findSallyError } from '../errors.js';
import type { Reply, RequestHead } from '../http/index.js';
import { type ToolDeps, toolList, tools } from '../wire/index.js';

/** An MCP server with our tools, for one request or one stdio connection: all state is in `deps`. */
export function createMcpServer(version: string, deps: ToolDeps): Server {
  const server = new Server(
    { name: 'sallyport-plugin-server', version },
    {
      capabilities: { tools: {} },
      instructions: 'Hosts policy plugins: a gateway calls them by invoke_hook.',
    },
  );
  server.setRequestHandler('tools/list', () => ({ tools: [...toolList] }));
  server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
    const tool = Object.hasOwn(tools, params.name) ? tools[params.name] : undefined;
    if (tool === undefined) throw new ProtocolError(-32602, `Unknown tool: ${params.name}`);
    try {
      return await tool(params.arguments, deps, mcpReq.signal);
    } catch (thrown) {
      const error = findSallyError(thrown);
      if (error === undefined) throw thrown;
      throw new ProtocolError(error.jsonRpcCode, error.message, { code: error.code, remedy: error.remedy });
    }
  });
  return server;
}

/** Answers an HTTP request: one whose body was parsed already, or an `IncomingMessage` without one. */
export type McpHandler = (request: RequestHead, reply: Reply, body: unknown) => Promise<void>;

/** Streamable HTTP, a server for each request: whatever does not take the lane. */
export function createMcpNodeHandler(
  deps: ToolDeps & { readonly version: string },
  maxRequestBodySize: number,
): McpHandler {
  const { log } = deps;
  const handle = toNodeHandler(
    createMcpHandler(() => createMcpServer(deps.version, deps), {
      maxRequestBodySize,
      onerror: (error) => log.debug({ error: error.message }, 'an MCP request was refused'),
    }),
    { maxRequestBodySize },
  );
  type Arguments = Parameters<typeof handle>;
  // It reads no body where it is given one, and of the rest nothing that these have not.
  return (request, reply, body) =>
    handle(request as unknown as Arguments[0], reply as unknown as Arguments[1], body);
}
