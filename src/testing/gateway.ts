import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { type GatewayConfig, loadGatewayConfig } from '../config/index.js';
import { createGateway, type Gateway } from '../gateway/index.js';
import { carriedDepth, parseJson } from '../json/index.js';
import { silentLogger } from '../log.js';
import type { RpcError } from '../mcp/messages.js';
import type { PluginDefinition } from '../plugin/index.js';
import { packageVersion } from '../version.js';
import { signalWithin } from '../wait.js';
import { type Exchange, watched } from './exchanges.js';
import { closeWith, configOf, type OpenOptions, type Placement, placePlugin } from './plugin.js';
import { echo, type FakeUpstream, startUpstream, type UpstreamCall } from './upstream.js';

/** What a test gateway is made of. */
export interface TestGatewayOptions extends Placement, Pick<OpenOptions, 'test'> {
  /** The plugin under test. Without one every request passes. */
  readonly plugin?: PluginDefinition;
  /** What stands behind the gateway. Default: one tool, `echo`, which answers with its `message`. */
  readonly upstream?: FakeUpstream;
  /** A gateway's file in place of all this but `log` and `test`: its plugins and its upstreams are used as they are. */
  readonly file?: string;
}

/** What an MCP client got: one of the two. */
export interface ClientReply {
  readonly result?: Record<string, unknown>;
  /** Also where a plugin blocked: `message` is its description. */
  readonly error?: RpcError;
}

/** A gateway with a plugin before it and a fake upstream behind it, and the MCP client that calls it. */
export interface TestGateway {
  /** One request of the client, as MCP has it: `request('prompts/get', { name: 'greeting' })`. */
  request(method: string, params?: Record<string, unknown>): Promise<ClientReply>;
  /** Calls a tool; `text` is the first text of its result. */
  callTool(name: string, args?: Record<string, unknown>): Promise<ClientReply & { readonly text?: string }>;
  /** What reached the fake upstream, in its order. */
  readonly upstreamCalls: readonly UpstreamCall[];
  /** What the plugin was asked and what it answered, in its order; not of plugins that a file names. */
  readonly exchanges: readonly Exchange[];
  /** Listens on this machine, for a client of another kind, and says where. */
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** For what is between the client and a child that an upstream of a file starts, in milliseconds. */
const startMs = 20_000;

/**
 * A gateway with a fake upstream, and a client of it. All of it is in this process; with `over: 'mtls'` the plugin is in
 * a plugin server of its own, which the gateway calls behind mutual TLS.
 *
 * @throws SallyError where the plugin cannot be set up, or the file cannot be used.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import test from 'node:test';
 * import { block, definePlugin } from 'sallyport/plugin';
 * import { testGateway } from 'sallyport/testing';
 *
 * const closed = definePlugin({
 *   setup: () => ({ hooks: { tool_pre_invoke: () => block({ reason: 'Closed', code: 'CLOSED' }) } }),
 * });
 *
 * test('nothing reaches the server', async (t) => {
 *   const gateway = await testGateway({ plugin: closed, over: 'mtls', test: t });
 *   const { error } = await gateway.callTool('echo', { message: 'hello' });
 *   assert.match(error?.message ?? '', /Closed/);
 *   assert.deepEqual(gateway.upstreamCalls, []);
 * });
 * ```
 */
export async function testGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { plugin, upstream = { tools: echo }, file, log = silentLogger, timeoutMs = 30_000, test } = options;
  const exchanges: Exchange[] = [];
  /** What was opened so far; closed in the opposite order. */
  const opened: (() => Promise<unknown>)[] = [];
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      for (const end of opened.reverse()) await end();
    })();
    return closing;
  };
  try {
    const fake = file === undefined ? await startUpstream(upstream) : undefined;
    if (fake) opened.push(() => fake.close());
    const heard = plugin && watched(plugin, (exchange) => exchanges.push(exchange));
    const placed = heard && file === undefined ? await placePlugin(heard, options) : undefined;
    if (placed) opened.push(() => placed.close());
    const config =
      file === undefined
        ? madeConfig(fake?.url ?? '', placed ? [placed.entry] : [], timeoutMs)
        : await loadGatewayConfig({
            config: file,
            cwd: process.cwd(),
            env: process.env,
            home: process.env['HOME'],
          });
    const gateway = await createGateway(config, {
      log,
      version: packageVersion(),
      ...(placed && { definitions: placed.definitions }),
    });
    opened.push(() => gateway.close());
    const stop = new AbortController();
    const { request, served } = clientOf(gateway, stop.signal);
    opened.push(() => {
      stop.abort();
      return served;
    });
    await gateway.settled(signalWithin(startMs));
    closeWith(test, close);
    return {
      request,
      callTool: (name, args = {}) => callTool(request, name, args),
      upstreamCalls: fake?.calls ?? [],
      exchanges,
      listen: async () => (await gateway.listen({ port: 0 })).url,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function madeConfig(url: string, plugins: GatewayConfig['plugins'], timeoutMs: number): GatewayConfig {
  const file = {
    plugin_settings: { plugin_timeout: timeoutMs / 1000 },
    gateway: { upstreams: { fake: { url } } },
  };
  return { ...(configOf(file) as GatewayConfig), plugins };
}

/** The MCP client of a gateway in the same process. */
export interface TestClient {
  readonly request: TestGateway['request'];
  /** Resolves once the gateway has let go of it. */
  readonly served: Promise<void>;
}

/** A client on the standard input and output of a gateway, which stay in this process. */
export function clientOf(gateway: Gateway, signal: AbortSignal): TestClient {
  const streams = { input: new PassThrough(), output: new PassThrough() };
  const served = gateway.serveStdio({ ...streams, signal });
  const send = senderOf(streams);
  const ready = send('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'sallyport-testing', version: packageVersion() },
  });
  const request: TestGateway['request'] = async (method, params) => {
    await ready;
    return send(method, params);
  };
  return { request, served };
}

/** Calls a tool; `text` is the first text of its result. */
export async function callTool(
  request: TestGateway['request'],
  name: string,
  args: Record<string, unknown>,
): Promise<ClientReply & { readonly text?: string }> {
  const reply = await request('tools/call', { name, arguments: args });
  const [first] = (reply.result?.['content'] ?? []) as { readonly text?: string }[];
  return { ...reply, ...(first?.text !== undefined && { text: first.text }) };
}

/** JSON-RPC over the two ends of a gateway's standard input and output. */
function senderOf({ input, output }: { input: PassThrough; output: PassThrough }): TestGateway['request'] {
  const waiting = new Map<unknown, (reply: ClientReply) => void>();
  createInterface({ input: output }).on('line', (line) => {
    const { id, result, error } = parseJson(line, { depth: carriedDepth }) as ClientReply & {
      readonly id?: unknown;
    };
    waiting.get(id)?.(error ? { error } : { result: result ?? {} });
    waiting.delete(id);
  });
  let last = 0;
  return (method, params = {}) => {
    last += 1;
    const id = last;
    input.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return new Promise((resolve) => waiting.set(id, resolve));
  };
}
