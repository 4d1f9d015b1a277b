import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { tcpClient } from './tcp.js';

export const halfHead = 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Half:';

export interface Strangers {
  /** How many the server has not ended. */
  open(): number;
  /** The first line of the reply to each that got one. */
  heard(): readonly string[];
  /** Sends this on all that are open. */
  say(text: string): void;
  /** Closes all of them. */
  close(): void;
}

/** Connects so many clients that send this much and stay, whatever the server says; resolves when all have connected. */
export async function comeInAsStrangers(options: {
  readonly port: number;
  readonly count: number;
  readonly tls?: boolean;
  readonly sends?: string;
}): Promise<Strangers> {
  const { port, count, tls = false, sends = halfHead } = options;
  const open = new Set<Socket>();
  const sockets = new Set<Socket>();
  const heard: string[] = [];
  const one = async () => {
    // A client that never ends its own side: only the server can make the connection go away.
    const socket = tls
      ? connect({ port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true } as never)
      : tcpClient({ port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.add(socket);
    socket.once('data', (chunk) => {
      heard.push(String(chunk).split('\r\n')[0] ?? '');
      socket.resume();
    });
    socket.on('error', () => {});
    open.add(socket);
    for (const event of ['end', 'close']) socket.once(event, () => open.delete(socket));
    const settled = Promise.race([
      once(socket, tls ? 'secureConnect' : 'connect'),
      once(socket, 'close'),
      once(socket, 'end'),
    ]);
    await settled.catch(() => {});
    socket.write(sends);
  };
  // As many at once as a listener has room for in its queue.
  for (let begun = 0; begun < count; begun += 100)
    await Promise.all(Array.from({ length: Math.min(100, count - begun) }, one));
  return {
    open: () => open.size,
    heard: () => heard,
    say(text) {
      for (const socket of sockets) if (socket.writable) socket.write(text);
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** How many sockets a process has open. */
export async function socketsOf(pid: number | undefined): Promise<number> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith('socket:')).length;
}

/** Waits for what another process brings about. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}
