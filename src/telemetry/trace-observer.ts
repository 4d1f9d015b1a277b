import type { Context, Link, Span, SpanContext, SpanKind, Tracer } from '@opentelemetry/api';
import type {
  ApprovalEnd,
  CallObservation,
  HookCallEnd,
  HookCallStart,
  Observer,
  RequestEnd,
  RequestObservation,
  RequestStart,
  ServedCall,
  UpstreamCallEnd,
  UpstreamCallStart,
} from './observer.js';
import {
  type Attributes,
  approvalAttributes,
  hookAttributes,
  hookEnd,
  hookSpanName,
  methodName,
  refusedName,
  requestEnd,
  type SpanEnd,
  servedAttributes,
  spanName,
  upstreamAttributes,
  upstreamEnd,
} from './trace-attributes.js';
import {
  baggageOf,
  contextIn,
  fieldsOf,
  type SpanIds,
  type TraceContext,
  traceContextOf,
  writeTraceparent,
} from './trace-context.js';

export interface TracingDeps {
  readonly api: typeof import('@opentelemetry/api');
  readonly tracer: Tracer;
  readonly makeSpanId: () => string;
  /** The methods that are shown by their names: a client chooses what it sends. */
  readonly methods: ReadonlySet<string>;
  /** Whether `traceparent` is read of requests, and written for calls. */
  readonly propagates: boolean;
  /** Whether the log knows requests by ids of this program. */
  readonly ownIds: boolean;
}

/** An observer that makes spans with `tracer`. It measures nothing but when they begin and end. */
export function createTraceObserver(deps: TracingDeps): Observer {
  const tracing = new Tracing(deps);
  const { api } = deps;
  return {
    request: (start) => new RequestSpan(tracing, start),
    upstreamCall: (start) => tracing.upstreamCall(start, api.ROOT_CONTEXT),
    hookCall: (start) => tracing.hookCall(start, api.ROOT_CONTEXT, undefined),
  };
}

/** What spans are made with. */
class Tracing {
  readonly deps: TracingDeps;

  constructor(deps: TracingDeps) {
    this.deps = deps;
  }

  /** The context of a caller's span; the empty one where there is none. */
  under(caller: TraceContext | undefined): Context {
    const { api } = this.deps;
    return caller === undefined
      ? api.ROOT_CONTEXT
      : api.trace.setSpanContext(api.ROOT_CONTEXT, this.#contextOf(caller));
  }

  /** A link to the span of a caller that is not the parent. */
  linkTo(caller: TraceContext): Link {
    return { context: this.#contextOf(caller) };
  }

  #contextOf({ traceId, spanId, sampled, state }: TraceContext): SpanContext {
    const { createTraceState, TraceFlags } = this.deps.api;
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    const traceState = state === undefined ? undefined : createTraceState(state);
    return { traceId, spanId, traceFlags, isRemote: true, ...(traceState && { traceState }) };
  }

  begin(name: string, kind: SpanKind, parent: Context, startTime: number, links: Link[] = []): Span {
    return this.deps.tracer.startSpan(name, { kind, startTime, links }, parent);
  }

  end(span: Span, { attributes, failed }: SpanEnd): void {
    span.setAttributes(attributes);
    if (failed) span.setStatus({ code: this.deps.api.SpanStatusCode.ERROR });
    span.end(performance.now());
  }

  upstreamCall(start: UpstreamCallStart, parent: Context): CallObservation<UpstreamCallEnd> {
    const { api, methods } = this.deps;
    const method = methodName(start.method, methods);
    const span = this.begin(spanName(method, start.params), api.SpanKind.CLIENT, parent, performance.now());
    const attributes = span.isRecording() ? upstreamAttributes(method, start) : undefined;
    return new CallSpan(this, span, attributes, undefined, upstreamEnd);
  }

  hookCall(
    start: HookCallStart,
    parent: Context,
    baggage: string | undefined,
    links?: Link[],
  ): CallObservation<HookCallEnd> {
    const { SpanKind } = this.deps.api;
    const kind = start.external ? SpanKind.CLIENT : SpanKind.INTERNAL;
    const span = this.begin(hookSpanName(start), kind, parent, performance.now(), links);
    const attributes = span.isRecording() ? hookAttributes(start) : undefined;
    return new CallSpan(this, span, attributes, baggage, hookEnd);
  }

  /** What goes with a call so that it is done under this span. */
  fields({ traceId, spanId, traceFlags, traceState }: SpanContext, baggage: string | undefined) {
    const { api, propagates } = this.deps;
    if (!propagates) return undefined;
    const sampled = (traceFlags & api.TraceFlags.SAMPLED) !== 0;
    return fieldsOf(
      writeTraceparent(traceId, spanId, sampled),
      traceState?.serialize() || undefined,
      baggage,
    );
  }
}

const idsOf = ({ traceId, spanId }: SpanContext): SpanIds => ({ trace_id: traceId, span_id: spanId });

class CallSpan<End> implements CallObservation<End> {
  readonly headers: CallObservation<End>['headers'];
  readonly span: SpanIds;
  readonly #tracing: Tracing;
  readonly #span: Span;
  readonly #attributes: Attributes | undefined;
  readonly #endOf: (end: End) => SpanEnd;

  constructor(
    tracing: Tracing,
    span: Span,
    attributes: Attributes | undefined,
    baggage: string | undefined,
    endOf: (end: End) => SpanEnd,
  ) {
    const context = span.spanContext();
    this.headers = tracing.fields(context, baggage);
    this.span = idsOf(context);
    this.#tracing = tracing;
    this.#span = span;
    this.#attributes = attributes;
    this.#endOf = endOf;
  }

  sent(id: number): void {
    if (this.#attributes) this.#attributes['jsonrpc.request.id'] = String(id);
  }

  end(end: End): void {
    if (this.#attributes === undefined) return;
    this.#span.setAttributes(this.#attributes);
    this.#tracing.end(this.#span, this.#endOf(end));
  }
}

/** A call of a trace that is not recorded: whoever is called is told so. */
class UnrecordedCall<End> implements CallObservation<End> {
  readonly headers: CallObservation<End>['headers'];
  readonly span: SpanIds;

  constructor(tracing: Tracing, context: SpanContext, baggage: string | undefined) {
    const own = { ...context, spanId: tracing.deps.makeSpanId() };
    this.headers = tracing.fields(own, baggage);
    this.span = idsOf(own);
  }

  end(): void {}
}

class RequestSpan implements RequestObservation {
  readonly #tracing: Tracing;
  readonly #start: RequestStart;
  readonly #arrived = performance.now();
  #call: ServedCall | undefined;
  #span: Span | undefined;
  /** For what is done under it. */
  #context: Context | undefined;
  #baggage: string | undefined;
  /** That of the HTTP request, where its message belongs to another trace. */
  #around: Span | undefined;
  #called = false;

  constructor(tracing: Tracing, start: RequestStart) {
    this.#tracing = tracing;
    this.#start = start;
  }

  get span(): SpanIds {
    return idsOf(this.#begun().spanContext());
  }

  serves(call: ServedCall): void {
    const { api, methods } = this.#tracing.deps;
    const meta = call.params['_meta'];
    this.#call = call;
    this.#baggage = baggageOf(this.#start.headers, meta);
    const method = methodName(call.method, methods);
    const ofHttp = this.#callerIn(this.#start.headers);
    const ofMessage = this.#callerIn(meta) ?? ofHttp;
    const same = ofMessage?.spanId === ofHttp?.spanId && ofMessage?.traceId === ofHttp?.traceId;
    // Hooks around the HTTP request have begun one, under what that came with.
    if (this.#span !== undefined && !same) this.#around = this.#span;
    if (this.#span === undefined || !same) {
      const links = same || ofHttp === undefined ? [] : [this.#tracing.linkTo(ofHttp)];
      const parent = this.#tracing.under(ofMessage);
      this.#span = this.#tracing.begin(method, api.SpanKind.SERVER, parent, this.#arrived, links);
      this.#context = undefined;
    } else {
      this.#span.updateName(method);
    }
    if (this.#span.isRecording()) this.#span.setAttributes(servedAttributes(method, this.#start, call));
  }

  routed(upstream: string | undefined): void {
    const { methods } = this.#tracing.deps;
    if (this.#call === undefined || !this.#span?.isRecording()) return;
    this.#span.updateName(spanName(methodName(this.#call.method, methods), this.#call.params));
    if (upstream !== undefined) this.#span.setAttribute('sallyport.upstream', upstream);
  }

  approval(end: ApprovalEnd): void {
    const span = this.#begun();
    if (span.isRecording()) span.addEvent('sallyport.approval', approvalAttributes(end), performance.now());
  }

  upstreamCall(start: UpstreamCallStart): CallObservation<UpstreamCallEnd> {
    const span = this.#begun();
    // Baggage passes to upstreams by rules of their own.
    return span.isRecording()
      ? this.#tracing.upstreamCall(start, this.#under())
      : new UnrecordedCall(this.#tracing, span.spanContext(), undefined);
  }

  hookCall(start: HookCallStart): CallObservation<HookCallEnd> {
    const span = this.#begun();
    const baggage = this.#baggage;
    if (!span.isRecording()) return new UnrecordedCall(this.#tracing, span.spanContext(), baggage);
    // Of several that came in one request each belongs to the call of its own.
    const caller =
      start.traceparent === undefined ? undefined : contextIn({ traceparent: start.traceparent });
    const links = caller && [{ context: span.spanContext() }];
    const parent = caller ? this.#tracing.under(caller) : this.#under();
    return this.#tracing.hookCall(start, parent, baggage, links);
  }

  end(end: RequestEnd): void {
    const call = this.#call;
    const start = this.#start;
    const { methods, ownIds } = this.#tracing.deps;
    // Of what no line is about there is no span either, unless something is under it.
    if (end.kind === 'aside' && !this.#called) return;
    const span = this.#begun();
    if (this.#around !== undefined)
      this.#tracing.end(this.#around, requestEnd({ kind: 'aside' }, start, undefined));
    if (!span.isRecording()) return;
    if (end.kind !== 'served' && call === undefined) span.updateName(refusedName(end, start, methods));
    if (ownIds && call !== undefined) span.setAttribute('sallyport.request.id', call.requestId);
    this.#tracing.end(span, requestEnd(end, start, call));
  }

  /** Begun under what the HTTP request came with, unless its message was read before. */
  #begun(): Span {
    this.#called = true;
    if (this.#span === undefined) {
      const { api } = this.#tracing.deps;
      const { headers, method } = this.#start;
      this.#baggage = baggageOf(headers, undefined);
      const parent = this.#tracing.under(this.#callerIn(headers));
      this.#span = this.#tracing.begin(method ?? 'HTTP', api.SpanKind.SERVER, parent, this.#arrived);
    }
    return this.#span;
  }

  #under(): Context {
    const { api } = this.#tracing.deps;
    this.#context ??= api.trace.setSpan(api.ROOT_CONTEXT, this.#begun());
    return this.#context;
  }

  #callerIn(fields: unknown): TraceContext | undefined {
    return this.#tracing.deps.propagates ? traceContextOf(undefined, fields) : undefined;
  }
}
