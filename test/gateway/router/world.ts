import { onTestFinished } from 'vitest';
import type { Access } from '../../../src/gateway/access.js';
import type { Approvals } from '../../../src/gateway/approvals/index.js';
import type { Client, ClientRequest, Identity } from '../../../src/gateway/client.js';
import { createRouter, type ReplaceableRouter } from '../../../src/gateway/router/index.js';
import type { Upstream } from '../../../src/gateway/upstream.js';
import { type Logger, silentLogger } from '../../../src/log.js';
import type { PluginManager } from '../../../src/manager/index.js';
import type { JsonObject, RpcResponse } from '../../../src/mcp/messages.js';
import type { PluginHandle } from '../../../src/plugin/handle.js';
import { request as pluginRequest } from '../../manager/handles.js';
import { decisionsOf, recorder } from '../../support/observer.js';
import { patience } from '../../support/patience.js';

/** A manager of plugins in memory. `requests` counts the requests that plugins were made a view of. */
export function managerOf(plugins: readonly PluginHandle[]): PluginManager & { requests: number } {
  const manager = {
    plugins,
    requests: 0,
    request: (fields = {}) => {
      manager.requests += 1;
      return pluginRequest(plugins, { global: fields });
    },
    pluginTimeoutMs: 30_000,
    find: (name: string) => plugins.find((plugin) => plugin.name === name),
    invokeOne: () => Promise.reject(new Error('not called')),
    close: async () => {},
  };
  return manager as PluginManager & { requests: number };
}

/** A router over these upstreams; closed when the test ends. */
export function routerOver(
  upstreams: readonly Upstream[],
  {
    plugins = managerOf([]),
    log = silentLogger,
    access,
    approvals,
  }: {
    plugins?: PluginManager;
    log?: Logger;
    access?: Access;
    approvals?: { readonly current: Approvals | undefined };
  } = {},
): ReplaceableRouter {
  const router = createRouter({
    upstreams,
    sets: { current: { plugins } },
    log,
    version: '0.0.0',
    access,
    ...(approvals && { approvals }),
  });
  onTestFinished(() => router.close());
  return router;
}

export interface Said {
  readonly method: string;
  readonly params: JsonObject | undefined;
}

interface TestClient extends Client {
  /** What it was told outside any request. */
  readonly told: Said[];
  /** Resolves with the next thing that it is told, or with one that it was told already, for which this holds. */
  hears(holds: (said: Said) => boolean): Promise<Said>;
}

const nobody: Identity = { user: null, tenant: null, method: 'none' };
let clients = 0;

/** A client of an era, as an endpoint would have it. */
export function client(
  era: 'legacy' | 'modern',
  more: {
    capabilities?: JsonObject;
    identity?: Identity;
    answer?: (method: string, params: JsonObject | undefined) => RpcResponse;
  } = {},
): TestClient {
  clients += 1;
  const told: Said[] = [];
  const waiting = new Set<() => void>();
  return {
    key: `client-${clients}`,
    era,
    revision: era === 'legacy' ? '2025-11-25' : '2026-07-28',
    capabilities: more.capabilities ?? {},
    info: { name: 'test', version: '1' },
    identity: more.identity ?? nobody,
    told,
    notify(method, params) {
      told.push({ method, params });
      for (const check of waiting) check();
    },
    ask: async (method, params) => (more.answer ?? unanswered)(method, params),
    hears: (holds) =>
      new Promise((resolve) => {
        const check = () => {
          const said = told.find(holds);
          if (said === undefined) return;
          waiting.delete(check);
          resolve(said);
        };
        waiting.add(check);
        check();
      }),
  };
}

const unanswered = (method: string): RpcResponse => ({ error: { code: -32601, message: `no ${method}` } });

export interface Served {
  readonly answer: RpcResponse;
  /** The result, where there is one. */
  readonly result: JsonObject;
  /** The error, where there is one. */
  readonly error: { code: number; message: string; data?: JsonObject };
  readonly notes: Said[];
  /** Where it was said to go at last. */
  readonly upstream: string | undefined;
  readonly target: string | undefined;
  /** The plugins that ran for it, and what each decided. */
  readonly plugins: readonly (readonly unknown[])[];
}

interface Asking {
  readonly headers?: Record<string, string>;
  readonly plugins?: PluginManager;
  readonly signal?: AbortSignal;
  readonly answer?: (method: string, params: JsonObject | undefined) => RpcResponse;
  readonly onNote?: (said: Said) => void;
}

/** One request of a client, to its answer. */
export async function ask(
  router: ReplaceableRouter,
  from: Client,
  method: string,
  params: JsonObject = {},
  more: Asking = {},
): Promise<Served> {
  const notes: Said[] = [];
  const { observer, seen, of } = recorder();
  let plugins: ReturnType<PluginManager['request']> | undefined;
  const request: ClientRequest = {
    client: from,
    identity: from.identity,
    method,
    params: JSON.parse(JSON.stringify(params)),
    headers: more.headers ?? {},
    signal: more.signal ?? AbortSignal.timeout(patience(20_000)),
    observed: observer.request({ method, headers: {} }),
    context: () => {
      plugins ??= (more.plugins ?? managerOf([])).request();
      return plugins;
    },
    notify: (name, about) => {
      notes.push({ method: name, params: about });
      more.onNote?.({ method: name, params: about });
    },
    ask: async (name, about) => (more.answer ?? unanswered)(name, about),
  };
  const answer = await router.handle(request);
  const [upstream, target] = seen[0]?.routed.at(-1) ?? [];
  return {
    answer,
    result: ('result' in answer ? answer.result : {}) as JsonObject,
    error: ('error' in answer ? answer.error : { code: 0, message: '' }) as Served['error'],
    notes,
    upstream,
    target,
    plugins: decisionsOf(of('hookCall')),
  };
}

/** The text of a result's first content, message or resource. */
export function textOf({ result }: Served): string | undefined {
  const lists = [result['content'], result['contents'], result['messages']];
  const [first] = (lists.find(Array.isArray) ?? []) as { text?: string; content?: { text: string } }[];
  return first?.text ?? first?.content?.text;
}
