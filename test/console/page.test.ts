import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/console/facts.js';
import {
  added,
  emptyLog,
  kept,
  matching,
  noFilter,
  paused,
  resumed,
} from '../../src/console/page/decisions.js';
import { ago, count, duration, partsOf, plain, rate, span } from '../../src/console/page/format.js';
import { goneOf, leftOf } from '../../src/console/page/life.js';
import { concernsOf, markOf } from '../../src/console/page/states.js';
import { hourOf, newest, rowsOf, wordsOf } from '../../src/console/page/traffic.js';

const start = Date.parse('2026-11-28T10:00:00Z');
const decision = (id: number, rest: Partial<Decision> = {}): Decision => ({
  id,
  at: new Date(start + id * 1000).toISOString(),
  user: 'ada',
  method: 'tools/call',
  plugin: 'Guard',
  hook: 'tool_pre_invoke',
  verdict: 'continue',
  ...rest,
});
const ids = (decisions: readonly Decision[]) => decisions.map(({ id }) => id);

describe('the decisions that the page has', () => {
  it('stand once each, newest first, in whatever order they came', () => {
    const log = added(added(emptyLog, [decision(2), decision(1)]), [decision(2), decision(3)]);
    expect(ids(log.shown)).toEqual([3, 2, 1]);
  });

  it('of before and after a restart are different ones, though numbers begin anew', () => {
    const later = { ...decision(1), at: new Date(start + 60_000).toISOString() };
    expect(added(added(emptyLog, [decision(1), decision(2)]), [later]).shown).toEqual([
      later,
      decision(2),
      decision(1),
    ]);
  });

  it('wait while it is paused, and come when it goes on', () => {
    const log = added(paused(added(emptyLog, [decision(1)])), [decision(2), decision(3)]);
    expect([ids(log.shown), ids(log.held)]).toEqual([[1], [3, 2]]);
    expect(ids(added(log, [decision(2)]).held)).toEqual([3, 2]);
    expect(resumed(log)).toMatchObject({ held: [], paused: false });
    expect(ids(resumed(log).shown)).toEqual([3, 2, 1]);
  });

  it('are bounded, also while it is paused, and what was not kept is counted', () => {
    const many = Array.from({ length: kept + 5 }, (_, i) => decision(i + 1));
    expect(ids(added(emptyLog, many).shown)).toHaveLength(kept);
    const log = added(paused(emptyLog), many);
    expect([log.held.length, log.missed]).toEqual([kept, 5]);
    expect(ids(resumed(log).shown)[0]).toBe(kept + 5);
  });

  it.each([
    ['words of any of its fields, in any case', { words: 'GUARD  deny' }, true],
    ['a word that none has', { words: 'guard absent' }, false],
    ['a part of its trace id', { words: '4bf92f' }, true],
    ['its verdict among others', { verdicts: ['blocked', 'failed'] as const }, true],
    ['another verdict', { verdicts: ['continue'] as const }, false],
    ['its plugin', { plugin: 'Guard' }, true],
    ['a plugin of which its name is a part', { plugin: 'Guardian' }, false],
  ])('are found by %s', (_, filter, found) => {
    const one = decision(1, {
      verdict: 'blocked',
      reason: 'DENY',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    });
    expect(matching({ ...noFilter, ...filter })(one)).toBe(found);
  });
});

describe('texts from elsewhere', () => {
  it('show characters that turn them round, or cannot be seen, by number', () => {
    expect(partsOf('a\u202Eb')).toEqual([
      { text: 'a', unseen: false },
      { text: 'U+202E', unseen: true },
      { text: 'b', unseen: false },
    ]);
    for (const hidden of ['\u200B', '\u2066', '\u0000', '\u001B', '\u2028', '\uFEFF', '\u{E0041}'])
      expect(plain(`a${hidden}b`)).toMatch(/^a<U\+[0-9A-F]{4,5}>b$/);
  });

  it('are cut where there is only room for some of them', () => {
    expect(plain('x'.repeat(300), 10)).toBe(`${'x'.repeat(10)}…`);
    expect(plain('plain <b>')).toBe('plain <b>');
  });
});

describe('numbers and times', () => {
  it('have as many digits as can be read at a glance', () => {
    expect([count(12_345), count(12_345_678), rate(0), rate(3.14), rate(1234.5), rate(null)]).toEqual([
      '12,345',
      '12.3M',
      '0',
      '3.1',
      '1,235',
      '–',
    ]);
    expect([0, 0.123, 12.34, 123.4, 1234, 12_345, null].map(duration)).toEqual([
      '0 ms',
      '0.12 ms',
      '12.3 ms',
      '123 ms',
      '1.23 s',
      '12.3 s',
      '–',
    ]);
    expect([5_000, 65_000, 3_600_000 * 5, 86_400_000, 86_400_000 * 3].map(span)).toEqual([
      '5 s',
      '1 min',
      '5 h 0 min',
      '1 day',
      '3 days',
    ]);
    expect([
      ago(new Date(start).toISOString(), start + 900),
      ago(new Date(start).toISOString(), start + 9_000),
    ]).toEqual(['now', '9 s ago']);
  });

  it('of a certificate say how much of its life is left, also before and after it', () => {
    const life = {
      path: 'p',
      subject: 's',
      role: 'r',
      verdict: 'ok',
      level: 'ok' as const,
      notBefore: '2026-01-01T00:00:00Z',
      notAfter: '2026-01-11T00:00:00Z',
    };
    const at = (day: string) => Date.parse(`${day}T00:00:00Z`);
    expect(['2025-12-01', '2026-01-06', '2026-02-01'].map((day) => goneOf(life, at(day)))).toEqual([
      0, 0.5, 1,
    ]);
    expect(goneOf({ ...life, notAfter: life.notBefore }, start)).toBe(1);
    expect(['2026-01-01', '2026-01-10', '2026-01-13'].map((day) => leftOf(life.notAfter, at(day)))).toEqual([
      '10 days left',
      '1 day left',
      'ended 2 days ago',
    ]);
    expect([goneOf({ ...life, notBefore: '', notAfter: '' }, start), leftOf('', start)]).toEqual([
      1,
      'dates unknown',
    ]);
    expect(leftOf(life.notAfter, at('2026-01-11') - 3_600_000)).toBe('1 hour left');
  });
});

describe('what wants attention', () => {
  it('is every part that is not as it should be, errors first, and nothing else', () => {
    const part = { transport: 'http', tools: 0, prompts: 0, resources: 0, calls: 0, failed: 0, inFlight: 0 };
    const plugin = { kind: 'external', mode: 'enforce', hooks: [], calls: 0, blocked: 0, failed: 0 };
    const certificate = { subject: 's', role: 'r', notBefore: '', notAfter: '' };
    const concerns = concernsOf({
      upstreams: [
        { ...part, name: 'a', state: 'up' },
        { ...part, name: 'b', state: 'down' },
        { ...part, name: 'c', state: 'connecting' },
      ],
      plugins: [
        { ...plugin, name: 'P', state: 'ready' },
        { ...plugin, name: 'Q', state: 'a state of later' },
        { ...plugin, name: 'R', state: 'disabled' },
      ],
      certificates: [
        { ...certificate, path: 'x', verdict: 'ok', level: 'ok' },
        { ...certificate, path: 'y', verdict: 'revoked', level: 'error' },
      ],
      doctor: { at: null, running: false, findings: [{ level: 'warning', title: 't' }] },
    });
    expect(concerns.map(({ level, what, name }) => [level, what, name])).toEqual([
      ['error', 'The upstream is down', 'b'],
      ['error', 'Certificate: revoked', 'y'],
      ['warning', 'The plugin is a state of later', 'Q'],
      ['warning', 'Doctor: 1 warning', undefined],
    ]);
  });

  it('has no mark of what every object inherits', () => {
    expect([markOf('up'), markOf('constructor')]).toEqual(['ok', 'warning']);
  });
});

describe('the last hour', () => {
  const traffic = {
    everySeconds: 10,
    from: start / 1000,
    requests: [100, 0, 50],
    refused: [0, 0, 3],
    failed: [0, 0, 0],
    p50: [4, null, 6],
    p99: [40, null, 20],
  };
  const over = new Date(start + 30_000).toISOString();

  it('ends with an interval that is not over: what is missing of it is taken from the one before', () => {
    const requests = [100, 100, 25];
    const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
    expect(hourOf({ ...traffic, requests }, at(25)).rates).toEqual([10, 10, 7.5]);
    expect(hourOf({ ...traffic, requests }, at(30)).rates).toEqual([10, 10, 2.5]);
    expect(hourOf({ ...traffic, requests: [3] }, at(1)).rates).toEqual([0.3]);
    expect([newest([5, 6]), newest([5, null]), newest([5, null, null]), newest([])]).toEqual([
      6,
      5,
      null,
      null,
    ]);
  });

  it('is told in words for those who do not see the plots', () => {
    const words = wordsOf(hourOf(traffic, over));
    expect(words.rates).toMatch(/^Now 5\.0 requests per second, 5\.0 on average, 10 at most at \d\d:\d\d\.$/);
    expect(words.latency).toMatch(/p50\) and 20\.0 ms .* 40\.0 ms at most at/);
    expect(words.refusals).toBe('3 requests refused and none failed in the last hour.');
    const empty = wordsOf(
      hourOf({ ...traffic, requests: [], refused: [], failed: [], p50: [], p99: [] }, over),
    );
    expect([empty.rates, empty.latency]).toEqual([
      'No request in the last hour.',
      'No latency measured in the last hour.',
    ]);
  });

  it('has rows by five minutes, the newest first', () => {
    const length = 60;
    const many = { ...traffic, requests: Array.from({ length }, (_, i) => (i < 30 ? 10 : 20)) };
    for (const key of ['refused', 'failed'] as const) many[key] = new Array(length).fill(1);
    for (const key of ['p50', 'p99'] as const) many[key] = new Array(length).fill(7);
    expect(rowsOf(hourOf(many, new Date(start + 600_000).toISOString()))).toEqual([
      { start: start / 1000 + 300, rate: 2, p50: 7, p99: 7, refused: 30, failed: 30 },
      { start: start / 1000, rate: 1, p50: 7, p99: 7, refused: 30, failed: 30 },
    ]);
  });
});
