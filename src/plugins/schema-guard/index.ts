import { z } from 'zod';
import { messageOf } from '../../errors.js';
import { isJsonObject } from '../../json/index.js';
import { block, modify, proceed } from '../../plugin/index.js';
import { defineFilter, settings, withKeysOf } from '../filter.js';
import { jsonValue } from '../json-value.js';
import { createValidator, type Validate, type ValidatorOptions } from './validator.js';

const schemas = (what: string) =>
  z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .nullish()
    .transform((map) => map ?? {})
    .describe(what);

const Settings = settings({
  arg_schemas: schemas('A JSON Schema for the arguments of a tool, by its name.'),
  result_schemas: schemas('A JSON Schema for the result of a tool, by its name.'),
  result_of: z
    .enum(['structured', 'whole'])
    .default('structured')
    .describe(
      'What of a result a schema is for. `structured`: its structured content, else its text as JSON. `whole`: the result as MCP has it, with `content`.',
    ),
  formats: z
    .boolean()
    .default(false)
    .describe(
      'Whether `format` is a rule (`date-time`, `date`, `time`, `email`, `hostname`, `ipv4`, `ipv6`, `uri`, `uuid`), and not a remark.',
    ),
  coerce: z
    .boolean()
    .default(false)
    .describe(
      'Whether arguments of another type become the type asked for, where that is plain: `"5"` becomes `5`.',
    ),
  defaults: z
    .boolean()
    .default(false)
    .describe('Whether arguments that are not there get the `default` of the schema.'),
  block_on_violation: z
    .boolean()
    .default(true)
    .describe('Whether what does not conform stops the call; else it is in the metadata.'),
});
type Settings = z.output<typeof Settings>;

const notes = `- Schemas are those of JSON Schema 2020-12; draft-07 where \`$schema\` is \`http://json-schema.org/draft-07/schema#\`. They are compiled at the start: one that is not valid keeps the plugin from loading.
- A \`$ref\` leads within the schema: nothing is fetched. Patterns run in linear time (RE2): look-around and back references are an error at the start.
- A tool is named as its upstream has it. One without a schema passes.
- Results that are errors (\`isError\`) are not looked at.
- A violation says what is expected where, and nothing of the value but names of fields.
- Under the kind of ContextForge \`result_schemas\` are for the whole result, as they are there; all keywords count, not only \`type\`, \`properties\`, \`required\` and \`items\`.`;

const filter = defineFilter({
  page: {
    title: 'Schema guard',
    summary: 'holds arguments and results of tools against JSON Schemas',
    notes,
    examples: [
      {
        title: 'Arguments',
        config: {
          arg_schemas: {
            write_file: {
              type: 'object',
              properties: {
                path: { type: 'string', pattern: '^/data/' },
                mode: { enum: ['append', 'replace'] },
              },
              required: ['path', 'mode'],
              additionalProperties: false,
            },
          },
        },
        hook: 'tool_pre_invoke',
        payload: { name: 'write_file', args: { path: '/etc/passwd', force: true } },
      },
      {
        title: 'Types mended',
        config: {
          coerce: true,
          defaults: true,
          arg_schemas: {
            search: {
              type: 'object',
              properties: { limit: { type: 'integer' }, lang: { type: 'string', default: 'en' } },
            },
          },
        },
        hook: 'tool_pre_invoke',
        payload: { name: 'search', args: { limit: '5' } },
      },
    ],
  },
  config: Settings.superRefine((set, context) => {
    for (const key of ['arg_schemas', 'result_schemas'] as const) {
      for (const [tool, schema] of Object.entries(set[key])) {
        try {
          createValidator(schema, optionsOf(set));
        } catch (error) {
          const message = `no JSON Schema that can be used: ${messageOf(error)}`;
          context.addIssue({ code: 'custom', path: [key, tool], message });
        }
      }
    }
  }),
  setup(set) {
    const options = optionsOf(set);
    const args = compiled(set.arg_schemas, options);
    const results = compiled(set.result_schemas, { ...options, coerce: false, defaults: false });
    const answer = (errors: readonly string[], what: string, code: string) =>
      errors.length > 0 && set.block_on_violation
        ? block({
            code,
            reason: 'Schema validation failed',
            description: `${what} do not conform to the schema: ${errors.slice(0, 3).join('; ')}`,
            details: { errors },
          })
        : proceed({ schema_errors: errors });
    return {
      hooks: {
        tool_pre_invoke(payload) {
          const validate = args.get(payload.name);
          if (validate === undefined) return proceed();
          // Coercion writes into the arguments, which are this plugin's own copy.
          const given = JSON.stringify(payload.args ?? {});
          const value = payload.args ?? {};
          const errors = validate(value);
          if (errors.length > 0 || JSON.stringify(value) === given)
            return answer(errors, 'Arguments', 'SCHEMA_GUARD_ARGS');
          return modify({ ...payload, args: value }, { schema_errors: [] });
        },
        tool_post_invoke({ name, result }) {
          const validate = results.get(name);
          if (validate === undefined || (isJsonObject(result) && result['isError'] === true))
            return proceed();
          return answer(validate(validated(result, set.result_of)), 'Results', 'SCHEMA_GUARD_RESULT');
        },
      },
    };
  },
});
export default filter;

export const contextforge = withKeysOf(
  filter,
  settings({
    arg_schemas: schemas('A JSON Schema for the arguments of a tool, by its name.'),
    result_schemas: schemas('A JSON Schema for the whole result of a tool, by its name.'),
    block_on_violation: z.boolean().default(true).describe('Whether what does not conform stops the call.'),
  }).transform((set) => ({ ...set, result_of: 'whole' as const })),
);

function optionsOf({ formats, coerce, defaults }: Settings): ValidatorOptions {
  return { formats, coerce, defaults };
}

const compiled = (map: Settings['arg_schemas'], options: ValidatorOptions): ReadonlyMap<string, Validate> =>
  new Map(Object.entries(map).map(([tool, schema]) => [tool, createValidator(schema, options)]));

/** What of a result a schema is for. A result without structured content is told by its one text. */
function validated(result: unknown, of: Settings['result_of']): unknown {
  if (of === 'whole' || !isJsonObject(result) || !Array.isArray(result['content'])) return result;
  if (result['structuredContent'] !== undefined) return result['structuredContent'];
  const [block, ...more] = result['content'] as unknown[];
  const text = isJsonObject(block) && more.length === 0 ? block['text'] : undefined;
  return typeof text === 'string' ? (jsonValue(text) ?? text) : result['content'];
}
