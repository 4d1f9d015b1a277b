import { createHash } from 'node:crypto';
import type { Classify, Verdict } from './services.js';

/** So many answers are kept. */
const most = 2_000;

/** Answers of a service, kept for a while by what was asked: the texts themselves are not kept. */
export class KeptVerdicts {
  readonly #kept = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  readonly #classify: Classify;
  readonly #ms: number;
  readonly #now: () => number;

  constructor(classify: Classify, ms: number, now: () => number = () => performance.now()) {
    this.#classify = classify;
    this.#ms = ms;
    this.#now = now;
  }

  /** What the service says of each text; it is asked about each once. */
  async of(texts: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Verdict>> {
    const verdicts = new Map<string, Verdict>();
    const asked: string[] = [];
    for (const text of new Set(texts)) {
      const kept = this.#ms > 0 ? this.#kept.get(keyOf(text)) : undefined;
      if (kept !== undefined && kept.until > this.#now()) verdicts.set(text, kept.verdict);
      else asked.push(text);
    }
    const answers = asked.length > 0 ? await this.#classify(asked, signal) : [];
    asked.forEach((text, i) => {
      const verdict = answers[i] ?? {};
      verdicts.set(text, verdict);
      if (this.#ms > 0) this.#keep(keyOf(text), verdict);
    });
    return verdicts;
  }

  #keep(key: string, verdict: Verdict): void {
    this.#kept.delete(key);
    this.#kept.set(key, { verdict, until: this.#now() + this.#ms });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > most && oldest !== undefined) this.#kept.delete(oldest);
  }
}

const keyOf = (text: string): string => createHash('sha256').update(text).digest('base64');
