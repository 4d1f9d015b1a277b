import { randomBytes, randomUUID } from 'node:crypto';
import type { Tracer } from '@opentelemetry/api';
import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import { asSallyError, InternalError, TracesNotInstalled, TracesNotTaken } from '../errors.js';
import type { Logger } from '../log.js';
import { inTime } from '../wait.js';
import type { Observer } from './observer.js';
import { createSpanQueue } from './span-queue.js';
import { createTraceObserver } from './trace-observer.js';
import type { TraceSettings } from './trace-settings.js';

/** The programs, and what they are called where nobody has named them. */
const serviceNames = { gateway: 'sallyport-gateway', server: 'sallyport-plugin-server' } as const;
export type TracedProgram = keyof typeof serviceNames;

/** Spans of what a program does, on their way to a collector. */
export interface Traces {
  /** For `createGateway`, `createPluginServer` or `openPluginManager`. */
  readonly observer: Observer;
  /** Sends what is waiting, for at most three seconds, and ends. Never rejects. */
  shutdown(): Promise<void>;
}

/** A program that stops has no more than this for what nobody may be there to take. */
const lastMs = 3_000;

/** In versions that run on Node 20.19: those of `@opentelemetry/core` 3 do not. */
const packages = {
  '@opentelemetry/api': '~1.9.0',
  '@opentelemetry/sdk-trace': '^2.12.1',
  '@opentelemetry/resources': '^2.12.1',
  '@opentelemetry/exporter-trace-otlp-proto': '^0.223.1',
  '@opentelemetry/exporter-trace-otlp-http': '^0.223.1',
} as const;

/** Where a program that has an SDK of OpenTelemetry gets its tracers: a `TracerProvider` of `@opentelemetry/api`. */
export interface TracerSource {
  getTracer(name: string, version?: string): unknown;
}

interface TraceDeps {
  readonly program: TracedProgram;
  readonly version: string;
  /** The methods that are shown by their names. */
  readonly methods: ReadonlySet<string>;
}

/** The observer whose spans go to the tracers of `source`. */
export async function traceInto(
  source: TracerSource,
  { program, version, methods }: TraceDeps,
  { makeSpanId = () => randomBytes(8).toString('hex'), propagates = true } = {},
): Promise<Observer> {
  return createTraceObserver({
    api: await installed(import('@opentelemetry/api')),
    tracer: source.getTracer('sallyport', version) as Tracer,
    makeSpanId,
    methods,
    propagates,
    ownIds: program === 'gateway',
  });
}

/**
 * Begins to make traces as `settings` say. The packages of OpenTelemetry are loaded here and nowhere else.
 *
 * @throws SallyError where they are not installed, or a file of certificates cannot be used.
 */
export async function startTraces(
  settings: TraceSettings,
  deps: TraceDeps & { readonly log: Logger },
): Promise<Traces> {
  const { program, version, log } = deps;
  const [sdk, resources] = await Promise.all([
    installed(import('@opentelemetry/sdk-trace')),
    installed(import('@opentelemetry/resources')),
  ]);
  const processors: SpanProcessor[] = [];
  if (settings.exporters.has('console')) processors.push((await import('./span-log.js')).createSpanLog(log));
  const queue = settings.exporters.has('otlp')
    ? createSpanQueue(await otlpExporter(settings), {
        sdk,
        batch: settings.batch,
        url: settings.otlp.url,
        log,
      })
    : undefined;
  if (queue) processors.push(queue);
  const ids = new sdk.RandomIdGenerator();
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(
      resources.resourceFromAttributes({
        'service.version': version,
        'service.instance.id': randomUUID(),
        'process.pid': process.pid,
        ...settings.resource,
        'service.name': settings.serviceName ?? serviceNames[program],
      }),
    ),
    sampler: samplerOf(settings.sampler, sdk),
    idGenerator: ids,
    spanProcessors: processors,
  });
  return {
    observer: await traceInto(provider, deps, {
      makeSpanId: ids.generateSpanId,
      propagates: settings.propagators.has('tracecontext'),
    }),
    async shutdown() {
      const reason = `no answer within ${lastMs / 1000} s at the end`;
      const late = () => queue?.lost(reason) ?? InternalError({ detail: reason });
      await inTime(lastMs, late, provider.shutdown()).catch((error: unknown) => {
        const { code, remedy, message } = asSallyError(error);
        if (TracesNotTaken.is(error)) log.warn({ code, remedy }, message);
      });
    },
  };
}

async function otlpExporter({ otlp }: TraceSettings): Promise<SpanExporter> {
  const json = otlp.protocol === 'http/json';
  const { OTLPTraceExporter } = await (json
    ? installed(import('@opentelemetry/exporter-trace-otlp-http'))
    : installed(import('@opentelemetry/exporter-trace-otlp-proto')));
  const { readCollectorFiles } = await import('./collector-files.js');
  return new OTLPTraceExporter({
    url: otlp.url,
    headers: otlp.headers,
    timeoutMillis: otlp.timeoutMs,
    compression: (otlp.gzip ? 'gzip' : 'none') as never,
    httpAgentOptions: { keepAlive: true, ...(await readCollectorFiles(otlp.files)) },
  });
}

/** The module, or which packages to install: those that are missing come together. */
async function installed<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch (error) {
    const { code, message } = Object(error) as { code?: string; message?: string };
    const name = Object.keys(packages).find((one) => message?.includes(one));
    if (code !== 'ERR_MODULE_NOT_FOUND' || name === undefined) throw error;
    const install = Object.entries(packages).map(([one, version]) => `${one}@${version}`);
    throw TracesNotInstalled({ name, install: install.join(' ') }, error);
  }
}

function samplerOf(
  { kind, ratio }: TraceSettings['sampler'],
  sdk: typeof import('@opentelemetry/sdk-trace'),
) {
  const root = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(ratio),
  }[kind.replace('parentbased_', '') as 'always_on' | 'always_off' | 'traceidratio']();
  return kind.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root;
}
