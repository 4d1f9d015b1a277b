import type { MetricObject, Registry, RegistryContentType } from 'prom-client';

/** Where `/metrics` has its samples from: a registry, or several together. */
export interface MetricsSource {
  getMetricsAsJSON(): Promise<readonly object[]>;
}

/** A registry that shows the process: processor time, memory, files, event loop, garbage collection. To be made once in a process. */
export async function openProcessRegistry(): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import('prom-client');
  const register = new Registry();
  collectDefaultMetrics({ register });
  return register;
}

/** The samples as text: OpenMetrics 1.0 for whoever accepts that, else the older text format of Prometheus. */
export async function exposition(
  source: MetricsSource,
  accept = '',
): Promise<{ readonly contentType: string; readonly text: string }> {
  const { Registry } = await import('prom-client');
  const open = /\bapplication\/openmetrics-text\b/i.test(accept);
  const shown = new Registry<RegistryContentType>();
  shown.setContentType(open ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
  for (const metric of (await source.getMetricsAsJSON()) as readonly MetricObject[]) {
    // OpenMetrics has the family without `_total`, its samples with it: those prom-client adds.
    const counter = open && String(metric.type) === 'counter';
    const named = counter ? { ...metric, name: metric.name.replace(/_total$/, '') } : metric;
    shown.registerMetric({ ...named, get: async () => named } as never);
  }
  return { contentType: shown.contentType, text: await shown.metrics() };
}
