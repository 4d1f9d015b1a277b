import { lookup } from 'node:dns/promises';
import { createConnection, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { PortState, RawReply } from './facts.js';

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

/** Asks a fresh connection for a path, and answers the head of the reply; undefined where none came. */
export function ask(
  socket: Socket,
  host: string,
  path: string,
  timeoutMs: number,
): Promise<RawReply | undefined> {
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

/** What a port answers in plain HTTP. */
export function askPlain(
  address: string,
  port: number,
  host: string,
  timeoutMs: number,
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
      void ask(socket, host, '/health', timeoutMs).then(resolve);
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
