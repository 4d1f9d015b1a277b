import type { ConfigPlace } from '../errors.js';

/** What a key of the file, or a variable, may hold. */
export type ScalarType =
  | {
      readonly kind: 'text';
      readonly filled?: boolean;
      /** Numbers and booleans count as the text that they are written as. */
      readonly written?: boolean;
    }
  | { readonly kind: 'secret'; readonly written?: boolean }
  | { readonly kind: 'path' }
  | { readonly kind: 'host' }
  | { readonly kind: 'integer'; readonly min?: number; readonly max?: number }
  /** A positive number. */
  | { readonly kind: 'number'; readonly max: number }
  | { readonly kind: 'boolean' }
  | {
      readonly kind: 'choice';
      readonly values: readonly string[];
      /** Of the contract, but not of this version. */
      readonly elsewhere?: readonly string[];
    };

export type ValueType =
  | ScalarType
  | { readonly kind: 'texts' }
  | { readonly kind: 'free' }
  | { readonly kind: 'dict' }
  | {
      readonly kind: 'map';
      readonly keys: Keys;
      /** The key that a single value stands for: `auth: none` is `auth: {kind: none}`. */
      readonly short?: string;
    }
  | { readonly kind: 'maps'; readonly keys: Keys }
  /** A map whose keys are names that the file gives. */
  | { readonly kind: 'named'; readonly of: ScalarType | { readonly kind: 'map'; readonly keys: Keys } };

/** One key of the file: the validator and the reference table both read it. */
export interface Key<T extends ValueType = ValueType> {
  readonly type: T;
  readonly meaning: string;
  /** The default as the file would have it. */
  readonly default?: string;
  readonly required?: boolean;
  /** `null` is the same as leaving the key out, as for the peers; for a map also `empty`: an empty map. */
  readonly ifNull?: 'absent' | 'empty';
}
export type Keys = Readonly<Record<string, Key>>;

/** A value and where it came from. `value` undefined: it was given, but is wrong and has been reported. */
export interface Field<T> {
  readonly value: T | undefined;
  readonly place: ConfigPlace;
  /** The value as an error may show it. */
  readonly seen: string;
  /** Whether `seen` keeps the value to itself. */
  readonly hidden: boolean;
}

/** The fields of a map that were given. */
export type Fields<K extends Keys> = { readonly [P in keyof K]?: Field<ValueOf<K[P]['type']>> };

export type ValueOf<T extends ValueType> = T extends { kind: 'text' | 'secret' | 'path' | 'host' }
  ? string
  : T extends { kind: 'integer' | 'number' }
    ? number
    : T extends { kind: 'boolean' }
      ? boolean
      : T extends { kind: 'choice'; values: readonly (infer V)[] }
        ? V
        : T extends { kind: 'texts' }
          ? readonly string[]
          : T extends { kind: 'dict' }
            ? Readonly<Record<string, unknown>>
            : T extends { kind: 'map'; keys: infer K extends Keys }
              ? Fields<K>
              : T extends { kind: 'maps'; keys: infer K extends Keys }
                ? readonly Field<Fields<K>>[]
                : T extends { kind: 'named'; of: infer V extends ValueType }
                  ? Readonly<Record<string, Field<ValueOf<V>>>>
                  : unknown;

/** The type in words, for errors and for the reference table. */
export function typeText(type: ValueType): string {
  switch (type.kind) {
    case 'text':
      return type.filled ? 'a text that is not empty' : 'a text';
    case 'secret':
      return 'a text';
    case 'path':
      return 'the path of a file';
    case 'host':
      return 'a host name or an IP address';
    case 'integer':
      if (type.min === undefined && type.max === undefined) return 'an integer';
      return type.max === undefined
        ? `an integer from ${type.min}`
        : `an integer from ${type.min} to ${type.max}`;
    case 'number':
      return `a number above 0, up to ${type.max}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return type.values.length === 1 ? `${type.values[0]}` : `one of ${type.values.join(', ')}`;
    case 'texts':
      return 'a list of texts';
    case 'free':
      return 'anything';
    case 'dict':
      return 'a map';
    case 'map':
      return type.short === undefined ? 'a map' : `a map, or its ${type.short} alone`;
    case 'named':
      return type.of.kind === 'map' ? 'a map of maps' : 'a map of texts';
    case 'maps':
      return 'a list of maps';
  }
}
