import type { UpstreamSettings } from '../config/index.js';
import type { Upstream } from './upstream.js';

/** The upstreams in use. A reload keeps those whose settings are the same, with all that is connected to them. */
export interface UpstreamSet {
  current(): readonly Upstream[];
  /** Opens those that are new and answers the others, which are to be closed once nothing goes to them any more. */
  replace(settings: readonly UpstreamSettings[]): readonly Upstream[];
  /** Waits until each has been reached or not, for at most as long as the signal lets it. */
  settled(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Opens upstreams with `open`, which returns at once: they are reached in the background. */
export function createUpstreamSet(
  settings: readonly UpstreamSettings[],
  open: (settings: UpstreamSettings) => Upstream,
): UpstreamSet {
  let upstreams: readonly Upstream[] = settings.map(open);
  return {
    current: () => upstreams,
    replace(next) {
      const before = new Map(upstreams.map((upstream) => [identity(upstream.settings), upstream]));
      upstreams = next.map((one) => {
        const same = before.get(identity(one));
        before.delete(identity(one));
        return same ?? open(one);
      });
      return [...before.values()];
    },
    settled: async (signal) => {
      await Promise.all(upstreams.map((upstream) => upstream.settled(signal)));
    },
    close: async () => {
      await Promise.allSettled(upstreams.map((upstream) => upstream.close()));
    },
  };
}

/** Node compares two URLs by their own properties, and they have none: their texts are compared. */
function identity(settings: UpstreamSettings): string {
  return JSON.stringify(settings);
}
