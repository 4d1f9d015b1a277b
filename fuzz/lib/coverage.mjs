import { Session } from 'node:inspector';

/** Looks at what code an input reached, by V8's own counters; `fresh()` says whether some of it was new. */
export function openCoverage() {
  const session = new Session();
  session.connect();
  const ask = (method, params) => {
    let answer;
    // Within one thread the answer is there when `post` returns.
    session.post(method, params, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  };
  ask('Profiler.enable');
  ask('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const reached = new Set();
  return {
    fresh() {
      let fresh = false;
      for (const { url, functions } of ask('Profiler.takePreciseCoverage').result) {
        if (!url.includes('/dist/')) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count === 0) continue;
            const place = `${url}:${startOffset}-${endOffset}`;
            if (reached.has(place)) continue;
            reached.add(place);
            fresh = true;
          }
        }
      }
      return fresh;
    },
    reached: () => reached.size,
    close: () => session.disconnect(),
  };
}
