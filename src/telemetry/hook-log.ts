import { CallCancelled } from '../errors.js';
import type { Logger } from '../log.js';
import type { HookCallEnd, HookCallStart, Observer, RequestObservation } from './observer.js';

/** The lines of a plugin server about its hook calls: failures, and at `debug` all. */
export function createHookLog(log: Logger): Observer {
  const request: RequestObservation = {
    hookCall: (start) => new HookCallLine(log, start),
    end() {},
  };
  return { request: () => request };
}

class HookCallLine {
  readonly #log: Logger;
  readonly #call: HookCallStart;
  readonly #started = performance.now();

  constructor(log: Logger, call: HookCallStart) {
    this.#log = log;
    this.#call = call;
  }

  end({ decision, error }: HookCallEnd): void {
    const log = this.#log;
    if (error === undefined) {
      if (log.isLevelEnabled?.('debug') !== false)
        log.debug({ ...this.#facts(), blocked: decision === 'blocked' }, 'hook call');
    } else if (!CallCancelled.is(error)) {
      const { plugin, hook } = this.#call;
      log.error({ ...this.#facts(), code: error.code, remedy: error.remedy }, error.message);
      if (error.cause instanceof Error)
        log.debug({ plugin, hook, stack: error.cause.stack }, 'thrown by the plugin');
    }
  }

  #facts() {
    const { plugin, hook, request } = this.#call;
    return { plugin, hook, request, ms: Math.round((performance.now() - this.#started) * 10) / 10 };
  }
}
