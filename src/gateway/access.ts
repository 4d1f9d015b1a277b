import type { JsonObject } from '../mcp/messages.js';
import type { Kind } from '../mcp/methods.js';
import type { DecisionInput, Verdict } from '../policy/index.js';

/** Whether what an upstream lists is what somebody has read. `withheld`: it is not, and is not there for anybody. */
export type LockState = 'locked' | 'open' | 'withheld';

/** The lock on what upstreams list. */
export interface Lock {
  /** `listed` is the entry as its upstream has it, name and all. Asked for each entry of each list: it remembers. */
  state(kind: Kind, upstream: string, listed: JsonObject): LockState;
}

/** Who may use what. */
export interface Rules {
  decide(input: DecisionInput): Verdict;
  /** Whether a client is told why it may not, where it could not even see it. */
  readonly open: boolean;
}

/** What decides, where any of it is configured; at least one is there. */
export interface Access {
  readonly lock?: Lock | undefined;
  readonly rules?: Rules | undefined;
}
