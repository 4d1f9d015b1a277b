import type { ConfigPlace } from '../errors.js';
import { type PathBase, resolvePath } from './files.js';

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
  /** The SHA-256 of a public key (RFC 7469 section 2.4). */
  | { readonly kind: 'pin' }
  | { readonly kind: 'integer'; readonly min?: number; readonly max?: number }
  /** A positive number; a setting of milliseconds is made of it. */
  | { readonly kind: 'seconds'; readonly max: number }
  | { readonly kind: 'boolean' }
  | {
      readonly kind: 'choice';
      readonly values: readonly string[];
      /** Of the contract, but not of this version. */
      readonly elsewhere?: readonly string[];
    };

export type ValueType =
  | ScalarType
  | {
      readonly kind: 'texts';
      /** What each of them has to be. Default: any text. */
      readonly of?: ScalarType;
      /** Whether an empty list is wrong. */
      readonly filled?: boolean;
    }
  | { readonly kind: 'free' }
  | { readonly kind: 'dict' }
  | {
      readonly kind: 'map';
      readonly keys: Keys;
      /** The key that a single value stands for: `auth: none` is `auth: {kind: none}`. */
      readonly short?: string;
    }
  | {
      readonly kind: 'maps';
      readonly keys: Keys;
      /** The key that a single value in the list stands for. */
      readonly short?: string;
    }
  /** A map whose keys are names that the file gives. */
  | {
      readonly kind: 'named';
      readonly of: ScalarType | NamedType | { readonly kind: 'map'; readonly keys: Keys };
      /** Names that stand for these keys where their value is a list or a map. */
      readonly also?: Keys;
    };
/** A map of texts within another. */
interface NamedType {
  readonly kind: 'named';
  readonly of: ScalarType;
}

/** One key of the file: the check, the settings made of it and the reference table all come from it. */
export interface Key<T extends ValueType = ValueType> {
  readonly type: T;
  readonly meaning: string;
  readonly default?: unknown;
  readonly required?: boolean;
  /** `null` is the same as leaving the key out, as for the peers; for a map also `empty`: an empty map. */
  readonly ifNull?: 'absent' | 'empty';
  /** The name of the setting, where it is not that of the key in camel case. */
  readonly as?: string;
  /** Without effect here: no setting is made of it. */
  readonly unused?: boolean;
}

type Made<T, M> = { readonly type: T; readonly meaning: string } & M;

/** A key with what else it has: a default, mostly. */
export function key<const T extends ValueType, const M extends Omit<Key, 'type' | 'meaning'> = object>(
  type: T,
  meaning: string,
  more: M = {} as M,
): Made<T, M> {
  return { type, meaning, ...more };
}
/** A key that may be left out, or be `null`. */
export function optional<const T extends ValueType>(type: T, meaning: string): Made<T, { ifNull: 'absent' }> {
  return { type, meaning, ifNull: 'absent' };
}
export function required<const T extends ValueType>(type: T, meaning: string): Made<T, { required: true }> {
  return { type, meaning, required: true };
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
  /** Whether it was made from variables. */
  readonly rendered?: boolean;
}

/** The fields of a map that were given. */
export type Fields<K extends Keys> = { readonly [P in keyof K]?: Field<ValueOf<K[P]['type']>> };

export type ValueOf<T extends ValueType> = T extends { kind: 'text' | 'secret' | 'path' | 'host' | 'pin' }
  ? string
  : T extends { kind: 'integer'; min: 0; max: 2 }
    ? 0 | 1 | 2
    : T extends { kind: 'integer' | 'seconds' }
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

type CamelCase<S> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<CamelCase<B>>}` : S;
type SettingName<P, K extends Key> = K extends { as: infer N extends string }
  ? N
  : K['type'] extends { kind: 'seconds' }
    ? `${CamelCase<P> & string}Ms`
    : CamelCase<P>;
type SettingValue<T extends ValueType> = T extends { kind: 'named'; of: { kind: 'seconds' } }
  ? Readonly<Record<string, number>>
  : T extends { kind: 'named' }
    ? Readonly<Record<string, string>>
    : ValueOf<T>;
/** The keys that settings are made of as they are: maps of keys and lists of them need more than that. */
type SettingKeys<K extends Keys> = {
  [P in keyof K]: K[P]['type'] extends { kind: 'map' | 'maps' } | { kind: 'named'; of: { kind: 'map' } }
    ? never
    : K[P] extends { unused: true }
      ? never
      : P;
}[keyof K];
type Sure<K extends Keys> = {
  [P in SettingKeys<K>]: K[P] extends { default: unknown } ? P : never;
}[SettingKeys<K>];
type Flat<T> = { readonly [P in keyof T]: T[P] };

/**
 * The settings that `keys` make: names in camel case, paths absolute, seconds as milliseconds, defaults filled in. What
 * has no default is optional.
 */
export type SettingsOf<K extends Keys> = Flat<
  { [P in Sure<K> as SettingName<P, K[P]>]: SettingValue<K[P]['type']> } & {
    [P in Exclude<SettingKeys<K>, Sure<K>> as SettingName<P, K[P]>]?: SettingValue<K[P]['type']>;
  }
>;

export function settingsOf<K extends Keys>(keys: K, fields: Fields<K>, paths: PathBase): SettingsOf<K> {
  const settings: Record<string, unknown> = {};
  for (const [name, key] of Object.entries<Key>(keys)) {
    const { kind } = key.type;
    if (key.unused || kind === 'map' || kind === 'maps') continue;
    const value = settingValue(key.type, fields[name]?.value ?? key.default, paths);
    if (value !== undefined) settings[key.as ?? settingName(name, kind)] = value;
  }
  return settings as SettingsOf<K>;
}

function settingName(name: string, kind: ValueType['kind']): string {
  const camel = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return kind === 'seconds' ? `${camel}Ms` : camel;
}

function settingValue(type: ValueType, value: unknown, paths: PathBase): unknown {
  if (value === undefined) return undefined;
  const { kind } = type;
  // Whole milliseconds: timers take nothing finer, and none of them is to be 0.
  if (kind === 'seconds') return Math.max(1, Math.round((value as number) * 1000));
  if (kind === 'path') return resolvePath(value as string, paths);
  if (kind === 'secret') return value === '' ? undefined : value;
  if (kind !== 'named') return value;
  const named = Object.entries(value as Record<string, Field<unknown>>);
  const of = (field: Field<unknown>) =>
    type.of.kind === 'seconds' ? settingValue(type.of, field.value, paths) : (field.value ?? '');
  return Object.fromEntries(named.map(([name, field]) => [name, of(field)]));
}

/** The values that were given, under the names of their keys. */
export type ValuesOf<K extends Keys> = Flat<
  { [P in GivenKeys<K> as K[P] extends { required: true } ? P : never]: GivenValue<K[P]['type']> } & {
    [P in GivenKeys<K> as K[P] extends { required: true } ? never : P]?: GivenValue<K[P]['type']>;
  }
>;
type GivenKeys<K extends Keys> = {
  [P in keyof K]: K[P]['type'] extends { kind: 'map' } ? never : P;
}[keyof K];
type GivenValue<T extends ValueType> = T extends { kind: 'maps'; keys: infer K extends Keys }
  ? readonly ValuesOf<K>[]
  : ValueOf<T>;

export function valuesOf<K extends Keys>(keys: K, fields: Fields<K>): ValuesOf<K> {
  const values: Record<string, unknown> = {};
  for (const [name, { type }] of Object.entries<Key>(keys)) {
    const value = fields[name]?.value;
    if (value === undefined || type.kind === 'map') continue;
    values[name] =
      type.kind === 'maps'
        ? (value as Field<Fields<Keys>>[]).map((item) => valuesOf(type.keys, item.value ?? {}))
        : value;
  }
  return values as ValuesOf<K>;
}

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
    case 'pin':
      return 'sha256/ and 44 characters of base64';
    case 'integer':
      if (type.min === undefined && type.max === undefined) return 'an integer';
      return type.max === undefined
        ? `an integer from ${type.min}`
        : `an integer from ${type.min} to ${type.max}`;
    case 'seconds':
      return `a number above 0, up to ${type.max}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return type.values.length === 1 ? `${type.values[0]}` : `one of ${type.values.join(', ')}`;
    case 'texts':
      return `a list of ${type.of?.kind === 'pin' ? 'pins (sha256/…)' : 'texts'}${type.filled ? ' that is not empty' : ''}`;
    case 'free':
      return 'anything';
    case 'dict':
      return 'a map';
    case 'map':
      return type.short === undefined ? 'a map' : `a map, or its ${type.short} alone`;
    case 'named':
      if (type.of.kind === 'seconds') return `a map of numbers above 0, up to ${type.of.max}`;
      return type.of.kind === 'map' ? 'a map of maps' : 'a map of texts';
    case 'maps':
      return type.short === undefined ? 'a list of maps' : `a list of maps, or of their ${type.short} alone`;
  }
}

/** One row of the reference table of YAML keys. */
export interface KeyRow {
  /** Such as `plugins[].mcp.tls.certfile`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly default?: string;
  readonly meaning: string;
}

/** The rows of `keys`, in the order of the file. */
export function keyRows(keys: Keys, prefix = ''): KeyRow[] {
  return Object.entries(keys).flatMap(([name, { type, required = false, meaning, default: usual }]) => {
    const path = `${prefix}${name}`;
    const row = { path, type: typeText(type), required, meaning };
    return [
      // An empty list or map is what nobody has to be told.
      usual === undefined || typeof usual === 'object' ? row : { ...row, default: String(usual) },
      ...(type.kind === 'map'
        ? keyRows(type.keys, `${path}.`)
        : type.kind === 'maps'
          ? keyRows(type.keys, `${path}[].`)
          : type.kind === 'named' && type.of.kind === 'map'
            ? keyRows(type.of.keys, `${path}.NAME.`)
            : type.kind === 'named' && type.also
              ? keyRows(type.also, `${path}.`)
              : []),
    ];
  });
}
