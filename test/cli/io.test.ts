import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { gathered } from '../../src/cli/io.js';

describe('lines that are gathered', () => {
  const open = () => {
    const written: string[] = [];
    return { written, ...gathered((text) => written.push(text)) };
  };

  it('go out at the end of the turn, all of it in one piece', async () => {
    const { written, write } = open();
    write('a\n');
    write('b\n');
    expect(written).toEqual([]);
    await turn();
    expect(written).toEqual(['a\nb\n']);
  });

  it('go out at once where that is asked for, and not twice', async () => {
    const { written, write, flush } = open();
    write('a\n');
    flush();
    write('b\n');
    flush();
    flush();
    await turn();
    expect(written).toEqual(['a\n', 'b\n']);
  });
});
