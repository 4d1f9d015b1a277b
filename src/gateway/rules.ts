import type { GatewaySettings } from '../config/index.js';
import { RuleFailed } from '../errors.js';
import type { Logger } from '../log.js';
import { type DecisionInput, type RulesSettings, strictest, type Verdict } from '../policy/index.js';
import type { Outcome, RuleSet } from '../policy/rules/index.js';
import type { Rules } from './access.js';

/** The rules of a gateway and of its virtual servers, ready to be asked. */
export interface CompiledRules {
  readonly sets: readonly RuleSet[];
  /** What is decided; `outcomes` gets what each rule said that was asked. */
  decide(input: DecisionInput, outcomes?: Outcome[]): Verdict;
}

/** Told of a rule that could not be evaluated. */
interface RuleDeps {
  readonly failed?: (rule: RuleSet['rules'][number], problem: string) => void;
}

interface OpenRules extends Rules {
  readonly sets: readonly RuleSet[];
}

const decides = ({ rules, otherwise }: RulesSettings) => rules.length > 0 || otherwise === 'deny';

/**
 * Compiles the rules of a configuration; undefined where there are none, and CEL is not loaded then. Those of a virtual server are
 * asked beside those of the gateway, and the stricter verdict counts.
 */
export async function compileRules(
  { rules, servers }: Pick<GatewaySettings, 'rules' | 'servers'>,
  deps: RuleDeps = {},
): Promise<CompiledRules | undefined> {
  const ofServers = servers.filter((server) => server.rules !== undefined && decides(server.rules));
  if (!decides(rules) && ofServers.length === 0) return undefined;
  const { RuleSet } = await import('../policy/rules/index.js');
  const whole = new RuleSet(rules, deps);
  if (ofServers.length === 0)
    return { sets: [whole], decide: (input, outcomes) => whole.decide(input, outcomes) };
  const named = new Map(
    ofServers.map(({ name, rules: own = rules }) => [name, new RuleSet(own, deps)] as const),
  );
  return {
    sets: [whole, ...named.values()],
    decide(input, outcomes) {
      const verdict = whole.decide(input, outcomes);
      const own = named.get(input.caller.server);
      return own === undefined || verdict.kind === 'deny'
        ? verdict
        : strictest(verdict, own.decide(input, outcomes));
    },
  };
}

/** Compiles the rules of a configuration; undefined where there are none. What cannot be evaluated is logged. */
export async function openRules(settings: GatewaySettings, log: Logger): Promise<OpenRules | undefined> {
  const said = new Set<string>();
  const compiled = await compileRules(settings, {
    failed: ({ by, effect }, problem) => {
      // Clients choose what a rule fails on.
      if (said.has(by) || said.size > 1_000) return;
      said.add(by);
      const { code, remedy, message } = RuleFailed({ rule: by, effect, problem });
      log.warn({ code, remedy }, message);
    },
  });
  if (compiled === undefined) return undefined;
  const { sets, decide } = compiled;
  for (const rule of sets.flatMap((set) => set.rules))
    if (rule.facts.readsAnnotations && !rule.trustAnnotations)
      log.debug({ rule: rule.by }, 'annotations count for this rule where the tool is locked');
  return { sets, open: settings.rulesDenied === 'open', decide: (input) => decide(input) };
}

/** Whether any rule reads claims of a token: they are kept with the identity then. */
export const readsClaims = (rules: OpenRules | undefined): boolean =>
  rules?.sets.some((set) => set.rules.some(({ facts }) => facts.mentions.has('claims'))) === true;
