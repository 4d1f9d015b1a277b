import cluster, { type Worker } from 'node:cluster';
import type { Registry } from 'prom-client';

/** A worker asks for the metrics of all, the primary asks each, each replies, and the first gets what came. */
type Message =
  | { readonly sallyport: 'gather-metrics'; readonly id: number }
  | { readonly sallyport: 'metrics-wanted'; readonly id: number }
  | { readonly sallyport: 'metrics'; readonly id: number; readonly metrics: object[] }
  | { readonly sallyport: 'metrics-gathered'; readonly id: number; readonly all: object[][] };

/** Who is scraped does not wait for a worker that is busy, or gone, for longer. */
const gatherMs = 2_000;

const read = (message: unknown): Message | undefined =>
  typeof message === 'object' && message !== null && 'sallyport' in message
    ? (message as Message)
    : undefined;

/** The primary's part: passes on what workers ask of each other. */
export function gatherMetrics(alive: ReadonlySet<Worker>): (worker: Worker, message: unknown) => void {
  const open = new Map<number, { readonly from: Set<Worker>; readonly all: object[][]; end(): void }>();
  let last = 0;
  const send = (worker: Worker, message: Message) => void worker.send(message, () => {});
  return (worker, message) => {
    const received = read(message);
    if (received?.sallyport === 'gather-metrics') {
      last += 1;
      const id = last;
      const all: object[][] = [];
      const end = () => {
        clearTimeout(timer);
        open.delete(id);
        send(worker, { sallyport: 'metrics-gathered', id: received.id, all });
      };
      const timer = setTimeout(end, gatherMs);
      open.set(id, { from: new Set(alive), all, end });
      for (const one of alive) send(one, { sallyport: 'metrics-wanted', id });
    } else if (received?.sallyport === 'metrics') {
      const gathering = open.get(received.id);
      if (!gathering?.from.delete(worker)) return;
      gathering.all.push(received.metrics);
      if (gathering.from.size === 0) gathering.end();
    }
  };
}

/** What `/metrics` shows of a worker's registry: those of this worker and of the others, as one. */
export async function sharedMetrics(
  registry: Registry,
): Promise<Pick<Registry, 'getMetricsAsJSON'> | undefined> {
  if (!cluster.isWorker) return undefined;
  const { AggregatorRegistry } = await import('prom-client');
  const waiting = new Map<number, (all: object[][]) => void>();
  let last = 0;
  const send = (message: Message) => void process.send?.(message, undefined, undefined, () => {});
  process.on('message', (message) => {
    const received = read(message);
    if (received?.sallyport === 'metrics-wanted') {
      void registry
        .getMetricsAsJSON()
        .then((metrics) => send({ sallyport: 'metrics', id: received.id, metrics }));
    } else if (received?.sallyport === 'metrics-gathered') {
      waiting.get(received.id)?.(received.all);
      waiting.delete(received.id);
    }
  });
  return {
    async getMetricsAsJSON() {
      last += 1;
      const id = last;
      const all = await new Promise<object[][]>((resolve) => {
        const timer = setTimeout(() => {
          waiting.delete(id);
          resolve([]);
        }, gatherMs * 2);
        waiting.set(id, (found) => {
          clearTimeout(timer);
          resolve(found);
        });
        send({ sallyport: 'gather-metrics', id });
      });
      return (all.length === 0 ? registry : AggregatorRegistry.aggregate(all)).getMetricsAsJSON();
    },
  };
}
