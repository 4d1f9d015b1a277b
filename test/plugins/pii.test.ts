import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScanner } from '../../src/plugins/pii/scanner.js';
import { piiSettings } from '../../src/plugins/pii/settings.js';
import { startFilter, textThrough } from './filter-run.js';

const kind = 'sallyport/pii';
const scan = createScanner(piiSettings.parse({}));
const found = (text: string, name?: string) =>
  scan(text, name).map(({ kind, start, end }) => `${kind}=${text.slice(start, end)}`);

describe('what is found', () => {
  it.each([
    ['email', 'ask ada@example.org.', 'ada@example.org'],
    ['email', 'Ada.L+tag@mail.example.co.uk,', 'Ada.L+tag@mail.example.co.uk'],
    ['email', '<josé@exämple.de>', 'josé@exämple.de'],
    ['email', 'mailto:ada@xn--exmple-cua.de?x', 'ada@xn--exmple-cua.de'],
    ['email', 'ada@example.org-like', 'ada@example.org'],
    ['phone', 'call +44 20 7946 0958 now', '+44 20 7946 0958'],
    ['phone', 'call +4930123456', '+4930123456'],
    ['phone', '+1 (212) 555-0123', '+1 (212) 555-0123'],
    ['phone', '+(49) 30 901820', '+(49) 30 901820'],
    ['phone', '(212) 555-0123', '(212) 555-0123'],
    ['phone', '212-555-0123.', '212-555-0123'],
    ['phone', '1-800-555-0199', '1-800-555-0199'],
    ['phone', 'Tel: 030 901820', '030 901820'],
    ['phone', 'phone number is 2125550123', '2125550123'],
    ['card', 'card 4111 1111 1111 1111.', '4111 1111 1111 1111'],
    ['card', '5555-5555-5555-4444', '5555-5555-5555-4444'],
    ['card', 'amex 378282246310005', '378282246310005'],
    ['card', '3782 822463 10005', '3782 822463 10005'],
    ['card', '4111 1111 1111 1111 123', '4111 1111 1111 1111'],
    ['card', '6011000990139424', '6011000990139424'],
    ['iban', 'IBAN DE89370400440532013000', 'DE89370400440532013000'],
    ['iban', 'DE89 3704 0044 0532 0130 00, thanks', 'DE89 3704 0044 0532 0130 00'],
    ['iban', 'gb82 west 1234 5698 7654 32', 'gb82 west 1234 5698 7654 32'],
    ['iban', 'NO9386011117947', 'NO9386011117947'],
    ['ssn', '123-45-6789', '123-45-6789'],
    ['ssn', 'SSN: 123456789', '123456789'],
    ['national_id', 'DNI 12345678Z', '12345678Z'],
    ['national_id', 'X1234567L', 'X1234567L'],
    ['national_id', 'RSSMRA85T10A562S', 'RSSMRA85T10A562S'],
    ['national_id', '1 85 05 78 006 084 91', '1 85 05 78 006 084 91'],
    ['national_id', 'QQ is none, AB 12 34 56 C is', 'AB 12 34 56 C'],
    ['national_id', '811218-9876', '811218-9876'],
    ['national_id', '131052-308T', '131052-308T'],
    ['national_id', '756.9217.0769.85', '756.9217.0769.85'],
    ['national_id', '111.444.777-35', '111.444.777-35'],
    ['national_id', '11010519491231002X', '11010519491231002X'],
    ['national_id', 'BSN 111222333', '111222333'],
    ['national_id', 'Steuer-ID: 86095742719', '86095742719'],
    ['national_id', 'NHS number 943 476 5919', '943 476 5919'],
    ['national_id', 'PESEL 44051401359', '44051401359'],
    ['ip', 'from 203.0.113.7:8080', '203.0.113.7'],
    ['ip', 'from 2001:db8::1, port', '2001:db8::1'],
    ['ip', '[2001:db8:85a3:0:0:8a2e:370:7334]', '2001:db8:85a3:0:0:8a2e:370:7334'],
    ['date_of_birth', 'DOB: 03/12/1980', '03/12/1980'],
    ['date_of_birth', 'born on 12 March 1980', '12 March 1980'],
    ['date_of_birth', 'Date of birth: March 12, 1980', 'March 12, 1980'],
    ['date_of_birth', '"dateOfBirth": "1980-03-12"', '1980-03-12'],
    ['passport', 'passport no. AB123456', 'AB123456'],
    ['driver_license', "Driver's License: D123-4567-8901", 'D123-4567-8901'],
    ['bank_account', 'account number: 123456789012', '123456789012'],
    ['medical_record', 'MRN: 12345678', '12345678'],
  ])('%s in: %s', (kind, text, value) => {
    expect(found(text)).toEqual([`${kind}=${value}`]);
  });

  it.each([
    ['ssn', '123456789', 'ssn'],
    ['ssn', '123456789', 'socialSecurityNumber'],
    ['passport', 'X1234567', 'passport_number'],
    ['date_of_birth', '1980-03-12', 'dateOfBirth'],
    ['phone', '2125550123', 'phoneNumber'],
    ['medical_record', '12345678', 'mrn'],
  ])('%s: %s in a field %s', (kind, text, name) => {
    expect(found(text, name)).toEqual([`${kind}=${text}`]);
    expect(found(text, 'count')).toEqual([]);
  });

  it.each([
    'nobody@localhost',
    'icon@2x.png and react@18.2.0',
    'postgres://app:secret@db.example.org/x',
    '4111 1111 1111 1112',
    '1234 5678 9012 3456',
    '0000 0000 0000 0000',
    'DE89370400440532013001',
    '000-12-3456 666-12-3456 912-12-3456 123-00-4567',
    'order 123456789 of 2024-03-12 at 12:30:45',
    '12345678A',
    'version 1.2.3.4, v10.0.0.1, 127.0.0.1, ::1, 1.2.3, 1.2.3.4.5, 256.1.1.1',
    '550e8400-e29b-41d4-a716-446655440000',
    'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    '3.141592653589793 and 1,234,567.89',
    'std::vector<a::b> and a:b:c',
    '1700000000 1700000000000 20240312',
    'released on 03/12/2020',
    'the passport office has 12 rooms',
  ])('nothing in: %s', (text) => {
    expect(found(text)).toEqual([]);
  });

  it('what is long and has nothing costs one look at each part of it', () => {
    for (const part of ['1', '1 ', '1.', '1:', 'a@', '@', '12-', 'DE89 ', 'passport 1 ', '(', '2001:', 'a1'])
      expect(scan(part.repeat(200_000 / part.length)).length).toBeLessThan(20_000);
  });
});

describe('what becomes of it', () => {
  const value = 'ada@example.org';

  it.each([
    ['mask', {}, 'to [EMAIL].'],
    ['mask with a text', { mask_with: '***' }, 'to ***.'],
    ['mask in part', { mask_style: 'partial' }, 'to a***@example.org.'],
    ['remove', { action: 'remove' }, 'to .'],
    ['one action for a kind', { action: 'remove', actions: { email: 'mask' } }, 'to [EMAIL].'],
  ])('%s', async (_title, config, expected) => {
    expect(await (await textThrough(kind, config))(`to ${value}.`)).toBe(expected);
  });

  it('a number that is masked in part has its end', async () => {
    const through = await textThrough(kind, { mask_style: 'partial' });
    expect(await through('4111 1111 1111 1111')).toBe('**** **** **** 1111');
    expect(await through('123-45-6789')).toBe('***-**-6789');
  });

  it('a hash is the same for the same value and key, and another with another key', async () => {
    const one = await textThrough(kind, { action: 'hash', key: 'k'.repeat(16) });
    const other = await textThrough(kind, { action: 'hash', key: 'l'.repeat(16) });
    const hash = await one(value);
    expect(hash).toMatch(/^\[EMAIL:[a-z]{16}\]$/);
    expect(await one(value)).toBe(hash);
    expect(await other(value)).not.toBe(hash);
  });

  it('a token is the same for one user, and another for others', async () => {
    const call = await startFilter(kind, { action: 'token' });
    const token = async (user: string) =>
      JSON.stringify(
        (await call('tool_pre_invoke', { name: 't', args: { a: value } }, user)).modified_payload,
      );
    expect(await token('ada')).toMatch(/"\[EMAIL_[a-z]{8}\]"/);
    expect(await token('ada')).toBe(await token('ada'));
    expect(await token('ada')).not.toBe(await token('bob'));
  });

  it('a block tells kinds, places and counts, and not the value', async () => {
    const call = await startFilter(kind, { action: 'block' });
    const { continue_processing, violation } = await call('tool_pre_invoke', {
      name: 't',
      args: { a: [`${value} ${value}`], [value]: '123-45-6789' },
    });
    expect(continue_processing).toBe(false);
    expect(violation).toMatchObject({
      code: 'PII_DETECTED',
      details: {
        total: 4,
        kinds: { email: 3, ssn: 1 },
        findings: [
          { kind: 'email', place: '/args/a/0', count: 2 },
          { kind: 'email', place: '/args', count: 1 },
          { kind: 'ssn', place: '/args/[EMAIL]', count: 1 },
        ],
      },
    });
    expect(JSON.stringify(violation)).not.toContain('ada@');
  });

  it('fewer findings than block_from do not block, and are replaced', async () => {
    const call = await startFilter(kind, { action: 'block', block_from: 2 });
    const one = await call('tool_pre_invoke', { name: 't', args: { a: value } });
    expect(one).toMatchObject({ continue_processing: true, modified_payload: { args: { a: '[EMAIL]' } } });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: value, b: value } })).toMatchObject({
      continue_processing: false,
    });
  });

  it('text and structured content of a result say the same, JSON in a text stays JSON', async () => {
    const call = await startFilter(kind);
    const structuredContent = { card: 4111111111111111, mail: value, n: 1 };
    const text = JSON.stringify(structuredContent, null, 2).replace('@', '\\u0040');
    const { modified_payload } = await call('tool_post_invoke', {
      name: 't',
      result: { content: [{ type: 'text', text }], structuredContent },
    });
    const { result } = modified_payload as {
      result: { content: [{ text: string }]; structuredContent: unknown };
    };
    expect(result.structuredContent).toEqual({ card: '[CARD]', mail: '[EMAIL]', n: 1 });
    expect(JSON.parse(result.content[0].text)).toEqual(result.structuredContent);
    expect(result.content[0].text).toBe('{\n  "card": "[CARD]",\n  "mail": "[EMAIL]",\n  "n": 1\n}');
  });

  it('it is the same when it is masked once more, whatever the action', async () => {
    const values = fc.constantFrom(
      value,
      '4111 1111 1111 1111',
      '+44 20 7946 0958',
      '123-45-6789',
      'DE89370400440532013000',
      '203.0.113.7',
      'DOB: 1980-03-12',
      'passport AB123456',
    );
    for (const config of [
      {},
      { mask_style: 'partial' },
      { action: 'hash', key: 'k'.repeat(16) },
      { action: 'token' },
      { action: 'remove' },
    ]) {
      const through = await textThrough(kind, config);
      await fc.assert(
        fc.asyncProperty(fc.array(fc.oneof(values, fc.string()), { maxLength: 5 }), async (parts) => {
          const once = await through(parts.join(' | '));
          expect(await through(once)).toBe(once);
        }),
        { numRuns: 40 },
      );
    }
  });

  it('a payload without a finding is not changed', async () => {
    const call = await startFilter(kind);
    expect(await call('tool_pre_invoke', { name: 't', args: { a: 'nothing', b: [1, 'x'] } })).toMatchObject({
      continue_processing: true,
      modified_payload: null,
    });
  });
});

describe('what is allowed', () => {
  it.each([
    [{ allow: ['ADA@example.org'] }, 'ada@example.org xada@example.org', 'ada@example.org [EMAIL]'],
    [{ allow: ['*@example.org'] }, 'ada@example.org ada@example.com', 'ada@example.org [EMAIL]'],
    [
      { allow_patterns: ['[a-z]+@example\\.org'] },
      'ada@example.org ada@example.org.uk',
      'ada@example.org [EMAIL]',
    ],
    [{ detect: ['email'] }, 'ada@example.org 123-45-6789', '[EMAIL] 123-45-6789'],
  ])('%j', async (config, text, expected) => {
    expect(await (await textThrough(kind, config))(text)).toBe(expected);
  });

  it('names of the settings, as whole words in any case; patterns of the settings', async () => {
    const through = await textThrough(kind, {
      names: ['Ada', 'Ada Lovelace', 'Émile'],
      patterns: [{ name: 'employee', pattern: 'E-\\d{4}' }],
    });
    expect(await through('ADA LOVELACE, Adam, ada and émile have E-1234')).toBe(
      '[NAME], Adam, [NAME] and [NAME] have [EMPLOYEE]',
    );
  });

  it('phone numbers as countries of the settings write them', async () => {
    const through = await textThrough(kind, { phone_regions: ['GB', 'DE'] });
    expect(await through('020 7946 0958 or 030 901820; order 20240312')).toBe(
      '[PHONE] or [PHONE]; order 20240312',
    );
  });
});

describe('settings', () => {
  it.each([
    [{ action: 'hash' }, 'hash needs a key'],
    [{ detct: [] }, 'did you mean detect?'],
    [{ actions: { mail: 'mask' } }, 'there is no such kind'],
    [{ allow_patterns: ['('] }, 'config.allow_patterns[0]: not a regular expression'],
    [{ phone_regions: ['XX'] }, 'there is no country XX'],
    [{ key: 'short' }, 'config.key'],
  ])('%j is refused', async (config, problem) => {
    await expect(startFilter(kind, config)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_CONFIG',
      message: expect.stringContaining(problem),
    });
  });
});

describe.each([
  'cpex_pii_filter.PIIFilterPlugin',
  'cpex_pii_filter.pii_filter.PIIFilterPlugin',
  'plugins.pii_filter.pii_filter.PIIFilterPlugin',
])('as %s', (kind) => {
  it.each([
    [{}, 'a@b.org 123-45-6789', '[REDACTED] [REDACTED]'],
    [{ detect_ssn: false, redaction_text: '#' }, 'a@b.org 123-45-6789', '# 123-45-6789'],
    [{ default_mask_strategy: 'remove' }, 'a@b.org', ''],
    [{ default_mask_strategy: 'partial' }, '4111-1111-1111-1111', '****-****-****-1111'],
    [{ whitelist_patterns: ['@B\\.org'] }, 'a@b.org a@c.org', 'a@b.org [REDACTED]'],
    [
      { custom_patterns: [{ pattern: 'E-\\d+', type: 'Employee', mask_strategy: 'remove' }] },
      'E-1 a@b.org',
      ' [REDACTED]',
    ],
  ])('%j', async (config, text, expected) => {
    expect(await (await textThrough(kind, config))(text)).toBe(expected);
  });

  it('blocks, and takes no key that it does not have', async () => {
    const call = await startFilter(kind, { block_on_detection: true });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: 'a@b.org' } })).toMatchObject({
      continue_processing: false,
    });
    await expect(startFilter(kind, { detect_emails: true })).rejects.toThrow('did you mean detect_email?');
  });
});
