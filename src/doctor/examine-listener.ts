import type { PluginsConfig } from '../config/index.js';
import type { DoctorContext } from './context.js';
import type { CredentialFacts, ListenerFacts } from './facts.js';
import { askPlain, tryPort } from './network.js';
import { lookAtTls } from './tls-look.js';

/** Every address, as a setting names it. */
const isWildcard = (host: string): boolean => ['0.0.0.0', '::', '[::]'].includes(host);

/** Looks at the ports of a server's configuration, from the machine that it is on. */
export async function examineListener(
  file: string,
  { server }: PluginsConfig,
  own: CredentialFacts | undefined,
  { timeoutMs }: DoctorContext,
): Promise<ListenerFacts> {
  const { host, port, tls } = server;
  const address = isWildcard(host) ? (host === '0.0.0.0' ? '127.0.0.1' : '::1') : host;
  const healthPort = port + 1_000;
  const nothing = { kind: 'unknown' } as const;
  const main = await tryPort(address, port, timeoutMs);
  const health = tls && healthPort <= 65_535 ? await tryPort(address, healthPort, timeoutMs) : nothing;
  const peer = `the plugin server ${host}:${port}`;
  const look =
    tls && main.kind === 'open'
      ? await lookAtTls({ address, port, host: address, peer, timeoutMs })
      : undefined;
  const healthReply =
    health.kind === 'open' ? await askPlain(address, healthPort, address, timeoutMs) : undefined;
  return {
    kind: 'listener',
    title: `${host}:${port} of ${file}`,
    keys: [`listener:${host}:${port}`],
    within: [`config:${file}`, ...(own?.keys ?? [])],
    host,
    port,
    tls,
    certificate: own?.set?.certificate,
    main,
    health,
    ...(look && { look }),
    ...(healthReply && { healthReply }),
  };
}
