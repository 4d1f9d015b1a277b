import { serve } from './mcp-fixture.js';
import { patience } from './patience.js';

/** A span as it was received, by the names of OTLP. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly string[];
  readonly ms: number;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}
type Attributes = readonly { readonly key: string; readonly value: Value }[];
interface OtlpJson {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes?: Attributes;
        readonly links?: readonly { readonly spanId: string }[];
        readonly status?: { readonly code?: number; readonly message?: string };
      }[];
    }[];
  }[];
}

const kinds = { 1: 'internal', 2: 'server', 3: 'client' } as Record<number, ReceivedSpan['kind']>;

const read = (attributes: Attributes = []): ReceivedSpan['attributes'] =>
  Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue ?? '') : Number(intValue)),
    ]),
  );

/** The spans of an export in OTLP JSON. */
function spansIn(json: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(json) as OtlpJson;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(read(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service,
        name: span.name,
        kind: kinds[span.kind] ?? 'internal',
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId || undefined,
        failed: span.status?.code === 2,
        attributes: read(span.attributes),
        links: (span.links ?? []).map(({ spanId }) => spanId),
        ms: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
      })),
    );
  });
}

/** A collector that takes OTLP over HTTP in JSON, and the variables that send spans there. */
export async function openCollector(more: Record<string, string> = {}) {
  const exports: string[] = [];
  const waiting = new Set<() => void>();
  const { url, seen, stop } = await serve((request, response) => {
    exports.push(request.text);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    for (const check of [...waiting]) check();
  });
  const spans = () => exports.flatMap(spansIn);
  return {
    exports,
    requests: seen.requests,
    spans,
    stop,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url.replace('/mcp', ''),
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      ...more,
    },
    /** Waits until the spans so far are what is wanted. */
    until: (wanted: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]> =>
      new Promise((resolve, reject) => {
        const late = () => {
          waiting.delete(check);
          reject(new Error(`not among the spans: ${JSON.stringify(spans(), null, 1)}`));
        };
        const timer = setTimeout(late, patience(15_000));
        const check = () => {
          const now = spans();
          if (!wanted(now)) return;
          clearTimeout(timer);
          waiting.delete(check);
          resolve(now);
        };
        waiting.add(check);
        check();
      }),
  };
}

/** The spans as a tree, each as `service kind name` and below it those under it: what is under no span that was received comes first. */
export function treeOf(spans: readonly ReceivedSpan[]): readonly string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const lines: string[] = [];
  const show = (parent: string | undefined, depth: number) => {
    const here = spans.filter(({ parentSpanId: of }) =>
      parent === undefined ? of === undefined || !ids.has(of) : of === parent,
    );
    for (const one of here.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      lines.push(`${'  '.repeat(depth)}${one.service} ${one.kind} ${one.name}${one.failed ? ' !' : ''}`);
      show(one.spanId, depth + 1);
    }
  };
  show(undefined, 0);
  return lines;
}
