import { expectedFailure, expectedIn } from '../known.mjs';
import { judgeAlone, judgeBeside } from './compare.mjs';

/** A scenario of a run as the table has it: beside the direct run where there is one, and beside what is expected. */
export function outcomeOf(run, scenario, checks, direct) {
  if (checks === undefined) return { kind: 'fail', reasons: ['the suite did not run it'], passed: 0 };
  const { passed, failures } = direct ? judgeBeside(direct, checks) : judgeAlone(checks);
  const reasons = [];
  const explained = new Set();
  for (const failure of failures) {
    const expected = expectedFailure(run, scenario, failure);
    if (expected) explained.add(expected);
    else reasons.push(oneLine(`${failure.check}: ${failure.status}: ${failure.message}`));
  }
  for (const expected of expectedIn(run, scenario)) {
    if (!explained.has(expected)) {
      reasons.push(`holds now, take it off the list of expected failures: ${expected.reason}`);
    }
  }
  if (reasons.length > 0) return { kind: 'fail', reasons, passed };
  if (explained.size > 0) {
    return { kind: 'expected', reasons: [...explained].map(({ reason }) => reason), passed };
  }
  return { kind: 'pass', reasons: [], passed };
}

/** The suite quotes whole messages; all of them are in its results. */
function oneLine(text) {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 400 ? `${line.slice(0, 400)}…` : line;
}
