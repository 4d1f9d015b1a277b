import {
  findSallyError,
  messageOf,
  type SallyError,
  UpstreamDown,
  UpstreamLost,
  UpstreamProtocol,
} from '../../../errors.js';

/** The registry's error for what a connection rejected with. */
export function explain(error: unknown, upstream: string, method: string): SallyError {
  const known = findSallyError(error);
  if (known?.code.startsWith('SALLY_UPSTREAM_')) return known;
  if (known) {
    const hint = known.code.startsWith('SALLY_TLS_') ? keysOfUpstream(known.remedy) : undefined;
    return UpstreamDown({ upstream, reason: known.message, hint }, error);
  }
  const { code } = error as { code?: unknown };
  if (code === 'UND_ERR_INVALID_ARG') {
    return UpstreamProtocol({ upstream, detail: `the request cannot be sent: ${messageOf(error)}` }, error);
  }
  return UpstreamLost({ upstream, method, detail: messageOf(error) || String(code) }, error);
}

/** Remedies of the sockets speak of the keys and the peer of a plugin. */
function keysOfUpstream(remedy: string): string {
  return remedy.replaceAll(/\bmcp\.(?=tls|url)/g, '').replaceAll('plugin server', 'upstream');
}
