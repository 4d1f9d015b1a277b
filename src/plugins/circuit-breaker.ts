import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { block, type HookResult, proceed } from '../plugin/index.js';
import { BoundedMap } from './bounded-map.js';
import { defineFilter, settings } from './filter.js';

const seconds = z.number().min(1).max(86_400);
const shape = {
  error_rate_threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('From which part of failed calls in the window on a tool is not called any more.'),
  window_seconds: seconds.default(60).describe('The window that calls are counted in.'),
  min_calls: z.int().min(1).default(10).describe('The fewest calls in it for their failures to be a rate.'),
  consecutive_failure_threshold: z
    .int()
    .min(1)
    .default(5)
    .describe('After how many failures in a row a tool is not called any more.'),
  cooldown_seconds: seconds
    .default(60)
    .describe('After which time one call tries it again. Others wait for that one.'),
  unanswered_after_seconds: seconds
    .nullable()
    .default(null)
    .describe(
      'After which time a call without a result is a failure; null: never. A call that another plugin blocked has no result either.',
    ),
};
type Rules = z.output<z.ZodObject<typeof shape>>;

/** The same keys, none of which has to be there. */
const optional = {
  error_rate_threshold: shape.error_rate_threshold.unwrap().optional().describe('The part of failed calls.'),
  window_seconds: shape.window_seconds.unwrap().optional().describe('The window.'),
  min_calls: shape.min_calls.unwrap().optional().describe('The fewest calls.'),
  consecutive_failure_threshold: shape.consecutive_failure_threshold
    .unwrap()
    .optional()
    .describe('The failures in a row.'),
  cooldown_seconds: shape.cooldown_seconds.unwrap().optional().describe('The time until it is tried again.'),
  unanswered_after_seconds: shape.unanswered_after_seconds
    .unwrap()
    .optional()
    .describe('The time until a call without a result is a failure.'),
};

/** What is known of a tool: calls in slices of the window, and whether it is called. */
interface State {
  slices: { at: number; calls: number; failures: number }[];
  inARow: number;
  /** When it may be tried again; 0 where it is called. */
  openUntil: number;
  /** When the one call began that tries it. */
  probe: number | undefined;
  /** Calls without a result yet, and when they began. */
  readonly waiting: Map<string, number>;
}

const fresh = (): State => ({ slices: [], inARow: 0, openUntil: 0, probe: undefined, waiting: new Map() });

/** The window is told apart to this part of it. */
const slicesPerWindow = 60;
const mostTools = 10_000;
const mostWaiting = 1_000;

function counted(state: State, { window_seconds }: Rules, now: number): { calls: number; failures: number } {
  state.slices = state.slices.filter(({ at }) => at > now - window_seconds * 1000);
  let [calls, failures] = [0, 0];
  for (const slice of state.slices) {
    calls += slice.calls;
    failures += slice.failures;
  }
  return { calls, failures };
}

/** Counts a call that is over, and opens the circuit where there are too many failures. */
function count(state: State, rules: Rules, failed: boolean, now: number): void {
  const last = state.slices.at(-1);
  const width = (rules.window_seconds * 1000) / slicesPerWindow;
  const slice = last !== undefined && now - last.at < width ? last : { at: now, calls: 0, failures: 0 };
  if (slice !== last) state.slices.push(slice);
  slice.calls += 1;
  slice.failures += failed ? 1 : 0;
  state.inARow = failed ? state.inARow + 1 : 0;
  const { calls, failures } = counted(state, rules, now);
  const rate = calls >= rules.min_calls && failures > 0 && failures / calls >= rules.error_rate_threshold;
  if (state.openUntil === 0 && failed && (rate || state.inARow >= rules.consecutive_failure_threshold))
    state.openUntil = now + rules.cooldown_seconds * 1000;
}

const given = (rules: { readonly [K in keyof Rules]?: Rules[K] | undefined } = {}): Partial<Rules> =>
  Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));

/** The filter; time comes from `now`. */
export const circuitBreaker = (now: () => number = Date.now) =>
  defineFilter({
    page: {
      title: 'Circuit breaker',
      summary: 'stops calling a tool that fails again and again, and tries it again later',
      notes: `- A tool fails where its result says \`isError\`. What ends without a result (its time was up, its upstream is away) is not seen by any \`tool_post_invoke\`: \`unanswered_after_seconds\`
  counts it by its absence.
- A tool is one of an upstream, for all users: one who makes it fail keeps others from it for a time. Errors that come of the arguments count as well; set the thresholds for that.
- Each process counts by itself: workers and plugin servers open their circuits apart. It is forgotten at a restart.`,
      examples: [],
    },
    config: settings({
      ...shape,
      tool_overrides: z
        .record(z.string(), settings(optional))
        .default({})
        .describe('What is different for a tool, by its name.'),
    }),
    setup(set) {
      const states = new BoundedMap<State>(mostTools);
      const overrides = new Map(Object.entries(set.tool_overrides));
      const rulesFor = (tool: string): Rules => ({ ...set, ...given(overrides.get(tool)) });
      const stateOf = (tool: string, server: string | null | undefined): State => {
        const key = JSON.stringify([server ?? null, tool]);
        const state = states.get(key) ?? fresh();
        states.set(key, state);
        return state;
      };
      return {
        hooks: {
          tool_pre_invoke({ name }, { state: own, global_context: { server_id, request_id } }): HookResult {
            const rules = rulesFor(name);
            const state = stateOf(name, server_id);
            const at = now();
            noteUnanswered(state, rules, at);
            const refused = refusal(state, rules, at);
            if (refused !== undefined)
              return block({ ...refused, description: `${name} ${refused.description}` });
            if (state.openUntil !== 0) {
              state.openUntil = 0;
              state.probe = at;
              own['circuit_probe'] = at;
            }
            own['circuit_call'] = at;
            if (rules.unanswered_after_seconds !== null && state.waiting.size < mostWaiting)
              state.waiting.set(request_id, at);
            return proceed();
          },
          tool_post_invoke(
            { name, result },
            { state: own, global_context: { server_id, request_id } },
          ): HookResult {
            if (own['circuit_call'] === undefined) return proceed();
            const rules = rulesFor(name);
            const state = stateOf(name, server_id);
            const at = now();
            state.waiting.delete(request_id);
            const failed =
              isJsonObject(result) && (result['isError'] === true || result['is_error'] === true);
            const probing = own['circuit_probe'] !== undefined && own['circuit_probe'] === state.probe;
            if (probing) {
              state.probe = undefined;
              if (failed) state.openUntil = at + rules.cooldown_seconds * 1000;
              else state.slices = [];
            }
            count(state, rules, failed, at);
            const { calls, failures } = counted(state, rules, at);
            return proceed({
              circuit_calls_in_window: calls,
              circuit_failures_in_window: failures,
              circuit_consecutive_failures: state.inARow,
              circuit_open: state.openUntil > at,
            });
          },
        },
      };
    },
  });

export default circuitBreaker();

/** Why a call is not made now; undefined where it is. */
function refusal(state: State, { cooldown_seconds }: Rules, now: number) {
  if (state.probe !== undefined) {
    if (now - state.probe <= cooldown_seconds * 1000)
      return {
        code: 'CIRCUIT_HALF_OPEN_PROBE_IN_FLIGHT',
        reason: 'Circuit half-open',
        description: 'has failed too often: one call tries it now',
        details: { retry_after_seconds: 1 },
      };
    // It never came back: it has failed.
    state.probe = undefined;
    state.openUntil = now + cooldown_seconds * 1000;
  }
  if (now >= state.openUntil) return undefined;
  const wait = Math.ceil((state.openUntil - now) / 100) / 10;
  return {
    code: 'CIRCUIT_OPEN',
    reason: 'Circuit open',
    description: `has failed too often: it is tried again in ${wait} s`,
    details: { open_until: state.openUntil / 1000, retry_after_seconds: wait },
  };
}

function noteUnanswered(state: State, rules: Rules, now: number): void {
  const { unanswered_after_seconds: limit } = rules;
  if (limit === null) return;
  for (const [id, began] of state.waiting) {
    if (now - began <= limit * 1000) continue;
    state.waiting.delete(id);
    count(state, rules, true, now);
  }
}
