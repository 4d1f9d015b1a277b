import type { IncomingMessage, ServerResponse } from 'node:http';
import { jwtVerify } from 'jose';
import type { AuthorizationServer } from './authorization-server.js';
import { serve } from './mcp-fixture.js';

interface ProtectedOptions {
  readonly tls?: boolean;
  /** Scopes of a `tools/call`, beyond being let in at all. */
  readonly callScope?: string;
  /** What its metadata says in place of, or beside, what is right. */
  readonly metadata?: object;
  /** Without it, the challenge names no metadata. */
  readonly named?: boolean;
  /** Where the metadata is not at the well-known place. */
  readonly withoutMetadata?: boolean;
}

/** A token that came, as far as it is valid. */
export interface Caller {
  readonly sub: string;
  readonly token: string;
}

/**
 * An MCP server of 2025-11-25 without sessions that takes JWT access tokens which are for it and nobody else (RFC 9068), and
 * says who called. `refuse` makes it refuse a token once.
 */
export async function serveProtected(
  server: Pick<AuthorizationServer, 'issuer' | 'keys'>,
  options: ProtectedOptions = {},
) {
  const { callScope, metadata, named = true, withoutMetadata = false } = options;
  const callers: Caller[] = [];
  const methods: string[] = [];
  const refused = new Set<string>();
  const state: { resource: string; refuseAll: boolean; named?: string } = { resource: '', refuseAll: false };
  const challenge = (response: ServerResponse, status: number, fields: Record<string, string>) => {
    const all = {
      ...fields,
      ...(named && {
        resource_metadata:
          state.named ?? `${new URL(state.resource).origin}/.well-known/oauth-protected-resource/mcp`,
      }),
    };
    const text = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
    response.writeHead(status, { 'www-authenticate': `Bearer ${text.join(', ')}` }).end();
  };
  const served = await serve(
    async (request: IncomingMessage & { text: string }, response) => {
      if (request.url?.startsWith('/.well-known/oauth-protected-resource')) {
        if (withoutMetadata) return response.writeHead(404).end();
        const document = { resource: state.resource, authorization_servers: [server.issuer], ...metadata };
        return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
      }
      if (request.url !== '/mcp') return response.writeHead(404).end();
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      if (token === undefined) return challenge(response, 401, {});
      const verified = await jwtVerify(token, server.keys, {
        issuer: server.issuer,
        audience: state.resource,
      }).catch(() => undefined);
      // The stream that a client asks for with GET comes when it comes: a refusal is for a message.
      const refusing = request.method === 'POST' && refused.delete(token);
      if (!verified || state.refuseAll || refusing)
        return challenge(response, 401, { error: 'invalid_token' });
      if (request.method !== 'POST') return response.writeHead(405).end();
      const { method, id, params } = JSON.parse(request.text);
      const { payload } = verified;
      callers.push({ sub: String(payload.sub), token });
      methods.push(method);
      const scopes = String(payload['scope'] ?? '').split(' ');
      if (method === 'tools/call' && callScope !== undefined && !scopes.includes(callScope))
        return challenge(response, 403, { error: 'insufficient_scope', scope: callScope });
      if (id === undefined) return response.writeHead(202).end();
      const result =
        method === 'initialize'
          ? {
              protocolVersion: '2025-11-25',
              capabilities: { tools: {} },
              serverInfo: { name: 'protected', version: '1' },
            }
          : method === 'tools/list'
            ? { tools: [{ name: 'whoami', inputSchema: { type: 'object' } }] }
            : method === 'tools/call'
              ? { content: [{ type: 'text', text: `${payload.sub ?? payload['client_id']} ${params.name}` }] }
              : undefined;
      const error = { code: -32601, message: 'Method not found' };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error }) }));
    },
    { tls: options.tls ?? false },
  );
  state.resource = served.url;
  return { ...served, callers, methods, refused, state };
}
