import type { Facts } from './facts.js';

export type Status = 'ok' | 'warn' | 'fail' | 'skipped';

/** The groups, in the order in which they are printed. */
export const groups = [
  'configuration',
  'files and permissions',
  'certificates',
  'CA and bundles',
  'clock',
  'names and addresses',
  'reachability and TLS',
  'handshake',
  'authorisation',
  'MCP contract',
  'health port',
  'rotation',
] as const;
export type Group = (typeof groups)[number];

/** Why something is not as it should be; errors of the registry are of this shape. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** What one check saw at one thing. */
export interface Finding {
  readonly status: Status;
  /** Default: the title of the facts. */
  readonly lookedAt?: string;
  readonly seen: string;
  readonly problem?: Problem;
  /** What exactly it is about, where that is narrower than the facts. */
  readonly keys?: readonly string[];
}

/** One row of the table of checks. */
export interface Check<K extends Facts['kind'] = Facts['kind']> {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  readonly about: K;
  /** Codes of the registry that it can report. */
  readonly codes: readonly string[];
  /** Entries of the mTLS guide (troubleshooting, hardening, validation) that it answers. */
  readonly guide?: readonly string[];
  /** Failures of a later stage may follow from those of an earlier one. */
  readonly stage: Stage;
  /**
   * Which failures of later stages follow from one of this check: those with certain codes, all but that of the way to
   * the server (no file opens or closes a port), everything, or (absent) none.
   */
  readonly explains?: 'everything' | 'all' | readonly string[];
  look(facts: Extract<Facts, { kind: K }>): readonly Finding[];
}

/** What has to be right before the next can be. */
export const stages = ['setting', 'file', 'both sides', 'way', 'handshake', 'contract'] as const;
export type Stage = (typeof stages)[number];

type Row<K extends Facts['kind']> = Omit<Check<K>, 'about' | 'stage'> & { readonly stage?: Stage };

/** Makes rows about one kind of facts, of that stage where they name none. */
export const checksOf =
  <K extends Facts['kind']>(about: K, stage: Stage) =>
  (row: Row<K>): Check =>
    ({ about, stage, ...row }) as unknown as Check;

export const ok = (seen: string, lookedAt?: string): Finding => ({
  status: 'ok',
  seen,
  ...(lookedAt !== undefined && { lookedAt }),
});

export const skipped = (seen: string, lookedAt?: string): Finding => ({
  ...ok(seen, lookedAt),
  status: 'skipped',
});

export const fail = (problem: Problem, seen = problem.message, more: Partial<Finding> = {}): Finding => ({
  status: 'fail',
  seen,
  problem,
  ...more,
});

export const warn = (problem: Problem, seen = problem.message, more: Partial<Finding> = {}): Finding => ({
  ...fail(problem, seen, more),
  status: 'warn',
});

/** Those of `problems` that have one of `codes`, as failures; otherwise `fine`. */
export function among(
  problems: readonly Problem[],
  codes: readonly string[],
  fine: Finding,
  mild: readonly string[] = [],
): readonly Finding[] {
  const found = problems.filter(({ code }) => codes.includes(code));
  if (found.length === 0) return [fine];
  return found.map((problem) => (mild.includes(problem.code) ? warn(problem) : fail(problem)));
}

type RowAmong<K extends Facts['kind']> = Omit<Row<K>, 'look'> & {
  /** Codes that are no failure. */
  readonly mild?: readonly string[];
  /** What is seen where no problem has one of the codes. */
  readonly fine: (facts: Extract<Facts, { kind: K }>) => Finding;
};

/** As `checksOf`, for rows that look for their codes among what has been found wrong. */
export const checksAmong =
  <K extends Facts['kind']>(
    about: K,
    stage: Stage,
    problems: (facts: Extract<Facts, { kind: K }>) => readonly Problem[],
  ) =>
  ({ mild, fine, ...row }: RowAmong<K>): Check =>
    checksOf(
      about,
      stage,
    )({
      ...row,
      look: (facts) => among(problems(facts), row.codes, fine(facts), mild),
    });
