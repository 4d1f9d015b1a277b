import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Deadline, type TimeLimit } from '../../../src/mcp/client/deadline.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const silent = { ms: 1_000, setting: 'timeout' };
const total = { ms: 3_000, setting: 'max_total_timeout' };

/** Runs a deadline; `passed` goes on by so many milliseconds, and says how it has ended, if it has. */
function begun(limits: { silent: TimeLimit; total?: TimeLimit }, own?: TimeLimit) {
  let ended: TimeLimit | undefined;
  const deadline = new Deadline(limits, own, (limit) => {
    ended = limit;
  });
  const passed = (ms: number) => {
    vi.advanceTimersByTime(ms);
    return ended;
  };
  return { deadline, passed };
}

it('ends a request that shows no sign of life', () => {
  const { passed } = begun({ silent, total });
  expect(passed(999)).toBeUndefined();
  expect(passed(1)).toBe(silent);
});

it('begins anew with each sign of life, but not for longer than in all', () => {
  const { deadline, passed } = begun({ silent, total });
  for (let i = 0; i < 5; i += 1) {
    expect(passed(599)).toBeUndefined();
    deadline.alive();
  }
  expect(passed(4)).toBeUndefined();
  deadline.alive();
  expect(passed(1)).toBe(total);
});

it('gives a request its own time in place of that of all', () => {
  const own = { ms: 200, setting: 'tool_timeouts.fast' };
  expect(begun({ silent, total }, own).passed(200)).toBe(own);
});

it('lasts ten minutes in all where nothing is said, and longer where one silence may', () => {
  const long = { ms: 1_800_000, setting: 'timeout' };
  const { deadline, passed } = begun({ silent });
  for (let i = 0; i < 600; i += 1) {
    expect(passed(999)).toBeUndefined();
    deadline.alive();
  }
  expect(passed(600)).toMatchObject({ ms: 600_000, setting: 'max_total_timeout' });
  expect(begun({ silent: long }).passed(1_799_999)).toBeUndefined();
});

it('is over when all is, however long one silence may be', () => {
  expect(begun({ silent: { ms: 60_000 }, total }).passed(3_000)).toBe(total);
});

it('stands still while the client is asked something', () => {
  const { deadline, passed } = begun({ silent, total });
  passed(500);
  deadline.stop();
  expect(passed(100_000)).toBeUndefined();
  deadline.goOn();
  expect(passed(999)).toBeUndefined();
  deadline.alive();
  expect(passed(999)).toBeUndefined();
  deadline.alive();
  expect(passed(502)).toBe(total);
});
