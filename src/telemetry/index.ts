/**
 * What watches the programs. They report events to an `Observer`, and measure nothing themselves; access log, metrics and
 * traces are observers. Reading begins with `Observer`.
 */
export { clientName, createAccessLog } from './access-log.js';
export { exposition, type MetricsSource, openProcessRegistry } from './exposition.js';
export { createHookLog } from './hook-log.js';
export { metricOptions } from './metric-table.js';
export { countDroppedLines, openGauge, openTrafficMetrics } from './metrics.js';
export {
  type AccessDecision,
  type ApprovalEnd,
  type CallObservation,
  type CallObserver,
  type HookCallEnd,
  type HookCallStart,
  joinObservers,
  type Observer,
  type RequestEnd,
  type RequestObservation,
  type UpstreamCallEnd,
} from './observer.js';
export { aroundHttp, bounded, shownTarget } from './shown.js';
export { callerIds, type SpanIds, traceFields, traceFieldsOf } from './trace-context.js';
export { readTraceSettings, unusedTraceVariables } from './trace-settings.js';
export { startTraces, type TracedProgram, type TracerSource, type Traces, traceInto } from './traces.js';
