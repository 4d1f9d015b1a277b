import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

/** What proxies say of a request that they have passed on: where it came from, and what its client asked for. */
export interface Forwarded {
  /** The address of the client. */
  readonly remote: string;
  readonly proto?: 'http' | 'https';
  /** Host and port. */
  readonly host?: string;
  /** What a proxy has taken off the path. */
  readonly prefix?: string;
}

/** What is known of a request before its body: of an `IncomingMessage`, or of one that the fast path read. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  /** What the proxies that are trusted say of it. */
  forwarded?: Forwarded | undefined;
}

/** Where a reply goes: what is used of a `ServerResponse`, so that the fast path can give one of its own. */
export interface Reply {
  readonly headersSent: boolean;
  /** Whether the connection is gone. */
  readonly destroyed: boolean;
  /** Whether the whole reply is in the hands of the system. */
  readonly writableFinished: boolean;
  /** Bytes that wait to be sent. */
  readonly writableLength: number;
  /** A header of the reply, whatever `writeHead` says beside it; one of its own of that name counts. */
  setHeader(name: string, value: string): unknown;
  /** Throws for what is no header. */
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): unknown;
  flushHeaders(): void;
  /** Says 100 to a client that waits with its body; absent where the body is read already. */
  writeContinue?(): void;
  /** False where the client is behind: `drain` says when it is not. */
  write(piece: string | Buffer): boolean;
  end(piece?: string): unknown;
  /** Ends the connection. */
  destroy(): unknown;
  /** `close` comes once: after the last byte, or when the connection was lost. */
  once(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}

/** Answers with a JSON body. */
export function sendJson(
  response: Pick<Reply, 'writeHead' | 'end'>,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
