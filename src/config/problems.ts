import { ConfigInvalid, type ConfigPlace, type SallyError } from '../errors.js';

/** What is wrong with a configuration, collected so that all of it is reported at once. */
export class Problems {
  readonly #found: SallyError[] = [];
  readonly warnings: SallyError[] = [];

  add(problem: SallyError): void {
    this.#found.push(problem);
  }

  warn(warning: SallyError): void {
    this.warnings.push(warning);
  }

  /** Throws `ConfigInvalid` with every problem, in the order of the file, then of the variables. */
  throwIfAny(path: string): void {
    if (this.#found.length === 0) return;
    const seen = new Set<string>();
    const problems = this.#found
      .toSorted((a, b) => order(a) - order(b))
      .filter((problem) => {
        const identity = JSON.stringify([problem.code, problem.message, problem.context]);
        return seen.has(identity) ? false : seen.add(identity);
      });
    throw ConfigInvalid({ path, problems });
  }
}

function order(problem: SallyError): number {
  const { at } = problem.context as { at: ConfigPlace };
  return 'line' in at ? at.line * 100_000 + Math.min(at.column, 99_999) : Number.POSITIVE_INFINITY;
}
