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

  /** Every problem once, in the order of the file, then of the variables. */
  inOrder(): readonly SallyError[] {
    const seen = new Set<string>();
    return this.#found
      .toSorted((a, b) => order(a) - order(b))
      .filter((problem) => {
        const identity = JSON.stringify([problem.code, problem.message, problem.context]);
        return seen.has(identity) ? false : seen.add(identity);
      });
  }

  /** Throws `ConfigInvalid` with every problem. */
  throwIfAny(path: string): void {
    if (this.#found.length > 0) throw ConfigInvalid({ path, problems: this.inOrder() });
  }
}

function order(problem: SallyError): number {
  const { at } = problem.context as { at?: ConfigPlace };
  return at && 'line' in at ? at.line * 100_000 + Math.min(at.column, 99_999) : Number.POSITIVE_INFINITY;
}

/** Words that make a name a secret's when they end it: `api_key`, `dbPassword`, `AUTH_TOKEN`. */
const lastWords = new Set(
  'pass password passwords passwd passphrase passcode pwd pw secret secrets token tokens credential credentials key keys apikey auth authorization bearer jwt cookie cookies dsn oauth'.split(
    ' ',
  ),
);
/** Words that make it one wherever they stand: `password_hash`, `secret_name`. */
const anyWords = new Set(['password', 'passwords', 'passphrase', 'secret', 'secrets', 'hmac']);

/** Whether a key or variable of this name holds a secret. `keyfile` does not: it holds a path. */
export function looksSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  const last = words.at(-1) ?? '';
  // A header or a string that carries one: `auth_header`, `connection_string`.
  const carrier = /^(header|headers|string|hash|value|material|data)$/.test(last) ? (words.at(-2) ?? '') : '';
  return (
    lastWords.has(last) ||
    carrier === 'connection' ||
    lastWords.has(carrier) ||
    words.some((word) => anyWords.has(word))
  );
}

export const hiddenText = '(hidden)';

/** A value as an error shows it: in quotes, on one line, without control characters, cut where long. */
export function shown(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  // JSON leaves DEL and the C1 controls as they are, which some terminals obey.
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029]/g, '?');
}
