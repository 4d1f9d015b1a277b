import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import { messageOf, type SallyError, TracesDropped, TracesNotTaken } from '../errors.js';
import { type Logger, oneLine } from '../log.js';
import type { TraceSettings } from './trace-settings.js';

interface QueueDeps {
  readonly sdk: typeof import('@opentelemetry/sdk-trace');
  readonly batch: TraceSettings['batch'];
  readonly url: string;
  readonly log: Logger;
}

/** Lost spans are said at once, and then at most once in so long, in milliseconds. */
const intervalMs = 60_000;

export interface SpanQueue extends SpanProcessor {
  /** The loss of all that is not sent yet, for a program that ends now. */
  lost(reason: string): SallyError;
}

/** The processor of OpenTelemetry that sends spans in batches, with a word in the log where spans are lost. */
export function createSpanQueue(exporter: SpanExporter, { sdk, batch, url, log }: QueueDeps): SpanQueue {
  const losses = new Losses(log);
  let waiting = 0;
  let underWay = 0;
  const notTaken = (reason: string) => (spans: number) => TracesNotTaken({ url: shown(url), reason, spans });
  const dropped = (spans: number) => TracesDropped({ spans, queue: batch.queue });
  const inner = new sdk.BatchSpanProcessor({
    scheduledDelayMillis: batch.delayMs,
    exportTimeoutMillis: batch.timeoutMs,
    maxQueueSize: batch.queue,
    maxExportBatchSize: batch.size,
    exporter: {
      export(spans, done) {
        waiting -= spans.length;
        underWay += spans.length;
        exporter.export(spans, (result) => {
          underWay -= spans.length;
          // ExportResultCode.FAILED of @opentelemetry/core.
          if (result.code === 1) {
            const reason = oneLine(messageOf(result.error ?? 'it says nothing').slice(0, 200));
            losses.add('not taken', spans.length, notTaken(reason));
          }
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    },
  });
  return {
    onStart: () => {},
    onEnd(span) {
      if (waiting < batch.queue) {
        waiting += 1;
        inner.onEnd(span);
      } else losses.add('dropped', 1, dropped);
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown().finally(() => losses.flush()),
    lost: (reason) => notTaken(reason)(waiting + underWay),
  };
}

/** Spans that were lost, each kind apart: the first at once, others counted until it is time to say how many. */
class Losses {
  readonly #log: Logger;
  readonly #kinds = new Map<string, { spans: number; say: (spans: number) => SallyError }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(what: string, spans: number, say: (spans: number) => SallyError): void {
    const kind = this.#kinds.get(what);
    if (kind === undefined) {
      this.#kinds.set(what, { spans: 0, say });
      this.#write(say(spans));
    } else {
      kind.spans += spans;
      kind.say = say;
    }
    this.#timer ??= setInterval(() => this.flush(), intervalMs).unref();
  }

  flush(): void {
    for (const [what, kind] of this.#kinds) {
      // Nothing was lost for an interval: the next loss is said at once again.
      if (kind.spans === 0) this.#kinds.delete(what);
      else this.#write(kind.say(kind.spans));
      kind.spans = 0;
    }
    if (this.#kinds.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #write({ code, remedy, message }: SallyError): void {
    this.#log.warn({ code, remedy }, message);
  }
}

/** Without what may be secret in it. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
