import type { PluginRequest } from '../manager/index.js';
import type { RpcResponse } from '../mcp/messages.js';
import type { ClientRequest as McpRequest, Router as McpRouter } from '../mcp/router.js';

export { type Client, type Identity, principalOf } from '../mcp/router.js';

/** One authenticated request of a client. */
export interface ClientRequest extends McpRequest {
  /** The plugins' view of this request, made when it is first asked for: the `http_*` hooks have used it before. */
  context(): PluginRequest;
}

/** What stands behind the gateway's endpoint. */
export interface Router extends McpRouter {
  handle(request: ClientRequest): Promise<RpcResponse>;
}
