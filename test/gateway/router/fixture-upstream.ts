import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  inputRequired,
  inputResponse,
  ProtocolError,
  Server,
} from '@modelcontextprotocol/server';
import { onTestFinished } from 'vitest';
import type { UpstreamSettings } from '../../../src/config/index.js';
import type { Upstream } from '../../../src/gateway/upstream.js';
import { serve } from '../../support/mcp-fixture.js';
import { patience } from '../../support/patience.js';
import { httpUpstream, open } from '../../support/upstreams.js';

type Json = Record<string, unknown>;

/** What a fixture upstream offers, and what it keeps of what happened. */
export interface Offered {
  readonly tools?: readonly string[];
  readonly prompts?: readonly string[];
  readonly resources?: readonly string[];
  readonly templates?: readonly string[];
  /** Entries of one page of a list. */
  readonly page?: number;
}

const form = {
  mode: 'form',
  message: 'Who are you?',
  requestedSchema: { type: 'object', properties: {} },
} as const;

/** A server whose tools do what their names say; all else tells what it was given. */
function server(offered: Offered, seen: Json[], events: EventEmitter): Server {
  const { tools = [], prompts = [], resources = [], templates = [], page = 100 } = offered;
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
    logging: {},
    completions: {},
  };
  const made = new Server({ name: 'fixture', version: '1.0.0' }, { capabilities });
  const paged = <T>(all: readonly T[], cursor: string | undefined) => {
    const from = Number(cursor ?? 0);
    const next = from + page;
    return { items: all.slice(from, next), more: next < all.length ? { nextCursor: String(next) } : {} };
  };
  made.setRequestHandler('tools/list', ({ params }) => {
    const { items, more } = paged(tools, params?.cursor);
    return { tools: items.map((name) => ({ name, inputSchema: { type: 'object' as const } })), ...more };
  });
  made.setRequestHandler('prompts/list', ({ params }) => {
    const { items, more } = paged(prompts, params?.cursor);
    return { prompts: items.map((name) => ({ name })), ...more };
  });
  made.setRequestHandler('resources/list', ({ params }) => {
    const { items, more } = paged(resources, params?.cursor);
    return { resources: items.map((uri) => ({ uri, name: uri })), ...more };
  });
  made.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: templates.map((uriTemplate) => ({ uriTemplate, name: uriTemplate })),
  }));
  made.setRequestHandler('tools/call', async ({ params }, context) => {
    const { mcpReq } = context;
    seen.push({ method: 'tools/call', ...params, headers: context.http?.req?.headers });
    const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
    switch (params.name) {
      case 'ask': {
        const answer = inputResponse(mcpReq.inputResponses, 'who');
        if (answer.kind === 'missing') {
          return inputRequired({
            inputRequests: { who: inputRequired.elicit(form) },
            requestState: 'their-state',
          });
        }
        return said(JSON.stringify(answer));
      }
      case 'ask-twice': {
        const state = mcpReq.requestState() as string | undefined;
        if (state === 'second') return said('done');
        const requestState = state === 'first' ? 'second' : 'first';
        return inputRequired({ inputRequests: { [requestState]: inputRequired.elicit(form) }, requestState });
      }
      case 'noisy': {
        const progressToken = mcpReq._meta?.progressToken ?? 0;
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken, progress: 1, total: 2, message: 'secret' },
        });
        await mcpReq.log('info', 'secret');
        return said('quiet');
      }
      case 'link':
        return { content: [{ type: 'resource_link' as const, uri: 'hidden://linked', name: 'linked' }] };
      case 'structured':
        return {
          ...said('secret'),
          structuredContent: { z: 1, a: { secret: 'secret', none: null } },
          isError: false,
        };
      case 'fail':
        throw new ProtocolError(-32050, 'as it came', { any: [1] });
      default:
        return said(JSON.stringify(params.arguments ?? null));
    }
  });
  made.setRequestHandler('prompts/get', ({ params }) => {
    seen.push({ method: 'prompts/get', ...params });
    const text = JSON.stringify(params.arguments ?? null);
    return { description: params.name, messages: [{ role: 'user', content: { type: 'text', text } }] };
  });
  made.setRequestHandler('resources/read', ({ params: { uri } }) => {
    seen.push({ method: 'resources/read', uri });
    const known =
      [...resources, 'hidden://linked', 'hidden://unlisted'].includes(uri) || uri.startsWith('made://');
    if (!known || (uri.startsWith('hidden:') && !tools.includes('link'))) {
      throw new ProtocolError(-32602, 'no such resource', { uri });
    }
    return {
      contents: [
        { uri, text: `one of ${uri}` },
        { uri: `${uri}#2`, text: 'two' },
      ],
    };
  });
  made.setRequestHandler('completion/complete', ({ params }) => {
    seen.push({ method: 'completion/complete', ...params });
    return { completion: { values: [JSON.stringify(params.ref)] } };
  });
  const subscription = (method: 'resources/subscribe' | 'resources/unsubscribe') =>
    made.setRequestHandler(method, ({ params: { uri } }) => {
      seen.push({ method, uri });
      events.emit(method, uri);
      return {};
    });
  subscription('resources/subscribe');
  subscription('resources/unsubscribe');
  made.setRequestHandler('logging/setLevel', ({ params: { level } }) => {
    seen.push({ method: 'logging/setLevel', level });
    return {};
  });
  return made;
}

/** A fixture upstream, reached. */
export interface Fixture {
  readonly upstream: Upstream;
  /** The params of every request, in order. */
  readonly seen: Json[];
  /** Emits the method of a subscription, with its URI. */
  readonly events: EventEmitter;
  toolsChanged(): void;
  updated(uri: string): void;
  stop(): Promise<void>;
}

/** Starts an MCP server of this era and opens it as an upstream. */
export async function fixture(
  era: 'legacy' | 'modern',
  offered: Offered,
  settings: Partial<Extract<UpstreamSettings, { transport: 'http' }>> = {},
): Promise<Fixture> {
  const seen: Json[] = [];
  const events = new EventEmitter();
  const served = era === 'modern' ? await modern(offered, seen, events) : await legacy(offered, seen, events);
  const upstream = open(httpUpstream(served.url, settings));
  await upstream.settled(AbortSignal.timeout(patience(10_000)));
  return { upstream, seen, events, ...served };
}

async function modern(offered: Offered, seen: Json[], events: EventEmitter) {
  const handler = createMcpHandler(() => server(offered, seen, events), { legacy: 'reject' });
  onTestFinished(() => handler.close());
  const node = toNodeHandler(handler);
  const { url, stop } = await serve((request, response) =>
    node(request as Parameters<typeof node>[0], response, JSON.parse(request.text || 'null')),
  );
  return {
    url,
    stop,
    toolsChanged: () => handler.notify.toolsChanged(),
    updated: (uri: string) => handler.notify.resourceUpdated(uri),
  };
}

async function legacy(offered: Offered, seen: Json[], events: EventEmitter) {
  const sessions = new Map<string, { transport: NodeStreamableHTTPServerTransport; own: Server }>();
  const { url, stop } = await serve(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    const body = request.text === '' ? undefined : JSON.parse(request.text);
    let session = typeof id === 'string' ? sessions.get(id) : undefined;
    if (!session) {
      if (id !== undefined) return response.writeHead(404).end('Session not found');
      const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (own) => {
          if (session) sessions.set(own, session);
        },
      });
      session = { transport, own: server(offered, seen, events) };
      await session.own.connect(transport);
    }
    return session.transport.handleRequest(request, response, body);
  });
  const all = () => [...sessions.values()].map(({ own }) => own);
  return {
    url,
    stop,
    toolsChanged: () => void all().map((own) => own.sendToolListChanged()),
    updated: (uri: string) => void all().map((own) => own.sendResourceUpdated({ uri })),
  };
}
