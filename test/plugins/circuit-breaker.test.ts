import { describe, expect, it } from 'vitest';
import { circuitBreaker } from '../../src/plugins/circuit-breaker.js';
import { watchdog } from '../../src/plugins/watchdog.js';
import { aRequest, startFilter } from './run.js';

function aClock() {
  const time = { at: 1_000_000, now: () => time.at };
  return time;
}

async function aBreaker(config: Record<string, unknown>) {
  const time = aClock();
  const filter = await startFilter(circuitBreaker(time.now), config);
  return {
    time,
    begin: async (name = 't', server_id = 's') => {
      const request = aRequest({ server_id });
      const before = await filter.call('tool_pre_invoke', { name, args: {} }, request);
      return {
        code: before.violation?.code,
        end: (isError: boolean) =>
          filter.call('tool_post_invoke', { name, result: { content: [], isError } }, request),
      };
    },
    /** Calls the tool; what kept it from being called, or `ok` or `failed`. */
    async call(fails: boolean, name = 't', server = 's') {
      const { code, end } = await this.begin(name, server);
      if (code !== undefined) return code;
      await end(fails);
      return fails ? 'failed' : 'ok';
    },
  };
}

describe('a circuit', () => {
  it('opens after failures in a row, and closes after one call that succeeds', async () => {
    const breaker = await aBreaker({ consecutive_failure_threshold: 3, cooldown_seconds: 10 });
    for (let i = 0; i < 3; i += 1) expect(await breaker.call(true)).toBe('failed');
    expect(await breaker.call(false)).toBe('CIRCUIT_OPEN');
    breaker.time.at += 9_999;
    expect(await breaker.call(false)).toBe('CIRCUIT_OPEN');
    breaker.time.at += 1;
    expect(await breaker.call(false)).toBe('ok');
    expect(await breaker.call(false)).toBe('ok');
  });

  it('stays open after a call that fails again', async () => {
    const breaker = await aBreaker({ consecutive_failure_threshold: 1, cooldown_seconds: 10 });
    await breaker.call(true);
    breaker.time.at += 10_000;
    expect(await breaker.call(true)).toBe('failed');
    expect(await breaker.call(false)).toBe('CIRCUIT_OPEN');
  });

  it('is tried by one call alone, and by another if that one never ends', async () => {
    const breaker = await aBreaker({ consecutive_failure_threshold: 1, cooldown_seconds: 10 });
    await breaker.call(true);
    breaker.time.at += 10_000;
    const all = await Promise.all([breaker.begin(), breaker.begin(), breaker.begin()]);
    expect(all.map(({ code }) => code)).toEqual([
      undefined,
      ...Array(2).fill('CIRCUIT_HALF_OPEN_PROBE_IN_FLIGHT'),
    ]);
    breaker.time.at += 10_001;
    expect(await breaker.call(false)).toBe('CIRCUIT_OPEN');
    breaker.time.at += 10_000;
    expect(await breaker.call(false)).toBe('ok');
  });

  it('opens by the rate of failures in the window', async () => {
    const breaker = await aBreaker({
      error_rate_threshold: 0.5,
      min_calls: 4,
      consecutive_failure_threshold: 100,
      window_seconds: 60,
    });
    expect([await breaker.call(true), await breaker.call(false), await breaker.call(true)]).toEqual([
      'failed',
      'ok',
      'failed',
    ]);
    breaker.time.at += 61_000;
    // What was before the window is forgotten.
    for (const fails of [true, false, false, false]) await breaker.call(fails);
    expect(await breaker.call(true)).toBe('failed');
    expect(await breaker.call(true)).toBe('failed');
    expect(await breaker.call(false)).toBe('CIRCUIT_OPEN');
  });

  it('is that of one tool of one upstream', async () => {
    const breaker = await aBreaker({
      consecutive_failure_threshold: 1,
      tool_overrides: { patient: { consecutive_failure_threshold: 2 } },
    });
    await breaker.call(true);
    expect(await breaker.call(false)).toBe('CIRCUIT_OPEN');
    expect(await breaker.call(false, 'other')).toBe('ok');
    expect(await breaker.call(false, 't', 'another')).toBe('ok');
    await breaker.call(true, 'patient');
    expect(await breaker.call(false, 'patient')).toBe('ok');
  });

  it('counts calls without a result, where that is set', async () => {
    const breaker = await aBreaker({ consecutive_failure_threshold: 2, unanswered_after_seconds: 5 });
    await breaker.begin();
    await breaker.begin();
    breaker.time.at += 5_001;
    expect(await breaker.call(false)).toBe('CIRCUIT_OPEN');
  });
});

describe('a slow call', () => {
  async function callOf(ms: number, config: Record<string, unknown>, name = 't') {
    const time = aClock();
    const filter = await startFilter(watchdog(time.now), config);
    const request = aRequest();
    await filter.call('tool_pre_invoke', { name, args: {} }, request);
    time.at += ms;
    return filter.call('tool_post_invoke', { name, result: {} }, request);
  }

  it('is noted, or its result is blocked', async () => {
    expect((await callOf(1_000, { max_duration_ms: 1_000 })).metadata).toEqual({
      watchdog_elapsed_ms: 1_000,
      watchdog_limit_ms: 1_000,
    });
    expect(await callOf(1_001, { max_duration_ms: 1_000 })).toMatchObject({
      continue_processing: true,
      metadata: { watchdog_violation: true },
    });
    expect((await callOf(1_001, { max_duration_ms: 1_000, action: 'block' })).violation).toMatchObject({
      code: 'WATCHDOG_TIMEOUT',
      details: { watchdog_elapsed_ms: 1_001, watchdog_limit_ms: 1_000 },
    });
  });

  it('has the limit of its tool', async () => {
    const config = {
      max_duration_ms: 10,
      action: 'block',
      tool_overrides: { slow: { max_duration_ms: 5_000 }, loud: { action: 'warn' } },
    };
    expect((await callOf(100, config, 'slow')).continue_processing).toBe(true);
    expect((await callOf(100, config, 'loud')).continue_processing).toBe(true);
    expect((await callOf(100, config)).continue_processing).toBe(false);
  });

  it('whose begin was not seen is none', async () => {
    const filter = await startFilter('sallyport/watchdog', { max_duration_ms: 1, action: 'block' });
    expect((await filter.call('tool_post_invoke', { name: 't', result: {} })).continue_processing).toBe(true);
  });
});
