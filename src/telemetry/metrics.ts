import type { Registry } from 'prom-client';
import {
  errorDefinitions,
  SessionsFull,
  TooManyCalls,
  TooManyCallsOfOne,
  TooManyQuestions,
  TooManySubscriptions,
  TooManySuspended,
  UpstreamBusy,
  UserSessionsFull,
} from '../errors.js';
import { type MetricName, metricOptions, metricTable } from './metric-table.js';
import type {
  AccessDecision,
  ApprovalEnd,
  CallObservation,
  HookCallEnd,
  HookCallStart,
  Observer,
  RequestEnd,
  RequestObservation,
  ServedCall,
  UpstreamCallEnd,
  UpstreamCallStart,
} from './observer.js';
import { FastCounter, FastHistogram } from './series.js';

export interface TrafficOptions {
  /** The methods that are shown by their names: a client chooses what it sends. */
  readonly methods: ReadonlySet<string>;
  /** Whether calls are counted by the names of tools. */
  readonly toolNames: boolean;
  /** Of the program: what only a gateway has is not shown by a plugin server. */
  readonly of: 'gateway' | 'server';
}

/** A plugin chooses the codes of its violations. */
const codesOfOne = 100;
/** Names of the lists of one upstream that are kept. */
const namesOfOne = 10_000;
const other = 'other';

/** Counts what passes: an observer whose metrics `registry` shows. To be called once for a registry. */
export function openTrafficMetrics(registry: Registry, options: TrafficOptions): Observer {
  const inGateway = options.of === 'gateway';
  const limits = new FastCounter('limits', registry);
  // There from the start: an increase from nothing is none.
  for (const limit of limitCodes) limits.inc([limit], 0);
  const traffic: Traffic = {
    methods: options.methods,
    requests: new FastHistogram('requests', registry),
    hookCalls: new FastCounter('hookCalls', registry),
    hookTime: new FastHistogram('hookTime', registry),
    refusals: new FastCounter('refusals', registry),
    errors: new FastCounter('errors', registry),
    limits,
    ownTime: inGateway ? new FastHistogram('ownTime', registry) : undefined,
    accessDecisions: inGateway ? new FastCounter('accessDecisions', registry) : undefined,
    upstreamCalls: inGateway ? new FastHistogram('upstreamCalls', registry) : undefined,
    serverRequests: inGateway ? new FastCounter('serverRequests', registry) : undefined,
    toolCalls: inGateway && options.toolNames ? new FastCounter('toolCalls', registry) : undefined,
    approvals: inGateway ? new FastHistogram('approvals', registry) : undefined,
    reasons: new Map(),
    tools: new Map(),
  };
  return {
    request: () => new RequestMetrics(traffic),
    hookCall: (start) => new HookCallMetrics(traffic, start, undefined),
    ...(inGateway && { upstreamCall: (start) => new UpstreamCallMetrics(traffic, start, undefined) }),
  };
}

interface Traffic {
  readonly methods: ReadonlySet<string>;
  readonly requests: FastHistogram;
  readonly ownTime: FastHistogram | undefined;
  readonly accessDecisions: FastCounter | undefined;
  readonly upstreamCalls: FastHistogram | undefined;
  readonly serverRequests: FastCounter | undefined;
  readonly toolCalls: FastCounter | undefined;
  readonly hookCalls: FastCounter;
  readonly hookTime: FastHistogram;
  readonly refusals: FastCounter;
  readonly errors: FastCounter;
  readonly limits: FastCounter;
  readonly approvals: FastHistogram | undefined;
  /** Codes of violations that were seen, by plugin. */
  readonly reasons: Map<string, Set<string>>;
  /** Names of tools that were seen in lists, by upstream. */
  readonly tools: Map<string, Set<string>>;
}

class RequestMetrics implements RequestObservation {
  readonly #traffic: Traffic;
  readonly #started = performance.now();
  #call: ServedCall | undefined = undefined;
  #upstream = '';
  #target: string | undefined = undefined;
  /** How many upstreams and plugins are being waited for, since when, and how long that was before. */
  #waits = 0;
  #since = 0;
  #waited = 0;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  serves(call: ServedCall): void {
    this.#call = call;
  }

  routed(upstream: string | undefined, target: string | undefined): void {
    this.#upstream = upstream ?? '';
    this.#target = target;
  }

  decided({ kind, by }: AccessDecision): void {
    this.#traffic.accessDecisions?.inc([kind, by]);
  }

  upstreamCall(start: UpstreamCallStart): CallObservation<UpstreamCallEnd> {
    return new UpstreamCallMetrics(this.#traffic, start, this);
  }

  hookCall(start: HookCallStart): CallObservation<HookCallEnd> {
    return new HookCallMetrics(this.#traffic, start, this);
  }

  approval({ outcome, way, remembered, waitedMs }: ApprovalEnd): void {
    this.#waited += waitedMs;
    this.#traffic.approvals?.observe([outcome, remembered ? 'remembered' : (way ?? '')], waitedMs / 1000);
  }

  /** Waiting begins at `now`. What is waited for at once counts once. */
  waits(now: number): void {
    if (this.#waits === 0) this.#since = now;
    this.#waits += 1;
  }

  waitedTo(now: number): void {
    this.#waits -= 1;
    if (this.#waits === 0) this.#waited += now - this.#since;
  }

  end(end: RequestEnd): void {
    const { requests, ownTime, toolCalls, errors, limits, refusals, methods } = this.#traffic;
    const call = this.#call;
    if (end.kind === 'other') {
      const { status = 0, reason } = end;
      if (status >= 400) refusals.inc([reason ?? `http_${status}`]);
      if (reason !== undefined && limitCodes.has(reason)) limits.inc([reason]);
      return;
    }
    if (end.kind !== 'served' || call === undefined) return;
    const now = performance.now();
    if (this.#waits > 0) this.#waited += now - this.#since;
    const total = now - this.#started;
    const outcome = call.abandoned ?? outcomeOf(end.response);
    const method = methods.has(call.method) ? call.method : other;
    requests.observe([method, this.#upstream, call.client.era, outcome], total / 1000);
    const { server } = call.client;
    if (server !== undefined) this.#traffic.serverRequests?.inc([server, method, outcome]);
    ownTime?.observe([method], Math.max(total - this.#waited, 0) / 1000);
    if (method === 'tools/call' && this.#target !== undefined) {
      const known = this.#traffic.tools.get(this.#upstream)?.has(this.#target);
      toolCalls?.inc([this.#upstream, known ? this.#target : other, outcome]);
    }
    if ('error' in end.response) {
      const code = codeOf(end.response.error);
      if (code === undefined) return;
      errors.inc([code]);
      if (limitCodes.has(code)) limits.inc([code]);
    }
  }
}

class UpstreamCallMetrics implements CallObservation<UpstreamCallEnd> {
  readonly #traffic: Traffic;
  readonly #start: UpstreamCallStart;
  readonly #request: RequestMetrics | undefined;
  readonly #started = performance.now();

  constructor(traffic: Traffic, start: UpstreamCallStart, request: RequestMetrics | undefined) {
    this.#traffic = traffic;
    this.#start = start;
    this.#request = request;
    request?.waits(this.#started);
  }

  end(end: UpstreamCallEnd): void {
    const now = performance.now();
    this.#request?.waitedTo(now);
    const { upstream, method, era } = this.#start;
    const { upstreamCalls, methods, tools } = this.#traffic;
    let outcome = 'failed';
    if (!('failed' in end)) outcome = outcomeOf(end);
    else {
      const { code } = Object(end.failed) as { code?: unknown };
      if (typeof code === 'string' && codes.has(code)) outcome = code;
    }
    const known = methods.has(method) ? method : other;
    upstreamCalls?.observe([known, upstream, era, outcome], (now - this.#started) / 1000);
    if (method === 'tools/list' && 'result' in end) learn(tools, upstream, end.result['tools']);
  }
}

class HookCallMetrics implements CallObservation<HookCallEnd> {
  readonly #traffic: Traffic;
  readonly #start: HookCallStart;
  readonly #request: RequestMetrics | undefined;
  readonly #started = performance.now();

  constructor(traffic: Traffic, start: HookCallStart, request: RequestMetrics | undefined) {
    this.#traffic = traffic;
    this.#start = start;
    this.#request = request;
    request?.waits(this.#started);
  }

  end({ decision, violation, error, tookMs }: HookCallEnd): void {
    const now = performance.now();
    this.#request?.waitedTo(now);
    if (decision === 'skipped') return;
    const { plugin, hook } = this.#start;
    const { hookCalls, hookTime, reasons } = this.#traffic;
    const reason = error?.code ?? (violation === undefined ? '' : boundedCode(reasons, plugin, violation));
    hookCalls.inc([plugin, hook, decision, reason]);
    hookTime.observe([plugin, hook], (tookMs ?? now - this.#started) / 1000);
  }
}

/** What a client is told where there is as much of something as there may be. */
const limitCodes: ReadonlySet<string> = new Set(
  [
    TooManyCalls,
    TooManyCallsOfOne,
    SessionsFull,
    UserSessionsFull,
    TooManyQuestions,
    TooManySuspended,
    TooManySubscriptions,
    UpstreamBusy,
  ].map(({ code }) => code),
);

const codes: ReadonlySet<string> = new Set(errorDefinitions().map(({ code }) => code));

/** The code of an error of ours, as the client is told it. */
function codeOf({ data }: { readonly data?: unknown }): string | undefined {
  const { code } = Object(data) as { code?: unknown };
  return typeof code === 'string' && codes.has(code) ? code : undefined;
}

function outcomeOf(response: Exclude<UpstreamCallEnd, { failed: unknown }>): string {
  if ('error' in response) return 'error';
  return response.result['isError'] === true ? 'tool-error' : 'ok';
}

function boundedCode(reasons: Map<string, Set<string>>, plugin: string, code: string): string {
  let seen = reasons.get(plugin);
  if (seen === undefined) {
    seen = new Set();
    reasons.set(plugin, seen);
  }
  if (seen.has(code)) return code;
  if (seen.size >= codesOfOne || code.length > 100) return other;
  seen.add(code);
  return code;
}

/** Keeps the names of a list, so that calls of them can be told from calls of names that a client made up. */
function learn(tools: Map<string, Set<string>>, upstream: string, list: unknown): void {
  if (!Array.isArray(list)) return;
  let names = tools.get(upstream);
  if (names === undefined) {
    names = new Set();
    tools.set(upstream, names);
  }
  for (const one of list) {
    const { name } = Object(one) as { name?: unknown };
    if (names.size >= namesOfOne) return;
    if (typeof name === 'string' && name.length <= 128) names.add(name);
  }
}

/** Counts in `registry` what `log` dropped. To be called once for a registry. */
export function countDroppedLines(registry: Registry, log: { readonly dropped?: number }): Promise<void> {
  return openGauge(registry, 'linesDropped', () => [[{}, log.dropped ?? 0]]);
}

/** Shows what `read` finds when it is asked. `read` returns the values with their labels. */
export async function openGauge<Name extends MetricName>(
  registry: Registry,
  key: Name,
  read: () => Iterable<readonly [labels: Record<string, string>, value: number]>,
): Promise<void> {
  const { Counter, Gauge } = await import('prom-client');
  if ((metricTable[key].kind as string) === 'counter') {
    new Counter({
      ...metricOptions(key, registry),
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels as never, value);
      },
    });
    return;
  }
  new Gauge({
    ...metricOptions(key, registry),
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.inc(labels as never, value);
    },
  });
}
