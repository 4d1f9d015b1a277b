import { floodOf, gatewayClient, parts } from '../lib/flood.mjs';

export const title = '5,000 strangers with half a head at a gateway (TLS, certificates optional)';

export async function run(place) {
  const more = {
    tls: { ...place.serverTls, ssl_cert_reqs: 1 },
    auth: { kind: 'none' },
    allow_unauthenticated: true,
  };
  const gateway = await place.startGateway({ auth: 'mtls', upstream: await place.startUpstream(), more });
  const client = gatewayClient(`https://localhost:${gateway.port}`, place.clientTls);
  return floodOf(gateway, {
    host: 'localhost',
    port: gateway.port,
    kind: 'tls',
    part: parts.halfHead,
    client,
  });
}
