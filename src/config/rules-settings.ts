import { type ConfigPlace, ConfigRule } from '../errors.js';
import type { RuleSettings, RulesSettings, RuleTest } from '../policy/index.js';
import type { Problems } from './problems.js';
import { given } from './reading.js';
import { type ruleKeys, ruleTestKeys } from './rules-keys.js';
import { type Field, type Fields, valuesOf } from './schema.js';

type RuleFields = Fields<typeof ruleKeys>;
type TestFields = Fields<typeof ruleTestKeys>;

export const noRules: RulesSettings = { rules: [], tests: [] };

/** The rules of a list, those that are whole. Their expressions are looked at where CEL is loaded. */
export function rulesSettings(
  rules: Field<readonly Field<RuleFields>[]> | undefined,
  tests: Field<readonly Field<TestFields>[]> | undefined,
  otherwise: 'allow' | 'deny' | undefined,
  problems: Problems,
): RulesSettings {
  return {
    rules: (rules?.value ?? []).flatMap((field) => ruleOf(field, problems) ?? []),
    ...given('otherwise', otherwise),
    tests: (tests?.value ?? []).flatMap((field) => testOf(field, problems) ?? []),
  };
}

const effects = ['deny', 'ask', 'allow'] as const;

function ruleOf({ value: fields, place }: Field<RuleFields>, problems: Problems): RuleSettings | undefined {
  if (fields === undefined) return undefined;
  const said = effects.filter((effect) => fields[effect] !== undefined);
  const [effect, ...more] = said;
  const refuse = (at: ConfigPlace, problem: string): undefined => {
    problems.add(ConfigRule({ at, effect: effect ?? 'no effect', problem }));
  };
  if (effect === undefined) return refuse(place, "it has none of 'deny', 'ask' and 'allow'");
  const field = fields[effect];
  if (more.length > 0)
    return refuse(field?.place ?? place, `it says ${said.join(' and ')}: make a rule of each`);
  if (field?.value === undefined) return undefined;
  return {
    effect,
    expression: field.value,
    at: field.place,
    ...given('reason', fields.reason?.value),
    trustAnnotations: fields.trust_annotations?.value ?? false,
  };
}

function testOf({ value: fields, place }: Field<TestFields>, problems: Problems): RuleTest | undefined {
  if (fields === undefined) return undefined;
  const { expect, args, listed = false, auth_method: authMethod, ...values } = valuesOf(ruleTestKeys, fields);
  const subjects = [values.tool, values.prompt, values.resource].filter((one) => one !== undefined);
  if (subjects.length !== 1 && !(subjects.length === 0 && values.method !== undefined)) {
    const problem = 'a test is about one of tool, prompt and resource, or has a method';
    problems.add(ConfigRule({ at: place, effect: 'test', problem }));
    return undefined;
  }
  if (expect === undefined) return undefined;
  return {
    ...values,
    at: place,
    expect,
    ...given('authMethod', authMethod),
    ...(!listed && { args: args ?? {} }),
  };
}
