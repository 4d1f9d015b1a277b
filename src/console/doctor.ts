import { execFile } from 'node:child_process';
import { parseJson } from '../json/index.js';
import type { DoctorFacts, DoctorFinding, Level } from './facts.js';

/** What the doctor prints as JSON, as far as it is used here. */
interface DoctorOutput {
  readonly checks: readonly {
    readonly status: 'ok' | 'warn' | 'fail' | 'skipped';
    readonly title: string;
    readonly looked_at: string;
    readonly seen: string;
    readonly cause?: string;
    readonly remedy?: string;
    readonly follows?: string;
  }[];
}

const levels = { ok: 'ok', warn: 'warning', fail: 'error' } as const;
const worstFirst: readonly Level[] = ['error', 'warning', 'ok'];
/** How often it looks while somebody does. */
const everyMs = 3 * 60_000;
const withinMs = 2 * 60_000;
/** Two looks are so far apart at least, whatever changes. */
const restMs = 2_000;

/** What `sallyport doctor` says, from a process of its own: what it opens and loads is no business of a gateway. */
export class DoctorRounds {
  /** The program and its arguments; undefined where there is no file to look at. */
  readonly #command: readonly string[] | undefined;
  readonly #cwd: string;
  readonly #onChange: () => void;
  #facts: DoctorFacts = { at: null, running: false, findings: [] };
  /** When the last look began, as `performance.now()` has it; absent: it is due. */
  #last: number | undefined;
  #running: AbortController | undefined;

  constructor(command: readonly string[] | undefined, cwd: string, onChange: () => void) {
    this.#command = command;
    this.#cwd = cwd;
    this.#onChange = onChange;
  }

  get facts(): DoctorFacts {
    return this.#facts;
  }

  /** The files are others: what was found is old. */
  outdated(): void {
    this.#last = undefined;
  }

  /** Looks again where that is due. Never more than one looks. */
  look(): void {
    const now = performance.now();
    const due = this.#last === undefined || now - this.#last > everyMs;
    if (!due || this.#running !== undefined || this.#command === undefined) return;
    if (this.#restsUntil > now) return;
    this.#last = now;
    this.#become({ ...this.#facts, running: true });
    const [program = '', ...args] = this.#command;
    this.#running = new AbortController();
    execFile(
      program,
      args,
      {
        cwd: this.#cwd,
        signal: this.#running.signal,
        timeout: withinMs,
        killSignal: 'SIGKILL',
        maxBuffer: 8 * 1024 * 1024,
      },
      (_, stdout) => {
        this.#running = undefined;
        this.#restsUntil = performance.now() + restMs;
        this.#become({ at: new Date().toISOString(), running: false, findings: findingsIn(stdout) });
      },
    );
  }

  #restsUntil = 0;

  #become(facts: DoctorFacts): void {
    this.#facts = facts;
    this.#onChange();
  }

  close(): void {
    this.#running?.abort();
  }
}

/** The findings of the doctor's JSON, the worst first; what it could not say is a finding too. */
export function findingsIn(stdout: string): readonly DoctorFinding[] {
  let output: DoctorOutput;
  try {
    output = parseJson(stdout) as DoctorOutput;
  } catch {
    return [
      {
        level: 'error',
        title: 'the doctor has said nothing',
        detail: 'it did not end in time, or failed',
        remedy: 'sallyport doctor',
      },
    ];
  }
  return output.checks
    .flatMap(({ status, title, looked_at, seen, cause, remedy, follows }): DoctorFinding[] => {
      if (status === 'skipped') return [];
      const detail = follows === undefined ? (cause ?? seen) : `${cause ?? seen} (follows from ${follows})`;
      return [
        {
          level: levels[status],
          title: `${title}: ${looked_at}`,
          detail,
          ...(remedy !== undefined && follows === undefined && { remedy }),
        },
      ];
    })
    .sort((a, b) => worstFirst.indexOf(a.level) - worstFirst.indexOf(b.level));
}
