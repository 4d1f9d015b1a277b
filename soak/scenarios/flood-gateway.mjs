import { floodOf, gatewayClient, parts } from '../lib/flood.mjs';

export const title = '5,000 strangers with half a head at a gateway (plain)';

export async function run(place) {
  const gateway = await place.startGateway({ upstream: await place.startUpstream() });
  const client = gatewayClient(`http://127.0.0.1:${gateway.port}`);
  return floodOf(gateway, {
    host: '127.0.0.1',
    port: gateway.port,
    kind: 'tcp',
    part: parts.halfHead,
    client,
  });
}
