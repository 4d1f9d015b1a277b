import { messageOf } from '../../errors.js';
import type { Answer, JsonObject } from '../../mcp/messages.js';
import type { Link } from './link.js';
import type { UpstreamContext } from './options.js';

/** Resources that one session is subscribed to, at most. */
const maxResources = 10_000;

/**
 * What a session of the legacy era holds at the upstream: subscriptions, and the level of its log. Where the session has
 * to begin anew it is told again: the clients behind it know of no loss.
 */
export class SessionMemory {
  readonly #resources = new Set<string>();
  #level: JsonObject | undefined;

  note(method: string, params: JsonObject | undefined, answer: Answer): void {
    if ('error' in answer) return;
    if (method === 'logging/setLevel') this.#level = params;
    const uri = params?.['uri'];
    if (typeof uri !== 'string') return;
    if (method === 'resources/unsubscribe') this.#resources.delete(uri);
    if (method === 'resources/subscribe' && this.#resources.size < maxResources) this.#resources.add(uri);
  }

  /** Tells it all to a session that has just begun. */
  async replay(link: Link, context: UpstreamContext): Promise<void> {
    const requests: [string, JsonObject][] = [...this.#resources].map((uri) => [
      'resources/subscribe',
      { uri },
    ]);
    if (this.#level) requests.unshift(['logging/setLevel', this.#level]);
    const signal = AbortSignal.timeout(context.timeoutMs);
    for (const [method, params] of requests) {
      try {
        await link.request(method, params, { signal }, {});
      } catch (error) {
        const { upstream, log } = context;
        log.debug({ upstream, error: messageOf(error) }, 'a session that began anew lacks what it held');
        return;
      }
    }
  }
}
