import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPeerLog } from '../src/log/limit.js';
import { type Logger, silentLogger } from '../src/log.js';

const error = (code: string, message = code) => ({ code, remedy: 'do something', message });

function watched(limits: Parameters<typeof createPeerLog>[1] = {}) {
  const lines: { level: string; msg: string; more?: number; addresses?: string[]; code?: string }[] = [];
  const write = (level: string) => (fields: object, msg: string) =>
    void lines.push({ level, msg, ...fields });
  const log: Logger = { ...silentLogger, warn: write('warn'), error: write('error') };
  return { lines, peers: createPeerLog(log, { ofPeer: 3, ofKind: 5, intervalMs: 1_000, ...limits }) };
}

describe('what peers do at a server, in the log', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('the first few of a kind and peer are lines, the rest is one with their number, in each interval', () => {
    const { lines, peers } = watched();
    for (let i = 0; i < 1_000; i += 1) peers.warn('10.0.0.1', error('A', `message ${i}`));
    expect(lines.map(({ msg }) => msg)).toEqual(['message 0', 'message 1', 'message 2']);
    expect(lines[0]).toMatchObject({ level: 'warn', code: 'A', remedy: 'do something' });
    vi.advanceTimersByTime(1_000);
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatchObject({ level: 'warn', code: 'A', more: 997, addresses: ['10.0.0.1'] });
    for (let i = 0; i < 10; i += 1) peers.warn('10.0.0.1', error('A'));
    vi.advanceTimersByTime(1_000);
    expect(lines.slice(4)).toEqual([expect.objectContaining({ more: 10 })]);
  });

  it('kinds and peers are counted apart, and an error stays one', () => {
    const { lines, peers } = watched();
    for (let i = 0; i < 4; i += 1) {
      peers.warn('10.0.0.1', error('A'));
      peers.error('10.0.0.1', error('B'));
    }
    peers.warn('10.0.0.2', error('A', 'another'));
    expect(lines.filter(({ code }) => code === 'B').map(({ level }) => level)).toEqual(
      Array(3).fill('error'),
    );
    expect(lines.at(-1)).toMatchObject({ msg: 'another' });
    peers.flush();
    expect(lines.slice(-2).map(({ code, more, level }) => [code, more, level])).toEqual([
      ['A', 1, 'warn'],
      ['B', 1, 'error'],
    ]);
  });

  it('many peers have no more lines together than a kind has in an interval', () => {
    const { lines, peers } = watched();
    for (let i = 0; i < 5_000; i += 1) peers.warn(`10.0.${i >> 8}.${i & 255}`, error('A'));
    expect(lines).toHaveLength(5);
    vi.advanceTimersByTime(1_000);
    expect(lines).toHaveLength(6);
    expect(lines[5]).toMatchObject({ more: 4_995 });
    expect(lines[5]?.msg).toContain('or more addresses');
    expect(lines[5]?.addresses).toHaveLength(10);
  });

  it('a peer that was quiet for an interval begins anew, and nothing is kept of it', () => {
    const { lines, peers } = watched();
    for (let i = 0; i < 4; i += 1) peers.warn('10.0.0.1', error('A'));
    vi.advanceTimersByTime(2_000);
    expect(vi.getTimerCount()).toBe(0);
    peers.warn('10.0.0.1', error('A', 'anew'));
    expect(lines.at(-1)).toMatchObject({ msg: 'anew' });
  });

  it('nothing is told twice', () => {
    const { lines, peers } = watched();
    for (let i = 0; i < 4; i += 1) peers.warn(undefined, error('A'), 'connection ended: ');
    peers.flush();
    peers.flush();
    vi.advanceTimersByTime(5_000);
    expect(lines).toHaveLength(4);
    expect(lines[3]?.msg).toBe('connection ended: A: 1 more within 1 s, from unknown');
  });
});
