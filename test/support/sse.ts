/** One event of a stream, as it stands on the wire. */
export interface SseEvent {
  readonly id?: string;
  readonly data: string;
  readonly retry?: string;
  readonly event?: string;
}

/** The events of a reply, as they come. Comments are left out. */
export async function* events(reply: Response): AsyncGenerator<SseEvent> {
  let text = '';
  for await (const chunk of reply.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString('utf8');
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const fields = lines.map((line) => [
        line.slice(0, line.indexOf(':')),
        line.slice(line.indexOf(':') + 2),
      ]);
      const event = Object.fromEntries(fields.filter(([name]) => name !== '')) as Partial<SseEvent>;
      if (event.data !== undefined) yield { ...event, data: event.data };
    }
  }
}

/** All events, to the end of the stream. */
export async function all(stream: AsyncIterable<SseEvent>): Promise<SseEvent[]> {
  const seen: SseEvent[] = [];
  for await (const event of stream) seen.push(event);
  return seen;
}
