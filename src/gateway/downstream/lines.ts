import type { Readable } from 'node:stream';

/** What `readLines` meets. */
export type Line = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'too-long' };

const newline = 0x0a;

/** The lines of a stream, without the empty ones. What is too long is skipped to its end, and never held. */
export async function* readLines(input: Readable, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input as AsyncIterable<Buffer | string>) {
    let rest = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    while (rest.length > 0) {
      const end = rest.indexOf(newline);
      const part = end < 0 ? rest : rest.subarray(0, end);
      rest = end < 0 ? Buffer.alloc(0) : rest.subarray(end + 1);
      bytes += part.length;
      if (bytes > maxBytes) parts = [];
      else parts.push(part);
      if (end < 0) continue;
      if (bytes > maxBytes) yield { kind: 'too-long' };
      else {
        const text = Buffer.concat(parts).toString('utf8').trim();
        if (text !== '') yield { kind: 'line', text };
      }
      parts = [];
      bytes = 0;
    }
  }
}
