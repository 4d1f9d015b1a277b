import type { SallyError } from '../errors.js';
import { framingHeaders, isHeaderName, isHeaderValue } from '../headers.js';

/** The lines of a request's head that say these headers. Throws what `refusal` makes of one that cannot be sent. */
export function headerLines(
  headers: Readonly<Record<string, string>>,
  refusal: (name: string) => SallyError,
): string {
  let lines = '';
  for (const name in headers) {
    const value = headers[name] as string;
    if (!isHeaderName(name) || framingHeaders.has(name.toLowerCase()) || !isHeaderValue(value)) {
      throw refusal(name);
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly host: string;
  /** As a URL has it: everything but ASCII is escaped. */
  readonly path: string;
  /** What `headerLines` answered. */
  readonly lines: string;
  readonly body: string | undefined;
}

/** A whole request, as its bytes or the text that is them in UTF-8. */
export function writeRequest({ method, host, path, lines, body }: Request): string | Buffer {
  const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${lines}${length}\r\n`;
  // RFC 9110 section 5.5: what is not ASCII in a header is a byte a character.
  if (/[\x80-\xff]/.test(lines)) return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')]);
  return body === undefined ? head : head + body;
}
