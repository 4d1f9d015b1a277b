import type { ConfigPlace } from '../errors.js';

/** One rule as the configuration has it. */
export interface RuleSettings {
  readonly effect: 'allow' | 'deny' | 'ask';
  /** In CEL. */
  readonly expression: string;
  /** Where the expression is. */
  readonly at: ConfigPlace;
  /** What whoever is refused is told. */
  readonly reason?: string;
  /** Whether annotations count that nobody has locked. */
  readonly trustAnnotations: boolean;
}

/** What a request is made of that a rule is tried with. */
export interface RuleRequest {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly tenant?: string;
  readonly authMethod?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly client?: string;
  readonly server?: string;
  readonly upstream?: string;
  readonly tool?: string;
  readonly prompt?: string;
  readonly resource?: string;
  readonly method?: string;
  readonly annotations?: Readonly<Record<string, unknown>>;
  /** Whether the annotations are those of a locked tool. */
  readonly locked?: boolean;
  /** Absent: as in a list, where nobody knows them. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A request, and what is to be decided of it. */
export interface RuleTest extends RuleRequest {
  readonly at: ConfigPlace;
  readonly expect: 'allow' | 'deny' | 'ask';
}

/** The rules of a gateway or of one of its servers. */
export interface RulesSettings {
  readonly rules: readonly RuleSettings[];
  /** What is decided where no rule says anything. Absent: deny where there is an `allow`, else allow. */
  readonly otherwise?: 'allow' | 'deny' | undefined;
  readonly tests: readonly RuleTest[];
}
