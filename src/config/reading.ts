import type { PathBase } from './paths.js';
import { resolvePath } from './paths.js';
import type { Problems } from './problems.js';
import type { Field } from './schema.js';
import type { Env } from './template.js';

/** Whose variables apply, and whose settings have to be complete. */
export type ConfigSide = 'server' | 'gateway';

/** What every part of a configuration is read with. */
export interface Reading {
  readonly side: ConfigSide;
  readonly env: Env;
  readonly paths: PathBase;
  readonly problems: Problems;
}

/** The fields of two objects together, those of `winner` over those of `base`. */
export function overlay<F extends object>(base: F, winner: Partial<F>): F {
  return { ...base, ...winner };
}

/** `value` under `key`, or nothing where there is none: optional properties are absent, not undefined. */
export function given<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}

/** The absolute path that a field names. */
export function pathOf(field: Field<string> | undefined, paths: PathBase): string | undefined {
  return field?.value === undefined ? undefined : resolvePath(field.value, paths);
}

/** The password in a field; an empty one is none. */
export function passwordOf(field: Field<string> | undefined): string | undefined {
  return field?.value === '' ? undefined : field?.value;
}
