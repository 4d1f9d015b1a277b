import type { Registry } from 'prom-client';
import { metricOptions } from '../../telemetry/index.js';

/** What is counted of token requests. */
export interface TokenMetrics {
  /** `outcome`: `ok`, or the code of what it failed with. */
  counted(upstream: string, grant: string, outcome: string): void;
}

/** Metrics that `registry` shows. To be called once for a registry. */
export async function openTokenMetrics(registry: Registry): Promise<TokenMetrics> {
  const { Counter } = await import('prom-client');
  const requests = new Counter(metricOptions('tokenRequests', registry));
  return { counted: (upstream, grant, outcome) => requests.inc({ upstream, grant, outcome }) };
}
