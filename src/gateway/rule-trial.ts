import type { GatewaySettings } from '../config/index.js';
import { type ConfigPlace, RuleTestFailed, type SallyError } from '../errors.js';
import type { Kind } from '../mcp/methods.js';
import {
  type DecisionInput,
  type RuleRequest,
  type RuleTest,
  strictest,
  type Verdict,
} from '../policy/index.js';
import type { Outcome } from '../policy/rules/index.js';
import { isShown, type Offer, offerOf, ownName, publicName, qualifiedUri } from './router/lists.js';
import { makeServers, type VirtualServer } from './router/servers.js';
import { uriForms } from './router/uris.js';
import { type CompiledRules, compileRules } from './rules.js';

const noRules: CompiledRules = { sets: [], decide: () => ({ kind: 'allow' }) };

/** What is decided of a request that nobody has made. */
export interface Tried {
  readonly verdict: Verdict;
  /** Where what decided stands; absent where no rule did. */
  readonly at?: ConfigPlace | undefined;
  /** Why it decides as it does, where that is no rule that holds. */
  readonly note?: string | undefined;
  /** What each rule said that was evaluated. */
  readonly outcomes: readonly Outcome[];
  readonly upstream: string;
  /** As the upstream has it. */
  readonly name?: string;
  readonly publicName?: string;
}

/** What came of one of the `rule_tests`. */
export interface TestResult {
  readonly test: RuleTest;
  /** Absent where the request cannot be tried. */
  readonly tried?: Tried;
  /** Why it failed; absent where it passed. */
  readonly problem?: string;
}

/** A request that cannot be tried, as it says too little, or of something that is not in the file. */
export interface Untriable {
  readonly problem: string;
}

interface Subject {
  readonly kind: Kind;
  readonly what: 'tool' | 'prompt' | 'resource';
  readonly name: string;
  readonly method: string;
}

/** Tries the rules of a gateway on requests that are only described. It reaches no upstream: what they list is not known. */
export class RuleTrial {
  readonly #gateway: GatewaySettings;
  readonly #rules: CompiledRules;
  readonly #servers: readonly VirtualServer[];
  readonly #offers: readonly Offer[];

  private constructor(gateway: GatewaySettings, rules: CompiledRules, servers: readonly VirtualServer[]) {
    this.#gateway = gateway;
    this.#rules = rules;
    this.#servers = servers;
    const { upstreams, toolNames } = gateway;
    this.#offers = upstreams.map((one) => offerOf(one, upstreams.length, toolNames));
  }

  /** @throws SallyError for a rule that cannot be compiled. */
  static async of(gateway: GatewaySettings): Promise<RuleTrial> {
    const rules = (await compileRules(gateway)) ?? noRules;
    return new RuleTrial(gateway, rules, await makeServers(gateway.servers));
  }

  /** Runs the tests of the file. */
  tests(): readonly TestResult[] {
    return this.#gateway.rules.tests.map((test) => {
      const tried = this.try(test);
      if ('problem' in tried) return { test, problem: tried.problem };
      const { kind } = tried.verdict;
      if (kind === test.expect) return { test, tried };
      return { test, tried, problem: `${test.expect} is expected, and ${decidedBy(tried)}` };
    });
  }

  try(request: RuleRequest): Tried | Untriable {
    const { server = '' } = request;
    const virtual = this.#servers.find(({ name }) => name === server);
    if (server !== '' && virtual === undefined)
      return { problem: `there is no virtual server '${server}' in gateway.servers` };
    const subject = subjectOf(request);
    if (subject === undefined) {
      const { upstream = '', method = '' } = request;
      return this.#decide([this.#input(request, { upstream, method })], { upstream });
    }
    const found = this.#find(subject, request.upstream, virtual);
    if ('problem' in found) return found;
    const { upstream, name, offer } = found;
    const shownAs = offer ? publicName(subject.kind, name, offer) : name;
    const about = { upstream, name, publicName: shownAs };
    if (offer && !isShown(subject.kind, name, { ...offer, ...(virtual && { server: virtual }) }))
      return { ...about, ...hidden(isShown(subject.kind, name, offer) ? server : undefined, upstream) };
    const forms = subject.kind === 'resources' ? uriForms(name) : [name];
    const inputs = forms.map((form) =>
      this.#input(request, {
        upstream,
        method: request.method ?? subject.method,
        subject: {
          kind: subject.what,
          name: form,
          publicName: shownAs,
          listed: { name: form, ...(request.annotations && { annotations: request.annotations }) },
          locked: request.locked ?? false,
        },
      }),
    );
    return this.#decide(inputs, about);
  }

  /** The upstream that is meant, and what it calls the subject. */
  #find(
    { kind, what, name }: Subject,
    wanted: string | undefined,
    virtual: VirtualServer | undefined,
  ): { upstream: string; name: string; offer?: Offer } | Untriable {
    const known = this.#offers.map((offer) => offer.name);
    // Upstreams may be in a list of servers that is beside this file.
    if (known.length === 0) return { upstream: wanted ?? '', name };
    const offers = this.#offers.filter((offer) => wanted === undefined || offer.name === wanted);
    if (offers.length === 0)
      return { problem: `there is no upstream '${wanted}' (there is: ${known.join(', ')})` };
    const asked = virtual?.renamed(kind, name)?.name ?? name;
    const located = offers.flatMap((offer) => {
      const there = locatedAt(kind, asked, offer);
      return there === undefined ? [] : [{ upstream: offer.name, name: there, offer }];
    });
    const [only, ...others] = located;
    if (only !== undefined && others.length === 0) return only;
    const [offer] = offers;
    // It may be named as its upstream has it.
    if (offer && offers.length === 1) return { upstream: offer.name, name: asked, offer };
    const at = (located.length > 0 ? located.map(({ upstream }) => upstream) : known).join(', ');
    return { problem: `the ${what} '${name}' may be at any of these upstreams: ${at}; say at which` };
  }

  #input(request: RuleRequest, what: Pick<DecisionInput, 'method' | 'upstream' | 'subject'>): DecisionInput {
    const { user = null, groups = [], tenant = null, claims = {}, client = '', server = '', args } = request;
    const { kind } = this.#gateway.auth;
    // Where the gateway asks nobody, a plugin has said it.
    const method = request.authMethod ?? (user === null ? 'none' : kind === 'none' ? 'plugin' : kind);
    const caller = { user, groups, tenant, method, claims, client: { name: client, version: '' }, server };
    return { caller, ...what, args };
  }

  #decide(inputs: readonly DecisionInput[], about: Pick<Tried, 'upstream' | 'name' | 'publicName'>): Tried {
    const each = inputs.map((input) => {
      const outcomes: Outcome[] = [];
      return { ...about, ...reasonOf(this.#rules.decide(input, outcomes), outcomes), outcomes };
    });
    return each.reduce((one, other) => (strictest(one.verdict, other.verdict) === one.verdict ? one : other));
  }
}

/** Runs the tests of a file: how many there are, and an error for each that fails. CEL is loaded where there are some. */
export async function runRuleTests(
  gateway: GatewaySettings,
): Promise<{ readonly run: number; readonly problems: readonly SallyError[] }> {
  if (gateway.rules.tests.length === 0) return { run: 0, problems: [] };
  const results = (await RuleTrial.of(gateway)).tests();
  const problems = results.flatMap(({ test: { at }, problem }) =>
    problem === undefined ? [] : [RuleTestFailed({ at, problem })],
  );
  return { run: results.length, problems };
}

/** What is decided of a request and by what, as a sentence says it. */
export function decidedBy({ verdict, at, note }: Tried): string {
  const where = at && 'line' in at ? ` by ${at.file}:${at.line}:${at.column}` : '';
  const reason = verdict.kind !== 'allow' && verdict.reason ? ` (${verdict.reason})` : '';
  return `${verdict.kind} is decided${where}${reason}${note === undefined ? '' : `: ${note}`}`;
}

function subjectOf({ tool, prompt, resource }: RuleRequest): Subject | undefined {
  if (tool !== undefined) return { kind: 'tools', what: 'tool', name: tool, method: 'tools/call' };
  if (prompt !== undefined) return { kind: 'prompts', what: 'prompt', name: prompt, method: 'prompts/get' };
  if (resource === undefined) return undefined;
  return { kind: 'resources', what: 'resource', name: resource, method: 'resources/read' };
}

/** What an upstream calls what clients know by this name; undefined where it can have none such. */
function locatedAt(kind: Kind, name: string, offer: Offer): string | undefined {
  const own = ownName(kind, name, offer);
  if (kind !== 'resources' || !offer.several) return own;
  const beginning = qualifiedUri('', '').slice(0, -1);
  if (!name.startsWith(beginning)) return own;
  const mine = qualifiedUri(offer.name, '');
  return name.startsWith(mine) && name.length > mine.length ? name.slice(mine.length) : undefined;
}

/** Why nobody gets as far as the rules. */
function hidden(server: string | undefined, upstream: string): Pick<Tried, 'verdict' | 'note' | 'outcomes'> {
  const note =
    server === undefined
      ? `include, exclude or tools of the upstream ${upstream} hide it`
      : `the virtual server ${server} does not offer it`;
  return { verdict: { kind: 'deny', by: note }, note, outcomes: [] };
}

/** The rule that decided, and why where it does not simply hold. */
function reasonOf(verdict: Verdict, outcomes: readonly Outcome[]): Pick<Tried, 'verdict' | 'at' | 'note'> {
  const decisive = outcomes.find(
    ({ rule, said }) =>
      rule.effect === verdict.kind &&
      (verdict.kind === 'allow'
        ? said === 'holds' || said === 'open'
        : rule.by === verdict.by && (said === 'holds' || said === 'failed')),
  );
  if (decisive === undefined)
    return {
      verdict,
      note: `no rule ${verdict.kind === 'deny' ? 'allows it' : 'holds'}, and rules_default counts`,
    };
  const { rule, said, problem } = decisive;
  const notes = {
    failed: `it could not be evaluated: ${problem}`,
    open: 'it is about arguments, which nobody knows in a list',
  };
  const note = said === 'failed' || said === 'open' ? notes[said] : undefined;
  return { verdict, at: rule.at, ...(note !== undefined && { note }) };
}
