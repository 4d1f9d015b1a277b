import { findSallyError, messageOf, type SallyError, UpstreamDown, UpstreamProtocol } from '../../errors.js';
import type { Logger } from '../../log.js';
import { unlessAborted } from '../../wait.js';
import type { Upstream, UpstreamState } from '../upstream.js';

/** What every upstream has: how it is, since when and why, and who wants to hear of it. */
export abstract class Condition
  implements Pick<Upstream, 'name' | 'state' | 'since' | 'onState' | 'settled'>
{
  readonly name: string;
  state: UpstreamState = { kind: 'connecting' };
  since = performance.now();
  readonly #log: Logger;
  readonly #listeners = new Set<(state: UpstreamState) => void>();
  /** Why it is down. */
  #reason: SallyError | undefined;

  constructor(name: string, log: Logger) {
    this.name = name;
    this.#log = log;
  }

  onState(listener: (state: UpstreamState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async settled(signal: AbortSignal): Promise<void> {
    if (this.state.kind !== 'connecting' || signal.aborted) return;
    let remove = () => {};
    const known = new Promise<void>((resolve) => {
      remove = this.onState(({ kind }) => {
        if (kind !== 'connecting') resolve();
      });
    });
    await unlessAborted(known, signal).catch(() => {});
    remove();
  }

  /** Everyone hears of it, also where it is what it was: the upstream may have become another. */
  protected become(state: UpstreamState): void {
    if (state.kind !== this.state.kind) this.since = performance.now();
    this.state = state;
    if (state.kind !== 'down') this.#reason = undefined;
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        const fields = { upstream: this.name, error: messageOf(error) };
        this.#log.error(fields, 'a change of state could not be passed on');
      }
    }
  }

  protected becomeDown(reason: SallyError): void {
    this.#reason = reason;
    const { code, remedy } = reason;
    this.become({ kind: 'down', reason: this.#why(reason), code, remedy });
  }

  /** An attempt to reach it has failed: the log says so once, and the same again only to who debugs. */
  protected failed(thrown: unknown): SallyError {
    const upstream = this.name;
    const error = findSallyError(thrown) ?? UpstreamProtocol({ upstream, detail: messageOf(thrown) });
    const fields = { upstream, code: error.code, remedy: error.remedy };
    if (this.#reason?.message === error.message)
      this.#log.debug(fields, `still not connected: ${error.message}`);
    else this.#log.warn(fields, error.message);
    this.becomeDown(error);
    return error;
  }

  /** The error for whoever wants something of it while it is not up. */
  protected downError(): SallyError {
    const upstream = this.name;
    const cause = this.#reason;
    if (!cause) return UpstreamDown({ upstream, reason: 'it is not connected' });
    const hint = UpstreamDown.is(cause) ? cause.context.hint : cause.remedy;
    return UpstreamDown({ upstream, reason: this.#why(cause), hint }, cause);
  }

  #why(reason: SallyError): string {
    if (UpstreamDown.is(reason)) return reason.context.reason;
    return reason.message.replace(`the upstream '${this.name}'`, 'it');
  }
}
