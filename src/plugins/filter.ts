import { z } from 'zod';
import { nearest } from '../nearest.js';
import {
  definePlugin,
  type PluginDefinition,
  type PluginInstance,
  type PluginSetup,
} from '../plugin/index.js';

/** A call of a filter as its page shows it: what it makes of the payload is what the page prints. */
interface FilterExample {
  readonly title: string;
  readonly config: Record<string, unknown>;
  readonly hook: string;
  readonly payload: Record<string, unknown>;
}

/** What the page of a filter in docs/filters/ is made from, beside the schema of its settings. */
interface FilterPage {
  readonly title: string;
  /** What it does, in a line: the index of the pages has it. */
  readonly summary: string;
  /** What else there is to know, as Markdown. */
  readonly notes?: string;
  readonly examples: readonly FilterExample[];
}

/** A bundled plugin: a definition like any other, with a page. */
export interface Filter extends PluginDefinition {
  readonly config: z.ZodType;
  readonly page: FilterPage;
}

/** Declares a bundled plugin. Each key of `config` has a description, of which its page is made. */
export function defineFilter<S extends z.ZodType>(filter: {
  readonly page: FilterPage;
  readonly config: S;
  setup(config: z.output<S>, plugin: PluginSetup): PluginInstance | Promise<PluginInstance>;
}): Filter {
  const { page, config, setup } = filter;
  return { ...definePlugin<z.output<S>>({ config, setup }), config, page } as Filter;
}

/**
 * A plugin with other keys: what `theirs` makes of them are the settings of `filter`, held against its schema once more.
 */
export function withKeysOf<S extends z.ZodType>(
  filter: Filter,
  theirs: S,
): PluginDefinition & { readonly config: z.ZodType } {
  return { config: theirs.pipe(filter.config as z.ZodType<unknown, z.output<S>>), setup: filter.setup };
}

/** The schema of settings: a key that it does not have is an error that says which was meant. */
export function settings<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? unknownKeys(issue['keys'] as string[], Object.keys(shape))
        : undefined,
  });
}

function unknownKeys(keys: readonly string[], known: readonly string[]): string {
  return keys
    .map((key) => {
      const meant = nearest(key, known);
      return `there is no key "${key}" here; ${meant ? `did you mean ${meant}?` : `there is ${known.join(', ')}`}`;
    })
    .join('; ');
}
