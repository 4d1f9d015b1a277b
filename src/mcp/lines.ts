import type { Readable } from 'node:stream';

const newline = 0x0a;

/**
 * Cuts what comes in chunks into lines. A line above `limit` bytes is given to `onLong` as far as it came, and what
 * follows of it is let pass.
 */
export function cutLines(
  limit: number,
  onLine: (line: string) => void,
  onLong: (beginning: string) => void,
): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let bytes = 0;
  let skipping = false;
  const take = (end: Buffer): string => {
    const whole = parts.length === 0 ? end : Buffer.concat([...parts, end]);
    parts = [];
    bytes = 0;
    return whole.toString('utf8');
  };
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      const end = chunk.subarray(from, at);
      from = at + 1;
      if (skipping) skipping = false;
      else if (bytes + end.length > limit) onLong(take(end.subarray(0, limit - bytes)));
      else {
        const line = take(end);
        if (line.length > 0) onLine(line);
      }
    }
    const rest = chunk.subarray(from);
    if (skipping || rest.length === 0) return;
    parts.push(rest);
    bytes += rest.length;
    if (bytes > limit) {
      onLong(take(Buffer.alloc(0)));
      skipping = true;
    }
  };
}

/** What `readLines` meets. */
export type Line = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'too-long' };

/** The lines of a stream at the pace of their reader, without blank ones. What is too long is skipped to its end. */
export async function* readLines(input: Readable, maxBytes: number): AsyncGenerator<Line> {
  let found: Line[] = [];
  const onLine = (line: string) => {
    const text = line.trim();
    if (text !== '') found.push({ kind: 'line', text });
  };
  const cut = cutLines(maxBytes, onLine, () => found.push({ kind: 'too-long' }));
  for await (const chunk of input as AsyncIterable<Buffer | string>) {
    cut(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    const now = found;
    found = [];
    yield* now;
  }
}
