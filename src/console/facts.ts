/**
 * What the page shows: made by the gateway, read by the browser. Names, numbers and verdicts; no payload, argument, result, header or
 * secret, but of what waits for an approval, as whoever is to give it has to see it.
 */
export interface ConsoleState {
  readonly at: string;
  readonly version: string;
  readonly startedAt: string;
  readonly workers: number;
  /** Of the MCP endpoint. */
  readonly address: string;
  readonly clients: readonly ClientFacts[];
  readonly upstreams: readonly UpstreamFacts[];
  readonly plugins: readonly PluginFacts[];
  readonly traffic: TrafficFacts;
  readonly certificates: readonly CertificateFacts[];
  readonly configuration: string;
  readonly doctor: DoctorFacts;
  readonly decisions: readonly Decision[];
  /** Absent where nobody is asked. */
  readonly approvals?: ApprovalsFacts;
}
export interface ApprovalsFacts {
  /** Goes with each answer: no other page has it. */
  readonly token: string;
  readonly waiting: readonly WaitingApproval[];
}
/** A call that waits for somebody to answer here. */
export interface WaitingApproval {
  readonly id: string;
  readonly askedAt: string;
  readonly answerBy: string;
  readonly user: string | null;
  readonly tenant: string | null;
  readonly client: string;
  readonly what: string;
  readonly name: string;
  readonly upstream: string;
  readonly stage: 'call' | 'result';
  readonly wants: readonly { readonly source: string; readonly reason: string }[];
  readonly args: ShownText;
  readonly result?: ShownText;
  /** How many calls wait for the answer. */
  readonly waiting: number;
}
/** A value as text, and how many characters of it are not there. */
export interface ShownText {
  readonly text: string;
  readonly left: number;
}
export interface ClientFacts {
  readonly user: string | null;
  readonly name: string;
  readonly version?: string;
  readonly era: 'legacy' | 'modern';
  readonly sessions: number;
  readonly requests: number;
  readonly lastAt: string;
}
export interface UpstreamFacts {
  readonly name: string;
  readonly transport: string;
  readonly state: string;
  readonly since?: string;
  readonly error?: string;
  readonly remedy?: string;
  readonly tools: number;
  readonly prompts: number;
  readonly resources: number;
  readonly calls: number;
  readonly failed: number;
  readonly inFlight: number;
  /** What it offers and is not as it was locked, in words; the first of them. Absent where nothing is. */
  readonly differing?: readonly string[];
}
export interface PluginFacts {
  readonly name: string;
  readonly kind: string;
  readonly mode: string;
  readonly hooks: readonly string[];
  readonly state: string;
  readonly error?: string;
  readonly remedy?: string;
  readonly calls: number;
  readonly blocked: number;
  readonly failed: number;
}
export interface TrafficFacts {
  readonly everySeconds: number;
  readonly from: number;
  readonly requests: readonly number[];
  readonly refused: readonly number[];
  readonly failed: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}
export interface CertificateFacts {
  readonly path: string;
  readonly subject: string;
  readonly role: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly verdict: string;
  readonly level: Level;
  readonly remedy?: string;
}
export type Level = 'ok' | 'warning' | 'error';
export interface DoctorFacts {
  readonly at: string | null;
  readonly running: boolean;
  readonly findings: readonly DoctorFinding[];
}
export interface DoctorFinding {
  readonly level: Level;
  readonly title: string;
  readonly detail?: string;
  readonly remedy?: string;
}
export interface Decision {
  readonly id: number;
  readonly at: string;
  readonly user: string | null;
  readonly client?: string;
  readonly method: string;
  readonly target?: string;
  /** The virtual server that the client came to. */
  readonly server?: string;
  readonly upstream?: string;
  readonly plugin: string;
  readonly hook: string;
  readonly verdict:
    | 'continue'
    | 'modified'
    | 'asked'
    | 'approved'
    | 'blocked'
    | 'failed'
    | 'noted'
    | 'refused';
  readonly reason?: string;
  readonly requestId?: string;
  readonly traceId?: string;
  readonly tookMs?: number;
}
