import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLogger, logFormats, openLogOutput } from '../src/log.js';

/** A stream whose reader takes nothing until it is let. */
function held() {
  let taken = '';
  let go: (() => void) | undefined;
  let open = false;
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      taken += chunk;
      if (open) done();
      else go = done;
    },
  });
  return {
    stream,
    taken: () => taken,
    async letGo() {
      open = true;
      go?.();
      await turn();
      await turn();
    },
  };
}

describe('what is logged within a turn', () => {
  it('goes out at its end, all of it in one piece', async () => {
    const { stream, taken } = held();
    const { write } = openLogOutput(stream);
    write('a\n');
    write('b\n');
    expect(taken()).toBe('');
    await turn();
    expect(taken()).toBe('a\nb\n');
  });

  it('goes out at once where that is asked for, and not twice', async () => {
    const { stream, taken, letGo } = held();
    await letGo();
    const { write, flush } = openLogOutput(stream);
    write('a\n');
    flush();
    expect(taken()).toBe('a\n');
    write('b\n');
    flush();
    flush();
    await turn();
    expect(taken()).toBe('a\nb\n');
  });

  it('is never dropped where its reader keeps up, however much it is', () => {
    let taken = 0;
    const output = openLogOutput({
      writableLength: 0,
      write: (text) => {
        taken += text.length;
        return true;
      },
      once() {},
    });
    const line = `${'x'.repeat(999)}\n`;
    for (let i = 0; i < 5_000; i += 1) output.write(line);
    output.flush();
    expect([taken, output.dropped]).toEqual([5_000_000, 0]);
  });
});

const toldOf = {
  json: (lines: number) => `"level":40.*"lines":${lines},`,
  pretty: (lines: number) => `lines=${lines}`,
  ecs: (lines: number) => `"log.level":"warn".*"sallyport.lines":${lines},`,
};

describe.each(logFormats)('a reader of the log that hangs: %s', (format) => {
  const limit = 100_000;
  const messages = (text: string) => text.split('\n').filter((line) => line !== '');

  it('leaves a bounded amount waiting; what was dropped is counted, and told where it was', async () => {
    const { stream, taken, letGo } = held();
    const output = openLogOutput(stream, limit);
    const log = createLogger({ level: 'info', format, stream: output });
    for (let i = 0; i < 10_000; i += 1) {
      log.info({}, `line ${i}`);
      if (i % 100 === 0) await turn();
    }
    expect(stream.writableLength).toBeLessThan(limit * 1.1);
    const dropped = log.dropped ?? 0;
    expect(dropped).toBeGreaterThan(5_000);
    await letGo();
    log.info({}, 'after');
    output.flush();
    await turn();
    const lines = messages(taken());
    expect(lines.filter((line) => line.includes('line ')).length).toBe(10_000 - dropped);
    const [told = '', after = ''] = lines.slice(-2);
    expect(told).toMatch(new RegExp(toldOf[format](dropped)));
    expect(told).toContain('lines of the log were dropped here');
    expect(after).toContain('after');

    // It may hang again: what was dropped then is told by itself.
    expect(log.dropped).toBe(dropped);
  });

  it('does not hide an error, up to a limit as well', async () => {
    const { stream, taken, letGo } = held();
    const output = openLogOutput(stream, limit);
    const log = createLogger({ level: 'info', format, stream: output });
    for (let i = 0; i < 2_000; i += 1) log.info({ text: 'x'.repeat(100) }, 'much');
    log.warn({}, 'not seen');
    log.error({}, 'seen');
    for (let i = 0; i < 5_000; i += 1) log.error({ text: 'x'.repeat(100) }, 'errors');
    await turn();
    expect(stream.writableLength).toBeLessThan(limit * 2.2);
    await letGo();
    expect(messages(taken()).filter((line) => line.includes('not seen'))).toEqual([]);
    expect(messages(taken()).some((line) => /\bseen\b/.test(line))).toBe(true);
  });
});
