import { chmod, lstat, unlink } from 'node:fs/promises';
import { type AddressInfo, createConnection, isIPv6, type Server } from 'node:net';
import { ListenFailed, messageOf, PortInUse, SocketInUse } from '../errors.js';

/** Listens, and returns the port that it got. Rejects with a SallyError that names what could not listen. */
export function listen(server: Server, host: string, port: number, what: string): Promise<number> {
  const failed = (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE'
      ? PortInUse({ host, port, what }, error)
      : ListenFailed({ at: `${host}:${port}`, what, reason: error.code ?? messageOf(error) }, error);
  return listening(server, () => server.listen({ host, port }), failed).then(
    () => (server.address() as AddressInfo).port,
  );
}

/**
 * Listens on a Unix domain socket that only this user may connect to, from its first instant on. A socket that a
 * killed server left behind is replaced; one that is in use, or any other file, is an error.
 */
export async function listenOnSocket(server: Server, path: string, what: string): Promise<void> {
  await removeStale(path, what);
  const failed = (error: NodeJS.ErrnoException) =>
    ListenFailed({ at: path, what, reason: error.code ?? messageOf(error) }, error);
  await listening(
    server,
    () => {
      // The socket is bound within this call, so no other file is made under this umask.
      const before = process.umask(0o177);
      try {
        // Of this process alone, also where it is one of several workers: what they share their primary listens on.
        server.listen({ path, exclusive: true });
      } finally {
        process.umask(before);
      }
    },
    failed,
  );
  await chmod(path, 0o600);
}

function listening(
  server: Server,
  start: () => void,
  failed: (error: NodeJS.ErrnoException) => Error,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(failed(error));
    server.once('error', onError);
    server.once('listening', () => {
      server.off('error', onError);
      resolve();
    });
    start();
  });
}

async function removeStale(path: string, what: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw ListenFailed({ at: path, what, reason: 'a file of this name is there' });
  const answered = await new Promise<boolean>((resolve) => {
    const probe = createConnection(path, () => resolve(true)).on('error', () => resolve(false));
    probe.unref();
  });
  if (answered) throw SocketInUse({ path, what });
  await unlink(path);
}

/** Takes no more connections. */
export function stopListening(server: Server): void {
  if (server.listening) server.close();
}

/** `host:port` as a URL has it. */
export function authority(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
