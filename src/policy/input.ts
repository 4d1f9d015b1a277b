/** Who asks, as authentication found out, and with what. */
interface Caller {
  /** Null where nobody was asked who it is. */
  readonly user: string | null;
  readonly groups: readonly string[];
  readonly tenant: string | null;
  /** How that was found out. */
  readonly method: string;
  /** The claims of its token; empty without one. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What the client says of itself: nobody has checked it. */
  readonly client: { readonly name: string; readonly version: string };
  /** The virtual server that it came to; empty at `/mcp`. */
  readonly server: string;
}

export type SubjectKind = 'tool' | 'prompt' | 'resource' | 'template';

/** What one decision is made from: the same for rules and for policies elsewhere. */
export interface DecisionInput {
  readonly caller: Caller;
  /** The method of the use: in a list, of the use that the entry is there for. */
  readonly method: string;
  /** Empty for a request that goes to no upstream. */
  readonly upstream: string;
  /** Absent for a request that is about none. */
  readonly subject?: {
    readonly kind: SubjectKind;
    /** As its upstream has it: the name, the URI, or the URI template. */
    readonly name: string;
    /** As clients know it. */
    readonly publicName: string;
    /** As its upstream lists it; absent where it does not. */
    readonly listed?: Readonly<Record<string, unknown>> | undefined;
    /** Whether what its upstream says of it is what somebody has read and locked. */
    readonly locked: boolean;
  };
  /** Undefined where they are not known, as in lists: whatever they decide is open then. */
  readonly args: Readonly<Record<string, unknown>> | undefined;
}
