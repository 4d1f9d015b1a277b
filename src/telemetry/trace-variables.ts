/** A variable of OpenTelemetry that is read. */
export interface TraceVariable {
  /** The first that is set counts. */
  readonly names: readonly [string, ...string[]];
  readonly type: string;
  readonly default?: string;
  readonly meaning: string;
}

const otlp = <Name extends string>(name: Name) =>
  [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`] as const;
const milliseconds = 'milliseconds';
const file = 'path of a PEM file';

/** The variables that are read: the specification of OpenTelemetry says what they mean. */
export const traceVariables = {
  exporter: {
    names: ['OTEL_TRACES_EXPORTER'],
    type: 'otlp, console or none; several with commas',
    default: 'otlp, where an endpoint is set',
    meaning: 'where spans go; `console` is the log, a line a span',
  },
  tracesEndpoint: {
    names: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
    type: 'URL',
    meaning: 'where spans are sent, as it is written',
  },
  endpoint: {
    names: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
    type: 'URL',
    default: 'http://localhost:4318',
    meaning: 'the collector: spans are sent to `/v1/traces` below it',
  },
  protocol: {
    names: otlp('PROTOCOL'),
    type: 'http/protobuf or http/json',
    default: 'http/protobuf',
    meaning: 'how they are written; `grpc` is not supported',
  },
  headers: {
    names: otlp('HEADERS'),
    type: 'name=value, several with commas',
    meaning: 'what goes with each export, such as the key of a service',
  },
  certificate: {
    names: otlp('CERTIFICATE'),
    type: file,
    meaning: 'whom the collector is signed by; else the CAs of Node',
  },
  clientKey: { names: otlp('CLIENT_KEY'), type: file, meaning: 'the key that is shown to the collector' },
  clientCertificate: {
    names: otlp('CLIENT_CERTIFICATE'),
    type: file,
    meaning: 'the certificate that is shown to it',
  },
  timeout: {
    names: otlp('TIMEOUT'),
    type: milliseconds,
    default: '10000',
    meaning: 'how long one export may take',
  },
  compression: {
    names: otlp('COMPRESSION'),
    type: 'gzip or none',
    default: 'none',
    meaning: 'how exports are packed',
  },
  serviceName: {
    names: ['OTEL_SERVICE_NAME'],
    type: 'text',
    default: 'sallyport-gateway; sallyport-plugin-server',
    meaning: '`service.name` of the process',
  },
  resource: {
    names: ['OTEL_RESOURCE_ATTRIBUTES'],
    type: 'name=value, several with commas',
    meaning: 'what else is said of the process, such as `deployment.environment.name=production`',
  },
  sampler: {
    names: ['OTEL_TRACES_SAMPLER'],
    type: 'always_on, always_off, traceidratio; each with parentbased_ before it',
    default: 'parentbased_always_on',
    meaning: 'which traces are recorded; `parentbased_`: as the client says, where it says so',
  },
  ratio: {
    names: ['OTEL_TRACES_SAMPLER_ARG'],
    type: 'number from 0 to 1',
    default: '1.0',
    meaning: 'the share that `traceidratio` records',
  },
  propagators: {
    names: ['OTEL_PROPAGATORS'],
    type: 'tracecontext, baggage or none; several with commas',
    default: 'tracecontext,baggage',
    meaning:
      'what is read of requests and written into calls; without `tracecontext` `traceparent` passes on as it came, as `baggage` always does',
  },
  delay: {
    names: ['OTEL_BSP_SCHEDULE_DELAY'],
    type: milliseconds,
    default: '5000',
    meaning: 'how long spans wait for others',
  },
  exportTimeout: {
    names: ['OTEL_BSP_EXPORT_TIMEOUT'],
    type: milliseconds,
    default: '30000',
    meaning: 'how long a batch is waited for before the next one begins',
  },
  queue: {
    names: ['OTEL_BSP_MAX_QUEUE_SIZE'],
    type: 'number of spans',
    default: '2048',
    meaning: 'how many wait at most: more are dropped, which is logged',
  },
  batch: {
    names: ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
    type: 'number of spans',
    default: '512',
    meaning: 'how many go out at once',
  },
  disabled: {
    names: ['OTEL_SDK_DISABLED'],
    type: 'true or false',
    default: 'false',
    meaning: 'true: no traces, whatever else is set',
  },
} as const satisfies Record<string, TraceVariable>;
