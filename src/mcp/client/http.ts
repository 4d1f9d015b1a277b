import { findSallyError } from '../../errors.js';
import { headerNames, MirroredHeaders, postHeaders } from '../headers.js';
import { envelopeOf } from '../messages.js';
import { type Era, modernRevision } from '../revisions.js';
import { AuthorizedConnections } from './http-authorized.js';
import { challengeOf, HttpConnections, type HttpTarget } from './http-connections.js';
import { exchangeOnce } from './http-reply.js';
import { HttpSession } from './http-session.js';
import { HttpStateless } from './http-stateless.js';
import { isOtherKind, type Judged, judgeDiscovery } from './negotiate.js';
import type { ClientContext, ClientSession, Transport } from './session.js';
import { SseSession } from './sse-session.js';

export interface HttpTransport extends Transport {
  /** Loads the credentials, without a connection yet. Rejects where they are not valid. */
  prepare(): Promise<void>;
  /** The connections of now may be at their end: the next request goes over another one. */
  doubt(): void;
}

/** Whether a server has refused a request as one that speaks another transport does; not for who asks, or how often. */
function isRefusal(error: unknown): boolean {
  const { status } = (findSallyError(error)?.context ?? {}) as { readonly status?: unknown };
  return typeof status === 'number' && isOtherKind(status);
}

/**
 * Streamable HTTP, of both eras, and HTTP+SSE. `isOtherEra`: whether an error of a server that is taken for one of the legacy era may say
 * that it has become one of the other.
 */
export function httpTransport(
  target: HttpTarget,
  context: ClientContext,
  isOtherEra: (error: unknown) => boolean,
): HttpTransport {
  const { errors } = context;
  const all = new HttpConnections(target, context);
  const { authorization } = target;
  const connections = authorization ? new AuthorizedConnections(all, authorization) : all;
  const mirrored = new MirroredHeaders();
  const events = {
    doubt: (reason: Parameters<Transport['onDoubt']>[0]) => transport.onDoubt(reason),
    renewed: () => transport.onRenewed(),
  };

  async function discover(signal: AbortSignal): Promise<Judged> {
    const method = 'server/discover';
    const headers = connections.headers({
      ...postHeaders,
      [headerNames.protocolVersion]: modernRevision,
      ...mirrored.of(method, {}),
    });
    const params = { _meta: envelopeOf(modernRevision, context.client, {}) };
    const lines = connections.lines(headers);
    const { reply, text, message } = await exchangeOnce(
      connections,
      context,
      lines,
      method,
      params,
      signal,
    ).catch((error) => {
      throw errors.explain(error, method);
    });
    const { status } = reply.head;
    // A gateway's refusal may be dressed as JSON-RPC, and is one all the same. With 500 it is the server that says so: there
    // are some that stumble over a request before `initialize`.
    if (message && status !== 401 && status !== 403 && status <= 500) {
      return judgeDiscovery(errors, { kind: 'answer', message });
    }
    const challenge = challengeOf(reply.head.headers);
    return judgeDiscovery(errors, { kind: 'status', status, text: all.said(text), challenge });
  }

  /** Whether the last session was over HTTP+SSE. */
  let sse = target.sse === 'only';

  const openSse = (...[capabilities, signal, headers]: Parameters<Transport['open']>) =>
    SseSession.open(connections, context, capabilities, signal, headers);

  /**
   * A server that refuses `initialize` may be one of 2024-11-05 (2025-11-25, Transports, Backwards Compatibility): then its
   * stream begins with an endpoint. Where it does not, the first refusal is what counts.
   */
  const open: Transport['open'] = async (...request) => {
    const [capabilities, signal, headers] = request;
    if (sse) {
      try {
        return await openSse(...request);
      } catch (error) {
        if (target.sse === 'only' || !isRefusal(error)) throw error;
        sse = false;
      }
    }
    try {
      return await HttpSession.open(connections, context, capabilities, events, signal, headers);
    } catch (error) {
      if (target.sse === 'never' || !isRefusal(error)) throw error;
      const session = await openSse(...request).catch(() => undefined);
      if (session === undefined) throw error;
      sse = true;
      return session;
    }
  };

  async function contact(known: Era | undefined, signal: AbortSignal): Promise<ClientSession> {
    if (known === 'legacy') {
      try {
        return await open({}, signal);
      } catch (error) {
        if (!isOtherEra(error)) throw error;
      }
    }
    if (sse) return open({}, signal);
    const judged = await discover(signal);
    if (judged.kind === 'failed') throw judged.error;
    return judged.kind === 'modern'
      ? new HttpStateless(judged.facts, connections, context, mirrored, events.doubt)
      : open({}, signal);
  }

  const transport: HttpTransport = {
    prepare: async () => void (await all.open()),
    doubt: () => all.doubt(),
    contact,
    open,
    onDoubt: () => {},
    onRenewed: () => {},
    get connections() {
      return all.size;
    },
    close: () => all.close(),
  };
  return transport;
}
