import type { GatewayFacts } from '../gateway/index.js';
import type { Collector } from './collector.js';
import { type Parts, partsOf } from './parts.js';
import type { Share } from './share.js';

/** What a process tells the console, as JSON. */
export interface Report {
  readonly share?: Share;
  /** Where they are others than last time. */
  readonly parts?: Parts;
  /** Where MCP is; once. */
  readonly address?: string;
}

const everyMs = 200;

/** Tells `deliver` what a gateway has seen, and how its parts are. Returns what ends that. */
export function startReporting(
  collector: Collector,
  facts: () => GatewayFacts,
  deliver: (report: Report) => void,
): () => void {
  let told = '';
  const report = () => {
    const share = collector.take();
    const parts = partsOf(facts());
    const text = JSON.stringify(parts);
    const changed = text !== told;
    told = text;
    if (share !== undefined || changed) deliver({ ...(share && { share }), ...(changed && { parts }) });
  };
  const timer = setInterval(report, everyMs);
  timer.unref();
  report();
  return () => clearInterval(timer);
}
