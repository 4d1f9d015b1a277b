import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../config/index.js';

/**
 * Why a request may come from a web page that rebinds a name to this machine (DNS rebinding), as status and text.
 * Asked where no client certificate is required: a page has none to present.
 */
export function rebindingRefusal(request: IncomingMessage, boundHost: string): [number, string] | undefined {
  const { host = '', origin } = request.headers;
  if (isLoopback(boundHost) && !isLoopback(hostname(`http://${host}`))) {
    return [421, `this server is bound to ${boundHost} and answers to that name only, not to '${host}'`];
  }
  if (origin !== undefined && !isLoopback(hostname(origin)))
    return [403, `requests of the origin '${origin}' are refused`];
  return undefined;
}

function hostname(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
