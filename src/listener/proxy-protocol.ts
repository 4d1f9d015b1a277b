import { isIPv4, isIPv6, type Socket } from 'node:net';
import { type Networks, plainAddress } from '../config/index.js';
import { ProxyHeaderInvalid } from '../errors.js';
import { peerLog } from '../log/limit.js';
import type { Logger } from '../log.js';

/** Where a connection came from, as its proxy says; no address where it is the proxy's own. */
export interface ProxyHeader {
  /** How many bytes it takes up. */
  readonly bytes: number;
  readonly address?: string;
  readonly port?: number;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Of version 1 with its line end; of version 2 what is read of addresses and of what vendors add. */
const longest = { v1: 107, v2: 1_024 } as const;
/** A proxy says it before all else. */
const headerMs = 5_000;

/** Reads a header of the PROXY protocol, version 1 or 2; undefined while it is not whole, 'malformed' where it is none. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined | 'malformed' {
  const seen = Math.min(bytes.length, signature.length);
  if (bytes.subarray(0, seen).equals(signature.subarray(0, seen)))
    return seen < signature.length ? undefined : readV2(bytes);
  const start = 'PROXY ';
  const text = bytes.toString('latin1', 0, longest.v1);
  if (!text.startsWith(start.slice(0, text.length))) return 'malformed';
  const end = text.indexOf('\r\n');
  if (end === -1) return bytes.length >= longest.v1 ? 'malformed' : undefined;
  return readV1(text.slice(start.length, end), end + 2);
}

function readV1(text: string, bytes: number): ProxyHeader | 'malformed' {
  if (/^UNKNOWN( |$)/.test(text)) return { bytes };
  const [, version, address = '', other = '', port, otherPort] =
    /^TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(text) ?? [];
  const is = version === '4' ? isIPv4 : isIPv6;
  const fits = (one: string | undefined) => Number(one) <= 65_535;
  if (version === undefined || !is(address) || !is(other) || !fits(port) || !fits(otherPort))
    return 'malformed';
  return { bytes, address, port: Number(port) };
}

function readV2(bytes: Buffer): ProxyHeader | undefined | 'malformed' {
  if (bytes.length < 16) return undefined;
  const [command, family] = [bytes[12] as number, bytes[13] as number];
  const length = bytes.readUInt16BE(14);
  if (command >> 4 !== 2 || (command & 0xf) > 1 || length > longest.v2) return 'malformed';
  const total = 16 + length;
  if (bytes.length < total) return undefined;
  // LOCAL: the proxy itself, such as to see whether anybody is there.
  if ((command & 0xf) === 0) return { bytes: total };
  switch (family) {
    case 0x11:
      if (length < 12) return 'malformed';
      return { bytes: total, address: [...bytes.subarray(16, 20)].join('.'), port: bytes.readUInt16BE(24) };
    case 0x21: {
      if (length < 36) return 'malformed';
      const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(16 + 2 * i).toString(16));
      return { bytes: total, address: groups.join(':'), port: bytes.readUInt16BE(48) };
    }
    case 0x00:
      return { bytes: total };
    default:
      return 'malformed';
  }
}

/**
 * Reads the header with which proxies of `trusted` begin a connection, and gives the connection to `next` with the address that
 * it names. Others begin none; what is malformed or does not come is closed.
 */
export function behindProxies(trusted: Networks, log: Logger, next: (socket: Socket) => void) {
  return (socket: Socket): void => {
    const proxy = plainAddress(socket.remoteAddress ?? '');
    if (!trusted.has(proxy)) {
      next(socket);
      return;
    }
    let seen = Buffer.alloc(0);
    const refuse = (reason: string) => {
      end();
      socket.destroy();
      peerLog(log).warn(proxy, ProxyHeaderInvalid({ proxy, reason }));
    };
    const onData = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      const header = readProxyHeader(seen);
      if (header === undefined) return;
      if (header === 'malformed') {
        refuse('what it began with is none');
        return;
      }
      end();
      socket.pause();
      if (header.address !== undefined) named(socket, header.address, header.port ?? 0);
      if (seen.length > header.bytes) socket.unshift(seen.subarray(header.bytes));
      next(socket);
      socket.resume();
    };
    const onError = () => socket.destroy();
    const onClose = () => end();
    const timer = setTimeout(() => refuse(`none came within ${headerMs / 1000} s`), headerMs);
    const end = () => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
    const onEnd = () => refuse('it ended before one was whole');
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
  };
}

/** From here on the connection is from there: logs, plugins and TLS see no other address. */
function named(socket: Socket, address: string, port: number): void {
  Object.defineProperty(socket, 'remoteAddress', { value: address, configurable: true });
  Object.defineProperty(socket, 'remotePort', { value: port, configurable: true });
  Object.defineProperty(socket, 'remoteFamily', {
    value: isIPv6(address) ? 'IPv6' : 'IPv4',
    configurable: true,
  });
}
