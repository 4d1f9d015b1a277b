import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf } from '../errors.js';
import { modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { mapTexts } from './text/index.js';

const forms = z.enum(['NFC', 'NFD', 'NFKC', 'NFKD']);
const cases = z.enum(['none', 'lower', 'upper', 'title']);
const decimals = z.enum(['auto', 'comma', 'dot']);

/** What is done to a text, and whether that is so where nothing else is said: here, and in ContextForge. */
const shape = (theirs: boolean) => ({
  enable_unicode: z.boolean().default(true).describe('Whether Unicode is normalized.'),
  unicode_form: forms
    .default('NFC')
    .describe('The form of it. `NFKC` makes one letter of those that look alike, such as `ﬁ` and `fi`.'),
  remove_control_chars: z
    .boolean()
    .default(true)
    .describe(
      'Whether control characters are taken out, but for tabs and ends of lines; with `enable_unicode`.',
    ),
  enable_whitespace: z
    .boolean()
    .default(true)
    .describe('Whether white space is normalized, as the next four keys say.'),
  trim: z.boolean().default(true).describe('Whether it goes at the beginning and the end.'),
  collapse_internal: z
    .boolean()
    .default(true)
    .describe('Whether a run of blanks and tabs becomes one blank.'),
  normalize_newlines: z.boolean().default(true).describe('Whether CR LF and CR become LF.'),
  collapse_blank_lines: z.boolean().default(false).describe('Whether several empty lines become one.'),
  enable_casing: z.boolean().default(false).describe('Whether `case_strategy` counts.'),
  case_strategy: cases.default('none').describe('The case that all letters get.'),
  enable_dates: z
    .boolean()
    .default(theirs)
    .describe('Whether dates in numbers (`31/12/2024`, `12.31.24`) become `2024-12-31`.'),
  day_first: z.boolean().default(false).describe('Whether `1/2/2024` is the first of February.'),
  year_first: z
    .boolean()
    .default(false)
    .describe('Whether `01/02/03` begins with the year: such a date is left as it is.'),
  enable_numbers: z
    .boolean()
    .default(theirs)
    .describe(
      'Whether numbers lose their separators of thousands and get a point: `1.234,56` becomes `1234.56`.',
    ),
  decimal_detection: decimals
    .default('auto')
    .describe('Which sign begins the decimals. `auto` takes the last of the two: `1,234` becomes `1.234`.'),
});

type Rules = z.output<z.ZodObject<ReturnType<typeof shape>>>;

/** The same keys, none of which has to be there. */
const override = (theirs: boolean) => {
  const optional = Object.fromEntries(
    Object.entries(shape(theirs)).map(([key, each]) => [
      key,
      each.unwrap().nullish().describe(`\`${key}\` for these.`),
    ]),
  );
  return settings({
    pattern: z
      .string()
      .transform((text, context) => {
        try {
          return RE2JS.compile(text);
        } catch (error) {
          const message = `not a regular expression that runs in linear time (RE2): ${messageOf(error)}`;
          context.addIssue({ code: 'custom', message });
          return z.NEVER;
        }
      })
      .describe(
        'Which fields: a regular expression (RE2) for their path, such as `tool.user.name` or `items[0].title`.',
      ),
    ...optional,
  });
};

const schema = (theirs: boolean) =>
  settings({
    ...shape(theirs),
    field_overrides: z
      .array(override(theirs))
      .max(100)
      .default([])
      .describe('Other rules for some fields. Of several that match, the later one counts.'),
  });
type Settings = z.output<ReturnType<typeof schema>>;

const notes = `- It changes the texts in arguments of tools and prompts, at any depth; names of fields and numbers that are no text stay.
- The order is Unicode, white space, dates, numbers, case.
- The path of a field begins with the name of the tool, \`search.filter.tags[0]\`; in a prompt with the name of the argument.
- Dates and numbers are guesses: \`1/2/2024\` is one of two days, and \`1,234\` one of two numbers. Set \`day_first\` and \`decimal_detection\` for what your users write. Under
  the kind of ContextForge both are on by default, as they are there.`;

const setup = (set: Settings) => {
  const change = (hook: string, payload: Record<string, unknown>, root: string) => {
    const changed = mapTexts(hook, payload, (text, place) =>
      normalize(text, set.field_overrides.length === 0 ? set : rulesFor(set, pathOf(place.pointer(), root))),
    );
    return changed === payload ? proceed() : modify(changed, { argument_normalizer: { modified: true } });
  };
  return {
    hooks: {
      tool_pre_invoke: (payload: { name: string }) => change('tool_pre_invoke', payload, payload.name),
      prompt_pre_fetch: (payload: object) =>
        change('prompt_pre_fetch', payload as Record<string, unknown>, ''),
    },
  };
};

const page = {
  title: 'Argument normalizer',
  summary: 'normalizes Unicode, white space, case, dates and numbers in arguments',
  notes,
  examples: [
    {
      title: 'White space and dates',
      config: {
        enable_dates: true,
        day_first: true,
        field_overrides: [{ pattern: 'code$', enable_casing: true, case_strategy: 'upper' }],
      },
      hook: 'tool_pre_invoke',
      payload: { name: 'book', args: { guest: '  Ada \t Lovelace ', from: '1/12/2024', code: 'ab-12' } },
    },
  ],
};

export default defineFilter({ page, config: schema(false), setup });
export const contextforge = defineFilter({ page, config: schema(true), setup });

function rulesFor(set: Settings, path: string): Rules {
  let rules: Rules = set;
  for (const { pattern, ...others } of set.field_overrides) {
    if (!pattern.matcher(path).find()) continue;
    const given = Object.entries(others).filter(([, value]) => value !== null && value !== undefined);
    rules = { ...rules, ...Object.fromEntries(given) };
  }
  return rules;
}

/** `/args/items/0/title` as `tool.items[0].title`. */
function pathOf(pointer: string, root: string): string {
  let path = root;
  for (const part of pointer.split('/').slice(2)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (/^\d+$/.test(name)) path += `[${name}]`;
    else path += path === '' ? name : `.${name}`;
  }
  return path;
}

/** A text as the rules have it. */
export function normalize(text: string, rules: Rules): string {
  let made = text;
  if (rules.enable_unicode) {
    made = made.normalize(rules.unicode_form);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
    if (rules.remove_control_chars) made = made.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '');
  }
  if (rules.enable_whitespace) {
    if (rules.normalize_newlines) made = made.replace(/\r\n?/g, '\n');
    if (rules.trim) made = made.trim();
    if (rules.collapse_internal) made = made.replace(/[\t\v\f ]+/g, ' ');
    if (rules.collapse_blank_lines) made = made.replace(/\n{3,}/g, '\n\n');
  }
  if (rules.enable_dates)
    made = made.replace(/\b(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})\b/g, (...match) => isoDate(match, rules));
  if (rules.enable_numbers) {
    made = made.replace(/(?<![\w.])-?\d{1,3}(?:[ ,.']\d{3})*(?:[,.]\d+)?(?![\w.])/g, (number) =>
      plainNumber(number, rules.decimal_detection),
    );
  }
  return rules.enable_casing ? inCase(made, rules.case_strategy) : made;
}

function inCase(text: string, strategy: Rules['case_strategy']): string {
  if (strategy === 'lower') return text.toLowerCase();
  if (strategy === 'upper') return text.toUpperCase();
  if (strategy !== 'title') return text;
  return text.replace(/\p{L}+/gu, (word) => {
    const [first = ''] = word;
    return first.toUpperCase() + word.slice(first.length).toLowerCase();
  });
}

function isoDate(match: readonly unknown[], { day_first, year_first }: Rules): string {
  const whole = String(match[0]);
  const [a, b, c] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const written = (year: number, month: number, day: number) => {
    const valid = month >= 1 && month <= 12 && day >= 1 && day <= 31 && year >= 1000 && year <= 9999;
    const two = (part: number) => String(part).padStart(2, '0');
    return valid ? `${year}-${two(month)}-${two(day)}` : whole;
  };
  if (a >= 1000 && !day_first) return written(a, b, c);
  if (c >= 1000) {
    if (a > 31 || b > 31 || (a > 12 && b > 12)) return whole;
    const dayFirst = a > 12 || (b <= 12 && day_first);
    return dayFirst ? written(c, b, a) : written(c, a, b);
  }
  if (year_first && a <= 99 && c <= 99) return whole;
  if (b >= 1 && b <= 12 && a >= 1 && a <= 31 && c <= 99)
    return day_first ? written(2000 + c, b, a) : written(2000 + c, a, b);
  return a >= 1000 ? written(a, b, c) : whole;
}

function plainNumber(number: string, detection: Rules['decimal_detection']): string {
  const auto = number.lastIndexOf(',') > number.lastIndexOf('.') ? 'comma' : 'dot';
  const sign = (detection === 'auto' ? auto : detection) === 'comma' ? ',' : '.';
  const at = number.lastIndexOf(sign);
  const bare = (part: string) => part.replace(/[ ,.']/g, '');
  return at === -1 ? bare(number) : `${bare(number.slice(0, at))}.${number.slice(at + 1)}`;
}
