import { type JsonNumber, standIn, withNumbers, withTexts } from './number.js';

let numbers = 0;
const stand = (number: JsonNumber): string => {
  numbers += 1;
  return standIn(number);
};

/** JSON of a value, with its numbers as they were written; null of what has no JSON. */
export function writeJson(value: unknown, space?: number): string {
  return jsonText(value, space) ?? 'null';
}

/** The same as `JSON.stringify` has it: undefined of what has no JSON. */
export function jsonText(value: unknown, space?: number): string | undefined {
  numbers = 0;
  const json = withTexts(stand, () => JSON.stringify(value, null, space) as string | undefined);
  return numbers === 0 ? json : json && withNumbers(json);
}
