import { findSallyError } from '../errors.js';
import type {
  ApprovalEnd,
  HookCallEnd,
  HookCallStart,
  RequestEnd,
  RequestStart,
  ServedCall,
  UpstreamCallEnd,
  UpstreamCallStart,
} from './observer.js';
import { bounded, shownTarget } from './shown.js';

/**
 * What spans say: names and attributes by the semantic conventions of OpenTelemetry for MCP and for HTTP, and of our own under
 * `sallyport.`. Nothing of arguments, results and payloads, no text of an error, no session id: that one lets in whoever has it.
 */
export type Attributes = Record<string, string | number>;

/** How a span ends: what is added to it, and whether it is one of an error. */
export interface SpanEnd {
  readonly attributes: Attributes;
  readonly failed: boolean;
}

const httpMethods: ReadonlySet<string> = new Set([
  'GET',
  'POST',
  'DELETE',
  'PUT',
  'HEAD',
  'PATCH',
  'OPTIONS',
]);
const other = 'other';

export const methodName = (method: string, known: ReadonlySet<string>): string =>
  known.has(method) ? method : other;

/** The name of a span: with its target once it is known that there is such a one, else a client could make up names. */
export function spanName(method: string, params: ServedCall['params'] | undefined): string {
  const name = targetOf(method, params);
  return name === undefined ? method : `${method} ${name}`;
}

function targetOf(method: string, params: ServedCall['params'] | undefined): string | undefined {
  if (method !== 'tools/call' && method !== 'prompts/get') return undefined;
  const name = params?.['name'];
  return typeof name === 'string' ? bounded(name) : undefined;
}

/** What an operation of MCP is about, at either end. */
function operation(
  method: string,
  params: ServedCall['params'] | undefined,
  revision: string,
  made: Attributes,
): void {
  made['mcp.method.name'] = method;
  if (revision !== '') made['mcp.protocol.version'] = revision;
  const target = targetOf(method, params);
  if (method === 'tools/call') {
    made['gen_ai.operation.name'] = 'execute_tool';
    if (target !== undefined) made['gen_ai.tool.name'] = target;
  } else if (target !== undefined) {
    made['gen_ai.prompt.name'] = target;
  } else if (method.startsWith('resources/') && typeof params?.['uri'] === 'string') {
    made['mcp.resource.uri'] = shownTarget(params['uri']);
  }
}

/** The attributes of a request that is served. */
export function servedAttributes(method: string, start: RequestStart, call: ServedCall): Attributes {
  const made: Attributes = {};
  operation(method, call.params, call.client.revision, made);
  made['jsonrpc.request.id'] = bounded(String(call.id));
  if (call.client.server !== undefined) made['sallyport.server'] = call.client.server;
  if (start.http === undefined) {
    made['network.transport'] = 'pipe';
  } else {
    made['network.transport'] = start.address === undefined ? 'unix' : 'tcp';
    made['network.protocol.name'] = 'http';
    if (start.address !== undefined) made['client.address'] = start.address;
  }
  return made;
}

/** The end of a request of a client. */
export function requestEnd(end: RequestEnd, start: RequestStart, call: ServedCall | undefined): SpanEnd {
  const attributes: Attributes = {};
  if (end.kind === 'served') {
    const abandoned = call?.abandoned;
    if (abandoned === undefined) return responseEnd(end.response, attributes);
    // Nobody has failed: it was given up.
    attributes['sallyport.outcome'] = abandoned;
    return { attributes, failed: false };
  }
  if (start.http && start.method !== undefined && httpMethods.has(start.method))
    attributes['http.request.method'] = start.method;
  if (end.kind === 'aside') return { attributes, failed: false };
  const { status, error, reason } = end;
  if (status !== undefined && start.http) attributes['http.response.status_code'] = status;
  if (reason !== undefined) attributes['sallyport.reason'] = bounded(reason);
  if (status === undefined) attributes['sallyport.outcome'] = 'gone';
  // By the conventions what an HTTP client does wrong is no error of the server; that of a message of MCP is one.
  const failed = (error !== undefined && !httpMethods.has(end.method)) || (status ?? 0) >= 500;
  if (error !== undefined) attributes['rpc.response.status_code'] = String(error);
  if (failed) attributes['error.type'] = String(error ?? status);
  return { attributes, failed };
}

/** The name of a span of a request that was not served: by HTTP, or by MCP where that much of it was read. */
export function refusedName(end: RequestEnd, start: RequestStart, known: ReadonlySet<string>): string {
  const method = end.kind === 'other' ? end.method : (start.method ?? '');
  if (known.has(method)) return method;
  const byHttp = start.method ?? method;
  return httpMethods.has(byHttp) ? byHttp : 'HTTP';
}

function responseEnd(response: Exclude<UpstreamCallEnd, { failed: unknown }>, made: Attributes): SpanEnd {
  if ('error' in response) {
    const { code, data } = response.error;
    made['rpc.response.status_code'] = String(code);
    made['error.type'] = String(code);
    const { code: ours } = Object(data) as { code?: unknown };
    if (typeof ours === 'string' && ours.startsWith('SALLY_')) made['sallyport.error.code'] = bounded(ours);
    return { attributes: made, failed: true };
  }
  const failed = response.result['isError'] === true;
  if (failed) made['error.type'] = 'tool_error';
  return { attributes: made, failed };
}

/** The attributes of a request to an upstream. */
export function upstreamAttributes(method: string, start: UpstreamCallStart): Attributes {
  const made: Attributes = {};
  operation(method, start.params, start.revision, made);
  made['sallyport.upstream'] = start.upstream;
  if (start.server === undefined) {
    made['network.transport'] = 'pipe';
  } else {
    made['network.transport'] = 'tcp';
    made['network.protocol.name'] = 'http';
    made['server.address'] = start.server.address;
    made['server.port'] = start.server.port;
  }
  return made;
}

export function upstreamEnd(end: UpstreamCallEnd): SpanEnd {
  if (!('failed' in end)) return responseEnd(end, {});
  const type = findSallyError(end.failed)?.code ?? '_OTHER';
  return { attributes: { 'error.type': type }, failed: true };
}

export const hookSpanName = ({ hook, plugin }: HookCallStart): string => bounded(`${hook} ${plugin}`);

export function hookAttributes({ hook, plugin, request }: HookCallStart): Attributes {
  return {
    'sallyport.plugin': bounded(plugin),
    'sallyport.hook': bounded(hook),
    'sallyport.request.id': bounded(request),
  };
}

/** Of the event that a question to a person has ended; who it was stands in the logs alone. */
export function approvalAttributes({ outcome, way, stage, waitedMs }: ApprovalEnd): Attributes {
  return {
    'sallyport.approval.outcome': outcome,
    'sallyport.approval.stage': stage,
    'sallyport.approval.ms': waitedMs,
    ...(way && { 'sallyport.approval.way': way }),
  };
}

/** A block is a decision, and no error. */
export function hookEnd({ decision, violation, error, tookMs }: HookCallEnd): SpanEnd {
  const attributes: Attributes = { 'sallyport.decision': decision };
  if (violation !== undefined) attributes['sallyport.violation.code'] = bounded(violation);
  // In one round trip with others: the span has the time of all.
  if (tookMs !== undefined) attributes['sallyport.plugin.ms'] = tookMs;
  const failed = error !== undefined && decision !== 'cancelled';
  if (failed) attributes['error.type'] = error.code;
  return { attributes, failed };
}
