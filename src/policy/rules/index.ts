/**
 * Rules in CEL (https://cel.dev): compiled and checked once, indexed by what they name, evaluated within bounds. Begin with
 * `rule-set.ts`; `expression.ts` is what is known of one rule before it is evaluated.
 *
 * The evaluator is loaded with this room: import it only where there are rules.
 *
 * @module
 */
export { checkRules } from './check.js';
export { type Outcome, RuleSet } from './rule-set.js';
