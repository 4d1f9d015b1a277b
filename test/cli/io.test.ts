import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gathered } from '../../src/cli/io.js';

describe('lines that are gathered', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

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

  it('wait for ten milliseconds where others went out just before', async () => {
    const { written, write } = open();
    write('a\n');
    await turn();
    write('b\n');
    await turn();
    vi.advanceTimersByTime(5);
    write('c\n');
    expect(written).toEqual(['a\n']);
    vi.advanceTimersByTime(5);
    expect(written).toEqual(['a\n', 'b\nc\n']);
    vi.advanceTimersByTime(10);
    write('d\n');
    await turn();
    expect(written).toEqual(['a\n', 'b\nc\n', 'd\n']);
  });

  it('go out at once where that is asked for, and not twice', async () => {
    const { written, write, flush } = open();
    write('a\n');
    flush();
    write('b\n');
    flush();
    flush();
    await turn();
    vi.advanceTimersByTime(20);
    expect(written).toEqual(['a\n', 'b\n']);
  });
});
