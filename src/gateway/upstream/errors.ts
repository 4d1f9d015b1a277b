import {
  ConnectionLost,
  findSallyError,
  messageOf,
  NotTls,
  PeerUnknownCa,
  ReplyMalformed,
  ReplyTooLarge,
  UpstreamBusy,
  UpstreamCancelled,
  UpstreamDown,
  UpstreamJson,
  UpstreamLost,
  UpstreamNotStarted,
  UpstreamProtocol,
  UpstreamReplyId,
  UpstreamReplyTooLarge,
  UpstreamStatus,
  UpstreamTimeout,
} from '../../errors.js';
import { pageText } from '../../mcp/client/http-connections.js';
import type { PeerErrors } from '../../mcp/client/session.js';

const childHint =
  "it is started again by itself; LOG_LEVEL=DEBUG shows the process's standard error, which may say why it ended";

const noTlsHint = 'begin its url with http:, where it serves no TLS; or see what has its port';

const ownCaHint =
  'where it is of a CA of your own: give the upstream a tls block with ca_bundle, the file of that CA';

/** What a client says of an upstream that fails it; `url` is where it is reached over HTTP; `privateTrust`: a `tls` block says whom it trusts, not the system. */
export const upstreamErrors = (upstream: string, url?: URL, privateTrust = false): PeerErrors => ({
  timeout: (method, seconds, setting) => UpstreamTimeout({ upstream, method, seconds, setting }),
  cancelled: (method) => UpstreamCancelled({ upstream, method }),
  replyId: (method, seen, id) => UpstreamReplyId({ upstream, method, seen, id }),
  unusable: (_method, detail) => UpstreamProtocol({ upstream, detail }),
  protocol: (detail) => UpstreamProtocol({ upstream, detail }),
  json: (refusal) => UpstreamJson({ upstream, reason: refusal.message }, refusal),
  tooLarge: (limit) => UpstreamReplyTooLarge({ upstream, limit }),
  lost: (method, detail) => UpstreamLost({ upstream, method, detail }),
  status: ({ text, ...reply }) => UpstreamStatus({ upstream, ...reply, text: pageText(text) }),
  busy: (what, limit) => UpstreamBusy({ upstream, what, limit }),
  ended: (how) => UpstreamDown({ upstream, reason: how, hint: childHint }),
  notStarted: (command, error) =>
    UpstreamNotStarted({ upstream, command, reason: startReason(error) }, error),
  explain(error, method) {
    const known = findSallyError(error);
    if (known?.code.startsWith('SALLY_UPSTREAM_')) return known;
    if (ReplyTooLarge.is(known))
      return UpstreamReplyTooLarge({ upstream, limit: known.context.limit }, error);
    // What a TLS port makes of a request without TLS.
    const first = method === 'initialize' || method === 'server/discover';
    const plain =
      url?.protocol === 'http:' && first ? '; where it speaks TLS, its url begins with https:' : '';
    if (ConnectionLost.is(known)) {
      return UpstreamLost({ upstream, method, detail: known.context.detail + plain }, error);
    }
    if (ReplyMalformed.is(known)) {
      const detail = `its reply is not HTTP/1.1: ${known.context.reason}${plain}`;
      return UpstreamLost({ upstream, method, detail }, error);
    }
    if (PeerUnknownCa.is(known) && !privateTrust) {
      const { peer, subject, detail } = known.context;
      const reason = `${peer} has a certificate that no CA of this system's roots has signed${subject ? ` (${subject})` : ''}: ${detail}`;
      return UpstreamDown({ upstream, reason, hint: ownCaHint }, error);
    }
    if (known) {
      const ofWay = /^SALLY_(TLS|PROXY)_/.test(known.code);
      const hint = NotTls.is(known) ? noTlsHint : ofWay ? keysOfUpstream(known.remedy) : undefined;
      return UpstreamDown({ upstream, reason: known.message, hint }, error);
    }
    const { code } = error as { code?: unknown };
    return UpstreamLost({ upstream, method, detail: messageOf(error) || String(code) }, error);
  },
});

function startReason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such program or folder';
  return code === 'EACCES' ? 'permission denied' : messageOf(error);
}

/** Remedies of the sockets speak of the keys and the peer of a plugin. */
function keysOfUpstream(remedy: string): string {
  return remedy.replaceAll(/\bmcp\.(?=tls|url)/g, '').replaceAll('plugin server', 'upstream');
}
