import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GatewayStopping, messageOf } from '../errors.js';
import { createHostGuard } from '../http/index.js';
import { plainJson } from '../json/index.js';
import { silentLogger } from '../log.js';
import { createEndpoint } from '../mcp/endpoint.js';
import { serveStdio } from '../mcp/endpoint-stdio.js';
import { codes, type JsonObject, type RpcResponse } from '../mcp/messages.js';
import { anyone, type ClientRequest, type Router } from '../mcp/router.js';

/** What a fake upstream offers, by name. */
export interface FakeUpstream {
  /**
   * Tools. What one returns is its result: a text is a text item, an object with `content` is the whole result, anything
   * else is its JSON. One that throws answers with `isError`.
   */
  readonly tools?: Readonly<Record<string, (args: Record<string, unknown>) => unknown>>;
  /** Prompts: each returns the text of its one message. */
  readonly prompts?: Readonly<Record<string, (args: Record<string, string>) => string>>;
  /** Resources, by their URIs: each returns its text. */
  readonly resources?: Readonly<Record<string, () => string>>;
}

/** A request that reached the upstream: what no plugin let through is not there. */
export interface UpstreamCall {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** A tool that answers with what it was sent. */
export const echo: Required<FakeUpstream>['tools'] = {
  echo: (args) => (typeof args['message'] === 'string' ? args['message'] : JSON.stringify(args)),
};

/** A fake upstream that listens on this machine alone, until it is closed. */
export interface RunningUpstream {
  readonly url: string;
  readonly calls: readonly UpstreamCall[];
  close(): Promise<void>;
}

const limits = {
  bodyBytes: 4_000_000,
  concurrentCalls: Number.POSITIVE_INFINITY,
  concurrentCallsPerUser: Number.POSITIVE_INFINITY,
  sessions: Number.POSITIVE_INFINITY,
  sessionsPerUser: Number.POSITIVE_INFINITY,
  sessionIdleMs: Number.POSITIVE_INFINITY,
};

const serverInfo = { name: 'sallyport-testing', version: '0.0.0' };

/** Serves `offered` over HTTP on a free port of the loopback interface. */
export async function startUpstream(offered: FakeUpstream): Promise<RunningUpstream> {
  const calls: UpstreamCall[] = [];
  const host = '127.0.0.1';
  const endpoint = createEndpoint({
    router: routerOf(offered, calls),
    serverInfo,
    guard: createHostGuard({ host, trusted: false }),
    limits,
    log: silentLogger,
    stopping: () => GatewayStopping({}),
  });
  const server = createServer((request, response) => void endpoint.handle(request, response));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}/mcp`,
    calls,
    async close() {
      await endpoint.drain(0);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * An MCP server with these tools on standard input and output, for the `upstreams` of a gateway's file, until its client
 * is gone.
 *
 * @example
 * ```ts
 * import { serveUpstream } from 'sallyport/testing';
 *
 * await serveUpstream({ tools: { greet: ({ name }) => `Hello, ${name}` } });
 * ```
 */
export function serveUpstream(offered: FakeUpstream): Promise<void> {
  return serveStdio({
    router: routerOf(offered, []),
    serverInfo,
    admit: () => anyone,
    limits,
    log: silentLogger,
    input: process.stdin,
    output: process.stdout,
    signal: new AbortController().signal,
  });
}

type Handler = (params: JsonObject) => JsonObject | Promise<JsonObject> | undefined;

/** What a fake upstream answers: `undefined` of a handler stands for a name that it does not have. */
function routerOf(offered: FakeUpstream, calls: UpstreamCall[]): Router {
  const { tools = {}, prompts = {}, resources = {} } = offered;
  const handlers: Readonly<Record<string, Handler>> = {
    'tools/list': () => ({
      tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
    }),
    'tools/call': ({ name, arguments: args }) => {
      const tool = named(tools, name);
      return tool && runTool(tool, (args ?? {}) as Record<string, unknown>);
    },
    'prompts/list': () => ({ prompts: Object.keys(prompts).map((name) => ({ name })) }),
    'prompts/get': ({ name, arguments: args }) => {
      const prompt = named(prompts, name);
      const text = prompt?.((args ?? {}) as Record<string, string>);
      return prompt && { messages: [{ role: 'user', content: { type: 'text', text } }] };
    },
    'resources/list': () => ({ resources: Object.keys(resources).map((uri) => ({ uri, name: uri })) }),
    'resources/templates/list': () => ({ resourceTemplates: [] }),
    'resources/read': ({ uri }) => {
      const resource = named(resources, uri);
      return resource && { contents: [{ uri, mimeType: 'text/plain', text: resource() }] };
    },
    ping: () => ({}),
  };
  const capabilities = { tools: {}, prompts: {}, resources: {} };
  return {
    describe: () => ({ capabilities, serverInfo }),
    async handle(request: ClientRequest): Promise<RpcResponse> {
      const { method } = request;
      if (method === 'subscriptions/listen') {
        // Nothing here ever changes.
        request.notify('notifications/subscriptions/acknowledged', { notifications: {} });
        return { result: {} };
      }
      // Numbers are those of JavaScript here.
      const { _meta, ...shown } = plainJson(request.params) as JsonObject;
      if (/^(tools\/call|prompts\/get|resources\/read)$/.test(method)) calls.push({ method, params: shown });
      const handler = named(handlers, method);
      if (!handler) return { error: { code: codes.methodNotFound, message: `Method not found: ${method}` } };
      const result = await handler(shown);
      const what = String(shown['name'] ?? shown['uri']);
      return result ? { result } : { error: { code: codes.invalidParams, message: `Unknown: ${what}` } };
    },
    notified() {},
    ended: async () => {},
  };
}

function named<T>(table: Readonly<Record<string, T>>, name: unknown): T | undefined {
  return typeof name === 'string' && Object.hasOwn(table, name) ? table[name] : undefined;
}

async function runTool(
  tool: (args: Record<string, unknown>) => unknown,
  args: Record<string, unknown>,
): Promise<JsonObject> {
  const textItem = (value: unknown) => ({
    type: 'text',
    text: typeof value === 'string' ? value : JSON.stringify(value),
  });
  try {
    const value = await tool(args);
    const whole = typeof value === 'object' && value !== null && 'content' in value;
    return whole ? (value as JsonObject) : { content: [textItem(value ?? '')] };
  } catch (error) {
    return { content: [textItem(messageOf(error))], isError: true };
  }
}
