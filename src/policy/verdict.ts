/** What is decided of one use. */
export type Verdict =
  | { readonly kind: 'allow' }
  | Denied
  /** A person has to say: until then it is not done. */
  | Asked;

interface Asked {
  readonly kind: 'ask';
  readonly by: string;
  readonly reason?: string | undefined;
  /** The ways of which one is enough; absent: those of the gateway. */
  readonly ways?: readonly ('elicitation' | 'page' | 'webhook')[] | undefined;
}

interface Denied {
  readonly kind: 'deny';
  /** What decided: `rules gateway.yaml:12`, `tools lock`. It has no text of a client or an upstream. */
  readonly by: string;
  /** Why, in the words of the configuration. */
  readonly reason?: string | undefined;
}

const order = { allow: 0, ask: 1, deny: 2 } as const;

/** Of two verdicts the one that lets less through. */
export function strictest(a: Verdict, b: Verdict): Verdict {
  return order[b.kind] > order[a.kind] ? b : a;
}
