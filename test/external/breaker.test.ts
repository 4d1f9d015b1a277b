import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CancelSource } from '../../src/cancel.js';
import { CallCancelled, ConnectionLost, ConnectionRefused, PluginTimeout } from '../../src/errors.js';
import { Breaker, type Probe } from '../../src/external/breaker.js';
import { keptLog } from '../manager/handles.js';

const peer = 'the plugin server https://localhost:8000';
const never: Probe = () => new Promise(() => {});
const refuses: Probe = () => Promise.reject(ConnectionRefused({ peer, detail: 'ECONNREFUSED' }));

function ended(reason?: unknown): CancelSource {
  const scope = new CancelSource();
  if (reason !== undefined) scope.abort(reason);
  return scope;
}
const timedOut = () => ended(PluginTimeout({ plugin: 'P', hook: 'h', seconds: 1 }));

/** A breaker with one plugin, and what became of it. */
function made(after = 3) {
  const { log, lines } = keptLog();
  const breaker = new Breaker({ peer, log, after, probeEveryMs: 4_000 });
  const seen: string[] = [];
  breaker.add({ name: 'P', gone: () => seen.push('gone'), back: () => seen.push('back') });
  const timeouts = (count: number, probe: Probe = never) => {
    for (let i = 0; i < count; i += 1) breaker.failed(undefined, timedOut(), probe);
  };
  return { breaker, seen, lines, timeouts };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a row of timeouts', () => {
  it('[G7] has a server probed at the third, and away where that is not answered within 2 s', async () => {
    const { breaker, seen, timeouts } = made();
    timeouts(2);
    expect(breaker.busy).toBe(false);
    timeouts(1);
    expect([breaker.busy, breaker.away]).toEqual([true, false]);
    await vi.advanceTimersByTimeAsync(1_900);
    expect(breaker.away).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect([breaker.away, seen]).toEqual([true, ['gone']]);
  });

  it('[G7] is ended by an answer, and by a failure that did not take its time', () => {
    const { breaker, timeouts } = made();
    for (const end of [
      () => breaker.answered(),
      () => breaker.failed(ConnectionLost({ peer, detail: 'reset' }), ended(), never),
    ]) {
      timeouts(2);
      end();
    }
    timeouts(2);
    expect(breaker.busy).toBe(false);
  });

  it('[G7] has no part in calls that their caller gave up', () => {
    const { breaker, timeouts } = made();
    timeouts(2);
    const cancelled = ended(CallCancelled({ plugin: 'P', hook: 'h' }));
    for (let i = 0; i < 9; i += 1) breaker.failed(undefined, cancelled, never);
    expect(breaker.busy).toBe(false);
    timeouts(1);
    expect(breaker.busy).toBe(true);
  });

  it.each<[string, Probe]>([
    ['an answer', () => Promise.resolve()],
    ['a refusal', refuses],
  ])('[G7] begins anew after %s to the probe', async (_what, probe) => {
    const { breaker, seen, timeouts } = made();
    for (let i = 0; i < 5; i += 1) {
      timeouts(3, probe);
      await vi.advanceTimersByTimeAsync(0);
      expect(breaker.busy).toBe(false);
      timeouts(2, probe);
      expect(breaker.busy).toBe(false);
      breaker.answered();
    }
    expect(seen).toEqual([]);
  });

  it('[G7] leads to nothing where it is turned off', () => {
    const { breaker, timeouts } = made(0);
    timeouts(50);
    expect(breaker.busy).toBe(false);
  });
});

describe('calls of a server', () => {
  it('[G7] wait for the probe that decides, and go on or fail with it', async () => {
    const { breaker, timeouts } = made();
    timeouts(3);
    const call = breaker.admit('P', ended()).then(
      () => 'goes on',
      (error: unknown) => (error as { code: string }).code,
    );
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await call).toBe('SALLY_PLUGIN_AWAY');
    breaker.answered();
    await expect(breaker.admit('P', ended())).resolves.toBeUndefined();
  });

  it('[G7] that were given up while they waited do not begin', async () => {
    const { breaker, timeouts } = made();
    timeouts(3, () => Promise.resolve());
    const scope = ended();
    const call = breaker.admit('P', scope);
    const reason = CallCancelled({ plugin: 'P', hook: 'h' });
    scope.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});

describe('a server that is away', () => {
  it('[G7] is asked again after 1, 2, 4 and then every 4 s, the answer waited for 2 s each time', async () => {
    const { timeouts } = made();
    const asked: number[] = [];
    const probe: Probe = () => {
      asked.push(Math.round(performance.now() / 1_000));
      return never(ended());
    };
    timeouts(3, probe);
    await vi.advanceTimersByTimeAsync(30_000);
    const pauses = asked.slice(1).map((at, i) => at - (asked[i] ?? 0) - 2);
    expect(pauses).toEqual([1, 2, 4, 4, 4]);
  });

  it.each<[string, Probe]>([
    ['answers', () => Promise.resolve()],
    ['refuses', refuses],
  ])('[G7] is back when it %s, which is said once as it was when it went', async (_what, answer) => {
    const { breaker, seen, lines, timeouts } = made();
    let probe = never;
    timeouts(3, (scope) => probe(scope));
    await vi.advanceTimersByTimeAsync(2_000);
    timeouts(40);
    probe = answer;
    await vi.advanceTimersByTimeAsync(1_000);
    expect([breaker.busy, seen]).toEqual([false, ['gone', 'back']]);
    expect(lines.map(({ level, fields }) => [level, fields['plugins']])).toEqual([
      ['error', ['P']],
      ['info', ['P']],
    ]);
  });

  it('[G7] is asked no more when its last plugin is closed', async () => {
    const { log } = keptLog();
    const breaker = new Breaker({ peer, log, after: 1, probeEveryMs: 1_000 });
    const close = breaker.add({ name: 'P', gone() {}, back() {} });
    const probe = vi.fn(never);
    breaker.failed(undefined, timedOut(), probe);
    await vi.advanceTimersByTimeAsync(2_000);
    close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(probe).toHaveBeenCalledTimes(1);
  });

  it('[G7] is not taken for that where this process stood still', async () => {
    const { breaker, timeouts } = made();
    let answer = () => {};
    timeouts(
      3,
      () =>
        new Promise<void>((done) => {
          answer = done;
        }),
    );
    // Ten seconds pass at once: one tick was late, and the answer is read in the turn after it.
    vi.setSystemTime(Date.now() + 10_000);
    vi.advanceTimersToNextTimer();
    answer();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(breaker.away).toBe(false);
  });
});
