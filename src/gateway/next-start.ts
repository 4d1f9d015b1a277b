import type { GatewayConfig } from '../config/index.js';

/** The keys of the `gateway` block that differ and are bound to the listening server. */
export function atNextStart(
  { gateway: before }: GatewayConfig,
  { gateway: after }: GatewayConfig,
): readonly string[] {
  const keys = {
    host: 'host',
    port: 'port',
    tls: 'tls',
    limits: 'limits',
    allowedHosts: 'allowed_hosts',
    allowedOrigins: 'allowed_origins',
  } as const;
  return (Object.keys(keys) as (keyof typeof keys)[])
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => keys[key]);
}
