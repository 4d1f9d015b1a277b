import { CallCancelled } from '../errors.js';
import type { Logger } from '../log.js';
import type { Observer, RequestObservation } from './observer.js';

/** The lines of a plugin server about its hook calls: failures, and at `debug` all. */
export function createHookLog(log: Logger): Observer {
  const observation: RequestObservation = {
    hookCall({ plugin, hook, request }) {
      const started = performance.now();
      return {
        end({ decision, error }) {
          if (error === undefined ? log.isLevelEnabled?.('debug') === false : CallCancelled.is(error)) return;
          const ms = Math.round((performance.now() - started) * 10) / 10;
          const facts = { plugin, hook, request, ms };
          if (error === undefined) {
            log.debug({ ...facts, blocked: decision === 'blocked' }, 'hook call');
            return;
          }
          log.error({ ...facts, code: error.code, remedy: error.remedy }, error.message);
          if (error.cause instanceof Error)
            log.debug({ plugin, hook, stack: error.cause.stack }, 'thrown by the plugin');
        },
      };
    },
    end() {},
  };
  return { request: () => observation };
}
