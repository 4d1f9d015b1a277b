import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { onAbort, signalOf } from '../../src/cancel.js';
import type { Client, ClientRequest, Router } from '../../src/gateway/client.js';
import type { JsonObject, RpcResponse } from '../../src/mcp/messages.js';
import { type FixtureEvents, fixtureEvents, fixtureServer } from './fixture-server.js';

/** A router with one upstream, the fixture server, in this process: one connection for each client. */
export interface FixtureRouter extends Router {
  readonly events: FixtureEvents;
  /** Keys of the clients that have ended, in their order. */
  readonly gone: string[];
  /** The same clients, as long as somebody still holds them. */
  readonly goneClients: WeakRef<Client>[];
  readonly clients: Client[];
  readonly notifications: string[];
  /** Resolves as soon as `holds`: looked at whenever something has happened. */
  until(holds: () => boolean): Promise<void>;
}

type Message = Record<string, unknown>;

/** The server's end of a connection: it tells what each message belongs to. */
class Wire implements Transport {
  onmessage?: (message: JSONRPCMessage) => void;
  onclose?: () => void;
  readonly #out: (message: Message, related: RequestId | undefined) => void;

  constructor(out: (message: Message, related: RequestId | undefined) => void) {
    this.#out = out;
  }

  async start(): Promise<void> {}

  async send(message: JSONRPCMessage, options?: { relatedRequestId?: RequestId }): Promise<void> {
    this.#out(message as Message, options?.relatedRequestId);
  }

  async close(): Promise<void> {
    this.onclose?.();
  }
}

const prefix = 'io.modelcontextprotocol/';

/** The era of the upstream has no envelope. */
function plainParams(params: JsonObject): JsonObject {
  const meta = Object.entries((params['_meta'] ?? {}) as JsonObject).filter(
    ([key]) => !key.startsWith(prefix),
  );
  return { ...params, _meta: Object.fromEntries(meta) };
}

class Connection {
  readonly #client: Client;
  readonly #wire: Wire;
  readonly #open = new Map<RequestId, { request?: ClientRequest; resolve(answer: RpcResponse): void }>();
  readonly #listens: Set<ClientRequest>;
  readonly ready: Promise<JsonObject>;
  #last = 0;

  constructor(client: Client, events: FixtureEvents, listens: Set<ClientRequest>) {
    this.#client = client;
    this.#listens = listens;
    this.#wire = new Wire((message, related) => void this.#hear(message, related));
    this.ready = this.#start(events);
  }

  async #start(events: FixtureEvents): Promise<JsonObject> {
    await fixtureServer(events).connect(this.#wire);
    const answer = await this.#send('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: this.#client.capabilities,
      clientInfo: { name: 'fixture-router', version: '1.0.0' },
    });
    this.tell({ method: 'notifications/initialized' });
    return 'result' in answer ? answer.result : {};
  }

  tell(message: Message): void {
    this.#wire.onmessage?.({ jsonrpc: '2.0', ...message } as JSONRPCMessage);
  }

  async request(request: ClientRequest): Promise<RpcResponse> {
    await this.ready;
    return this.#send(request.method, plainParams(request.params), request);
  }

  #send(method: string, params: JsonObject, request?: ClientRequest): Promise<RpcResponse> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve) => {
      this.#open.set(id, { ...(request && { request }), resolve });
      const cancel = () => {
        this.tell({ method: 'notifications/cancelled', params: { requestId: id } });
        this.#open.delete(id);
        resolve({ error: { code: -32603, message: 'cancelled' } });
      };
      if (request) onAbort(request.signal, cancel);
      this.tell({ id, method, params });
    });
  }

  async #hear(message: Message, related: RequestId | undefined): Promise<void> {
    const { id, method, params } = message as { id?: RequestId; method?: string; params?: JsonObject };
    if (method === undefined) {
      const open = this.#open.get(id as RequestId);
      this.#open.delete(id as RequestId);
      open?.resolve(message as unknown as RpcResponse);
      return;
    }
    const request = related === undefined ? undefined : this.#open.get(related)?.request;
    if (id === undefined) {
      if (request) return request.notify(method, params);
      for (const listen of this.#listens) listen.notify(method, params);
      return this.#client.notify(method, params);
    }
    const signal = request ? signalOf(request.signal) : new AbortController().signal;
    const answer = await (request ?? this.#client).ask(method, params, signal).catch((error: unknown) => {
      return { error: { code: -32603, message: String(error) } };
    });
    this.tell({ id, ...answer });
  }

  close(): Promise<void> {
    return this.#wire.close();
  }
}

export function fixtureRouter(): FixtureRouter {
  const events = fixtureEvents();
  const connections = new Map<string, Connection>();
  const listens = new Set<ClientRequest>();
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const watcher of [...watchers]) watcher();
  };
  events.changed = changed;
  const clients: Client[] = [];
  const gone: string[] = [];
  const goneClients: WeakRef<Client>[] = [];
  const notifications: string[] = [];
  let offered: Promise<JsonObject> | undefined;
  const schemas = new Map<string, JsonObject>();
  const connectionOf = (client: Client): Connection => {
    let connection = connections.get(client.key);
    if (connection === undefined) {
      connection = new Connection(client, events, listens);
      connections.set(client.key, connection);
      clients.push(client);
    }
    return connection;
  };
  return {
    events,
    clients,
    gone,
    goneClients,
    notifications,
    until: (holds) =>
      new Promise((resolve) => {
        const watcher = () => {
          if (!holds()) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
        watcher();
      }),
    async describe({ capabilities: asked }) {
      // The same for all: who opens a session and leaves has cost nothing here.
      offered ??= new Connection({ capabilities: asked } as Client, events, listens).ready;
      const { capabilities, serverInfo, instructions } = await offered;
      return {
        capabilities: capabilities as JsonObject,
        serverInfo: serverInfo as JsonObject,
        instructions: String(instructions),
      };
    },
    async handle(request) {
      const { name } = request.params;
      request.observed?.routed?.('fixture', typeof name === 'string' ? name : undefined);
      if (request.method === 'subscriptions/listen') return listen(request, listens, changed);
      const answer = await connectionOf(request.client).request(request);
      if (request.method === 'tools/list' && 'result' in answer) {
        for (const tool of answer.result['tools'] as { name: string; inputSchema: JsonObject }[]) {
          schemas.set(tool.name, tool.inputSchema);
        }
        if (request.client.era === 'modern')
          return { result: { ...answer.result, ttlMs: 0, cacheScope: 'private' } };
      }
      return answer;
    },
    inputSchema: (_client, tool) => schemas.get(tool),
    notified(client, method, params) {
      notifications.push(method);
      connections.get(client.key)?.tell({ method, ...(params && { params }) });
      changed();
    },
    async ended(client) {
      gone.push(client.key);
      goneClients.push(new WeakRef(client));
      await connections.get(client.key)?.close();
      connections.delete(client.key);
      changed();
    },
  };
}

function listen(
  request: ClientRequest,
  listens: Set<ClientRequest>,
  changed: () => void,
): Promise<RpcResponse> {
  const { toolsListChanged } = (request.params['notifications'] ?? {}) as JsonObject;
  request.notify('notifications/subscriptions/acknowledged', {
    notifications: toolsListChanged === true ? { toolsListChanged } : {},
  });
  if (toolsListChanged === true) listens.add(request);
  changed();
  return new Promise((resolve) => {
    onAbort(request.signal, () => {
      listens.delete(request);
      changed();
      resolve({ result: {} });
    });
  });
}
