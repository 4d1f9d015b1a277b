import { describe, expect, it } from 'vitest';
import type { ConsoleState, Decision } from '../../src/console/facts.js';
import { sparkline } from '../../src/console/picture.js';
import { firstView, screenText, type View, viewAfter, wholeText } from '../../src/console/screen.js';

const decision: Decision = {
  id: 1,
  at: '2026-11-28T10:00:00.000Z',
  user: 'ada',
  client: 'editor/1',
  method: 'tools/call',
  target: 'delete_everything',
  plugin: 'Guard',
  hook: 'tool_pre_invoke',
  verdict: 'blocked',
  reason: 'DENIED',
};

const state: ConsoleState = {
  at: '2026-11-28T10:00:10.000Z',
  version: '1.0.0',
  startedAt: '2026-11-28T08:00:00.000Z',
  workers: 2,
  address: 'http://127.0.0.1:4444/mcp',
  clients: [],
  upstreams: [
    {
      name: 'crm',
      transport: 'http',
      state: 'down',
      error: 'it refuses the connection',
      remedy: 'start it',
      tools: 3,
      prompts: 0,
      resources: 0,
      calls: 7,
      failed: 1,
      inFlight: 0,
    },
  ],
  plugins: [],
  traffic: {
    everySeconds: 10,
    from: 0,
    requests: [0, 10, 20],
    refused: [0, 0, 1],
    failed: [0, 0, 0],
    p50: [null, 2, 3],
    p99: [null, 20, 30],
  },
  certificates: [],
  configuration: '',
  doctor: { at: null, running: true, findings: [] },
  decisions: [decision, { ...decision, id: 2, target: 'read\u001b[2J\u202efile', verdict: 'continue' }],
};

const size = { width: 100, height: 24, color: false };
const look = (view: Partial<View>, sizes: Partial<typeof size> = {}) =>
  screenText(state, { ...firstView, ...view }, { ...size, ...sizes });

describe('sallyport top', () => {
  it.each([
    [20, 3],
    [40, 10],
    [80, 24],
    [200, 60],
  ])('fits a terminal of %i columns and %i lines', (width, height) => {
    for (const list of ['decisions', 'upstreams', 'doctor'] as const) {
      const lines = look({ list }, { width, height });
      expect(lines).toHaveLength(height);
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width);
    }
  });

  it('shows what passes now, and the newest decision first', () => {
    const lines = look({}, { width: 160 });
    expect(lines[0]).toBe('sallyport 1.0.0  http://127.0.0.1:4444/mcp, 2 workers, up 2 h');
    expect(lines[1]).toContain('1.0 requests/s   p50 3 ms   p99 30 ms   1 refused   0 failed');
    const rows = lines.filter((line) => line.includes('tool_pre_invoke'));
    expect(rows[0]).toMatch(/^continue .* Guard .* ada .* editor\/1 /);
    expect(rows[1]).toMatch(/^blocked .* tools\/call delete_everything +DENIED/);
  });

  it('shows of a part that is down why, and what to do', () => {
    expect(look({ list: 'upstreams' })).toEqual(
      expect.arrayContaining(['    it refuses the connection', '    → start it']),
    );
  });

  it('obeys nothing that a client says', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
    expect(look({}, { width: 300 }).join('')).not.toMatch(/[\u0000-\u001f\u202e]/);
  });

  it('filters by what is typed', () => {
    const keys = ['/', 'd', 'e', 'n', 'x', '\u007f', '\r'];
    const view = keys.reduce<View>((before, key) => viewAfter(before, key, 10) as View, firstView);
    expect(view).toMatchObject({ filter: 'den', typing: false });
    const lines = look({ filter: 'delete_' });
    expect(lines.filter((line) => line.includes('tool_pre_invoke'))).toHaveLength(1);
  });

  it('goes from list to list, scrolls, pauses and ends by keys', () => {
    const press = (key: string) => viewAfter(firstView, key, 10);
    expect(press('\t')).toMatchObject({ list: 'upstreams' });
    expect(press('\u001b[D')).toMatchObject({ list: 'doctor' });
    expect(press('3')).toMatchObject({ list: 'plugins' });
    expect(press('\u001b[B')).toMatchObject({ scrolled: 1 });
    expect(press('\u001b[6~')).toMatchObject({ scrolled: 10 });
    expect(press('p')).toMatchObject({ paused: true });
    for (const key of ['q', '\u0003']) expect(press(key)).toBeUndefined();
    expect(viewAfter({ ...firstView, typing: true }, 'q', 10)).toMatchObject({ filter: 'q' });
  });

  it('draws the last hour in as many columns as there are', () => {
    expect(sparkline([0, 1, 2, 4], 10)).toBe('▁▃▅█');
    expect(sparkline(new Array<number>(360).fill(1), 40)).toHaveLength(40);
  });

  it('prints everything once for who reads it later', () => {
    const text = wholeText(state, { width: 200, color: false });
    for (const words of [
      'decisions (2)',
      'upstreams (1)',
      'delete_everything',
      'start it',
      'certificates (0)',
    ])
      expect(text).toContain(words);
  });
});
