import { BoundedMap } from '../bounded-map.js';
import { type Algorithm, algorithms, type Rate, type Standing } from './algorithms.js';

/** A limit that a call comes under. */
export interface Limit {
  /** What it is a limit of: a dimension's name. */
  readonly of: string;
  readonly key: string;
  readonly rate: Rate;
}

/** Where calls are counted. A call that one of its limits has no room for is counted in none. */
export interface Store {
  /** How each limit stood before this call. Rejects where the store cannot be reached. */
  take(limits: readonly Limit[]): Standing[] | Promise<Standing[]>;
  close(): void | Promise<void>;
}

/** Counts in this process. */
export function memoryStore(name: keyof typeof algorithms, maxKeys: number, now: () => number): Store {
  const algorithm = algorithms[name] as Algorithm<unknown>;
  const states = new BoundedMap<unknown>(maxKeys);
  return {
    take(limits) {
      const at = now();
      const kept = limits.map(({ key, rate }) => states.get(key) ?? algorithm.fresh(rate, at));
      const standings = limits.map(({ rate }, i) => algorithm.stand(kept[i], rate, at));
      if (standings.every(({ left }) => left > 0)) {
        for (const [i, { key, rate }] of limits.entries()) {
          algorithm.take(kept[i], rate, at);
          states.set(key, kept[i]);
        }
      }
      return standings;
    },
    close() {},
  };
}
