import { randomBytes } from 'node:crypto';

/**
 * A number as it was written, where JavaScript would write another one: 1.0, 1e-05, 12345678901234567890, 1e400, -0. All
 * others are plain numbers. Whoever looks at one sees what JavaScript makes of it; `writeJson` writes its text.
 */
export class JsonNumber extends Number {
  readonly text: string;

  constructor(text: string) {
    super(text);
    this.text = text;
  }

  /** `JSON.stringify` asks for this. Outside of `writeJson` it is the number that JavaScript has. */
  toJSON(): unknown {
    return toJson(this);
  }
}

const asJavaScript = (number: JsonNumber): unknown => number.valueOf();
const asText = (number: JsonNumber): unknown => {
  written += 1;
  return standIn(number);
};
/** What stands for a `JsonNumber` while it is written. */
let toJson = asJavaScript;
/** How many have been written. */
let written = 0;

/** JSON of a value, with its numbers as they were written; null of what has no JSON. */
export function writeJson(value: unknown, space?: number): string {
  return jsonText(value, space) ?? 'null';
}

/** The same as `JSON.stringify` has it: undefined of what has no JSON. */
export function jsonText(value: unknown, space?: number): string | undefined {
  const before = toJson;
  toJson = asText;
  written = 0;
  try {
    const json = JSON.stringify(value, null, space) as string | undefined;
    return written === 0 ? json : json && withNumbers(json);
  } finally {
    toJson = before;
  }
}

/** A JSON object: neither null, nor a list, nor a number as it was written. */
export const isJsonObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);

/** A number as JavaScript has it; anything else as it is. */
export const plainNumber = (value: unknown): unknown =>
  value instanceof JsonNumber ? value.valueOf() : value;

/** Whether two numbers have one value, however they are written: 1.0 and 1, 0.10 and 1e-1. Exactly so, not as JavaScript rounds. */
export function sameNumber(one: unknown, other: unknown): boolean {
  const [a, b] = [digitsOf(one), digitsOf(other)];
  return a !== undefined && a === b;
}

/** Sign, digits and exponent of a number, without zeros at either end of the digits. */
function digitsOf(value: unknown): string | undefined {
  const text = value instanceof JsonNumber ? value.text : typeof value === 'number' ? String(value) : '';
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (sign === undefined) return undefined;
  // Nobody calculates with so many; what follows takes its time for each.
  if (text.length > 400) return text;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const shift = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${shift}`;
}

/** What tells an id from others: two that are written in the same way are the same. */
export const idKey = (id: unknown): unknown => (id instanceof JsonNumber ? standIn(id) : id);

/** `value` with every number as JavaScript has it. Shares with it what holds none that would differ. */
export function plainJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof JsonNumber) return value.valueOf();
  if (Array.isArray(value)) {
    const plain = value.map(plainJson);
    return plain.some((item, i) => item !== value[i]) ? plain : value;
  }
  const entries = Object.entries(value);
  const plain = entries.map(([key, field]): [string, unknown] => [key, plainJson(field)]);
  // Not an assignment: `__proto__` is a key like any other in JSON.
  return plain.some(([, field], i) => field !== entries[i]?.[1]) ? Object.fromEntries(plain) : value;
}

/** Begins a text that stands for a number: nobody else can write it, for it goes nowhere. */
const mark = `~${randomBytes(16).toString('base64url')}~`;
const marked = new RegExp(`"${mark}([^"]+)"`, 'g');

/** A text that stands for a number where only texts pass, until `withNumbers`. */
export const standIn = ({ text }: Pick<JsonNumber, 'text'>): string => mark + text;

/** JSON with the numbers in the place of the texts that stand for them. */
const withNumbers = (json: string): string => json.replace(marked, '$1');

/** The number that a text stands for; undefined where it is a text like any other. */
export const numberOf = (text: string): JsonNumber | undefined =>
  text.charCodeAt(0) === 0x7e && text.startsWith(mark) ? new JsonNumber(text.slice(mark.length)) : undefined;
