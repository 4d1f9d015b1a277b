import { headerValue } from '../headers.js';

/** W3C Trace Context and Baggage: headers of HTTP, and fields of `_meta` in MCP. */
export const traceFields = ['traceparent', 'tracestate', 'baggage'] as const;

/** The span that something belongs to, as fields of the log. */
export interface SpanIds {
  readonly trace_id: string;
  readonly span_id: string;
}

/** The span of a caller: the parent of what is done for it. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** `tracestate`, as it came. */
  readonly state: string | undefined;
}

type Fields = Readonly<Record<string, unknown>> | undefined;

/** W3C Trace Context, section 3.2.2. A version that is newer may have more after the flags. */
const traceparent = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const nothing = /^0+$/;
/** As much as a whole head may have here, in characters. */
const longest = 8_192;

/** Reads `traceparent`; undefined where it is none. */
function readTraceparent(value: unknown): Omit<TraceContext, 'state'> | undefined {
  if (typeof value !== 'string') return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = traceparent.exec(value) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (nothing.test(traceId) || nothing.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function writeTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** What a request came with: that of its message before that of the HTTP request around it. */
export function traceContextOf(headers: Fields, meta: unknown): TraceContext | undefined {
  return contextIn(meta as Fields) ?? contextIn(headers);
}

export function contextIn(fields: Fields): TraceContext | undefined {
  const given = fields?.['traceparent'];
  if (given === undefined) return undefined;
  const read = readTraceparent(given);
  return read && { ...read, state: carried(fields?.['tracestate']) };
}

/** The caller's span, for the log of a program without traces. */
export function callerIds(headers: Fields, meta: unknown): SpanIds | undefined {
  const context = traceContextOf(headers, meta);
  return context && { trace_id: context.traceId, span_id: context.spanId };
}

/**
 * The fields of a request that go on with calls that are made for it, where no observer has others. Undefined where it belongs to
 * no trace.
 */
export function traceFieldsOf(headers: Fields, meta: unknown): Readonly<Record<string, string>> | undefined {
  const ofMessage = meta as Fields;
  if (headers?.['traceparent'] === undefined && ofMessage?.['traceparent'] === undefined) return undefined;
  const context = traceContextOf(headers, meta);
  if (context === undefined) return undefined;
  return fieldsOf(
    writeTraceparent(context.traceId, context.spanId, context.sampled),
    context.state,
    baggageOf(headers, meta),
  );
}

export function baggageOf(headers: Fields, meta: unknown): string | undefined {
  return carried((meta as Fields)?.['baggage']) ?? carried(headers?.['baggage']);
}

export function fieldsOf(
  traceparent: string,
  tracestate: string | undefined,
  baggage: string | undefined,
): Readonly<Record<string, string>> {
  if (tracestate === undefined && baggage === undefined) return { traceparent };
  return {
    traceparent,
    ...(tracestate !== undefined && { tracestate }),
    ...(baggage !== undefined && { baggage }),
  };
}

/** What may go on in a header: a message can have anything there. */
function carried(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= longest && headerValue.test(value) ? value : undefined;
}
