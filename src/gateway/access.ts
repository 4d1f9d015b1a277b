import type { DecisionInput, Verdict } from '../policy/index.js';
import type { LockWatch } from './tools-lock/watch.js';

/** Who may use what. */
export interface Rules {
  decide(input: DecisionInput): Verdict;
  /** Whether a client is told why it may not, where it could not even see it. */
  readonly open: boolean;
}

/** What decides, where any of it is configured; at least one is there. */
export interface Access {
  readonly lock?: LockWatch | undefined;
  readonly rules?: Rules | undefined;
}
