import { InFlight } from '../../mcp/requests.js';

/** What is under way, with a way to wait for its end. */
export interface Running<T> extends Iterable<T> {
  /** The answer says that it is over. */
  add(one: T): () => void;
  /** Whether none is left for which `counts` holds, at once or within that time. */
  over(counts: (one: T) => boolean, withinMs: number): Promise<boolean>;
}

export function createRunning<T>(): Running<T> {
  const running = new InFlight<T>();
  const waiting = new Set<() => void>();
  return {
    [Symbol.iterator]: () => running[Symbol.iterator](),
    add(one) {
      const remove = running.add(one);
      return () => {
        remove();
        for (const look of waiting) look();
      };
    },
    over(counts, withinMs) {
      const none = () => running.find(counts) === undefined;
      if (none()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const end = (over: boolean) => {
          clearTimeout(timer);
          waiting.delete(look);
          resolve(over);
        };
        const look = () => {
          if (none()) end(true);
        };
        const timer = setTimeout(end, withinMs, false);
        waiting.add(look);
      });
    },
  };
}
