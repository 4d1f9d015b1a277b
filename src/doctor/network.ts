import { lookup } from 'node:dns/promises';
import { createConnection, isIP, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect, type TLSSocket } from 'node:tls';
import {
  HandshakeFailed,
  HandshakeTimeout,
  messageOf,
  NoClientCert,
  NoCommonCipher,
  type SallyError,
} from '../errors.js';
import { chainOf, connectFailure, tlsPolicy } from '../tls/index.js';
import type { PortState, RawReply, TlsLook } from './facts.js';

/** The addresses of a host name, or the error code. */
export async function resolveHost(host: string, timeoutMs: number): Promise<readonly string[] | string> {
  const found = lookup(host, { all: true }).then(
    (all) => [...new Set(all.map(({ address }) => address))],
    (error: NodeJS.ErrnoException) => error.code ?? 'ENOTFOUND',
  );
  return withTimeout(found, timeoutMs, 'EAI_AGAIN');
}

/** `work`, or `late` where it takes too long. */
async function withTimeout<T>(work: Promise<T>, timeoutMs: number, late: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const out = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late), timeoutMs);
  });
  return Promise.race([work, out]).finally(() => clearTimeout(timer));
}

/** Whether something listens there. */
export function tryPort(address: string, port: number, timeoutMs: number): Promise<PortState> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    const done = (state: PortState) => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(timeoutMs, () => done({ kind: 'closed', code: 'ETIMEDOUT' }));
    socket.once('connect', () => done({ kind: 'open' }));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      done({ kind: 'closed', code: error.code ?? error.message }),
    );
  });
}

/** The addresses of this machine: loopback first. */
export function ownAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = all.filter(({ address }) => !address.startsWith('fe80:')).map(({ address }) => address);
  return [...new Set(['127.0.0.1', '::1', ...usable])];
}

export const isLoopbackAddress = (address: string): boolean => /^(127\.|::1$)/.test(address);

/** Whether a connection to `address` stays on this machine. */
export const isOwnAddress = (address: string): boolean =>
  isLoopbackAddress(address) || ownAddresses().includes(address);

/** More than this of a reply is not looked at. */
const maxBytes = 8_192;

/** Asks a fresh connection for a path, and returns the head of the reply; undefined where none came. */
function ask(socket: Socket, host: string, path: string, timeoutMs: number): Promise<RawReply | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(text));
    };
    const timer = setTimeout(done, timeoutMs);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.length > maxBytes) done();
    });
    socket.once('error', done);
    socket.once('close', done);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
}

/** What a port replies in plain HTTP. */
export function askPlain(
  address: string,
  port: number,
  host: string,
  timeoutMs: number,
  path = '/health',
): Promise<RawReply | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    const none = () => {
      socket.destroy();
      resolve(undefined);
    };
    socket.setTimeout(timeoutMs, none);
    socket.once('error', none);
    socket.once('connect', () => {
      socket.off('error', none);
      void ask(socket, host, path, timeoutMs).then(resolve);
    });
  });
}

function parse(text: string): RawReply | undefined {
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(text) ?? [];
  if (status === undefined) return undefined;
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const date = /^date: *(.+)$/im.exec(head)?.[1];
  const when = date === undefined ? undefined : new Date(date.trim());
  return {
    status: Number(status),
    ...(when && !Number.isNaN(when.getTime()) && { date: when }),
    body: body.slice(0, 500).trim(),
  };
}

interface Where {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly peer: string;
  readonly timeoutMs: number;
}

/**
 * A handshake with our protocol versions and ciphers, without a client certificate, and a request for `/health` over it.
 * Nothing is verified: this is to see what is there, and nothing is told.
 */
export async function lookAtTls(where: Where): Promise<TlsLook> {
  const { peer, timeoutMs } = where;
  const opened = await handshake(where, { ...tlsPolicy, ALPNProtocols: ['http/1.1'] });
  if (!('socket' in opened)) return { kind: 'failed', error: failureOf(opened, peer, timeoutMs) };
  const { socket } = opened;
  const look = {
    kind: 'spoken',
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.name ?? 'unknown',
    chain: chainOf(socket),
  } as const;
  // Over TLS 1.3 a server that wants a certificate says so only now (RFC 8446 section 4.4.2).
  const reply = await ask(socket, where.host, '/health', timeoutMs);
  return { ...look, ...(reply && { reply }) };
}

/** The version older than TLS 1.2 that the server takes, if it takes one. OpenSSL offers them at security level 0 only. */
export async function oldProtocolOf(where: Where): Promise<string | undefined> {
  const opened = await handshake(where, {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  // One that has shown its certificate has agreed to the version, and wants one of ours.
  if ('certified' in opened && opened.certified) return opened.protocol;
  if (!('socket' in opened)) return undefined;
  const protocol = opened.socket.getProtocol() ?? undefined;
  opened.socket.destroy();
  return protocol;
}

type Opened =
  | { readonly socket: TLSSocket }
  /** `certified`: the server had shown its certificate by then. */
  | { readonly error: Error; readonly certified: boolean; readonly protocol: string | undefined }
  | { readonly late: true }
  | { readonly closed: true };

function handshake({ address, port, host, timeoutMs }: Where, options: object): Promise<Opened> {
  return new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      rejectUnauthorized: false,
      ...(isIP(host) === 0 && { servername: host }),
      ...options,
    });
    const end = (opened: Opened) => {
      clearTimeout(timer);
      if (!('socket' in opened)) socket.destroy();
      resolve(opened);
    };
    const timer = setTimeout(() => end({ late: true }), timeoutMs);
    // Alerts come later too, once the handshake is done: they are no news then.
    socket.on('error', (error) => {
      const certified = chainOf(socket).length > 0;
      end({ error, certified, protocol: socket.getProtocol() ?? undefined });
    });
    socket.once('secureConnect', () => end({ socket }));
    socket.once('close', () => end({ closed: true }));
  });
}

function failureOf(
  opened: Exclude<Opened, { socket: TLSSocket }>,
  peer: string,
  timeoutMs: number,
): SallyError {
  const at = { peer, side: 'client' } as const;
  if ('late' in opened) return HandshakeTimeout({ ...at, seconds: timeoutMs / 1000 });
  if ('closed' in opened)
    return HandshakeFailed({ ...at, detail: 'the connection was closed in the middle of it' });
  const { error, certified } = opened;
  const failure = connectFailure(error, at) ?? HandshakeFailed({ ...at, detail: messageOf(error) }, error);
  // Up to TLS 1.2 one alert stands for both: before the server's certificate it is the cipher suites, after it ours.
  if (!HandshakeFailed.is(failure) || !failure.context.detail.includes('handshake failure')) return failure;
  return certified ? NoClientCert(at, error) : NoCommonCipher(at, error);
}
