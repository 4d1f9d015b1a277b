import type { IncomingMessage } from 'node:http';
import { hostName } from './host.js';

/** Why a request is not served whatever it asks for. */
export interface HeadFault {
  readonly status: 400 | 415 | 421 | 501;
  readonly error: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Of these a second one would be judged by one reader and served by another; Node keeps the first without a word. */
const single: ReadonlySet<string> = new Set(['host', 'authorization', 'origin']);

const ends = { Connection: 'close' };
const malformed = (error: string, status: 400 | 421 | 501 = 400): HeadFault => ({
  status,
  error,
  headers: ends,
});

/**
 * What is wrong with the head of a request that Node's parser lets pass. A target in absolute form becomes one in origin
 * form, and its authority the Host (RFC 9112 section 3.2.2), so that nothing behind this has to know of it.
 */
export function headFault(request: IncomingMessage): HeadFault | undefined {
  return repeated(request) ?? codingFault(request) ?? hostFault(request) ?? takeTarget(request);
}

/** RFC 9112 section 3.2 for Host; the others are single values as well (RFC 9110 section 5.3). */
function repeated({ rawHeaders }: IncomingMessage): HeadFault | undefined {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!single.has(name)) continue;
    if (seen.has(name)) return malformed(`the header ${name} stands twice`);
    seen.add(name);
  }
  return undefined;
}

function codingFault({ headers, httpVersion }: IncomingMessage): HeadFault | undefined {
  const transfer = headers['transfer-encoding']?.trim().toLowerCase();
  if (transfer !== undefined) {
    // RFC 9112 section 6.1: such a message is to be taken as wrongly framed, and its connection ends.
    if (httpVersion === '1.0') return malformed('HTTP/1.0 has no Transfer-Encoding');
    const codings = transfer.split(',').map((coding) => coding.trim());
    // RFC 9112 section 6.3: where the body would end cannot be known.
    if (codings.at(-1) !== 'chunked') return malformed('the last transfer coding has to be chunked');
    const unknown = codings.find((coding) => coding !== 'chunked');
    if (unknown !== undefined) return malformed(`the transfer coding '${unknown}' is not known here`, 501);
    if (codings.length > 1) return malformed('the transfer coding chunked stands twice');
  }
  const content = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (/^(?:identity)?(?:\s*,\s*identity)*$/.test(content)) return undefined;
  // RFC 9110 section 15.5.16: Accept-Encoding says that it is the coding which is not taken.
  const error = `a request body with the content coding '${content}' is not taken: send it as it is`;
  return { status: 415, error, headers: { 'Accept-Encoding': 'identity' } };
}

/** HTTP/1.0 may have none; Node refuses a request of HTTP/1.1 without one. */
function hostFault({ headers: { host } }: IncomingMessage): HeadFault | undefined {
  if (host === undefined || hostName(host) !== undefined) return undefined;
  return malformed(`'${host}' is no host and port`);
}

function takeTarget(request: IncomingMessage): HeadFault | undefined {
  const { url = '', socket } = request;
  if (url.startsWith('/') || url === '*') return undefined;
  const [, scheme, authority = '', path = ''] = /^(https?):\/\/([^/?#]*)([^#]*)$/i.exec(url) ?? [];
  if (hostName(authority) === undefined) return malformed('the target of the request is not a valid URL');
  // RFC 9110 section 7.4: what is asked for by https is not to be had without TLS.
  if (scheme?.toLowerCase() === 'https' && !('encrypted' in socket))
    return malformed('this server has no TLS: it answers to http URLs only', 421);
  request.url = path.startsWith('/') ? path : `/${path}`;
  request.headers.host = authority;
  return undefined;
}
