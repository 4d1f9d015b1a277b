import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Logger } from '../log.js';

/** `console`: spans as lines of the log, as they end. Standard output may be that of MCP. */
export function createSpanLog(log: Logger): SpanProcessor {
  return {
    onStart() {},
    onEnd(span) {
      const { traceId, spanId } = span.spanContext();
      const [seconds, nanoseconds] = span.duration;
      const fields = {
        trace_id: traceId,
        span_id: spanId,
        ...(span.parentSpanContext && { parent_span_id: span.parentSpanContext.spanId }),
        kind: SpanKind[span.kind]?.toLowerCase(),
        ms: Math.round(seconds * 1e6 + nanoseconds / 1e3) / 1e3,
        ...(span.status.code === SpanStatusCode.ERROR && { status: 'error' }),
        attributes: span.attributes,
      };
      log.info(fields, `span ${span.name}`);
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}
