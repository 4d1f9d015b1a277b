import { ConfigUrl } from '../errors.js';
import { type Env, type PathBase, resolvePath } from './files.js';
import { hiddenText, type Problems } from './problems.js';
import type { Field } from './schema.js';

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

/**
 * An http or https URL; undefined, with a problem, where it cannot be one. A plugin server is never at the root of its
 * host, so a missing path is a slip there; other servers may be (`path: 'any'`).
 */
export function readUrl(
  field: Field<string>,
  key: string,
  problems: Problems,
  wanted: { readonly path: 'given' | 'any' } = { path: 'given' },
): URL | undefined {
  const text = field.value;
  if (text === undefined) return undefined;
  // A password may stand before any @, also in what does not parse.
  const hidden = field.hidden || text.includes('@');
  const refuse = (reason: string, likely?: string): undefined => {
    const context = { at: field.place, key, seen: hidden ? hiddenText : field.seen, reason };
    problems.add(ConfigUrl(likely === undefined || hidden ? context : { ...context, likely }));
  };
  const parts = /^(https?):\/\/([^/?#]+)([^?#]*)/i.exec(text);
  if (parts === null) {
    const bare = /^[A-Za-z0-9.-]+(:\d+)?(\/.*)?$/.test(text);
    return refuse(
      'not an absolute http or https URL',
      bare ? `https://${text}${text.includes('/') ? '' : '/mcp'}` : undefined,
    );
  }
  const [whole, , , path] = parts;
  // WHATWG parsing drops line ends and tabs, and takes \ for /: what it is given has to be a URL as it stands.
  const url = /[\s\\]/.test(text) || !URL.canParse(text) ? undefined : new URL(text);
  if (url === undefined) return refuse('not a valid URL');
  if (url.username !== '' || url.password !== '') return refuse('a URL holds no user name or password');
  if (text.includes('#'))
    return refuse('a fragment (#…) has no meaning here', text.slice(0, text.indexOf('#')));
  if (path === '' && wanted.path === 'given')
    return refuse('the path is missing', `${whole}/mcp${text.slice(whole.length)}`);
  return url;
}

/** Whether a host is this machine, as a URL or a setting names it. */
export function isLoopback(host: string): boolean {
  return /^(\[?::1\]?|127(\.\d{1,3}){3}|(.+\.)?localhost\.?)$/i.test(host);
}
