import {
  block,
  type Hooks,
  modify,
  type PluginContext,
  proceed,
  type Violation,
} from '../../plugin/index.js';
import { type Action, type Match, type Replace, replaceMatches } from './actions.js';
import { Findings } from './findings.js';
import { textFilter } from './hooks.js';
import { mapTexts, type TextOptions } from './walk.js';

/** A filter that finds parts of texts, and does something about each. */
interface Scanning {
  /** The name of its part of the metadata. */
  readonly name: string;
  /** What it finds in a text: in order, without overlaps. `name` is that of the field that it is the value of. */
  scan(text: string, name?: string): readonly Match[];
  action(kind: string): Action;
  /** How replacements are made for a request. */
  replacer(context: PluginContext): Replace;
  /** Why it blocks. */
  violation(findings: Findings): Pick<Violation, 'code' | 'reason' | 'description'>;
  /** From how many findings whose action is `block` on it blocks. Default 1. */
  readonly blockFrom?: number;
  /** Whether a place (a JSON pointer) is not looked at. */
  skips?(pointer: string): boolean;
  /** Whether a text that is JSON is read as such. */
  readonly json?: (text: string) => boolean;
  readonly texts?: Omit<TextOptions, 'json'>;
}

/**
 * The hooks of such a filter. Texts without a finding are not copied, and a payload without one is left as it is. A text that
 * is JSON is read as such where something is found in it, or where escapes could hide it: what comes of it is JSON too.
 */
export function scanningHooks(scanning: Scanning): Hooks {
  const { name, action, violation, blockFrom = 1, skips } = scanning;
  const options: TextOptions = {
    ...scanning.texts,
    json: scanning.json ?? ((text) => text.includes('\\u') || scanning.scan(text).length > 0),
  };
  return textFilter((hook, payload, context) => {
    const findings = new Findings();
    let blocking = 0;
    let replace: Replace | undefined;
    const changed = mapTexts(
      hook,
      payload,
      (text, place) => {
        const matches = scanning.scan(text, place.name);
        if (matches.length === 0) return text;
        // Names of fields stand in pointers, and have what was found in them too.
        const path = place.pointer();
        if (skips?.(path)) return text;
        const pointer = replaceMatches(path, scanning.scan(path), ({ kind }) => `[${kind.toUpperCase()}]`);
        return replaceMatches(text, matches, ({ kind }, value) => {
          const act = action(kind);
          findings.add(kind, pointer);
          if (act === 'block') blocking += 1;
          replace ??= scanning.replacer(context);
          return replace(act, kind, value);
        });
      },
      options,
    );
    if (findings.total === 0) return proceed();
    const report = findings.report();
    if (blocking >= blockFrom) return block({ ...violation(findings), details: report }, { [name]: report });
    return changed === payload ? proceed({ [name]: report }) : modify(changed, { [name]: report });
  });
}
