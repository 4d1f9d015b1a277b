/** A session's last events, for a client that lost its stream and comes back with `Last-Event-ID`. */
export interface Replay {
  /** Remembers an event and gives it its id: `<stream>-<number>`, unique within the session. */
  add(stream: string, data: string): string;
  /** The events of a stream after that number, as far as they are still known. */
  after(stream: string, number: number): readonly { readonly id: string; readonly data: string }[];
}

const maxEvents = 256;
const maxChars = 256 * 1024;

/** Bounded by number and size; the newest event is always kept. */
export function createReplay(): Replay {
  let number = 0;
  let chars = 0;
  const events: { stream: string; number: number; id: string; data: string }[] = [];
  return {
    add(stream, data) {
      number += 1;
      const id = `${stream}-${number}`;
      events.push({ stream, number, id, data });
      chars += data.length;
      while (events.length > 1 && (events.length > maxEvents || chars > maxChars)) {
        chars -= events.shift()?.data.length ?? 0;
      }
      return id;
    },
    after(stream, last) {
      return events.filter((event) => event.stream === stream && event.number > last);
    },
  };
}

/** The stream and the number of an event id; undefined for what is none. */
export function readEventId(id: string): { readonly stream: string; readonly number: number } | undefined {
  const [, stream, number] = /^([gp]\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return stream === undefined ? undefined : { stream, number: Number(number) };
}
