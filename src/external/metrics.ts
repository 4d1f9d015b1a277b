import type { Registry } from 'prom-client';

/** What is counted of external plugins. */
export interface PluginMetrics {
  /** Shows whether a plugin is away; returns a disposer. */
  holds(plugin: string, isAway: () => boolean): () => void;
  wentAway(plugin: string): void;
}

/** Metrics that `registry` shows. To be called once for a registry. */
export async function openPluginMetrics(registry: Registry): Promise<PluginMetrics> {
  const { Counter, Gauge } = await import('prom-client');
  const registers = [registry];
  const labelNames = ['plugin'] as const;
  const holders = new Set<{ readonly plugin: string; readonly isAway: () => boolean }>();
  new Gauge({
    name: 'sallyport_plugin_away',
    help: 'Whether the server of an external plugin answers nothing, not even a probe: 1 while its calls fail at once',
    labelNames,
    // Of several workers, whether any of them says so.
    aggregator: 'max',
    registers,
    collect() {
      this.reset();
      for (const { plugin } of holders) this.set({ plugin }, 0);
      for (const { plugin, isAway } of holders) if (isAway()) this.set({ plugin }, 1);
    },
  });
  const away = new Counter({
    name: 'sallyport_plugin_away_total',
    help: 'How often an external plugin was taken as away',
    labelNames,
    registers,
  });
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
