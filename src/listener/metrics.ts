import type { Registry } from 'prom-client';
import { openGauge } from '../telemetry/index.js';
import type { Listener } from './listener.js';

/** Shows what a program has to do: connections, bytes, sessions, streams and requests. To be called once for a registry. */
export async function openListenerMetrics(
  registry: Registry,
  listener: Pick<Listener, 'traffic'>,
  open: { readonly sessions: number; readonly calls: number; readonly streams: number },
  of: 'gateway' | 'server',
): Promise<void> {
  await openGauge(registry, 'connections', () => {
    const { connections, strangers } = listener.traffic;
    return [
      [{ state: 'known' }, Math.max(connections - strangers, 0)],
      [{ state: 'stranger' }, strangers],
    ];
  });
  await openGauge(registry, 'evicted', () => [[{}, listener.traffic.evicted]]);
  await openGauge(registry, 'bytes', () => {
    const { bytesIn, bytesOut } = listener.traffic;
    return [
      [{ direction: 'in' }, bytesIn],
      [{ direction: 'out' }, bytesOut],
    ];
  });
  await openGauge(registry, 'running', () => [[{}, open.calls]]);
  await openGauge(registry, 'streams', () => [[{}, open.streams]]);
  if (of === 'gateway') await openGauge(registry, 'sessions', () => [[{}, open.sessions]]);
}
