import { describe, expect, it } from 'vitest';
import { statusText } from '../src/cli/gateway-status.js';
import type { PartStatus } from '../src/gateway/index.js';
import { paint, progressOn, screenOf, wrappedRemedy } from '../src/terminal.js';

const terminal = { isTTY: true, columns: 120 } as const;

describe('what a stream can show', () => {
  it('is a width, colours and progress on a terminal', () => {
    expect(screenOf(terminal, {})).toEqual({ color: true, width: 120, live: true });
  });

  it.each([
    ['a pipe or a file', {}, {}, { color: false, width: 80, live: false }],
    ['a terminal that is called dumb', terminal, { TERM: 'dumb' }, { color: false, width: 80, live: false }],
    ['NO_COLOR', terminal, { NO_COLOR: '1' }, { color: false, width: 120, live: true }],
    ['an empty NO_COLOR', terminal, { NO_COLOR: '' }, { color: true, width: 120, live: true }],
    ['CI, which keeps what is drawn', terminal, { CI: 'true' }, { color: true, width: 120, live: false }],
    ['a terminal of unknown width', { isTTY: true } as const, {}, { color: true, width: 80, live: true }],
  ])('of %s', (_, stream, env, screen) => {
    expect(screenOf(stream, env)).toEqual(screen);
  });

  it('is painted only where there are colours', () => {
    expect([true, false].map((color) => paint({ color }, 'red', 'no'))).toEqual([
      '\u001b[31mno\u001b[0m',
      'no',
    ]);
  });
});

describe('progress', () => {
  const drawn = (live: boolean) => {
    const written: string[] = [];
    const progress = progressOn({ live, width: 12 }, (text) => written.push(text));
    progress.clear();
    progress.show('one of two keys');
    progress.clear();
    progress.clear();
    return written;
  };

  it('is one line that is cut to the width, and taken away', () => {
    expect(drawn(true)).toEqual(['\rone of two \u001b[K', '\r\u001b[K']);
  });

  it('is nothing where nobody looks', () => {
    expect(drawn(false)).toEqual([]);
  });
});

describe('a remedy in lines', () => {
  it.each([
    [
      'keeps a command that it ends with whole, on a line of its own where it has to',
      'to start anew where that CA is lost: sallyport certs all --dir certs/mcp',
      'to start anew where that CA is lost:\n    sallyport certs all --dir certs/mcp',
    ],
    [
      'goes on with a command that is longer, as a shell has it',
      'chmod 600 /srv/sallyport/certs/mcp/gateway/client.key /srv/more',
      'chmod 600 \\\n      /srv/sallyport/certs/mcp/gateway/client.key \\\n      /srv/more',
    ],
    [
      'breaks other words where they end',
      'check the clock of this host and of the one that issued the certificate',
      'check the clock of this host and of the\n    one that issued the certificate',
    ],
    ['leaves alone what fits', 'run it again: sallyport doctor', 'run it again: sallyport doctor'],
  ])('%s', (_, text, lines) => {
    expect(wrappedRemedy(text, { width: 44, inWords: String }, 4)).toBe(lines);
  });
});

describe('how the parts of a gateway are', () => {
  const parts: readonly PartStatus[] = [
    { part: 'plugin', name: 'Filter', state: 'ready', mode: 'enforce', hooks: ['tool_pre_invoke'] },
    { part: 'plugin', name: 'Off', state: 'disabled', mode: 'disabled', hooks: [] },
    {
      part: 'plugin',
      name: 'Moderation',
      state: 'unreachable',
      mode: 'permissive',
      hooks: [],
      reason: 'the plugin server refuses the connection',
      code: 'SALLY_CONNECT_REFUSED',
      remedy: 'start the plugin server',
    },
    { part: 'upstream', name: 'files', state: 'up', revision: '2025-11-25' },
    { part: 'upstream', name: 'slow', state: 'connecting' },
  ];
  const screen = { color: false, width: 60, live: false, inWords: String };

  it('is a line for what is there, and last what is not, why, and what to do', () => {
    expect(statusText(screen, parts, false).split('\n')).toEqual([
      'down     plugins            1 of 3 ready, 1 disabled',
      'waits    upstreams          1 of 2 up',
      'down     plugin Moderation  unreachable: the plugin server',
      '                            refuses the connection',
      '                            → start the plugin server',
      'waits    upstream slow      connecting',
      '',
    ]);
  });

  it('is a line for each with --verbose', () => {
    expect(statusText(screen, parts, true).split('\n').slice(0, 3)).toEqual([
      'ok       plugin Filter      enforce tool_pre_invoke',
      'off      plugin Off         disabled',
      'ok       upstream files     2025-11-25',
    ]);
  });

  it('is two lines where all is well', () => {
    const well = parts.filter(({ state }) => state === 'ready' || state === 'up');
    expect(statusText(screen, well, false)).toBe('ok       plugins    1 ready\nok       upstreams  1 up\n');
  });
});
