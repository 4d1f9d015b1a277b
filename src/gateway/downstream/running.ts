/** What is under way, with a way to wait for its end. */
export interface Running<T> extends Iterable<T> {
  add(one: T): void;
  delete(one: T): void;
  /** Whether none is left for which `counts` holds, at once or within that time. */
  over(counts: (one: T) => boolean, withinMs: number): Promise<boolean>;
}

export function createRunning<T>(): Running<T> {
  const running = new Set<T>();
  const waiting = new Set<() => void>();
  return {
    [Symbol.iterator]: () => running.values(),
    add: (one) => void running.add(one),
    delete(one) {
      running.delete(one);
      for (const look of waiting) look();
    },
    over(counts, withinMs) {
      const none = () => ![...running].some(counts);
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
