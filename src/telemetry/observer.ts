import type { IncomingHttpHeaders } from 'node:http';
import type { SallyError } from '../errors.js';
import type { SpanIds } from './trace-context.js';

/** Begins one event; undefined where nobody wants to know how it ends. */
type Begin<Start, Observation> = ((start: Start) => Observation | undefined) | undefined;

/**
 * What a program is watched with: each member begins one kind of event, and `end` of what it returns is called exactly
 * once. An observer has the members that it wants. Who reports events reads no clock and counts nothing: observers do.
 *
 * The calls here are those that belong to no request of a client; the others begin on its `RequestObservation`.
 */
export interface Observer extends CallObserver {
  /** An HTTP request or a message over stdio has come in. */
  readonly request?: Begin<RequestStart, RequestObservation>;
  /** A connection on which a TLS handshake is due comes in, or is to be made. The error says why there is none. */
  readonly handshake?: Begin<{ readonly role: 'server' | 'client' }, Observation<Error | undefined>>;
  /** Files of certificates have changed, and are read. The error says why the old ones are kept. */
  readonly reload?: Begin<{ readonly role: 'server' | 'client' }, Observation<SallyError | undefined>>;
}

/** Watches the calls that a program makes. */
export interface CallObserver {
  /** A request to an upstream. */
  readonly upstreamCall?: Begin<UpstreamCallStart, CallObservation<UpstreamCallEnd>>;
  /** One hook of one plugin. Of plugins that are called in one round trip each is a call, which takes the time of all. */
  readonly hookCall?: Begin<HookCallStart, CallObservation<HookCallEnd>>;
}

interface Observation<End> {
  /** `span` is what it is in a trace, where another observer makes traces: for whoever writes lines of a log. */
  end(end: End, span?: SpanIds): void;
  /** What it is in a trace, of an observer that makes traces. */
  readonly span?: SpanIds | undefined;
}

export interface CallObservation<End> extends Observation<End> {
  /** The id with which it goes out, where it is a JSON-RPC request. */
  sent?(id: number): void;
  /**
   * Headers that go with the call, such as `traceparent`: of HTTP, or in `_meta` over stdio. Where there is a `traceparent` the
   * one of the client does not pass.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What the call waits for, and is not made where it rejects: a record of it that has to be there first. */
  readonly cleared?: Promise<void> | undefined;
}

export interface RequestStart {
  /** Of HTTP, or of JSON-RPC over stdio. */
  readonly method?: string | undefined;
  /** In lower case, credentials among them where the request came from the client itself; empty over stdio. */
  readonly headers: IncomingHttpHeaders;
  /** Where it came from, as trusted proxies say; absent over stdio. */
  readonly address?: string | undefined;
  /** That it came over HTTP: without an address on a Unix domain socket. Absent over stdio. */
  readonly http?: true;
}

/** One request of a client, from its arrival. It watches the calls that are made for it. */
export interface RequestObservation extends CallObserver, Observation<RequestEnd> {
  /** Why it is to be refused before anything is done for it: no record of it could be kept. */
  readonly refuses?: SallyError | undefined;
  /** It is a JSON-RPC request that was let in, and is served from here on. */
  serves?(call: ServedCall): void;
  /**
   * It is known where it goes, and so that there is what it asks for: `target` is the name there, and `upstream` undefined where it
   * is served here. Said again where that changes.
   */
  routed?(upstream: string | undefined, target: string | undefined): void;
  /** Rules or the lock on tools do not let it pass, or want a person to say. */
  decided?(decision: AccessDecision): void;
  /** A person was asked whether it may go on, or whether the client may have its result. */
  approval?(end: ApprovalEnd): void;
}

/** What does not let a request pass, before any plugin or upstream has it. */
export interface AccessDecision {
  readonly kind: 'deny' | 'ask';
  /** What decided: a rule by its file and line. */
  readonly by: string;
  /** Of what: where it is, and its name there. */
  readonly upstream: string;
  readonly target?: string | undefined;
  /** Why, in the words of the configuration. */
  readonly reason?: string | undefined;
}

/** How a question to a person ended. */
export interface ApprovalEnd {
  /** `nobody`: there was nobody to be asked. `withdrawn`: its client gave the call up. `full`: too many wait. `stopped`: the gateway was about to stop. */
  readonly outcome: 'approved' | 'refused' | 'timeout' | 'nobody' | 'withdrawn' | 'full' | 'stopped';
  /** In which way it was answered. */
  readonly way?: 'elicitation' | 'page' | 'webhook';
  /** Who answered. */
  readonly who?: string;
  /** In the words of whoever answered; or why there was nobody. */
  readonly reason?: string;
  /** That the answer was given to the same question before. */
  readonly remembered?: true;
  readonly stage: 'call' | 'result';
  readonly askedAt: string;
  readonly waitedMs: number;
  /** Who wanted it: plugins, rules. */
  readonly sources: readonly string[];
}

/** A JSON-RPC request of a client. */
export interface ServedCall {
  /** The client's own. */
  readonly id: unknown;
  /** By which the log knows it. */
  readonly requestId: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly client: {
    readonly era: 'legacy' | 'modern';
    readonly revision: string;
    readonly info: Readonly<Record<string, unknown>>;
    /** The virtual server that it came to; absent at `/mcp`. */
    readonly server?: string | undefined;
    readonly identity: Who;
  };
  /** How it ended where no response is wanted any more. */
  readonly abandoned: 'cancelled' | 'gone' | undefined;
}

interface Who {
  readonly user: string | null;
  readonly tenant: string | null;
  /** How that was found out. */
  readonly method: string;
}

export type RequestEnd =
  /** The response of one that was served. */
  | { readonly kind: 'served'; readonly response: Response }
  /**
   * One that was refused before anything was done for it, or one without JSON-RPC (GET, DELETE); without a status one that
   * nobody waited for any more.
   */
  | {
      readonly kind: 'other';
      readonly method: string;
      readonly status?: number;
      readonly identity?: Who;
      readonly error?: string | number;
      /** The code of the error in the registry, or what the reply calls it, where there is one. */
      readonly reason?: string | undefined;
    }
  /** One that no line is about: a ping, a notification, a response, one that another worker serves or that broke off. */
  | { readonly kind: 'aside' };

type Response =
  | { readonly result: Readonly<Record<string, unknown>> }
  | { readonly error: { readonly code: number; readonly data?: unknown } };

/** The response, or why there is none. */
export type UpstreamCallEnd = Response | { readonly failed: unknown };

export interface UpstreamCallStart {
  readonly upstream: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>> | undefined;
  readonly era: 'legacy' | 'modern';
  readonly revision: string;
  /** Where it is, over HTTP; undefined for a child process. */
  readonly server: { readonly address: string; readonly port: number } | undefined;
}

export interface HookCallStart {
  readonly plugin: string;
  readonly hook: string;
  /** The id of the client's request, as plugins and logs know it. */
  readonly request: string;
  /** Whether the plugin is behind a connection. */
  readonly external?: boolean;
  /** The `traceparent` of the caller's own call, where several came in one request. */
  readonly traceparent?: string | undefined;
}

export interface HookCallEnd {
  /**
   * `asked`: a person is to decide. `noted`: it would have ended the request under a stricter mode. `cancelled`: nobody waited for it any more. `skipped`:
   * the request ended at a plugin before this one, in the same round trip.
   */
  readonly decision:
    | 'continue'
    | 'modified'
    | 'asked'
    | 'blocked'
    | 'failed'
    | 'noted'
    | 'cancelled'
    | 'skipped';
  /** The code of the violation. */
  readonly violation?: string | undefined;
  /** Why, in the words of the plugin: a short text, which nobody has looked at. */
  readonly reason?: string | undefined;
  readonly error?: SallyError | undefined;
  /** What the plugin took by itself, in milliseconds, where its server has said so: it ran in one round trip with others. */
  readonly tookMs?: number | undefined;
}

/** Several observers as one; undefined for none, so that nothing is paid for it. */
export function joinObservers(...observers: readonly (Observer | undefined)[]): Observer | undefined {
  const all = observers.filter((one) => one !== undefined);
  return all.length === 0 ? undefined : all.reduce(joinTwo);
}

function joinTwo(a: Observer, b: Observer): Observer {
  return {
    request: joinBegins(a.request?.bind(a), b.request?.bind(b), (one, two) => new JoinedRequest(one, two)),
    upstreamCall: joinBegins(a.upstreamCall?.bind(a), b.upstreamCall?.bind(b), joinCalls),
    hookCall: joinBegins(a.hookCall?.bind(a), b.hookCall?.bind(b), joinCalls),
    handshake: joinBegins(a.handshake?.bind(a), b.handshake?.bind(b), joinCalls),
    reload: joinBegins(a.reload?.bind(a), b.reload?.bind(b), joinCalls),
  };
}

function joinBegins<Start, Observed>(
  a: Begin<Start, Observed>,
  b: Begin<Start, Observed>,
  join: (a: Observed, b: Observed) => Observed,
): Begin<Start, Observed> {
  if (a === undefined || b === undefined) return a ?? b;
  return (start) => {
    const [one, two] = [a(start), b(start)];
    return one === undefined || two === undefined ? (one ?? two) : join(one, two);
  };
}

class JoinedCall<End> implements CallObservation<End> {
  readonly headers: CallObservation<End>['headers'];
  readonly cleared: CallObservation<End>['cleared'];
  readonly span: SpanIds | undefined;
  readonly #a: CallObservation<End>;
  readonly #b: CallObservation<End>;

  constructor(a: CallObservation<End>, b: CallObservation<End>) {
    this.headers = a.headers && b.headers ? { ...a.headers, ...b.headers } : (a.headers ?? b.headers);
    this.cleared = a.cleared ?? b.cleared;
    this.span = a.span ?? b.span;
    this.#a = a;
    this.#b = b;
  }

  sent(id: number): void {
    this.#a.sent?.(id);
    this.#b.sent?.(id);
  }

  end(end: End, span = this.span): void {
    this.#a.end(end, span);
    this.#b.end(end, span);
  }
}

const joinCalls = <End>(a: CallObservation<End>, b: CallObservation<End>): CallObservation<End> =>
  new JoinedCall(a, b);

class JoinedRequest implements RequestObservation {
  readonly refuses: RequestObservation['refuses'];
  readonly #a: RequestObservation;
  readonly #b: RequestObservation;

  constructor(a: RequestObservation, b: RequestObservation) {
    this.refuses = a.refuses ?? b.refuses;
    this.#a = a;
    this.#b = b;
  }

  get span(): SpanIds | undefined {
    return this.#a.span ?? this.#b.span;
  }

  serves(call: ServedCall): void {
    this.#a.serves?.(call);
    this.#b.serves?.(call);
  }

  routed(upstream: string | undefined, target: string | undefined): void {
    this.#a.routed?.(upstream, target);
    this.#b.routed?.(upstream, target);
  }

  decided(decision: AccessDecision): void {
    this.#a.decided?.(decision);
    this.#b.decided?.(decision);
  }

  approval(end: ApprovalEnd): void {
    this.#a.approval?.(end);
    this.#b.approval?.(end);
  }

  upstreamCall(start: UpstreamCallStart): CallObservation<UpstreamCallEnd> | undefined {
    const [a, b] = [this.#a.upstreamCall?.(start), this.#b.upstreamCall?.(start)];
    return a && b ? new JoinedCall(a, b) : (a ?? b);
  }

  hookCall(start: HookCallStart): CallObservation<HookCallEnd> | undefined {
    const [a, b] = [this.#a.hookCall?.(start), this.#b.hookCall?.(start)];
    return a && b ? new JoinedCall(a, b) : (a ?? b);
  }

  end(end: RequestEnd, span?: SpanIds): void {
    // Where no line is about it, nobody wants to know.
    const ids = span ?? (end.kind === 'aside' ? undefined : this.span);
    this.#a.end(end, ids);
    this.#b.end(end, ids);
  }
}
