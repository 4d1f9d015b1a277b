import { type Cancellation, CancelSource } from '../cancel.js';
import { ConnectionTimeout, HandshakeTimeout, PluginAway, PluginTimeout } from '../errors.js';
import type { Logger } from '../log.js';

/** How long a server has for the answer to a probe, in milliseconds. */
const probeMs = 2_000;
/** It is counted in pieces of this: where this process itself stands still, the server is not the one that is late. */
const tickMs = 100;
/** The pause before an away server is asked again, in milliseconds: doubled each time, up to the setting. */
const firstPauseMs = 1_000;

interface BreakerOptions {
  readonly peer: string;
  readonly log: Logger;
  /** Timeouts in a row after which the server is probed; 0: never. */
  readonly after: number;
  /** The longest pause between two probes of a server that is away, in milliseconds. */
  readonly probeEveryMs: number;
}

/** Asks the server for something cheap, no hook. */
export type Probe = (signal: Cancellation) => Promise<unknown>;

/** A plugin of the server. */
interface Member {
  readonly name: string;
  /** The server was away, and answers again. */
  back(): void;
  /** It is taken as away from now on. */
  gone(): void;
}

/**
 * Whether a plugin server answers at all. Hooks that take too long do not say that: a payload may have made one slow, and
 * would then switch a filter off. So after some timeouts in a row the server is probed, and only where that is not
 * answered either are its plugins away: calls of them fail at once until a probe is answered. Any reply ends the row;
 * calls that their caller gave up are no part of it.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #members = new Set<Member>();
  #timeouts = 0;
  /** How it is asked: as the plugin whose call made it suspect would be. */
  #ask: Probe | undefined;
  #suspecting: Promise<void> | undefined;
  #awaySince: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Adds a plugin; returns a disposer. A server whose plugins are all gone is not probed. */
  add(member: Member): () => void {
    this.#members.add(member);
    return () => {
      this.#members.delete(member);
      if (this.#members.size === 0) clearTimeout(this.#timer);
    };
  }

  get away(): boolean {
    return this.#awaySince !== undefined;
  }

  /** Whether a call has to ask `admit` before it begins. */
  get busy(): boolean {
    return this.#suspecting !== undefined || this.#awaySince !== undefined;
  }

  /** Waits for the probe that decides, where there is one. Rejects where the server is away. */
  async admit(plugin: string, signal: Cancellation): Promise<void> {
    await this.#suspecting;
    if (signal.aborted) throw signal.reason;
    if (this.#awaySince === undefined) return;
    const seconds = Math.round((performance.now() - this.#awaySince) / 1000);
    throw PluginAway({ plugin, peer: this.#options.peer, seconds });
  }

  /** A call was answered, with whatever reply. */
  answered(): void {
    this.#timeouts = 0;
    if (this.#awaySince !== undefined) this.#comeBack();
  }

  /** A call failed without a reply. `probe` asks the same server. */
  failed(error: unknown, signal: Cancellation, probe: Probe): void {
    const { after } = this.#options;
    const why = signal.aborted ? signal.reason : error;
    if (signal.aborted && !isSilence(why)) return;
    this.#timeouts = isSilence(why) ? this.#timeouts + 1 : 0;
    if (after === 0 || this.#timeouts < after || this.busy) return;
    this.#ask = probe;
    this.#suspecting = this.#suspect();
  }

  async #suspect(): Promise<void> {
    const answers = await this.#probe();
    this.#suspecting = undefined;
    this.#timeouts = 0;
    if (answers || this.#members.size === 0) return;
    this.#awaySince = performance.now();
    const { log, peer } = this.#options;
    const { code, message, remedy } = PluginAway({ plugin: this.#names().join(', '), peer, seconds: 0 });
    log.error({ plugins: this.#names(), code, remedy }, message);
    for (const member of this.#members) member.gone();
    this.#askAgainIn(firstPauseMs);
  }

  /** Whether the server gives any sign of life: a refusal is one, and costs nobody a timeout. */
  #probe(): Promise<boolean> {
    const ask = this.#ask;
    if (ask === undefined) return Promise.resolve(true);
    const controller = new CancelSource();
    return new Promise((resolve) => {
      let ticks = 0;
      const settle = (answers: boolean) => {
        clearInterval(timer);
        resolve(answers);
      };
      const timer = setInterval(() => {
        ticks += 1;
        if (ticks * tickMs < probeMs) return;
        controller.abort(ConnectionTimeout({ peer: this.#options.peer, seconds: probeMs / 1000 }));
        settle(false);
      }, tickMs).unref();
      ask(controller).then(
        () => settle(true),
        (error: unknown) => settle(!controller.aborted && !isSilence(error)),
      );
    });
  }

  #askAgainIn(pauseMs: number): void {
    const wait = Math.min(pauseMs, this.#options.probeEveryMs);
    this.#timer = setTimeout(async () => {
      const answers = await this.#probe();
      if (this.#awaySince === undefined || this.#members.size === 0) return;
      if (answers) this.#comeBack();
      else this.#askAgainIn(wait * 2);
    }, wait).unref();
  }

  #comeBack(): void {
    clearTimeout(this.#timer);
    const { log, peer } = this.#options;
    const seconds = Math.round((performance.now() - (this.#awaySince ?? 0)) / 1000);
    this.#awaySince = undefined;
    this.#timeouts = 0;
    log.info({ plugins: this.#names(), seconds }, `${peer} answers again: its plugins are back`);
    for (const member of this.#members) member.back();
  }

  #names(): readonly string[] {
    return [...this.#members].map(({ name }) => name);
  }
}

const isSilence = (error: unknown): boolean =>
  PluginTimeout.is(error) || ConnectionTimeout.is(error) || HandshakeTimeout.is(error);
