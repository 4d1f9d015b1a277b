import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { type SallyError, UpstreamReplyTooLarge } from '../../../errors.js';
import type { UpstreamContext } from '../options.js';
import type { ReplyBody } from './body.js';

/** A server that wants none gets a pause all the same; a timer takes 31 bits, and fires at once for more. */
const retryMs = { least: 100, most: 2 ** 31 - 1 } as const;

/** How far a stream of events has come: from here another request takes it up again. */
export interface Position {
  lastEventId?: string;
  /** The pause that the server asks for before the stream is taken up again, in milliseconds. */
  retry?: number;
}

/**
 * Reads a stream of events to its end, and notes in `position` how far it came. Resolves where the stream ends, however:
 * with the error where it broke or was too large.
 */
export async function readEvents(
  body: ReplyBody,
  position: Position,
  context: Pick<UpstreamContext, 'upstream' | 'limits'>,
  onData: (data: string) => void,
  /** Called after the events of each piece that came. */
  onPiece = () => {},
): Promise<Error | SallyError | undefined> {
  const limit = context.limits.messageBytes;
  const parser = createParser({
    maxBufferSize: limit,
    onEvent({ id, event, data }: EventSourceMessage) {
      if (id) position.lastEventId = id;
      if (data !== '' && (event === undefined || event === 'message')) onData(data);
    },
    onRetry(ms) {
      position.retry = Math.min(Math.max(ms, retryMs.least), retryMs.most);
    },
    onError(error) {
      if (error.type !== 'max-buffer-size-exceeded') return;
      body.destroy(UpstreamReplyTooLarge({ upstream: context.upstream, limit }));
    },
  });
  try {
    await body.read((text) => {
      parser.feed(text);
      onPiece();
    });
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
