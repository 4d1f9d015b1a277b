import { hostName } from './host.js';

/** The head of a request that nothing is in doubt of, and its length. */
export interface PlainHead {
  /** By lower-case name, each once. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentLength: number;
}

const headerLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\x20-\x7e]*$/;
const length = /^\d{1,8}$/;
const maxHeaders = 64;

/** Headers that change how a message is read, or what is expected before its reply. */
const special = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'content-encoding',
  'proxy-connection',
  '__proto__',
]);

/**
 * Reads the head of a request (RFC 9112) that has the one shape which makes up the traffic: this request line, no header
 * twice, a length, and nothing that could be read in two ways. Undefined is no refusal: such a request is Node's to
 * read, to answer or to refuse.
 */
export function readPlainHead(text: string, requestLine: string): PlainHead | undefined {
  const [first, ...lines] = text.split('\r\n');
  if (first !== requestLine || lines.length > maxHeaders) return undefined;
  const headers: Record<string, string> = {};
  for (const line of lines) {
    if (!headerLine.test(line)) return undefined;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (special.has(name) || Object.hasOwn(headers, name)) return undefined;
    headers[name] = line.slice(colon + 1).trim();
  }
  const { host, connection, 'content-length': bytes } = headers;
  if (host === undefined || hostName(host) === undefined) return undefined;
  if (bytes === undefined || !length.test(bytes)) return undefined;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  return { headers, contentLength: Number(bytes) };
}
