import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutLines } from '../../src/mcp/lines.js';

function cut(limit: number, chunks: readonly Uint8Array[]) {
  const lines: string[] = [];
  const long: string[] = [];
  const feed = cutLines(
    limit,
    (line) => lines.push(line),
    (beginning) => long.push(beginning),
  );
  for (const chunk of chunks) feed(Buffer.from(chunk));
  return { lines, long };
}

it('finds the same lines however the bytes are cut', () => {
  const texts = fc.array(
    fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n')),
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 9 }), (lines, size) => {
      const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
        whole.subarray(at * size, (at + 1) * size),
      );
      expect(cut(10_000, chunks)).toEqual({ lines, long: [] });
    }),
  );
});

it('lets a line above the limit pass, and goes on after it', () => {
  const chunks = ['a\n', 'xxxx', 'xxxx', 'xxx\nb\n', `${'y'.repeat(20)}\nc\n`].map((text) =>
    Buffer.from(text),
  );
  const { lines, long } = cut(5, chunks);
  expect(lines).toEqual(['a', 'b', 'c']);
  expect(long).toEqual(['xxxxxxxx', 'yyyyy']);
});
