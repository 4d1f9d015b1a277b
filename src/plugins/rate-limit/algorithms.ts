/** So many calls in so much time. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** How a limit stands for one more call. */
export interface Standing {
  /** How many calls it has room for now. */
  readonly left: number;
  /** In how many milliseconds it has room for all again. */
  readonly resetMs: number;
  /** In how many milliseconds it has room for one; 0 where it has. */
  readonly waitMs: number;
}

/** A way to count. A state is what is kept of one key: it changes with `take` alone. */
export interface Algorithm<S> {
  fresh(rate: Rate, now: number): S;
  stand(state: S, rate: Rate, now: number): Standing;
  /** Counts a call, for which there is room. */
  take(state: S, rate: Rate, now: number): void;
}

/** A window from the first call on: the next one begins with the first call after it. */
const fixedWindow: Algorithm<{ begun: number; used: number }> = {
  fresh: (_rate, now) => ({ begun: now, used: 0 }),
  stand({ begun, used }, { count, windowMs }, now) {
    const ends = begun + windowMs;
    if (now >= ends) return { left: count, resetMs: windowMs, waitMs: 0 };
    const left = Math.max(0, count - used);
    return { left, resetMs: ends - now, waitMs: left > 0 ? 0 : ends - now };
  },
  take(state, { windowMs }, now) {
    if (now >= state.begun + windowMs) Object.assign(state, { begun: now, used: 0 });
    state.used += 1;
  },
};

/** Calls of the window are told apart to this part of it: what is kept of a key is bounded, and no call is forgotten early. */
const slices = 128;

/** The calls of the last window, whenever that began: no window of this length ever has more. */
const slidingWindow: Algorithm<{ calls: { at: number; count: number }[] }> = {
  fresh: () => ({ calls: [] }),
  stand({ calls }, { count, windowMs }, now) {
    const within = calls.filter(({ at }) => at > now - windowMs);
    const used = within.reduce((sum, call) => sum + call.count, 0);
    const [first] = within;
    const last = within.at(-1);
    const left = Math.max(0, count - used);
    const resetMs = last === undefined ? windowMs : last.at + windowMs - now;
    return { left, resetMs, waitMs: left > 0 || first === undefined ? 0 : first.at + windowMs - now };
  },
  take(state, { windowMs }, now) {
    const calls = state.calls.filter(({ at }) => at > now - windowMs);
    const last = calls.at(-1);
    if (last !== undefined && calls.length >= slices && now - last.at < windowMs / slices) {
      calls[calls.length - 1] = { at: now, count: last.count + 1 };
    } else calls.push({ at: now, count: 1 });
    state.calls = calls;
  },
};

/** A bucket that holds `count` calls and fills evenly: a pause allows a burst. */
const tokenBucket: Algorithm<{ tokens: number; at: number }> = {
  fresh: ({ count }, now) => ({ tokens: count, at: now }),
  stand(state, rate, now) {
    const { count, windowMs } = rate;
    const tokens = filled(state, rate, now);
    const left = Math.floor(tokens);
    const timeFor = (more: number) => Math.max(0, Math.ceil((more * windowMs) / count));
    return { left, resetMs: timeFor(count - tokens), waitMs: left > 0 ? 0 : timeFor(1 - tokens) };
  },
  take(state, rate, now) {
    Object.assign(state, { tokens: filled(state, rate, now) - 1, at: now });
  },
};

/** A hair's breadth, so that what rounding took from a token does not cost a call. */
const filled = (state: { tokens: number; at: number }, { count, windowMs }: Rate, now: number): number =>
  Math.min(count, state.tokens + (Math.max(0, now - state.at) * count) / windowMs + 1e-9);

export const algorithms = {
  fixed_window: fixedWindow,
  sliding_window: slidingWindow,
  token_bucket: tokenBucket,
} as const;

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hour: 3_600_000,
};

/** More is a slip of the hand. */
const mostCalls = 1_000_000;

/** Reads `60/m`; undefined for what is no rate. */
export function parseRate(text: string): Rate | undefined {
  const [, digits, unit = ''] = /^\s*(\d{1,7})\s*\/\s*([a-z]+)\s*$/i.exec(text) ?? [];
  const windowMs = units[unit.toLowerCase()];
  const count = Number(digits);
  if (windowMs === undefined || !(count >= 1 && count <= mostCalls)) return undefined;
  return { count, windowMs };
}
