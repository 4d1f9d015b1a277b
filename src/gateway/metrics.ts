import type { Registry } from 'prom-client';
import { openGauge } from '../telemetry/index.js';
import type { Withheld } from './tools-lock/index.js';
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

/** Counts what differs from the lock on tools. To be called once for a registry; what it returns counts one more. */
export async function openLockMetrics(registry: Registry): Promise<(change: Withheld) => void> {
  const counts = new Map<string, readonly [labels: Omit<Withheld, 'name'>, count: number]>();
  await openGauge(registry, 'toolsLockChanges', () => counts.values());
  return ({ upstream, kind, change }) => {
    const key = `${upstream} ${kind} ${change}`;
    counts.set(key, [{ upstream, kind, change }, (counts.get(key)?.[1] ?? 0) + 1]);
  };
}
