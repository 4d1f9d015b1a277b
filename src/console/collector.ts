import {
  type AccessDecision,
  type ApprovalEnd,
  aroundHttp,
  bounded,
  callerIds,
  clientName,
  type HookCallEnd,
  type HookCallStart,
  type Observer,
  type RequestEnd,
  type RequestObservation,
  type SpanIds,
  shownTarget,
  type UpstreamCallEnd,
} from '../telemetry/index.js';
import type { Decision } from './facts.js';
import { classOf, everySeconds, type SeenClient, type Share, type Slot, timeClasses } from './share.js';

/** What a gateway is watched with where it has a console. */
export interface Collector {
  readonly observer: Observer;
  /** What was seen since this was last asked; undefined for nothing. */
  take(): Share | undefined;
}

/** In one share: what is more is counted, and not told of. */
const most = { clients: 1_000, names: 1_000, notable: 300, plain: 40, refused: 50 } as const;
type ServedCall = Parameters<NonNullable<RequestObservation['serves']>>[0];
type RequestStart = Parameters<NonNullable<Observer['request']>>[0];

/** A collector of names, numbers and verdicts: nothing that a client or a server says in a call is kept. */
export function createCollector(now: () => number = Date.now): Collector {
  let seen = new Seen();
  return {
    observer: {
      request: (start) => new CollectedRequest(start, () => seen, now),
    },
    take() {
      if (seen.empty) return undefined;
      const taken = seen;
      seen = new Seen();
      return taken.share();
    },
  };
}

/** What one process sees until it is asked. */
class Seen {
  empty = true;
  readonly #slots = new Map<number, { -readonly [K in keyof Slot]: Slot[K] } & { times: number[] }>();
  readonly #clients = new Map<string, { -readonly [K in keyof SeenClient]: SeenClient[K] }>();
  readonly #upstreams = new Map<string, { calls: number; failed: number }>();
  readonly #plugins = new Map<string, { calls: number; blocked: number; failed: number }>();
  readonly #decisions: PendingDecision[] = [];
  readonly #told = { notable: 0, plain: 0, refused: 0 };

  request(at: number, outcome: 'ok' | 'refused' | 'failed', tookMs: number | undefined): void {
    this.empty = false;
    const begin = Math.floor(at / 1000 / everySeconds) * everySeconds;
    let slot = this.#slots.get(begin);
    if (slot === undefined) {
      slot = { at: begin, requests: 0, refused: 0, failed: 0, times: new Array(timeClasses).fill(0) };
      this.#slots.set(begin, slot);
    }
    slot.requests += 1;
    if (outcome !== 'ok') slot[outcome] += 1;
    if (tookMs !== undefined) (slot.times[classOf(tookMs)] as number) += 1;
  }

  client(call: ServedCall, at: number): void {
    const { era, info, identity } = call.client;
    const { user, tenant } = identity;
    const key = `${tenant}\n${user}\n${clientName(info)}\n${era}`;
    const known = this.#clients.get(key);
    if (known !== undefined) {
      known.requests += 1;
      known.lastAt = at;
    } else if (this.#clients.size < most.clients) {
      this.#clients.set(key, { user, tenant, ...namedClient(info), era, requests: 1, lastAt: at });
    }
  }

  upstreamCall(upstream: string, end: UpstreamCallEnd): void {
    this.empty = false;
    const counts = within(this.#upstreams, upstream, () => ({ calls: 0, failed: 0 }));
    counts.calls += 1;
    if ('failed' in end) counts.failed += 1;
  }

  hookCall(plugin: string, { decision }: HookCallEnd): void {
    this.empty = false;
    const counts = within(this.#plugins, plugin, () => ({ calls: 0, blocked: 0, failed: 0 }));
    counts.calls += 1;
    if (decision === 'blocked' || decision === 'failed') counts[decision] += 1;
  }

  /** Whether another decision of this kind is told of: what is not is not made either. */
  wants(verdict: Decision['verdict']): boolean {
    this.empty = false;
    const kind = verdict === 'refused' ? 'refused' : verdict === 'continue' ? 'plain' : 'notable';
    this.#told[kind] += 1;
    return this.#told[kind] <= most[kind];
  }

  decision(one: PendingDecision): void {
    this.#decisions.push(one);
  }

  share(): Share {
    return {
      slots: [...this.#slots.values()],
      clients: [...this.#clients.values()],
      upstreams: Object.fromEntries(this.#upstreams),
      plugins: Object.fromEntries(this.#plugins),
      decisions: this.#decisions.map((one) => one.told()),
    };
  }
}

function within<T>(counts: Map<string, T>, name: string, begin: () => T): T {
  const known = counts.get(name);
  if (known !== undefined) return known;
  const fresh = begin();
  // Upstreams and plugins have the names of the configuration, which a reload may change.
  if (counts.size < most.names) counts.set(name, fresh);
  return fresh;
}

interface PendingDecision {
  /** With what is known of the request by then. */
  told(): Omit<Decision, 'id'>;
}

class CollectedRequest implements RequestObservation {
  readonly #start: RequestStart;
  readonly #seen: () => Seen;
  readonly #now: () => number;
  readonly #began: number;
  #call: ServedCall | undefined;
  #upstream: string | undefined;
  #target: string | undefined;
  #blocked = false;

  constructor(start: RequestStart, seen: () => Seen, now: () => number) {
    this.#start = start;
    this.#seen = seen;
    this.#now = now;
    this.#began = performance.now();
  }

  serves(call: ServedCall): void {
    this.#call = call;
  }

  routed(upstream: string, target: string | undefined): void {
    this.#upstream = upstream;
    this.#target = target;
  }

  upstreamCall({ upstream }: { readonly upstream: string }) {
    return { end: (end: UpstreamCallEnd) => this.#seen().upstreamCall(upstream, end) };
  }

  decided({ by, upstream, target }: AccessDecision): void {
    this.#blocked = true;
    const seen = this.#seen();
    if (!seen.wants('blocked')) return;
    const at = new Date(this.#now()).toISOString();
    seen.decision({
      told: () => ({
        at,
        ...this.#about(undefined),
        upstream,
        ...(target !== undefined && { target: shownTarget(target) }),
        plugin: '',
        hook: 'rules',
        verdict: 'blocked',
        reason: bounded(by),
      }),
    });
  }

  hookCall(start: HookCallStart) {
    const began = performance.now();
    return {
      end: (end: HookCallEnd, span?: SpanIds) => this.#hookEnded(start, end, performance.now() - began, span),
    };
  }

  #hookEnded(
    { plugin, hook, request }: HookCallStart,
    end: HookCallEnd,
    tookMs: number,
    span: SpanIds | undefined,
  ): void {
    const { decision, violation, error } = end;
    if (decision === 'cancelled' || decision === 'skipped') return;
    const seen = this.#seen();
    seen.hookCall(plugin, end);
    if (decision === 'blocked') this.#blocked = true;
    if (decision === 'continue' && aroundHttp.has(hook)) return;
    if (!seen.wants(decision)) return;
    const at = new Date(this.#now()).toISOString();
    const reason = error?.code ?? violation;
    const took = Number((end.tookMs ?? tookMs).toFixed(2));
    seen.decision({
      told: () => ({
        at,
        ...this.#about(span),
        plugin,
        hook,
        verdict: decision,
        ...(reason !== undefined && { reason: bounded(reason) }),
        requestId: request,
        tookMs: took,
      }),
    });
  }

  approval({ outcome, way, who, reason, stage, sources, waitedMs }: ApprovalEnd): void {
    const verdict = outcome === 'approved' ? 'approved' : 'refused';
    if (verdict === 'refused') this.#blocked = true;
    const seen = this.#seen();
    if (!seen.wants(verdict)) return;
    const at = new Date(this.#now()).toISOString();
    // Who has answered, or why nobody has: what the approver said of it is in the logs.
    const said =
      who === undefined ? (outcome === 'nobody' ? (reason ?? outcome) : outcome) : `${who} (${way})`;
    seen.decision({
      told: () => ({
        at,
        ...this.#about(undefined),
        plugin: bounded(sources.join(', ')),
        hook: `approval of the ${stage}`,
        verdict,
        reason: bounded(said),
        ...(this.#call && { requestId: this.#call.requestId }),
        tookMs: waitedMs,
      }),
    });
  }

  end(end: RequestEnd, span?: SpanIds): void {
    if (end.kind === 'aside') return;
    const at = this.#now();
    const seen = this.#seen();
    const call = this.#call;
    if (end.kind === 'served' && call !== undefined) {
      const outcome = this.#blocked ? 'refused' : 'error' in end.response ? 'failed' : 'ok';
      // Who went away or gave up has ended it: how long that took says nothing of the gateway.
      const took = call.abandoned === undefined ? performance.now() - this.#began : undefined;
      seen.request(at, outcome, took);
      seen.client(call, at);
    } else if (end.kind === 'other' && (end.status ?? 0) >= 400) {
      seen.request(at, 'refused', undefined);
      if (!this.#blocked && seen.wants('refused'))
        seen.decision(this.#refusal(end, new Date(at).toISOString(), span));
    }
  }

  /** What the gateway itself refused, at its door. */
  #refusal(
    end: Extract<RequestEnd, { kind: 'other' }>,
    at: string,
    span: SpanIds | undefined,
  ): PendingDecision {
    const { method, status, reason, identity } = end;
    return {
      told: () => ({
        at,
        ...this.#about(span),
        user: identity?.user ?? null,
        method: bounded(method),
        plugin: '',
        hook: '',
        verdict: 'refused',
        reason: bounded(reason ?? `http_${status}`),
      }),
    };
  }

  #about(span: SpanIds | undefined) {
    const call = this.#call;
    const trace = span ?? callerIds(this.#start.headers, call?.params['_meta']);
    const target = this.#target ?? call?.params['name'] ?? call?.params['uri'];
    return {
      user: call?.client.identity.user ?? null,
      ...(call && { client: clientName(call.client.info) }),
      method: bounded(call?.method ?? this.#start.method ?? ''),
      ...(typeof target === 'string' && { target: shownTarget(target) }),
      ...(call?.client.server !== undefined && { server: call.client.server }),
      ...(this.#upstream !== undefined && { upstream: this.#upstream }),
      ...(trace !== undefined && { traceId: trace.trace_id }),
    };
  }
}

/** What a client says of itself, bounded. */
export function namedClient(info: Readonly<Record<string, unknown>>): { name: string; version?: string } {
  const { name, version } = info;
  return {
    name: typeof name === 'string' ? bounded(name) : 'unnamed',
    ...(typeof version === 'string' && { version: bounded(version) }),
  };
}
