import { createHash } from 'node:crypto';

/** What names of tools may be: clients show them to models, whose APIs take no others. */
export interface NameForm {
  readonly maxLength: number;
  /** `model`: letters, digits, underscores and hyphens alone. */
  readonly characters: 'model' | 'any';
}

const hashLengths = [8, 16] as const;
const plain = (name: string) => name.replaceAll(/[^A-Za-z0-9_-]/g, '_');
const hashOf = (name: string) => createHash('sha256').update(name).digest('hex');

/**
 * What stands for a name that is not of the form: its beginning, and a hash of the whole of it, so that it depends on
 * nothing else. `long`: for one whose alias is another's name already. Undefined for a name that is fine.
 */
export function aliasOf(name: string, { maxLength, characters }: NameForm, long = false): string | undefined {
  const fits = characters === 'any' || /^[A-Za-z0-9_-]+$/.test(name);
  if (fits && name.length <= maxLength) return undefined;
  const ending = `_${hashOf(name).slice(0, hashLengths[long ? 1 : 0])}`;
  // The beginning is what fits before it; a hash is not cut.
  return plain(name).slice(0, Math.max(0, maxLength - ending.length)) + ending;
}

/** Whether a name can be an alias: where it cannot, nobody has to look for what it stands for. */
export const looksLikeAlias = (name: string): boolean => /_(?:[0-9a-f]{8}){1,2}$/.test(name);

/** What an alias begins with, for each length that its hash may have. */
export const aliasBeginnings = (alias: string): string[] =>
  hashLengths.filter((length) => alias.length > length).map((length) => alias.slice(0, -length - 1));

/** Whether `alias` stands for `name`, whatever the form was for which it was made. */
export function isAliasOf(alias: string, name: string): boolean {
  if (!looksLikeAlias(alias)) return false;
  const hash = hashOf(name);
  return hashLengths.some(
    (length) =>
      alias.endsWith(`_${hash.slice(0, length)}`) && plain(name).startsWith(alias.slice(0, -length - 1)),
  );
}
