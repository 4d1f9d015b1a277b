import type { Environment } from '@marcbachmann/cel-js';
import { type ConfigPlace, ConfigRule, type SallyError } from '../../errors.js';
import type { SubjectKind } from '../input.js';
import type { RuleSettings } from '../settings.js';
import type { VariableName } from './environment.js';
import { compile, type Facts } from './expression.js';

/** A rule that can be evaluated. */
export interface Rule extends RuleSettings {
  /** Its place among the rules: the first that decides is named. */
  readonly order: number;
  /** How it is named in logs: file and line. */
  readonly by: string;
  readonly facts: Facts;
  /** The kinds of subjects that it is about; undefined where it is about any request. */
  readonly kinds: ReadonlySet<SubjectKind> | undefined;
  readonly readsArgs: boolean;
  readonly run: (context: object) => unknown;
}

/** Whose kinds a rule is about that reads a variable. */
const kindsOf: Readonly<Partial<Record<VariableName, readonly SubjectKind[]>>> = {
  tool: ['tool'],
  prompt: ['prompt'],
  resource: ['resource', 'template'],
};

/** Compiles rules; what cannot be is among the problems. `within` is where a character of the expression stands. */
export function compileRules(
  settings: readonly RuleSettings[],
  environment: Environment,
  within: (rule: RuleSettings, offset: number) => ConfigPlace = ({ at }) => at,
): { readonly rules: Rule[]; readonly problems: SallyError[] } {
  const rules: Rule[] = [];
  const problems: SallyError[] = [];
  for (const [order, setting] of settings.entries()) {
    const compiled = compile(setting.expression, environment);
    if ('problem' in compiled) {
      const { problem, offset } = compiled;
      problems.push(ConfigRule({ at: within(setting, offset), effect: setting.effect, problem }));
      continue;
    }
    const { facts, run } = compiled;
    const kinds = [...facts.mentions].flatMap((name) => kindsOf[name] ?? []);
    rules.push({
      ...setting,
      order,
      by: nameOf(setting.at),
      facts,
      run,
      kinds: kinds.length > 0 ? new Set(kinds) : undefined,
      readsArgs: facts.mentions.has('args'),
    });
  }
  return { rules, problems };
}

/** How a rule is named: `gateway.yaml:12`. */
const nameOf = (at: ConfigPlace): string => ('line' in at ? `${at.file}:${at.line}` : 'a rule');
