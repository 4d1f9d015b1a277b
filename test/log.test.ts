import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createLogger,
  type LogFormat,
  type Logger,
  type LogLevel,
  logFormats,
  logLevels,
  silentLogger,
} from '../src/log.js';

/** What is written when `say` logs. */
function written(say: (log: Logger) => void, options: { level?: LogLevel; format?: LogFormat } = {}): string {
  let out = '';
  const stream = {
    write: (text: string) => {
      out += text;
    },
  };
  say(createLogger({ level: 'info', ...options, stream }));
  return out;
}

const all = (log: Logger) => {
  log.debug({}, 'a debug');
  log.info({}, 'an info');
  log.warn({}, 'a warning');
  log.error({}, 'an error');
};
const messages = (text: string) =>
  text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

describe('levels', () => {
  it.each<[LogLevel, string[]]>([
    ['trace', ['a debug', 'an info', 'a warning', 'an error']],
    ['debug', ['a debug', 'an info', 'a warning', 'an error']],
    ['info', ['an info', 'a warning', 'an error']],
    ['warn', ['a warning', 'an error']],
    ['error', ['an error']],
    ['fatal', []],
  ])('[S8] %s shows what is as weighty or weightier', (level, expected) => {
    expect(messages(written(all, { level }))).toEqual(expected);
  });

  it('have the names of Python and of Node', () => {
    expect(logLevels).toMatchObject({
      DEBUG: 'debug',
      WARNING: 'warn',
      WARN: 'warn',
      CRITICAL: 'fatal',
      FATAL: 'fatal',
    });
  });

  it('the silent logger says nothing', () => {
    expect(() => all(silentLogger)).not.toThrow();
  });
});

describe('JSON', () => {
  it('[S8] is one object a line: level, time, message and the fields', () => {
    const text = written((log) => log.warn({ plugin: 'P', ms: 1.5, hooks: ['a'] }, 'a message'));
    expect(text).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(text)).toEqual({
      level: 40,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      plugin: 'P',
      ms: 1.5,
      hooks: ['a'],
      msg: 'a message',
    });
  });

  it('[S8] stays on one line, whatever the message and the fields hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (message, value) => {
        const text = written((log) => log.info({ value }, message));
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(JSON.parse(text)).toMatchObject({ msg: message, value });
      }),
    );
  });
});

describe('text', () => {
  const pretty = (say: (log: Logger) => void) => written(say, { format: 'pretty' });

  it('[S8] is the time, the level, the message and the fields', () => {
    const text = pretty((log) =>
      log.warn({ plugin: 'P', ms: 1.5, hooks: ['a', 'b'], blocked: false }, 'a message'),
    );
    expect(text).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}a message {2}plugin=P {2}ms=1\.5 {2}hooks=\["a","b"\] {2}blocked=false\n$/,
    );
  });

  it.each<['info' | 'warn' | 'error', string]>([
    ['info', ' INFO  m\n'],
    ['warn', ' WARN  m\n'],
    ['error', ' ERROR m\n'],
  ])('[S8] %s', (level, end) => {
    expect(pretty((log) => log[level]({}, 'm'))).toMatch(new RegExp(`${end}$`));
  });

  it.each([
    ['white space', 'two words', '"two words"'],
    ['quotes', 'a"b', '"a\\"b"'],
    ['what looks like a field', 'a=b', '"a=b"'],
    ['nothing', '', '""'],
    ['a line feed', 'a\nERROR forged', '"a\\nERROR forged"'],
    ['a carriage return', 'a\rb', '"a\\rb"'],
  ])('[S8] a value of %s is quoted', (_title, value, shown) => {
    const text = pretty((log) => log.info({ value }, 'm'));
    expect(text.slice(text.indexOf('value='))).toBe(`value=${shown}\n`);
  });

  it('[S8] stays on one line, whatever the fields hold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = pretty((log) => log.info({ value }, 'm'));
        expect(text.match(/[\n\r]/g)).toEqual(['\n']);
      }),
    );
  });
});

describe('secrets', () => {
  const secret = 'hunter2';
  const fields = {
    keyfile_password: secret,
    keyfilePassword: secret,
    password: secret,
    key: secret,
    payload: { secret },
  };

  it.each(logFormats)('[S8] are not written: %s', (format) => {
    const text = written((log) => log.info({ ...fields, plugin: 'P' }, 'm'), { format });
    expect(text).not.toContain(secret);
    expect(text).toContain('[Redacted]');
    expect(text).toContain('P');
  });

  it('[S8] the object that was given keeps them', () => {
    const given = { ...fields };
    written((log) => log.info(given, 'm'));
    expect(given).toEqual(fields);
  });
});

describe('what others say is not obeyed', () => {
  const pretty = (say: (log: Logger) => void) => written(say, { format: 'pretty' });

  it('[S8] a message cannot begin a line of its own', () => {
    expect(pretty((log) => log.info({}, 'boom\n12:00:00.000 ERROR forged')).match(/\n/g)).toHaveLength(1);
  });

  it('[S8] neither message nor value reaches the terminal as a control sequence', () => {
    const text = pretty((log) => log.info({ v: 'a\u001b[2J' }, 'b\u001b[2J\u009b'));
    for (const control of ['\u001b', '\u009b', '\u007f']) expect(text).not.toContain(control);
  });

  it('[S8] secrets are not written at any depth', () => {
    expect(written((log) => log.info({ tls: { keyfile_password: 'hunter2' } }, 'm'))).not.toContain(
      'hunter2',
    );
    expect(written((log) => log.info({ a: { b: { token: 'hunter2' } } }, 'm'))).not.toContain('hunter2');
    expect(written((log) => log.info({ a: [{ token: 'hunter2' }] }, 'm'))).not.toContain('hunter2');
  });
});
