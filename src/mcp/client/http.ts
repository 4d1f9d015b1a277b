import { headerNames, MirroredHeaders, postHeaders } from '../headers.js';
import { envelopeOf } from '../messages.js';
import { type Era, modernRevision } from '../revisions.js';
import { AuthorizedConnections } from './http-authorized.js';
import { challengeOf, HttpConnections, type HttpTarget } from './http-connections.js';
import { exchangeOnce } from './http-reply.js';
import { HttpSession } from './http-session.js';
import { HttpStateless } from './http-stateless.js';
import { type Judged, judgeDiscovery } from './negotiate.js';
import type { ClientContext, ClientSession, Transport } from './session.js';

export interface HttpTransport extends Transport {
  /** Loads the credentials, without a connection yet. Rejects where they are not valid. */
  prepare(): Promise<void>;
  /** The connections of now may be at their end: the next request goes over another one. */
  doubt(): void;
}

/**
 * Streamable HTTP, of both eras. `isOtherEra`: whether an error of a server that is taken for one of the legacy era may say
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
    // A gateway's refusal may be dressed as JSON-RPC, and is one all the same.
    if (message && status !== 401 && status !== 403 && status < 500) {
      return judgeDiscovery(errors, { kind: 'answer', message });
    }
    const challenge = challengeOf(reply.head.headers);
    return judgeDiscovery(errors, { kind: 'status', status, text: all.said(text), challenge });
  }

  const open: Transport['open'] = (capabilities, signal, headers) =>
    HttpSession.open(connections, context, capabilities, events, signal, headers);

  async function contact(known: Era | undefined, signal: AbortSignal): Promise<ClientSession> {
    if (known === 'legacy') {
      try {
        return await open({}, signal);
      } catch (error) {
        if (!isOtherEra(error)) throw error;
      }
    }
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
