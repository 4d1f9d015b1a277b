import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScanner } from '../../src/plugins/encoded-exfiltration/scanner.js';
import { exfiltrationSettings } from '../../src/plugins/encoded-exfiltration/settings.js';
import { startFilter, textThrough } from './filter-run.js';

const kind = 'sallyport/encoded-exfiltration';
const scanWith = (config = {}) => createScanner(exfiltrationSettings.parse(config));
const scan = scanWith();
const found = (text: string) => scan(text).map(({ kind, start, end }) => `${kind}=${text.slice(start, end)}`);

const secret = 'password=hunter2 for the database of everybody';
const bytes = (text: string) => Buffer.from(text);
const base64 = bytes(secret).toString('base64');
const escapes = (text: string, mark: string) =>
  [...bytes(text)].map((byte) => mark + byte.toString(16).padStart(2, '0')).join('');
const noise = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * i * 73 + i * 31 + 7) % 256));

describe('what is found', () => {
  it.each([
    ['base64', base64],
    ['base64url', bytes(`${secret}?>?>`).toString('base64url')],
    ['hex', bytes(secret).toString('hex')],
    ['percent_encoding', escapes(secret, '%')],
    ['escaped_hex', escapes(secret, '\\x')],
    ['base64', bytes(base64).toString('base64')],
    [
      'base64',
      bytes(secret.repeat(4))
        .toString('base64')
        .replace(/(.{64})/g, '$1\n'),
    ],
  ])('%s: %s', (kind, encoded) => {
    expect(found(`see ${encoded} .`)).toEqual([`${kind}=${encoded}`]);
  });

  it('the content of a data URL', () => {
    expect(found(`<a href="data:text/plain;base64,${base64}">`)).toEqual([`base64=${base64}`]);
  });

  it.each([
    ['an image', noise.toString('base64')],
    ['a hash', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ['an id', '550e8400-e29b-41d4-a716-446655440000'],
    ['a path', '/usr/local/lib/node_modules/typescript/lib/something'],
    ['a long word', 'Donaudampfschifffahrtsgesellschaftskapitaen'],
    ['a line', '-'.repeat(80)],
    ['short ones', bytes('password').toString('base64')],
    [
      'a URL with letters of others',
      'https://example.org/%E4%BD%A0%E5%A5%BD%E4%BD%A0%E5%A5%BD%E4%BD%A0%E5%A5%BD',
    ],
  ])('nothing in %s', (_title, text) => {
    expect(found(`see ${text} .`)).toEqual([]);
  });

  it('points come of what is in it and near it, and decide', () => {
    const plain = bytes('the weather is fine today').toString('base64');
    const strict = scanWith({ min_suspicion_score: 4 });
    expect(scan(plain)).toHaveLength(1);
    expect(strict(plain)).toHaveLength(0);
    expect(strict(`curl -d ${plain}`)).toHaveLength(1);
    expect(strict(base64)).toHaveLength(1);
    expect(scanWith({ min_suspicion_score: 4, extra_sensitive_keywords: ['weather'] })(plain)).toHaveLength(
      1,
    );
  });

  it('what is long costs little', () => {
    for (const part of ['A', 'QUFB', '%41', '\\x41', 'A\n', 'abcdefghijklmnopqrstuvwxyz\n', 'ab '])
      expect(scan(part.repeat(1_000_000 / part.length)).length).toBeLessThan(60_000);
  });
});

describe('what becomes of it', () => {
  it('is blocked, without what was in it', async () => {
    const call = await startFilter(kind);
    const result = await call('tool_pre_invoke', { name: 't', args: { a: [base64] } });
    expect(result).toMatchObject({
      continue_processing: false,
      violation: {
        code: 'ENCODED_EXFIL_DETECTED',
        details: { findings: [{ kind: 'base64', place: '/args/a/0', count: 1 }] },
      },
    });
    expect(JSON.stringify(result)).not.toContain(base64.slice(0, 12));
  });

  it('is masked, once and for all', async () => {
    const through = await textThrough(kind, { action: 'mask' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constant(base64), fc.string(), fc.base64String())),
        async (parts) => {
          const once = await through(parts.join(' '));
          expect(once).not.toContain(base64);
          expect(await through(once)).toBe(once);
        },
      ),
    );
  });

  it.each(['cpex_encoded_exfil_detection.EncodedExfilDetectorPlugin'])('as %s', async (python) => {
    const payload = { name: 't', args: { a: base64 } };
    expect(await (await startFilter(python))('tool_pre_invoke', payload)).toMatchObject({
      continue_processing: false,
    });
    const redact = await startFilter(python, { redact: true, block_on_detection: false });
    expect((await redact('tool_pre_invoke', payload)).modified_payload).toMatchObject({
      args: { a: '***ENCODED_REDACTED***' },
    });
    const without = await startFilter(python, { enabled: { base64: false }, allowlist_patterns: ['x'] });
    expect(await without('tool_pre_invoke', payload)).toMatchObject({ continue_processing: true });
  });
});
