import { isIP } from 'node:net';
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
import type { TlsLook } from './facts.js';
import { ask } from './network.js';

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
