/** What is at a path of a virtual server, whether or not there is one of that name. */
interface ServerPath {
  readonly server: string;
  readonly page: 'mcp' | 'sse' | 'messages';
}

const beginning = '/servers/';
const shape = /^([A-Za-z0-9._-]+)\/(mcp|sse|messages)\/?(?:\?.*)?$/;

/**
 * What a path below `base` is of virtual servers, as those of ContextForge: `/servers/NAME/mcp`, and for HTTP+SSE
 * `/servers/NAME/sse` with `/servers/NAME/messages`. Undefined for every other path.
 */
export function serverPath(path: string, base: string): ServerPath | undefined {
  if (!path.startsWith(beginning, base.length) || !path.startsWith(base)) return undefined;
  const [, server, page] = shape.exec(path.slice(base.length + beginning.length)) ?? [];
  return server === undefined ? undefined : { server, page: page as ServerPath['page'] };
}

/** The path of a virtual server's MCP endpoint. */
export const serverMcpPath = (server: string): string => `${beginning}${server}/mcp`;
