import type { Logger } from '../log.js';
import { knownMethods } from '../mcp/methods.js';
import {
  readTraceSettings,
  startTraces,
  type TracedProgram,
  type TracerSource,
  type Traces,
  traceInto,
} from '../telemetry/index.js';

/**
 * Traces of a gateway or a plugin server, as the `OTEL_*` variables in `env` ask for them; undefined where they ask for none.
 * The packages of OpenTelemetry are loaded for those alone, and have to be installed beside this one.
 *
 * With `tracerProvider`, of a program that has an SDK of OpenTelemetry of its own, spans go there and no variable is read.
 *
 * @throws SallyError for a variable that means nothing (`SALLY_TRACES_VARIABLE`), a file that cannot be used
 *   (`SALLY_TRACES_FILE`), and packages that are missing (`SALLY_TRACES_NOT_INSTALLED`).
 *
 * @example
 * ```ts
 * import { createGateway, createLogger, loadGatewayConfig, openTraces } from 'sallyport';
 *
 * const log = createLogger({ level: 'info', format: 'json' });
 * const config = await loadGatewayConfig({ config: 'gateway.yaml', cwd: process.cwd(), env: process.env });
 * const traces = await openTraces({ program: 'gateway', version: '1.0.0', env: process.env, log });
 * const gateway = await createGateway(config, {
 *   log,
 *   version: '1.0.0',
 *   ...(traces && { observer: traces.observer }),
 * });
 * await gateway.listen();
 * process.once('SIGTERM', async () => {
 *   await gateway.drain();
 *   await traces?.shutdown();
 * });
 * ```
 */
export async function openTraces(options: {
  readonly program: TracedProgram;
  /** Of the program: `service.version`. */
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly tracerProvider?: TracerSource;
}): Promise<Traces | undefined> {
  const { program, version, env, log, tracerProvider } = options;
  const deps = { program, version, log, methods: knownMethods };
  if (tracerProvider !== undefined)
    return { observer: await traceInto(tracerProvider, deps), shutdown: () => Promise.resolve() };
  const settings = readTraceSettings(env);
  return settings && startTraces(settings, deps);
}
