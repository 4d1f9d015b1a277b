import type { ApprovalEnd } from '../../telemetry/index.js';
import type { Question } from './question.js';

/** How a question ended. */
export type Verdict = Pick<ApprovalEnd, 'outcome' | 'way' | 'who' | 'reason' | 'remembered'>;

/** What is said to a call that waits: that it is to ask, or how the question ended. */
export type Said = 'ask' | Verdict;

/** A question as a process brings it to the desk. */
export interface Brought {
  readonly question: Question;
  readonly rememberMs: number;
  readonly limits: { readonly total: number; readonly perPrincipal: number };
  readonly allowSelf: boolean;
}

/** The desk as the processes of a gateway see it. */
export interface Desk {
  /** `hear` is told to ask, or how the question ended: nothing after that. */
  bring(brought: Brought, hear: (said: Said) => void): void;
  /** Whoever may look at the page may answer it from now on. */
  show(id: string): void;
  /** It was answered, or it is over for whoever brought it. */
  settle(id: string, verdict: Verdict): void;
}

/** A question that waits, as the page has it. */
export interface OnPage extends Question {
  /** How many calls wait for the answer. */
  readonly waiting: number;
}

/** What the page has of the desk. */
export interface PageDesk {
  readonly waiting: readonly OnPage[];
  /** Answers one. `self`: it is the call of whoever answers, and others are to. */
  answer(
    id: string,
    answer: { readonly approve: boolean; readonly who: string; readonly user: User | undefined },
  ): 'done' | 'gone' | 'self';
  /** Called whenever `waiting` is another. */
  onChange(listener: () => void): void;
}

interface User {
  readonly user: string | null;
  readonly tenant: string | null;
}

/** One call that waits. */
interface Waiter extends Brought {
  readonly hear: (said: Said) => void;
}

/** The calls that wait for one answer: the first of them asks. */
interface Entry {
  readonly waiters: [Waiter, ...Waiter[]];
  onPage: boolean;
}

/** More answers are not remembered: the oldest goes. */
const mostRemembered = 10_000;

/**
 * Where the questions of all processes of a gateway meet: the same call is asked once, however often and wherever it comes in,
 * and its answer counts for a while. It asks nobody itself.
 */
export class ApprovalDesk implements Desk, PageDesk {
  /** By the keys of their questions, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** The keys of the questions, by their ids. */
  readonly #keys = new Map<string, string>();
  readonly #remembered = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  readonly #listeners = new Set<() => void>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  bring(brought: Brought, hear: (said: Said) => void): void {
    const { question, limits } = brought;
    const { id, key, principal } = question;
    const known = this.#recall(key);
    if (known) {
      hear({ ...known, remembered: true });
      return;
    }
    const full = this.#full(principal, limits);
    if (full) {
      hear({ outcome: 'full', reason: full });
      return;
    }
    const waiter = { ...brought, hear };
    const entry = this.#entries.get(key);
    this.#keys.set(id, key);
    if (entry) {
      entry.waiters.push(waiter);
      this.#changed(entry);
      return;
    }
    this.#entries.set(key, { waiters: [waiter], onPage: false });
    hear('ask');
  }

  show(id: string): void {
    const entry = this.#entryOf(id);
    if (entry === undefined || entry.onPage) return;
    entry.onPage = true;
    this.#changed(entry);
  }

  settle(id: string, verdict: Verdict): void {
    const entry = this.#entryOf(id);
    if (entry === undefined) return;
    const at = entry.waiters.findIndex(({ question }) => question.id === id);
    // Of one call alone: the others wait on, and where it was the one that asks, the next does.
    const alone = at > 0 || verdict.outcome === 'withdrawn' || verdict.outcome === 'stopped';
    if (!alone || entry.waiters.length === 1) {
      this.#end(entry, verdict);
      return;
    }
    const [gone] = entry.waiters.splice(at, 1);
    this.#keys.delete(id);
    gone?.hear(verdict);
    if (at === 0) {
      entry.onPage = false;
      entry.waiters[0].hear('ask');
    }
    for (const listener of this.#listeners) listener();
  }

  get waiting(): readonly OnPage[] {
    return [...this.#entries.values()]
      .filter(({ onPage }) => onPage)
      .map(({ waiters }) => ({ ...waiters[0].question, waiting: waiters.length }));
  }

  answer(
    id: string,
    { approve, who, user }: Parameters<PageDesk['answer']>[1],
  ): ReturnType<PageDesk['answer']> {
    const entry = this.#entryOf(id);
    if (!entry?.onPage) return 'gone';
    const { question, allowSelf } = entry.waiters[0];
    if (!allowSelf && user && question.user === user.user && question.tenant === user.tenant) return 'self';
    this.#end(entry, { outcome: approve ? 'approved' : 'refused', way: 'page', who });
    return 'done';
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #end(entry: Entry, verdict: Verdict): void {
    const { question, rememberMs } = entry.waiters[0];
    this.#entries.delete(question.key);
    for (const one of entry.waiters) this.#keys.delete(one.question.id);
    // Where nobody could be asked, or nobody was there to hear it, nothing was answered.
    if (rememberMs > 0 && ['approved', 'refused', 'timeout'].includes(verdict.outcome)) {
      const [oldest] = this.#remembered.keys();
      if (this.#remembered.size >= mostRemembered && oldest !== undefined) this.#remembered.delete(oldest);
      this.#remembered.delete(question.key);
      this.#remembered.set(question.key, { verdict, until: this.#now() + rememberMs });
    }
    for (const { hear } of entry.waiters) hear(verdict);
    this.#changed(entry);
  }

  #recall(key: string): Verdict | undefined {
    const known = this.#remembered.get(key);
    if (known && known.until > this.#now()) return known.verdict;
    this.#remembered.delete(key);
    return undefined;
  }

  #full(principal: string, { total, perPrincipal }: Brought['limits']): string | undefined {
    if (this.#keys.size >= total) return 'all';
    let own = 0;
    for (const { waiters } of this.#entries.values())
      for (const { question } of waiters) if (question.principal === principal) own += 1;
    return own >= perPrincipal ? 'user' : undefined;
  }

  #entryOf(id: string): Entry | undefined {
    const key = this.#keys.get(id);
    return key === undefined ? undefined : this.#entries.get(key);
  }

  #changed({ onPage }: Entry): void {
    if (onPage) for (const listener of this.#listeners) listener();
  }
}
