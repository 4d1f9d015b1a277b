import { once } from 'node:events';
import type { Socket } from 'node:net';
import { tcpClient } from './tcp.js';

/** Sends bytes on a connection of its own, and answers what comes until the other side ends it. */
export async function rawExchange(to: number | Socket, bytes: string): Promise<string> {
  const socket = typeof to === 'number' ? tcpClient({ port: to, host: '127.0.0.1' }) : to;
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return received;
}

/** The status of each reply in what came. */
export const statuses = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
