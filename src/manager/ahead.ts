import type { GlobalContext } from '../hooks/index.js';
import type { Outcome } from '../plugin/handle.js';
import type { Selected } from './select.js';

/** What all plugins of a request share. */
export type SharedParts = Pick<GlobalContext, 'state' | 'metadata'>;

export const sharedParts = ({ state, metadata }: GlobalContext): SharedParts => ({
  state: { ...state },
  metadata: { ...metadata },
});

/** Outcomes of plugins that the request has not come to yet, and the shared state that the next of them was given. */
export interface Ahead {
  readonly outcomes: Outcome[];
  before: SharedParts;
  /** What the round trip took. */
  readonly ms: number;
}

/** The shared state that the plugin after this one was given. */
export function withGlobalOf(before: SharedParts, outcome: Outcome): SharedParts {
  if (outcome.kind !== 'answered') return before;
  const { state, metadata } = outcome.outcome.context.global_context;
  if (state === before.state && metadata === before.metadata) return before;
  return { state: { ...before.state, ...state }, metadata: { ...before.metadata, ...metadata } };
}

/** The plugins from here on that may be called in one round trip: one after another, waited for, of one chain. */
export function chainFrom(all: readonly (readonly Selected[])[], from: number, hook: string): Selected[] {
  const chain = all[from]?.[0]?.plugin.chainFor?.(hook);
  const found: Selected[] = [];
  for (let at = from; chain !== undefined && at < all.length; at += 1) {
    const [one, ...others] = all[at] ?? [];
    if (one === undefined || others.length > 0 || !one.effect.awaited) break;
    if (one.plugin.chainFor?.(hook) !== chain) break;
    found.push(one);
  }
  return found;
}
