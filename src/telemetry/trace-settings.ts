import { TracesVariable } from '../errors.js';
import { headerName, headerValue } from '../headers.js';
import { type TraceVariable, traceVariables } from './trace-variables.js';

type Env = Readonly<Record<string, string | undefined>>;

/** What the variables of OpenTelemetry ask for. */
export interface TraceSettings {
  readonly exporters: ReadonlySet<Exporter>;
  readonly otlp: OtlpSettings;
  readonly serviceName: string | undefined;
  /** Of the process, beside its name. */
  readonly resource: Readonly<Record<string, string>>;
  readonly sampler: { readonly kind: Sampler; readonly ratio: number };
  readonly propagators: ReadonlySet<Propagator>;
  readonly batch: {
    readonly delayMs: number;
    readonly timeoutMs: number;
    readonly queue: number;
    readonly size: number;
  };
}

type Exporter = 'otlp' | 'console';
type Propagator = 'tracecontext' | 'baggage';
type Sampler =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | `parentbased_${'always_on' | 'always_off' | 'traceidratio'}`;

interface OtlpSettings {
  readonly url: string;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly gzip: boolean;
  /** Files, with the variables that name them. */
  readonly files: Readonly<Record<'ca' | 'key' | 'cert', Given | undefined>>;
}

/** A variable that is set. */
export interface Given {
  readonly name: string;
  readonly value: string;
}

type Row = TraceVariable;

/**
 * What the variables say; undefined where they ask for no traces: where no exporter and no endpoint is set.
 *
 * @throws SallyError `SALLY_TRACES_VARIABLE` for a value that means nothing.
 */
export function readTraceSettings(env: Env): TraceSettings | undefined {
  const rows = traceVariables;
  const disabled = oneOf(env, rows.disabled, ['true', 'false'], true) === 'true';
  const exporters = someOf(env, rows.exporter, ['otlp', 'console']);
  const wanted = exporters ?? new Set(endpointOf(env) === undefined ? [] : (['otlp'] as const));
  if (disabled || wanted.size === 0) return undefined;
  const { 'service.name': named, ...resource } = pairs(env, rows.resource, false);
  const queue = wholeNumber(env, rows.queue);
  const size = wholeNumber(env, rows.batch, Math.min(512, queue));
  if (size > queue)
    throw wrong(given(env, rows.batch) as Given, `at most ${queue}, which OTEL_BSP_MAX_QUEUE_SIZE is`);
  return {
    exporters: wanted,
    otlp: {
      url: endpointOf(env) ?? 'http://localhost:4318/v1/traces',
      protocol: protocolOf(env),
      headers: pairs(env, rows.headers, true),
      timeoutMs: wholeNumber(env, rows.timeout),
      gzip: oneOf(env, rows.compression, ['gzip', 'none']) === 'gzip',
      files: filesOf(env),
    },
    serviceName: given(env, rows.serviceName)?.value ?? named,
    resource,
    sampler: samplerOf(env),
    propagators:
      someOf(env, rows.propagators, ['tracecontext', 'baggage']) ?? new Set(['tracecontext', 'baggage']),
    batch: {
      delayMs: wholeNumber(env, rows.delay),
      timeoutMs: wholeNumber(env, rows.exportTimeout),
      queue,
      size,
    },
  };
}

/** Variables about traces alone that are set though no traces are asked for: somebody expects some. */
export function unusedTraceVariables(env: Env): readonly string[] {
  if (env['OTEL_TRACES_EXPORTER'] || env['OTEL_SDK_DISABLED']) return [];
  const { sampler, ratio, headers, protocol } = traceVariables;
  return [sampler, ratio, headers, protocol].flatMap((row) => given(env, row)?.name ?? []);
}

/** An empty variable counts as not set. */
function given(env: Env, { names }: Row): Given | undefined {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

const wrong = ({ name, value }: Given, wanted: string) =>
  TracesVariable({ variable: name, value: value.replace(/\/\/[^/@]*@/, '//********@'), wanted });

function oneOf<const V extends string>(
  env: Env,
  row: Row,
  values: readonly V[],
  anyCase = false,
): V | undefined {
  const found = given(env, row);
  if (found === undefined) return undefined;
  const value = anyCase ? found.value.toLowerCase() : found.value;
  if ((values as readonly string[]).includes(value)) return value as V;
  throw wrong(found, values.join(' or '));
}

/** A list; `none` is an empty one. */
function someOf<const V extends string>(
  env: Env,
  row: Row,
  values: readonly V[],
): ReadonlySet<V> | undefined {
  const found = given(env, row);
  if (found === undefined) return undefined;
  const parts = found.value.split(',').map((part) => part.trim());
  if (parts.length === 1 && parts[0] === 'none') return new Set();
  for (const part of parts)
    if (!(values as readonly string[]).includes(part)) throw wrong(found, `${values.join(', ')} or none`);
  return new Set(parts as V[]);
}

function wholeNumber(env: Env, row: Row, otherwise = Number(row.default)): number {
  const found = given(env, row);
  if (found === undefined) return otherwise;
  const number = Number(found.value);
  if (/^\d{1,9}$/.test(found.value) && number > 0) return number;
  throw wrong(found, 'a whole number above 0');
}

function endpointOf(env: Env): string | undefined {
  const whole = given(env, traceVariables.tracesEndpoint);
  if (whole !== undefined) return urlOf(whole).href;
  const base = given(env, traceVariables.endpoint);
  if (base === undefined) return undefined;
  const url = urlOf(base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

function urlOf(found: Given): URL {
  const url = URL.canParse(found.value) ? new URL(found.value) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw wrong(found, 'a URL of http or https, such as http://localhost:4318');
}

function protocolOf(env: Env): 'http/protobuf' | 'http/json' {
  const found = given(env, traceVariables.protocol);
  if (found?.value === 'grpc')
    throw wrong(
      found,
      'http/protobuf or http/json: grpc is not supported, and collectors have port 4318 for HTTP',
    );
  return oneOf(env, traceVariables.protocol, ['http/protobuf', 'http/json']) ?? 'http/protobuf';
}

function filesOf(env: Env): OtlpSettings['files'] {
  const { certificate, clientKey, clientCertificate } = traceVariables;
  const [key, cert] = [given(env, clientKey), given(env, clientCertificate)];
  const alone = key ?? cert;
  if (alone !== undefined && (key === undefined || cert === undefined))
    throw wrong(
      alone,
      `set together with ${alone === key ? clientCertificate.names[1] : clientKey.names[1]}`,
    );
  return { ca: given(env, certificate), key, cert };
}

function samplerOf(env: Env): TraceSettings['sampler'] {
  const kinds = ['always_on', 'always_off', 'traceidratio'] as const;
  const all = [...kinds, ...kinds.map((kind) => `parentbased_${kind}` as const)];
  const kind = oneOf(env, traceVariables.sampler, all) ?? 'parentbased_always_on';
  const found = kind.endsWith('traceidratio') ? given(env, traceVariables.ratio) : undefined;
  if (found === undefined) return { kind, ratio: 1 };
  const ratio = Number(found.value);
  if (ratio >= 0 && ratio <= 1) return { kind, ratio };
  throw wrong(found, 'a number from 0 to 1');
}

/** `name=value` with commas between, values with percent escapes (W3C Baggage). Those that are secret are not shown. */
function pairs(env: Env, row: Row, secret: boolean): Record<string, string> {
  const found = given(env, row);
  if (found === undefined) return {};
  const shown = secret ? { ...found, value: '********' } : found;
  const made: Record<string, string> = {};
  for (const part of found.value.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    const key = part.slice(0, Math.max(at, 0)).trim();
    const value = decoded(part.slice(at + 1).trim());
    if (key === '' || value === undefined || (secret && !(headerName.test(key) && headerValue.test(value))))
      throw wrong(
        shown,
        'name=value, several with commas between, percent escapes where a value has a comma',
      );
    made[key] = value;
  }
  return made;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
