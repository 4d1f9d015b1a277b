import { type Cancellation, onAbort } from '../../cancel.js';
import type { ApprovalSettings } from '../../config/index.js';
import { asSallyError, messageOf } from '../../errors.js';
import type { AskWay } from '../../hooks/index.js';
import type { Logger } from '../../log.js';
import type { ApprovalEnd } from '../../telemetry/index.js';
import type { ClientRequest } from '../client.js';
import type { Desk, Verdict } from './desk.js';
import { answerOf, type Elicit, elicitationOf, takesForms } from './elicitation.js';
import { type Question, questionOf, type Subject, type Wanted } from './question.js';
import type { Webhook } from './webhook.js';

/** How a call that waits is with its client meanwhile. */
export interface Waiting {
  readonly signal: Cancellation;
  /** Asks the client; absent where it cannot be asked. */
  readonly elicit?: Elicit | undefined;
  /** Tells the client that it still waits, for the so-many-th time. */
  progress(count: number): void;
}

interface ApprovalDeps {
  readonly desk: Desk;
  readonly log: Logger;
  readonly webhook: Webhook | undefined;
  readonly now?: () => number;
}

/** How often the client of a call that waits hears so: more often than any gives up. */
const progressMs = 5_000;

/** Asks people whether calls may go on. */
export class Approvals {
  readonly #settings: ApprovalSettings;
  readonly #deps: ApprovalDeps;
  readonly #now: () => number;
  /** What waits here: ended at once where the gateway is about to stop. */
  readonly #open = new Set<Question>();
  #stopped = false;
  #retired = false;

  constructor(settings: ApprovalSettings, deps: ApprovalDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
  }

  get timeoutMs(): number {
    return this.#settings.timeoutMs;
  }

  /** Whether the client is among those that may be asked here, and can be. */
  elicits({ client }: Pick<ClientRequest, 'client'>, wanted: readonly Wanted[]): boolean {
    const { by: usual } = this.#settings;
    return takesForms(client.capabilities) && wanted.some(({ by = usual }) => by.includes('elicitation'));
  }

  /**
   * Waits until what is wanted was answered, all of it: those who may be asked in the same ways by one question, the others one
   * after another. Never rejects.
   */
  async ask(
    request: ClientRequest,
    subject: Subject,
    wanted: readonly Wanted[],
    waiting: Waiting,
    ended: (end: ApprovalEnd) => void,
  ): Promise<Verdict> {
    const groups = new Map<string, Wanted[]>();
    for (const one of wanted) {
      const key = JSON.stringify(one.by ?? this.#settings.by);
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
    let verdict: Verdict = { outcome: 'nobody', reason: 'nothing was asked' };
    for (const group of groups.values()) {
      const question = questionOf(request, subject, group, {
        now: this.#now(),
        timeoutMs: this.#settings.timeoutMs,
      });
      verdict = await this.#askOne(question, group[0]?.by ?? this.#settings.by, waiting);
      const waitedMs = this.#now() - Date.parse(question.askedAt);
      this.#report(request, question, verdict, waitedMs);
      ended({
        ...verdict,
        stage: question.stage,
        askedAt: question.askedAt,
        waitedMs,
        sources: question.wants.map(({ source }) => source),
      });
      if (verdict.outcome !== 'approved') break;
    }
    return verdict;
  }

  /** Ends all that waits: the gateway is about to stop. */
  stop(): void {
    this.#stopped = true;
    for (const { id } of [...this.#open]) this.#deps.desk.settle(id, { outcome: 'stopped' });
  }

  /** Whether nothing waits. */
  get idle(): boolean {
    return this.#open.size === 0;
  }

  /** Nothing more is asked with it: what waits goes on, and then it lets go of what it asks with. */
  retire(): void {
    this.#retired = true;
    if (this.idle) this.#deps.webhook?.close();
  }

  #askOne(question: Question, ways: readonly AskWay[], waiting: Waiting): Promise<Verdict> {
    if (this.#stopped) return Promise.resolve({ outcome: 'stopped' });
    const { desk } = this.#deps;
    const { rememberMs, maxWaiting: total, maxWaitingPerUser: perPrincipal, allowSelf } = this.#limits();
    return new Promise((resolve) => {
      const control = new AbortController();
      const settle = (verdict: Verdict) => desk.settle(question.id, verdict);
      const late = setTimeout(() => settle({ outcome: 'timeout' }), this.#settings.timeoutMs);
      let told = 0;
      const tell = () => {
        told += 1;
        waiting.progress(told);
      };
      const telling = setInterval(tell, progressMs);
      let unlisten = () => {};
      this.#open.add(question);
      desk.bring({ question, rememberMs, limits: { total, perPrincipal }, allowSelf }, (said) => {
        if (said === 'ask') {
          tell();
          void this.#askBy(question, ways, waiting, control.signal, settle);
          return;
        }
        this.#open.delete(question);
        clearTimeout(late);
        clearInterval(telling);
        unlisten();
        control.abort('this question was answered, or is over');
        if (this.#retired && this.idle) this.#deps.webhook?.close();
        resolve(said);
      });
      if (control.signal.aborted) return;
      unlisten = onAbort(waiting.signal, () => settle({ outcome: 'withdrawn' }));
    });
  }

  /** Asks in the first of the ways that can be used, or in all of them. */
  async #askBy(
    question: Question,
    ways: readonly AskWay[],
    waiting: Waiting,
    signal: AbortSignal,
    settle: (verdict: Verdict) => void,
  ): Promise<void> {
    const problems: string[] = [];
    const one = async (way: AskWay): Promise<boolean> => {
      try {
        const verdict = await this.#by[way](question, waiting, signal);
        if (verdict) settle(verdict);
        return true;
      } catch (thrown) {
        if (signal.aborted) return true;
        problems.push(typeof thrown === 'string' ? thrown : messageOf(thrown));
        if (typeof thrown !== 'string') {
          const { code, remedy, message } = asSallyError(thrown);
          this.#deps.log.warn({ code, remedy, approval: question.id }, `no approval by ${way}: ${message}`);
        }
        return false;
      }
    };
    let asked = false;
    if (this.#settings.together) {
      asked = (await Promise.all(ways.map(one))).includes(true);
    } else {
      for (const way of ways) {
        asked = await one(way);
        if (asked) break;
      }
    }
    if (!asked) settle({ outcome: 'nobody', reason: problems.join('; ') });
  }

  /** Each gives the verdict, or nothing where the answer comes to the desk; and throws where nobody can be asked, a text where that is no failure. */
  readonly #by: Record<
    AskWay,
    (question: Question, waiting: Waiting, signal: AbortSignal) => Promise<Verdict | undefined>
  > = {
    elicitation: async (question, { elicit }, signal) => {
      if (elicit === undefined) throw 'the client does not ask its user (elicitation by a form)';
      const response = await elicit('elicitation/create', elicitationOf(question), signal);
      const verdict = answerOf(response, question.user);
      if (verdict) return verdict;
      throw 'error' in response
        ? `the client could not ask its user: ${response.error.message.slice(0, 200)}`
        : 'the client could not ask its user';
    },
    page: async ({ id }) => {
      if (!this.#settings.page) throw 'the gateway has no page (gateway.console)';
      this.#deps.desk.show(id);
      return undefined;
    },
    webhook: async (question, _waiting, signal) => {
      const { webhook } = this.#deps;
      if (webhook === undefined) throw 'no webhook is set up (gateway.approvals.webhook)';
      let answered = false;
      try {
        const verdict = await webhook.ask(question, this.#settings.allowSelf, signal);
        answered = true;
        return verdict;
      } finally {
        if (!answered && signal.aborted) void webhook.withdraw(question);
      }
    },
  };

  #limits() {
    const { remember, maxWaiting, maxWaitingPerUser, allowSelf } = this.#settings;
    return { rememberMs: remember * 1000, maxWaiting, maxWaitingPerUser, allowSelf };
  }

  #report(request: ClientRequest, question: Question, verdict: Verdict, waitedMs: number): void {
    const { outcome, way, who, reason, remembered } = verdict;
    const { user, tenant, upstream, name, stage, wants } = question;
    this.#deps.log.info(
      {
        approval: question.id,
        user,
        tenant,
        method: request.method,
        upstream,
        target: name,
        stage,
        outcome,
        ...(way && { way }),
        ...(who && { by: who }),
        ...(reason && { reason }),
        ...(remembered && { remembered }),
        asked_by: wants.map(({ source }) => source),
        waited_ms: waitedMs,
      },
      `approval ${outcome}`,
    );
  }
}
