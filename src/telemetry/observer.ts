import type { IncomingHttpHeaders } from 'node:http';
import type { SallyError } from '../errors.js';

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
  readonly upstreamCall?: Begin<UpstreamCallStart, CallObservation<Response | { readonly failed: unknown }>>;
  /** One hook of one plugin. Of plugins that are called in one round trip each is a call, which takes the time of all. */
  readonly hookCall?: Begin<HookCallStart, CallObservation<HookCallEnd>>;
}

interface Observation<End> {
  end(end: End): void;
}

export interface CallObservation<End> extends Observation<End> {
  /** Headers that go with the call, such as `traceparent`: of HTTP, or in `_meta` over stdio. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface RequestStart {
  /** Of HTTP, or of JSON-RPC over stdio. */
  readonly method?: string | undefined;
  /** In lower case, credentials among them where the request came from the client itself; empty over stdio. */
  readonly headers: IncomingHttpHeaders;
}

/** One request of a client, from its arrival. It watches the calls that are made for it. */
export interface RequestObservation extends CallObserver, Observation<RequestEnd> {
  /** It is a JSON-RPC request that was let in, and is served from here on. */
  serves?(call: ServedCall): void;
  /** Where it goes, `target` being the name there. Said again where that changes. */
  routed?(upstream: string, target: string | undefined): void;
}

/** A JSON-RPC request of a client. */
export interface ServedCall {
  /** By which the log knows it. */
  readonly requestId: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly client: {
    readonly era: 'legacy' | 'modern';
    readonly info: Readonly<Record<string, unknown>>;
    readonly identity: Who;
  };
  /** How it ended where no response is wanted any more. */
  readonly abandoned: 'cancelled' | 'gone' | undefined;
}

interface Who {
  readonly user: string | null;
  readonly tenant: string | null;
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
    }
  /** One that no line is about: a ping, a notification, a response, one that another worker serves or that broke off. */
  | { readonly kind: 'aside' };

type Response =
  | { readonly result: Readonly<Record<string, unknown>> }
  | { readonly error: { readonly code: number } };

export interface UpstreamCallStart {
  readonly upstream: string;
  readonly method: string;
  readonly era: 'legacy' | 'modern';
}

export interface HookCallStart {
  readonly plugin: string;
  readonly hook: string;
  /** The id of the client's request, as plugins and logs know it. */
  readonly request: string;
}

export interface HookCallEnd {
  /**
   * `noted`: it would have ended the request under a stricter mode. `cancelled`: nobody waited for it any more. `skipped`:
   * the request ended at a plugin before this one, in the same round trip.
   */
  readonly decision: 'continue' | 'modified' | 'blocked' | 'failed' | 'noted' | 'cancelled' | 'skipped';
  /** The code of the violation. */
  readonly violation?: string | undefined;
  readonly error?: SallyError | undefined;
}

/** Several observers as one; undefined for none, so that nothing is paid for it. */
export function joinObservers(...observers: readonly (Observer | undefined)[]): Observer | undefined {
  const all = observers.filter((one) => one !== undefined);
  if (all.length <= 1) return all[0];
  return {
    ...joinCalls(all),
    request: joinBegins(
      all.map((one) => one.request?.bind(one)),
      joinRequests,
    ),
    handshake: joinBegins(
      all.map((one) => one.handshake?.bind(one)),
      joinEnds,
    ),
    reload: joinBegins(
      all.map((one) => one.reload?.bind(one)),
      joinEnds,
    ),
  };
}

function joinCalls(all: readonly CallObserver[]): CallObserver {
  return {
    upstreamCall: joinBegins(
      all.map((one) => one.upstreamCall?.bind(one)),
      joinEnds,
    ),
    hookCall: joinBegins(
      all.map((one) => one.hookCall?.bind(one)),
      joinEnds,
    ),
  };
}

function joinBegins<Start, Observation>(
  all: readonly Begin<Start, Observation>[],
  join: (begun: readonly Observation[]) => Observation,
): Begin<Start, Observation> {
  const begins = all.filter((begin) => begin !== undefined);
  if (begins.length <= 1) return begins[0];
  return (start) => {
    const begun = begins.map((begin) => begin(start)).filter((one) => one !== undefined);
    return begun.length <= 1 ? begun[0] : join(begun);
  };
}

function joinEnds<End>(begun: readonly CallObservation<End>[]): CallObservation<End> {
  return {
    headers: Object.assign({}, ...begun.map(({ headers }) => headers)),
    end(end) {
      for (const one of begun) one.end(end);
    },
  };
}

function joinRequests(begun: readonly RequestObservation[]): RequestObservation {
  return {
    ...joinCalls(begun),
    serves(call) {
      for (const one of begun) one.serves?.(call);
    },
    routed(upstream, target) {
      for (const one of begun) one.routed?.(upstream, target);
    },
    end: joinEnds(begun).end,
  };
}
