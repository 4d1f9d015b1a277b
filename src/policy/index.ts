/**
 * Who may see and use what: the one input that every decision is made from, and what a decision is. It knows no sockets
 * and no MCP sessions; the router asks (`gateway/router/access.ts`). Begin with `input.ts`, then `verdict.ts`.
 *
 * @module
 */
export type { DecisionInput, SubjectKind } from './input.js';
export type { RuleRequest, RuleSettings, RulesSettings, RuleTest } from './settings.js';
export { strictest, type Verdict } from './verdict.js';
