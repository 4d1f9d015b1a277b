import { findSallyError } from '../../../errors.js';
import { type Position, readEvents } from '../../../mcp/events.js';
import type { PeerMessage as Message } from '../../../mcp/messages.js';
import { backoff, pause } from '../../../wait.js';
import { eventLimit, messagesFrom, type UpstreamContext } from '../options.js';
import { isStream } from './exchange.js';
import type { HttpReply } from './wire.js';

interface HeldStream {
  open(lastEventId: string | undefined): Promise<HttpReply>;
  receive(message: Message): void;
  /** The server has no such stream, or not any more. */
  refused(reply: HttpReply): Promise<void>;
  /** It cannot be opened: nobody is there, or the way is cut. */
  failed(error: unknown): void;
}

/** A stream that lasted so long ended for a reason that has passed, in milliseconds. */
const settledMs = 5_000;

/**
 * Keeps a GET stream open until the signal: takes it up again where it ended, from the last event that came. A server
 * that answers with a 4xx status has none to offer.
 */
export async function holdStream(
  context: UpstreamContext,
  signal: AbortSignal,
  stream: HeldStream,
): Promise<void> {
  const position: Position = {};
  let attempts = 0;
  while (!signal.aborted) {
    const begun = context.now();
    try {
      const reply = await stream.open(position.lastEventId);
      // 409: the server has not noticed yet that the stream before is gone.
      if (reply.status >= 400 && reply.status < 500 && reply.status !== 409) {
        return await stream.refused(reply);
      }
      if (!isStream(reply)) {
        reply.body.dump();
      } else {
        // Proxies cut streams that rest: only one that cannot be opened again says something of the server.
        await readEvents(reply.body, position, eventLimit(context), (data) => {
          attempts = 0;
          for (const message of messagesIn(data, context)) stream.receive(message);
        });
      }
    } catch (error) {
      if (!signal.aborted) stream.failed(error);
    }
    if (context.now() - begun > settledMs) attempts = 0;
    attempts += 1;
    await pause(position.retry ?? backoff(attempts, context.pace, context.random), signal);
  }
}

/** One that is not taken is left out: it belongs to nobody's request. */
function messagesIn(data: string, { upstream, log }: UpstreamContext): readonly Message[] {
  try {
    return messagesFrom(data, upstream) ?? [];
  } catch (error) {
    const { code, remedy, message } = findSallyError(error) ?? {};
    log.warn({ upstream, code, remedy }, message ?? 'an event could not be read');
    return [];
  }
}
