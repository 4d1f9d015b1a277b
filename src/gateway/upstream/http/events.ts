import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { type SallyError, UpstreamReplyTooLarge } from '../../../errors.js';
import type { UpstreamContext } from '../options.js';

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
export function readEvents(
  body: Readable,
  position: Position,
  context: Pick<UpstreamContext, 'upstream' | 'limits'>,
  onData: (data: string) => void,
): Promise<Error | SallyError | undefined> {
  const limit = context.limits.messageBytes;
  return new Promise((resolve) => {
    const tooLarge = () => body.destroy(UpstreamReplyTooLarge({ upstream: context.upstream, limit }));
    const parser = createParser({
      maxBufferSize: limit,
      onEvent({ id, event, data }: EventSourceMessage) {
        if (id) position.lastEventId = id;
        if (data !== '' && (event === undefined || event === 'message')) onData(data);
      },
      onRetry(ms) {
        position.retry = ms;
      },
      onError(error) {
        if (error.type === 'max-buffer-size-exceeded') tooLarge();
      },
    });
    // undici's bodies do not decode: a character may lie across two chunks.
    const decoder = new StringDecoder('utf8');
    body.on('data', (chunk: Buffer) => {
      if (!body.destroyed) parser.feed(decoder.write(chunk));
    });
    body.once('end', () => resolve(undefined));
    body.once('error', resolve);
    body.once('close', () => resolve(undefined));
  });
}
