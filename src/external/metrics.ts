import type { Registry } from 'prom-client';
import { metricOptions } from '../telemetry/index.js';

/** What is counted of external plugins. */
export interface PluginMetrics {
  /** Shows whether a plugin is away; returns a disposer. */
  holds(plugin: string, isAway: () => boolean): () => void;
  wentAway(plugin: string): void;
}

/** Metrics that `registry` shows. To be called once for a registry. */
export async function openPluginMetrics(registry: Registry): Promise<PluginMetrics> {
  const { Counter, Gauge } = await import('prom-client');
  const holders = new Set<{ readonly plugin: string; readonly isAway: () => boolean }>();
  new Gauge({
    ...metricOptions('pluginAway', registry),
    collect() {
      this.reset();
      for (const { plugin } of holders) this.set({ plugin }, 0);
      for (const { plugin, isAway } of holders) if (isAway()) this.set({ plugin }, 1);
    },
  });
  const away = new Counter(metricOptions('pluginWentAway', registry));
  return {
    holds(plugin, isAway) {
      const holder = { plugin, isAway };
      holders.add(holder);
      away.inc({ plugin }, 0);
      return () => holders.delete(holder);
    },
    wentAway: (plugin) => away.inc({ plugin }),
  };
}
