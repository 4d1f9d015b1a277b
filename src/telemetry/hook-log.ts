import { CallCancelled } from '../errors.js';
import type { Logger } from '../log.js';
import type {
  HookCallEnd,
  HookCallStart,
  Observer,
  RequestObservation,
  RequestStart,
  ServedCall,
} from './observer.js';
import { callerIds, type SpanIds } from './trace-context.js';

/** The lines of a plugin server about its hook calls: failures, and at `debug` all. */
export function createHookLog(log: Logger): Observer {
  return { request: (start) => new HookLines(log, start) };
}

class HookLines implements RequestObservation {
  readonly #log: Logger;
  readonly #start: RequestStart;
  #call: ServedCall | undefined;

  constructor(log: Logger, start: RequestStart) {
    this.#log = log;
    this.#start = start;
  }

  serves(call: ServedCall): void {
    this.#call = call;
  }

  hookCall({ plugin, hook, request }: HookCallStart) {
    const started = performance.now();
    const log = this.#log;
    return {
      end: ({ decision, error }: HookCallEnd, span: SpanIds | undefined) => {
        if (error === undefined ? log.isLevelEnabled?.('debug') === false : CallCancelled.is(error)) return;
        const ms = Math.round((performance.now() - started) * 10) / 10;
        const ids = span ?? callerIds(this.#start.headers, this.#call?.params['_meta']);
        const facts = { plugin, hook, request, ...ids, ms };
        if (error === undefined) {
          log.debug({ ...facts, blocked: decision === 'blocked' }, 'hook call');
          return;
        }
        log.error({ ...facts, code: error.code, remedy: error.remedy }, error.message);
        if (error.cause instanceof Error)
          log.debug({ plugin, hook, stack: error.cause.stack }, 'thrown by the plugin');
      },
    };
  }

  end() {}
}
