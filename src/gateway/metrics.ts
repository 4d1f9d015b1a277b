import type { Registry } from 'prom-client';
import { openGauge } from '../telemetry/index.js';
import type { Upstream } from './upstream.js';

/** Shows how the upstreams are. To be called once for a registry. */
export async function openUpstreamMetrics(
  registry: Registry,
  upstreams: () => readonly Upstream[],
): Promise<void> {
  const each = (value: (upstream: Upstream) => number) => () =>
    upstreams().map((one) => [{ upstream: one.name }, value(one)] as const);
  await openGauge(
    registry,
    'upstreamUp',
    each(({ state }) => (state.kind === 'up' ? 1 : 0)),
  );
  await openGauge(
    registry,
    'upstreamRunning',
    each(({ load }) => load.running),
  );
  await openGauge(
    registry,
    'upstreamWaiting',
    each(({ load }) => load.waiting),
  );
  await openGauge(
    registry,
    'upstreamConnections',
    each(({ load }) => load.connections),
  );
}
