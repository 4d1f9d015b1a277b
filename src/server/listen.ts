import type { AddressInfo, Server } from 'node:net';
import { ListenFailed, messageOf, PortInUse } from '../errors.js';

/** Listens, and answers the port that it got. Rejects with a SallyError that names what could not listen. */
export function listen(server: Server, host: string, port: number, what: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? PortInUse({ host, port, what }, error)
          : ListenFailed({ host, port, what, reason: error.code ?? messageOf(error) }, error),
      );
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Takes no more connections. */
export function stopListening(server: Server): void {
  if (server.listening) server.close();
}
