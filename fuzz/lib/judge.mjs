import { isDeepStrictEqual } from 'node:util';
import { SallyError } from '../../dist/errors.js';

/** What two readers of the same input do not agree on, or what must never be true of an answer. */
class Disagreement extends Error {
  name = 'Disagreement';
}

/** Fails the input that is being tried. */
export function disagree(what, seen) {
  throw new Disagreement(seen === undefined ? what : `${what}: ${JSON.stringify(seen)?.slice(0, 600)}`);
}

export function agree(what, left, right) {
  if (!isDeepStrictEqual(left, right)) disagree(what, [left, right]);
}

/** Answers what `read` answers, or undefined where it refuses by an error of the registry. Anything else is a finding. */
export function refusable(read) {
  try {
    const value = read();
    return value instanceof Promise ? value.catch(refused) : value;
  } catch (error) {
    return refused(error);
  }
}

function refused(error) {
  if (error instanceof SallyError && error.code !== 'SALLY_INTERNAL') return undefined;
  throw error;
}

/** Words that no peer is ever to read: an exception of the engine, or our own word for a defect. */
const engineWords =
  /SALLY_INTERNAL|Cannot (?:read|set|convert|create|destructure|mix) |is not (?:a function|iterable|a constructor)|Maximum call stack|Invalid (?:array|string) length|circular structure|undefined is not|\bat [^ ]+ \(?(?:file|node):/;

/** Fails where the text of an answer speaks of a defect; `input` may have said it itself. */
export function assertNoDefect(what, text, input = '') {
  const found = engineWords.exec(text)?.[0];
  if (found !== undefined && !input.includes(found)) disagree(`${what} speaks of a defect`, text);
}

/** What two findings have in common where they are one: the kind of error and where it was thrown. */
export function kindOf(error) {
  const { name = 'Error', message = String(error), stack = '' } = error ?? {};
  const frame = /dist\/[^):]+:\d+/.exec(stack)?.[0] ?? '';
  return `${name} ${frame || message.slice(0, 60)}`;
}
