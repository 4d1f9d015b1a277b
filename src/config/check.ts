import { isIP } from 'node:net';
import {
  ConfigBadValue,
  ConfigMissingKey,
  type ConfigPlace,
  ConfigUnknownKey,
  ConfigUnsupported,
  ConfigWrongType,
} from '../errors.js';
import { nearest } from '../nearest.js';
import type { ConfigNode, ListNode, MapEntry, MapNode, ScalarNode } from './document.js';
import { hiddenText, looksSecret, type Problems, shown } from './problems.js';
import {
  type Field,
  type Fields,
  type Key,
  type Keys,
  type ScalarType,
  typeText,
  type ValueType,
} from './schema.js';

/**
 * Checks `node` against `keys` and returns the fields that it gives. What is wrong is added to `problems`,
 * and its field has no value.
 */
export function checkMap<K extends Keys>(
  keys: K,
  node: ConfigNode,
  path: string,
  problems: Problems,
): Field<Fields<K>> {
  const key = { type: { kind: 'map', keys }, meaning: '' } as const;
  return new Checker(problems).value(key, node, path, node.place) as Field<Fields<K>>;
}

/** The plain value of a part of the file that has no schema. */
function plainValue(node: ConfigNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(plainValue);
    case 'map':
      // `fromEntries` defines the keys: one named __proto__ is only a key.
      return Object.fromEntries(node.entries.map((entry) => [entry.key, plainValue(entry.value)]));
    case 'broken':
      return undefined;
  }
}

class Checker {
  readonly #problems: Problems;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  /** `keyPlace` is where errors about the whole of a map point to: the line with its name. */
  value(key: Key, node: ConfigNode, path: string, keyPlace: ConfigPlace): Field<unknown> {
    const { type } = key;
    const hidden = isHidden(node, path) || type.kind === 'secret';
    const field = (value: unknown, place = node.place): Field<unknown> => {
      const rendered = node.kind === 'scalar' && node.rendered === true;
      return { value, place, seen: hidden ? hiddenText : seenText(node, path), hidden, rendered };
    };
    if (node.kind === 'broken') return field(undefined);
    switch (type.kind) {
      case 'map':
        if (node.kind === 'map') return field(this.#fields(type.keys, node, path, keyPlace), keyPlace);
        if (node.kind === 'scalar' && node.value !== null && type.short !== undefined) {
          const entries = [{ key: type.short, place: node.place, value: node }];
          return field(this.#fields(type.keys, { kind: 'map', place: node.place, entries }, path, keyPlace));
        }
        break;
      case 'named':
        if (node.kind === 'map') return field(this.#named(type, node, path), keyPlace);
        break;
      case 'maps':
        if (node.kind === 'list') return field(this.#list(type, node, path));
        break;
      case 'texts':
        if (node.kind === 'list') return field(this.#texts(type, node, path));
        break;
      case 'dict':
        if (node.kind === 'map') return field(plainValue(node), keyPlace);
        break;
      case 'free':
        return field(plainValue(node));
      default:
        return field(this.#scalar(type, node, path));
    }
    this.#wrongType(type, node, path);
    return field(undefined);
  }

  #fields(keys: Keys, node: MapNode, path: string, keyPlace: ConfigPlace): Record<string, Field<unknown>> {
    const fields: Record<string, Field<unknown>> = {};
    const unknown: MapEntry[] = [];
    for (const entry of node.entries) {
      const key = Object.hasOwn(keys, entry.key) ? keys[entry.key] : undefined;
      if (key === undefined) {
        if (entry.key !== '' || entry.value.kind !== 'broken') unknown.push(entry);
        continue;
      }
      const field = this.#entry(key, entry, path === '' ? entry.key : `${path}.${entry.key}`);
      if (field !== undefined) fields[entry.key] = field;
    }
    const within = path === '' ? 'the file' : path;
    const known = Object.keys(keys);
    for (const { key, place } of unknown) {
      const meant = nearest(key, known);
      const context = { at: place, key: shown(key).slice(1, -1), within, known };
      this.#problems.add(ConfigUnknownKey(meant === undefined ? context : { ...context, nearest: meant }));
      // What was meant is then not reported as missing too.
      if (meant !== undefined) fields[meant] ??= { value: undefined, place, seen: '', hidden: true };
    }
    for (const [key, { required }] of Object.entries(keys)) {
      if (required && fields[key] === undefined)
        this.#problems.add(ConfigMissingKey({ at: keyPlace, key, within }));
    }
    return fields;
  }

  #entry(key: Key, entry: MapEntry, path: string): Field<unknown> | undefined {
    const isNull = entry.value.kind === 'scalar' && entry.value.value === null;
    if (isNull && key.ifNull === 'absent') return undefined;
    const empty = { kind: 'map', place: entry.place, entries: [] } as const;
    return this.value(key, isNull && key.ifNull === 'empty' ? empty : entry.value, path, entry.place);
  }

  #list(type: Extract<ValueType, { kind: 'maps' }>, node: ListNode, path: string): Field<unknown>[] {
    return node.items.map((item, i) => {
      return this.value({ type: { ...type, kind: 'map' }, meaning: '' }, item, `${path}[${i}]`, item.place);
    });
  }

  #named(
    { of, also = {} }: Extract<ValueType, { kind: 'named' }>,
    node: MapNode,
    path: string,
  ): Record<string, Field<unknown>> {
    const usual: Key = { type: of, meaning: '' };
    return Object.fromEntries(
      node.entries.map(({ key: name, value, place }) => {
        const isOther = value.kind !== 'scalar' && Object.hasOwn(also, name);
        const key = (isOther && also[name]) || usual;
        return [name, this.value(key, value, `${path}.${shown(name).slice(1, -1)}`, place)];
      }),
    );
  }

  #texts(type: Extract<ValueType, { kind: 'texts' }>, node: ListNode, path: string): string[] | undefined {
    if (type.filled && node.items.length === 0) {
      const context = { at: node.place, key: path, expected: typeText(type), seen: 'an empty list' };
      this.#problems.add(ConfigBadValue(context));
      return undefined;
    }
    const of = type.of ?? { kind: 'text' };
    const read = (item: ConfigNode, i: number) => this.#scalar(of, item, `${path}[${i}]`);
    return node.items.map(read).filter((text) => typeof text === 'string');
  }

  #scalar(type: ScalarType, node: ConfigNode, path: string): string | number | boolean | undefined {
    if (node.kind === 'broken') return undefined;
    const reading = node.kind === 'scalar' ? readScalar(type, node) : ({ wrong: 'type' } as const);
    if (reading.wrong === undefined) return reading.value;
    if (reading.wrong === 'type' || node.kind !== 'scalar') this.#wrongType(type, node, path);
    else if (type.kind === 'choice' && type.elsewhere?.includes(node.text)) {
      this.#problems.add(ConfigUnsupported({ at: node.place, what: `${path} is ${seenText(node, path)}` }));
    } else this.#problems.add(badValue(type, node.text, path, node.place, isHidden(node, path)));
    return undefined;
  }

  #wrongType(type: ValueType, node: ConfigNode, path: string): void {
    const context = {
      at: node.place,
      key: path === '' ? 'the file' : path,
      expected: typeText(type),
      seen: seenText(node, path),
    };
    const hint = isHidden(node, path) ? undefined : hintFor(type, node);
    this.#problems.add(ConfigWrongType(hint === undefined ? context : { ...context, hint }));
  }
}

/** The problem of a value that has the right type, but is not one of those that are allowed. */
export function badValue(type: ScalarType, text: string, key: string, at: ConfigPlace, hidden: boolean) {
  const context = { at, key, expected: typeText(type), seen: hidden ? hiddenText : shown(text) };
  const meant = type.kind === 'choice' && !hidden ? nearest(text, type.values) : undefined;
  return ConfigBadValue(meant === undefined ? context : { ...context, nearest: meant });
}

function isHidden(node: ConfigNode, path: string): boolean {
  const field = path.slice(path.lastIndexOf('.') + 1);
  return node.kind === 'scalar' && (node.hidden === true || looksSecret(field));
}

function seenText(node: ConfigNode, path: string): string {
  if (isHidden(node, path)) return hiddenText;
  if (node.kind === 'list') return 'a list';
  if (node.kind !== 'scalar') return 'a map';
  if (node.value === null) return 'nothing';
  return typeof node.value === 'string' ? shown(node.text) : node.text;
}

/** How the value would be written, where what was meant is plain to see. */
function hintFor(type: ValueType, node: ConfigNode): string | undefined {
  if (node.kind !== 'scalar' || node.value === null) return undefined;
  const { text, value } = node;
  if (type.kind === 'texts') return `write it as a list: [${typeof value === 'string' ? text : shown(text)}]`;
  if (type.kind === 'text' && typeof value !== 'string') return `write it in quotes: ${shown(text)}`;
  if (typeof value !== 'string' || node.rendered) return undefined;
  if (type.kind === 'boolean' && booleanWord(text) !== undefined)
    return `write ${booleanWord(text)}, without quotes`;
  if (type.kind === 'integer' && /^\d+$/.test(text)) return `write ${text}, without quotes`;
  return undefined;
}

/** `value` undefined: `wrong` says whether the type or the value is to blame. */
type ScalarReading =
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
function booleanWord(text: string): boolean | undefined {
  const word = text.toLowerCase();
  return Object.hasOwn(words, word) ? words[word] : undefined;
}

// One spelling each: no sign but minus, no leading zeros (octal to some), no exponents, no hexadecimals.
const decimal = /^-?(0|[1-9]\d*)$/;
const fraction = /^-?(0|[1-9]\d*)(\.\d+)?$/;
const wrongType = { wrong: 'type' } as const;

/** Reads the text of a variable, or of a value made from variables, as `type`. */
export function readText(type: ScalarType, text: string): ScalarReading {
  switch (type.kind) {
    case 'integer':
      return decimal.test(text) ? accept(type, Number(text)) : wrongType;
    case 'seconds':
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
function readScalar(type: ScalarType, node: ScalarNode): ScalarReading {
  if (node.rendered) return readText(type, node.text);
  if ((type.kind === 'text' || type.kind === 'secret') && type.written && node.value !== null)
    return accept(type, node.text);
  const wanted =
    type.kind === 'integer' || type.kind === 'seconds'
      ? 'number'
      : type.kind === 'boolean'
        ? 'boolean'
        : 'string';
  if (typeof node.value !== wanted) return wrongType;
  return wanted === 'number' ? readText(type, node.text) : accept(type, node.value as string | boolean);
}

function accept(type: ScalarType, value: string | number | boolean): ScalarReading {
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
    case 'pin':
      return /^sha256\/[A-Za-z0-9+/]{43}=$/.test(String(value));
    case 'integer': {
      const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = type;
      return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
    }
    case 'seconds':
      return Number(value) > 0 && Number(value) <= type.max;
    case 'choice':
      return type.values.includes(String(value));
    default:
      return true;
  }
}
