import type { GatewaySettings } from '../config/index.js';
import { RuleFailed } from '../errors.js';
import type { Logger } from '../log.js';
import type { RuleSet } from '../policy/rules/index.js';
import type { Rules } from './access.js';

/** The rules of a gateway, ready to be asked. */
interface OpenRules extends Rules {
  readonly set: RuleSet;
}

/** Compiles the rules of a configuration; undefined where there are none, and CEL is not loaded then. */
export async function openRules(
  { rules: settings, rulesDenied }: GatewaySettings,
  log: Logger,
): Promise<OpenRules | undefined> {
  if (settings.rules.length === 0 && settings.otherwise !== 'deny') return undefined;
  const { RuleSet } = await import('../policy/rules/index.js');
  const said = new Set<string>();
  const set = new RuleSet(settings, {
    failed: ({ by, effect }, problem) => {
      // Clients choose what a rule fails on.
      if (said.has(by) || said.size > 1_000) return;
      said.add(by);
      const { code, remedy, message } = RuleFailed({ rule: by, effect, problem });
      log.warn({ code, remedy }, message);
    },
  });
  for (const rule of set.rules)
    if (rule.facts.readsAnnotations && !rule.trustAnnotations)
      log.debug({ rule: rule.by }, 'annotations count for this rule where the tool is locked');
  return { set, open: rulesDenied === 'open', decide: (input) => set.decide(input) };
}

/** Whether any rule reads claims of a token: they are kept with the identity then. */
export const readsClaims = (rules: OpenRules | undefined): boolean =>
  rules?.set.rules.some(({ facts }) => facts.mentions.has('claims')) === true;
