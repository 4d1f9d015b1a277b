import { availableParallelism, loadavg } from 'node:os';

/**
 * How many milliseconds a test may wait for what takes at most `ms` on a quiet machine: as many times more as there are
 * processes for each processor now. On a quiet machine a test that fails still ends soon.
 */
export function patience(ms: number): number {
  const [lastMinute = 0] = loadavg();
  return Math.ceil(ms * Math.min(Math.max(lastMinute / availableParallelism(), 1), most));
}

/** A machine that is busier than this is of no use to anybody. */
const most = 20;
