import type { ConfigPlace, SallyError } from '../../errors.js';
import type { RuleSettings } from '../settings.js';
import { createEnvironment } from './environment.js';
import { compileRules } from './rule.js';

/** What is wrong with rules: all of it, each with the place in the expression as `within` finds it. */
export function checkRules(
  settings: readonly RuleSettings[],
  within: (rule: RuleSettings, offset: number) => ConfigPlace,
): readonly SallyError[] {
  return compileRules(settings, createEnvironment(), within).problems;
}
