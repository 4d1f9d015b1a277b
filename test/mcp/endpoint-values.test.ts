import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Replay, readEventId } from '../../src/mcp/endpoint-session.js';
import { decodeHeaderValue } from '../../src/mcp/headers.js';
import { readLines } from '../../src/mcp/lines.js';
import { Running } from '../../src/mcp/requests.js';
import { isModern, negotiate } from '../../src/mcp/revisions.js';

describe('a value in a header', () => {
  it('comes back as it was, whatever it was', () => {
    const encode = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => decodeHeaderValue(encode(text)) === text),
    );
  });

  it.each([
    ['us-west1', 'us-west1'],
    ['', ''],
    ['=?base64?SGVsbG8=', '=?base64?SGVsbG8='],
    ['SGVsbG8=?=', 'SGVsbG8=?='],
    ['=?BASE64?SGVsbG8=?=', '=?BASE64?SGVsbG8=?='],
    ['=?base64??=', ''],
    ['=?base64?=', '=?base64?='],
    ['=?base64?SGVsbG8?=', undefined],
    ['=?base64?SGVs!!!bG8=?=', undefined],
    ['=?base64?/w==?=', undefined],
    ['Zürich', undefined],
    ['a\u0000', undefined],
  ])('%j is %j', (header, value) => {
    expect(decodeHeaderValue(header)).toBe(value);
  });
});

describe('revisions', () => {
  it.each([
    ['2026-07-28', true],
    ['2027-01-01', true],
    ['2025-11-25', false],
    ['v999.0.0', false],
    ['', false],
  ])('%j is of the modern era: %j', (revision, modern) => {
    expect(isModern(revision)).toBe(modern);
  });

  it('initialize never gets one without sessions', () => {
    fc.assert(fc.property(fc.string(), (asked) => !isModern(negotiate(asked))));
    expect(negotiate('2026-07-28')).toBe('2025-11-25');
  });
});

describe('slots', () => {
  it('never hold more than they may, and lose none', () => {
    const who = fc.constantFrom('ada', 'bob', undefined);
    const step = fc.record({ take: fc.boolean(), who });
    fc.assert(
      fc.property(
        fc.array(step),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 3 }),
        (steps, all, one) => {
          const running = new Running<object>(all, one);
          const held: { name: string | undefined; end: () => void }[] = [];
          for (const { take, who: name } of steps) {
            if (!take) {
              const at = held.findIndex((other) => other.name === name);
              if (at >= 0) held.splice(at, 1)[0]?.end();
              continue;
            }
            const own = held.filter((other) => other.name === name).length;
            const expected =
              held.length >= all ? 'for-all' : name !== undefined && own >= one ? 'for-one' : undefined;
            expect(running.full(name)).toBe(expected);
            if (expected === undefined) held.push({ name, end: running.add({}, name) });
          }
          expect(running.size).toBe(held.length);
        },
      ),
    );
  });
});

describe('the last events of a session', () => {
  it('are those after the one that is named, of its stream only', () => {
    const replay = new Replay();
    const ids = ['p1', 'g2', 'p1', 'g2', 'p1'].map((stream, i) => replay.add(stream, String(i)));
    expect(ids).toEqual(['p1-1', 'g2-2', 'p1-3', 'g2-4', 'p1-5']);
    expect(replay.after('p1', 1).map((event) => event.data)).toEqual(['2', '4']);
    expect(replay.after('g2', 0).map((event) => event.id)).toEqual(['g2-2', 'g2-4']);
    expect(replay.after('p1', 5)).toEqual([]);
  });

  it('are bounded in number and size; the newest is always there', () => {
    const replay = new Replay();
    for (let i = 0; i < 1_000; i += 1) replay.add('g1', 'x');
    expect(replay.after('g1', 0)).toHaveLength(256);
    replay.add('g1', 'y'.repeat(1_000_000));
    expect(replay.after('g1', 0)).toHaveLength(1);
    replay.add('g1', 'z');
    expect(replay.after('g1', 0).map((event) => event.data)).toEqual(['z']);
  });

  it.each(['', 'g1', 'g1-', '1-1', 'x1-1', 'g1-1-1', 'g-1', `g1-${'9'.repeat(16)}`])(
    '%j is no id of an event',
    (id) => expect(readEventId(id)).toBeUndefined(),
  );
});

describe('lines', () => {
  const read = async (chunks: readonly Buffer[], limit = 1_000) => {
    const seen: (string | null)[] = [];
    for await (const line of readLines(Readable.from(chunks), limit)) {
      seen.push(line.kind === 'line' ? line.text : null);
    }
    return seen;
  };

  it('are the same, however they come', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'ü', '"', '漢'), minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (lines, size) => {
        const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        expect(await read(chunks)).toEqual(lines);
      }),
    );
  });

  it('that are too long are skipped to their end; what has no end is none', async () => {
    const long = 'x'.repeat(11);
    expect(await read([Buffer.from(`a\n${long}`), Buffer.from(`${long}\nb\r\n\n  \nrest`)], 10)).toEqual([
      'a',
      null,
      'b',
    ]);
  });
});
