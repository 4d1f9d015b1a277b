import {
  ConnectionLost,
  findSallyError,
  messageOf,
  ReplyMalformed,
  ReplyTooLarge,
  type SallyError,
  UpstreamDown,
  UpstreamLost,
  UpstreamReplyTooLarge,
} from '../../../errors.js';

/** The registry's error for what a connection rejected with. */
export function explain(error: unknown, upstream: string, method: string): SallyError {
  const known = findSallyError(error);
  if (known?.code.startsWith('SALLY_UPSTREAM_')) return known;
  if (ReplyTooLarge.is(known)) return UpstreamReplyTooLarge({ upstream, limit: known.context.limit }, error);
  if (ConnectionLost.is(known))
    return UpstreamLost({ upstream, method, detail: known.context.detail }, error);
  if (ReplyMalformed.is(known)) {
    const detail = `its reply is not HTTP/1.1: ${known.context.reason}`;
    return UpstreamLost({ upstream, method, detail }, error);
  }
  if (known) {
    const hint = known.code.startsWith('SALLY_TLS_') ? keysOfUpstream(known.remedy) : undefined;
    return UpstreamDown({ upstream, reason: known.message, hint }, error);
  }
  const { code } = error as { code?: unknown };
  return UpstreamLost({ upstream, method, detail: messageOf(error) || String(code) }, error);
}

/** Remedies of the sockets speak of the keys and the peer of a plugin. */
function keysOfUpstream(remedy: string): string {
  return remedy.replaceAll(/\bmcp\.(?=tls|url)/g, '').replaceAll('plugin server', 'upstream');
}
