import { UpstreamProtocol, UpstreamStatus } from '../../../errors.js';
import { headerNames, MirroredHeaders, postHeaders } from '../../../mcp/headers.js';
import { envelopeOf } from '../../../mcp/meta.js';
import { type Era, modernRevision } from '../../../mcp/revisions.js';
import type { Link, Transport } from '../link.js';
import { judgeDiscovery, type Verdict } from '../negotiate.js';
import type { UpstreamContext } from '../options.js';
import { exchangeOnce } from './exchange.js';
import { explain } from './explain.js';
import { HttpSession } from './session.js';
import { HttpStateless } from './stateless.js';
import { challengeOf, type HttpSettings, pageText, Wire } from './wire.js';

/** Streamable HTTP, of both eras. */
export function httpTransport(settings: HttpSettings, context: UpstreamContext): Transport {
  const { upstream } = context;
  const wire = new Wire(settings, context);
  const mirror = new MirroredHeaders();
  const events = {
    doubt: (reason: Parameters<Transport['onDoubt']>[0]) => transport.onDoubt(reason),
    renewed: () => transport.onRenewed(),
  };

  async function discover(signal: AbortSignal): Promise<Verdict> {
    const method = 'server/discover';
    const headers = wire.headers({
      ...postHeaders,
      [headerNames.protocolVersion]: modernRevision,
      ...mirror.of(method, {}),
    });
    const params = { _meta: envelopeOf(modernRevision, context.client, {}) };
    const lines = wire.lines(headers);
    const { reply, text, message } = await exchangeOnce(wire, context, lines, method, params, signal).catch(
      (error) => {
        throw explain(error, upstream, method);
      },
    );
    const { status } = reply;
    // A gateway's refusal may be dressed as JSON-RPC, and is one all the same.
    if (message && status !== 401 && status !== 403 && status < 500) {
      return judgeDiscovery(upstream, { kind: 'answer', message });
    }
    const challenge = challengeOf(reply.headers);
    return judgeDiscovery(upstream, { kind: 'status', status, text: pageText(text), challenge });
  }

  const open: Transport['open'] = (capabilities, signal) =>
    HttpSession.open(wire, context, capabilities, events, signal);

  async function contact(known: Era | undefined, signal: AbortSignal): Promise<Link> {
    if (known !== 'legacy') {
      const verdict = await discover(signal);
      if (verdict.kind === 'failed') throw verdict.error;
      if (verdict.kind === 'modern') {
        return new HttpStateless(verdict.facts, wire, context, mirror, events.doubt);
      }
      return open({}, signal);
    }
    try {
      return await open({}, signal);
    } catch (error) {
      // It may have become a server of the other era in the meantime.
      const refused = UpstreamStatus.is(error) && error.context.status >= 400 && error.context.status < 500;
      if (!refused && !UpstreamProtocol.is(error)) throw error;
      return contact(undefined, signal);
    }
  }

  const transport: Transport = {
    contact,
    open,
    onDoubt: () => {},
    onRenewed: () => {},
    close: () => wire.close(),
  };
  return transport;
}
