import { messageOf, type SallyError, UpstreamDown } from '../../errors.js';
import type { Logger } from '../../log.js';
import { unlessAborted } from '../../wait.js';
import type { UpstreamState } from '../upstream.js';

/** The state of one upstream, why it is what it is, and who hears of its changes. */
export class State {
  readonly #upstream: string;
  readonly #log: Logger;
  readonly #listeners = new Set<(state: UpstreamState) => void>();
  current: UpstreamState = { kind: 'connecting' };
  #reason: SallyError | undefined;

  constructor(upstream: string, log: Logger) {
    this.#upstream = upstream;
    this.#log = log;
  }

  /** Why it is down. */
  get reason(): SallyError | undefined {
    return this.#reason;
  }

  onChange(listener: (state: UpstreamState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits until it is up or down, or for the signal. */
  async settled(signal: AbortSignal): Promise<void> {
    if (this.current.kind !== 'connecting' || signal.aborted) return;
    let remove = () => {};
    const known = new Promise<void>((resolve) => {
      remove = this.onChange(({ kind }) => {
        if (kind !== 'connecting') resolve();
      });
    });
    await unlessAborted(known, signal).catch(() => {});
    remove();
  }

  /** Everyone hears of it, also where it is what it was: the upstream may have become another. */
  become(state: UpstreamState): void {
    this.current = state;
    if (state.kind !== 'down') this.#reason = undefined;
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        const fields = { upstream: this.#upstream, error: messageOf(error) };
        this.#log.error(fields, 'a change of state could not be passed on');
      }
    }
  }

  becomeDown(reason: SallyError): void {
    this.#reason = reason;
    this.become({ kind: 'down', reason: this.#why(reason), code: reason.code });
  }

  /** The error for whoever wants something of an upstream that is not up. */
  error(): SallyError {
    const upstream = this.#upstream;
    const cause = this.#reason;
    if (!cause) return UpstreamDown({ upstream, reason: 'it is not connected' });
    const hint = UpstreamDown.is(cause) ? cause.context.hint : cause.remedy;
    return UpstreamDown({ upstream, reason: this.#why(cause), hint }, cause);
  }

  #why(reason: SallyError): string {
    if (UpstreamDown.is(reason)) return reason.context.reason;
    return reason.message.replace(`the upstream '${this.#upstream}'`, 'it');
  }
}
