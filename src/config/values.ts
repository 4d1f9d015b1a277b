import { isIP } from 'node:net';
import type { ScalarNode } from './document.js';
import type { ScalarType } from './schema.js';

/** `value` undefined: `wrong` says whether the type or the value is to blame. */
export type Reading =
  | { readonly value: string | number | boolean; readonly wrong?: undefined }
  | { readonly value?: undefined; readonly wrong: 'type' | 'value' };

const words: Readonly<Record<string, boolean>> = {
  1: true,
  true: true,
  yes: true,
  on: true,
  0: false,
  false: false,
  no: false,
  off: false,
};

/** `1 true yes on` and `0 false no off`, in any case; else undefined. */
export function booleanWord(text: string): boolean | undefined {
  const word = text.toLowerCase();
  return Object.hasOwn(words, word) ? words[word] : undefined;
}

// One spelling each: no sign but minus, no leading zeros (octal to some), no exponents, no hexadecimals.
const decimal = /^-?(0|[1-9]\d*)$/;
const fraction = /^-?(0|[1-9]\d*)(\.\d+)?$/;
const wrongType = { wrong: 'type' } as const;

/** Reads the text of a variable, or of a value made from variables, as `type`. */
export function readText(type: ScalarType, text: string): Reading {
  switch (type.kind) {
    case 'integer':
      return decimal.test(text) ? accept(type, Number(text)) : wrongType;
    case 'number':
      return fraction.test(text) ? accept(type, Number(text)) : wrongType;
    case 'boolean': {
      const value = booleanWord(text);
      return value === undefined ? wrongType : { value };
    }
    default:
      return accept(type, text);
  }
}

/** Reads a value as YAML has typed it: `"8000"` is not an integer, nor is `0x1F40`. */
export function readScalar(type: ScalarType, node: ScalarNode): Reading {
  if (node.rendered) return readText(type, node.text);
  if ((type.kind === 'text' || type.kind === 'secret') && type.written && node.value !== null)
    return accept(type, node.text);
  const wanted =
    type.kind === 'integer' || type.kind === 'number'
      ? 'number'
      : type.kind === 'boolean'
        ? 'boolean'
        : 'string';
  if (typeof node.value !== wanted) return wrongType;
  return wanted === 'number' ? readText(type, node.text) : accept(type, node.value as string | boolean);
}

function accept(type: ScalarType, value: string | number | boolean): Reading {
  return fits(type, value) ? { value } : { wrong: 'value' };
}

function fits(type: ScalarType, value: string | number | boolean): boolean {
  switch (type.kind) {
    case 'text':
      return !type.filled || String(value).trim() !== '';
    case 'path':
      return value !== '' && !String(value).includes('\0');
    case 'host':
      return (
        isIP(String(value)) !== 0 || /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$/.test(String(value))
      );
    case 'integer': {
      const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = type;
      return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
    }
    case 'number':
      return Number(value) > 0 && Number(value) <= type.max;
    case 'choice':
      return type.values.includes(String(value));
    default:
      return true;
  }
}
