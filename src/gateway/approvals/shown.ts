import { looksSecret } from '../../config/index.js';
import { isJsonObject, writeJson } from '../../json/index.js';

/**
 * What cannot be seen, or changes how what stands beside it is seen: control and format characters (those that turn the order
 * of text around among them), spaces that are none of the usual one, what is drawn as nothing, and half characters.
 */
const unseen =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/** `text` on one line, with what cannot be seen in it written as `\u{…}`: nobody approves something other than is shown. */
export function visible(text: string): string {
  return text.replace(unseen, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A sentence from elsewhere, as a question has it. */
export function sentence(text: string, most = 500): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return visible(cut.replace(/\s+/g, ' ').trim());
}

/** More of a value is not shown, in characters. */
const mostShown = 8_000;

/** A value as a person is shown it. */
export interface Shown {
  readonly text: string;
  /** Characters of it that are not shown: where there are some, the question says so. */
  readonly left: number;
}

/** `key` alone is what many tools call a name of something. */
const isSecret = (name: string): boolean => looksSecret(name) && !/^keys?$/i.test(name);

/** A value as indented JSON, bounded, with secrets hidden and what cannot be seen in it made visible. */
export function shownValue(given: unknown, most: number = mostShown): Shown {
  let left = 0;
  const text = write(given, '', '');
  return text.length <= most
    ? { text, left }
    : { text: text.slice(0, most), left: left + text.length - most };

  function write(value: unknown, name: string, indent: string): string {
    const deeper = `${indent}  `;
    if (typeof value === 'string') {
      if (isSecret(name)) return `(hidden: ${value.length} characters)`;
      // A text of megabytes is not made visible only to be cut.
      left += Math.max(0, value.length - most);
      return visible(JSON.stringify(value.slice(0, most)));
    }
    if (Array.isArray(value)) {
      if (value.length === 0) return '[]';
      const items = value.map((one: unknown) => `${deeper}${write(one, name, deeper)}`);
      return `[\n${items.join(',\n')}\n${indent}]`;
    }
    if (!isJsonObject(value)) return writeJson(value ?? null);
    const fields = Object.entries(value).map(
      ([key, one]) => `${deeper}${visible(JSON.stringify(key))}: ${write(one, key, deeper)}`,
    );
    return fields.length === 0 ? '{}' : `{\n${fields.join(',\n')}\n${indent}}`;
  }
}
