import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** A server that wants none gets a pause all the same; a timer takes 31 bits, and fires at once for more. */
const retryMs = { least: 100, most: 2 ** 31 - 1 } as const;

/** How far a stream of events has come: from here another request takes it up again. */
export interface Position {
  lastEventId?: string;
  /** The pause that the server asks for before the stream is taken up again, in milliseconds. */
  retry?: number;
}

interface EventSource {
  /** Hands over the text as it comes. Resolves at its end, however that came; rejects where it broke. */
  read(take: (text: string) => void): Promise<void>;
  /** Ends it; reading rejects with the error. */
  destroy(error?: Error): void;
}

/** How much of a stream is held for one event, and the error where that is not enough. */
interface EventLimit {
  readonly bytes: number;
  tooLarge(): Error;
}

/**
 * Reads a stream of events to its end, and notes in `position` how far it came. Resolves where the stream ends, however:
 * with the error where it broke or was too large.
 */
export async function readEvents(
  source: EventSource,
  position: Position,
  limit: EventLimit,
  onData: (data: string) => void,
  /** Called after the events of each piece that came. */
  onPiece = () => {},
  /** What events of other types than `message` are for. */
  onOther: (event: string, data: string) => void = () => {},
): Promise<Error | undefined> {
  const parser = createParser({
    maxBufferSize: limit.bytes,
    onEvent({ id, event, data }: EventSourceMessage) {
      if (id) position.lastEventId = id;
      if (event !== undefined && event !== 'message') onOther(event, data);
      else if (data !== '') onData(data);
    },
    onRetry(ms) {
      position.retry = Math.min(Math.max(ms, retryMs.least), retryMs.most);
    },
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') source.destroy(limit.tooLarge());
    },
  });
  let endedByCr = false;
  try {
    await source.read((text) => {
      // The parser loses events whose lines end in CR alone, where they are cut in some places. An LF after a CR is of the same end.
      const from = endedByCr && text.startsWith('\n') ? 1 : 0;
      endedByCr = text.endsWith('\r');
      parser.feed(text.includes('\r') ? text.slice(from).replace(/\r\n?/g, '\n') : text.slice(from));
      onPiece();
    });
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** An event of a stream, as the HTML standard has it (Server-sent events); JSON has no line breaks. */
export function sseEvent(json: string, id?: string): string {
  return id === undefined
    ? `event: message\ndata: ${json}\n\n`
    : `event: message\nid: ${id}\ndata: ${json}\n\n`;
}

/** An event without data gives the client an id to come back with, and the time after which to. */
export function ssePrime(id: string): string {
  return `id: ${id}\nretry: 1000\ndata: \n\n`;
}

export const sseComment = ': \n\n';
