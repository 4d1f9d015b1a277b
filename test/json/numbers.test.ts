import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  holdsNumbers,
  isJsonObject,
  JsonNumber,
  parseExactJson,
  parseJson,
  plainJson,
  sameNumber,
  writeJson,
} from '../../src/json/index.js';

/** Numbers that JavaScript writes in another way, or not at all. */
const odd = [
  '9007199254740993',
  '12345678901234567890',
  '-12345678901234567890',
  '1e400',
  '-1e400',
  '1e-400',
  '-0',
  '-0.0',
  '0.0',
  '1.0',
  '1.50',
  '0.10',
  '1e5',
  '1E5',
  '1e+5',
  '1e-05',
  '1.0e10',
  '100000000000000000000000',
  '0.1000000000000000055',
  '0.0000001',
  '123456789012345678.5',
  '-1.0',
];
/** And those that it does not. */
const plain = [
  '0',
  '1',
  '-1',
  '0.5',
  '-0.5',
  '3.14',
  '123456789012345',
  '9007199254740991',
  '0.00001',
  '0.000001',
  '1e-7',
  '1e+21',
  '1.5e+300',
  '100000000000000000000',
];

describe('a number that is read and written', () => {
  it.each(odd)('%s is as it was written', (text) => {
    const value = parseExactJson(`{"a":[${text}],"b":${text}}`);
    expect(holdsNumbers(value)).toBe(true);
    expect(writeJson(value)).toBe(`{"a":[${text}],"b":${text}}`);
    expect(writeJson(parseExactJson(` ${text} `))).toBe(text);
    expect(Number(parseExactJson(text))).toBe(Number(text));
  });

  it.each(plain)('%s is one of JavaScript', (text) => {
    expect(parseExactJson(text)).toBe(Number(text));
    expect(writeJson(parseExactJson(`[${text}]`))).toBe(`[${text}]`);
  });

  it('is as it was written in any message, and what is around it too', () => {
    const number = fc.constantFrom(...odd, ...plain).map((text) => ({ number: text }));
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        number,
        number,
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 4 }).map((items) => ({ items })),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }).map((fields) => ({ fields })),
      ),
    }));
    const textOf = (one: unknown): string => {
      if (typeof one !== 'object' || one === null) return JSON.stringify(one);
      if ('number' in one) return String(one.number);
      if ('items' in one) return `[${(one.items as unknown[]).map(textOf).join(',')}]`;
      // JavaScript has keys that are numbers before the others.
      const fields = Object.entries((one as { fields: object }).fields);
      return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${textOf(field)}`).join(',')}}`;
    };
    fc.assert(
      fc.property(value, (made) => {
        const text = textOf(made);
        expect(writeJson(parseExactJson(text))).toBe(text);
        expect(plainJson(parseExactJson(text))).toEqual(JSON.parse(text));
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    '01.0',
    '1.',
    '.5',
    '-',
    '1e',
    '1.0.0',
    '--1',
    '1.0e',
    '{1.0:2}',
    '{1.0 : 2}',
    '[1.0"a"]',
    'tru1.0',
    '[1.0',
    '"1.0',
    '1.0 1.0',
    '+1.0',
  ])('%s is no JSON', (text) => {
    expect(() => parseExactJson(text)).toThrow(SyntaxError);
    expect(() => parseExactJson(text)).not.toThrow(/~/);
  });

  it('a text that looks like a number stays a text', () => {
    const text = '{"a":"1.0","b":"~1.0","c":[1.0,"12345678901234567890"]}';
    expect(writeJson(parseExactJson(text))).toBe(text);
  });

  it('is no object, and what JavaScript has of it wherever it is not written so', () => {
    const number = parseExactJson('12345678901234567890');
    expect(isJsonObject(number)).toBe(false);
    expect(number).toBeInstanceOf(JsonNumber);
    expect(JSON.stringify([number, parseExactJson('1.0')])).toBe('[12345678901234567000,1]');
    expect(JSON.stringify(structuredClone({ a: number }))).toBe('{"a":12345678901234567000}');
  });
});

it.each([
  ['1.0', '1', true],
  ['0.10', '1e-1', true],
  ['-0', '0', true],
  ['1E5', '100000.0', true],
  ['9007199254740993', '9007199254740992', false],
  ['12345678901234567890', '12345678901234567891', false],
  ['1e400', '1e401', false],
  ['1.5', '-1.5', false],
  ['1e400', `1${'0'.repeat(400)}`, false],
])('%s and %s are one number: %s', (one, other, same) => {
  expect(sameNumber(new JsonNumber(one), new JsonNumber(other))).toBe(same);
});
