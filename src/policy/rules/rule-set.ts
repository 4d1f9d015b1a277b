import type { DecisionInput } from '../input.js';
import type { RulesSettings } from '../settings.js';
import type { Verdict } from '../verdict.js';
import { type SeenArguments, seenArguments } from './arguments.js';
import {
  Annotations,
  ClientInfo,
  createEnvironment,
  Mcp,
  maxSteps,
  meter,
  Prompt,
  Resource,
  spend,
  Tool,
  User,
} from './environment.js';
import { subjectKey } from './expression.js';
import { compileRules, type Rule } from './rule.js';
import { type Key, RuleIndex } from './rule-index.js';

/** What one rule said of one request. */
export interface Outcome {
  readonly rule: Rule;
  /** `open`: it is about arguments, and there are none yet. */
  readonly said: 'holds' | 'does not hold' | 'failed' | 'open';
  /** Why it could not be evaluated. */
  readonly problem?: string | undefined;
}

interface RuleSetDeps {
  /** Told of a rule that could not be evaluated. */
  readonly failed?: (rule: Rule, problem: string) => void;
  /** Off: every rule is looked at. For tests that compare the two. */
  readonly indexed?: boolean;
}

/**
 * The rules of a gateway, or of one server of it. `deny` wins over `ask`, and `ask` over `allow`. Where none says anything, `deny`
 * counts where there is an `allow` and nothing else is configured. What cannot be evaluated decides the careful way: a `deny` denies,
 * an `allow` does not allow, an `ask` lets pass only what somebody approves.
 */
export class RuleSet {
  readonly rules: readonly Rule[];
  readonly otherwise: 'allow' | 'deny';
  readonly #index: Pick<RuleIndex, 'find'>;
  readonly #failed: NonNullable<RuleSetDeps['failed']>;

  /** @throws SallyError for a rule that cannot be compiled. */
  constructor(settings: Pick<RulesSettings, 'rules' | 'otherwise'>, deps: RuleSetDeps = {}) {
    const { rules, problems } = compileRules(settings.rules, createEnvironment());
    for (const problem of problems) throw problem;
    this.rules = rules;
    this.otherwise =
      settings.otherwise ?? (rules.some(({ effect }) => effect === 'allow') ? 'deny' : 'allow');
    this.#index = deps.indexed === false ? { find: () => rules } : new RuleIndex(rules);
    this.#failed = deps.failed ?? (() => {});
  }

  /** What is decided; `outcomes` gets what each rule said that was asked. */
  decide(input: DecisionInput, outcomes?: Outcome[]): Verdict {
    const facts = new RequestFacts(input);
    meter.left = maxSteps;
    let asks: Rule | undefined;
    /** An `ask` that failed: it asks of what is let pass otherwise, and opens nothing. */
    let failedAsk: Rule | undefined;
    let allows = false;
    for (const rule of this.#index.find(facts.key)) {
      if (rule.kinds !== undefined && !facts.isOf(rule.kinds)) continue;
      const open = facts.argsUnknown && rule.readsArgs;
      // Nobody knows the arguments yet: it hides nothing.
      if (open && rule.effect !== 'allow') {
        outcomes?.push({ rule, said: 'open' });
        continue;
      }
      if (allows && rule.effect === 'allow' && outcomes === undefined) continue;
      const said = facts.evaluate(rule);
      outcomes?.push({ rule, ...(open && said.said === 'failed' ? { said: 'open' } : said) });
      if (said.said === 'failed' && !open) this.#failed(rule, said.problem ?? '');
      if (said.said === 'does not hold') continue;
      if (rule.effect === 'deny') return { kind: 'deny', by: rule.by, reason: rule.reason };
      if (rule.effect === 'allow') allows ||= said.said === 'holds' || open;
      else if (said.said === 'holds') asks ??= rule;
      else failedAsk ??= rule;
    }
    if (asks) return { kind: 'ask', by: asks.by, reason: asks.reason };
    if (!allows && this.otherwise === 'deny') return { kind: 'deny', by: 'no rule allows it' };
    return failedAsk ? { kind: 'ask', by: failedAsk.by, reason: failedAsk.reason } : { kind: 'allow' };
  }
}

const noAnnotations = {};

/** What of a request rules read, made when it is first wanted. */
class RequestFacts {
  readonly key: Key;
  readonly argsUnknown: boolean;
  readonly #input: DecisionInput;
  #args: SeenArguments | undefined;
  #trusting: object | undefined;
  #careful: object | undefined;

  constructor(input: DecisionInput) {
    const { caller, subject } = input;
    this.#input = input;
    this.argsUnknown = input.args === undefined;
    this.key = {
      subject: subject ? subjectKey(variableOf(subject.kind), subject.name) : '',
      user: caller.user ?? '',
      upstream: input.upstream,
      tenant: caller.tenant ?? '',
      server: caller.server,
      method: input.method,
    };
  }

  isOf(kinds: NonNullable<Rule['kinds']>): boolean {
    const { subject } = this.#input;
    return subject !== undefined && kinds.has(subject.kind);
  }

  evaluate(rule: Rule): Omit<Outcome, 'rule'> {
    try {
      if (rule.readsArgs && !this.argsUnknown) {
        const { value, size } = this.#seen();
        if (value === undefined) return { said: 'failed', problem: 'the arguments have too many values' };
        spend(size ** Math.max(1, rule.facts.loops));
      } else spend(1);
      const trusted = rule.trustAnnotations || this.#input.subject?.locked === true;
      const result = rule.run(this.#context(trusted));
      if (typeof result === 'boolean') return { said: result ? 'holds' : 'does not hold' };
      return { said: 'failed', problem: 'it is neither true nor false' };
    } catch (error) {
      const { summary, message } = error as { summary?: string; message?: string };
      return { said: 'failed', problem: summary ?? message ?? 'it cannot be evaluated' };
    }
  }

  #seen(): SeenArguments {
    if (this.#args === undefined) {
      this.#args = seenArguments(this.#input.args ?? {});
      // What rules without arguments were evaluated with has none.
      this.#trusting = undefined;
      this.#careful = undefined;
    }
    return this.#args;
  }

  #context(trusted: boolean): object {
    if (trusted) this.#trusting ??= this.#make(this.#input.subject?.listed?.['annotations']);
    else this.#careful ??= this.#make(undefined);
    return (trusted ? this.#trusting : this.#careful) as object;
  }

  #make(said: unknown): object {
    const { caller, subject, method, upstream } = this.#input;
    const { name = '', publicName = '', kind } = subject ?? {};
    const named = (what: 'tool' | 'prompt') =>
      kind === what ? { name, public_name: publicName } : { name: '', public_name: '' };
    return {
      user: new User({ name: caller.user ?? '', groups: caller.groups, method: caller.method }),
      tenant: caller.tenant ?? '',
      claims: caller.claims,
      client: new ClientInfo(caller.client),
      mcp: new Mcp({ method }),
      tool: new Tool({ ...named('tool'), annotations: annotationsOf(said) }),
      prompt: new Prompt(named('prompt')),
      resource: new Resource({
        uri: kind === 'resource' || kind === 'template' ? name : '',
        template: kind === 'template' ? name : '',
      }),
      upstream,
      server: caller.server,
      args: this.argsUnknown ? undefined : this.#args?.value,
    };
  }
}

const variableOf = (kind: string) => (kind === 'tool' || kind === 'prompt' ? kind : 'resource');

/** Annotations with the defaults of MCP (2025-11-25, ToolAnnotations); what is no boolean says nothing. */
function annotationsOf(said: unknown): Annotations {
  const given = (typeof said === 'object' && said !== null ? said : noAnnotations) as Record<string, unknown>;
  const flag = (name: string, otherwise: boolean) =>
    Object.hasOwn(given, name) && typeof given[name] === 'boolean' ? given[name] : otherwise;
  const readOnly = flag('readOnlyHint', false);
  const title = Object.hasOwn(given, 'title') ? given['title'] : undefined;
  return new Annotations({
    readOnlyHint: readOnly,
    destructiveHint: flag('destructiveHint', !readOnly),
    idempotentHint: flag('idempotentHint', false),
    openWorldHint: flag('openWorldHint', true),
    title: typeof title === 'string' ? title : '',
  });
}
