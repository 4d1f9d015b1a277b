import { describe, expect, it } from 'vitest';
import { readTraceSettings, unusedTraceVariables } from '../../src/telemetry/index.js';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

describe('the variables of OpenTelemetry', () => {
  it.each([
    ['none is set', {}],
    ['an exporter is set to none', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }],
    ['the SDK is disabled', { ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }],
    ['only a name is set', { OTEL_SERVICE_NAME: 'edge' }],
    ['an endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  ])('ask for no traces where %s', (_, env) => {
    expect(readTraceSettings(env)).toBeUndefined();
  });

  it('have the defaults of the specification', () => {
    expect(readTraceSettings({ OTEL_TRACES_EXPORTER: 'otlp' })).toEqual({
      exporters: new Set(['otlp']),
      otlp: {
        url: 'http://localhost:4318/v1/traces',
        protocol: 'http/protobuf',
        headers: {},
        timeoutMs: 10_000,
        gzip: false,
        files: { ca: undefined, key: undefined, cert: undefined },
      },
      serviceName: undefined,
      resource: {},
      sampler: { kind: 'parentbased_always_on', ratio: 1 },
      propagators: new Set(['tracecontext', 'baggage']),
      batch: { delayMs: 5_000, timeoutMs: 30_000, queue: 2_048, size: 512 },
    });
  });

  it('say it all', () => {
    const settings = readTraceSettings({
      OTEL_TRACES_EXPORTER: 'otlp, console',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector/otlp/',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%2Cb, x-other = 1',
      OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem',
      OTEL_EXPORTER_OTLP_CLIENT_KEY: 'client.key',
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'client.crt',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'edge',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=less,deployment.environment.name=prod',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
      OTEL_PROPAGATORS: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_BSP_EXPORT_TIMEOUT: '1000',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
    });
    expect(settings).toMatchObject({
      exporters: new Set(['otlp', 'console']),
      otlp: {
        url: 'https://collector/otlp/v1/traces',
        protocol: 'http/json',
        headers: { 'api-key': 'a,b', 'x-other': '1' },
        timeoutMs: 2_000,
        gzip: true,
        files: { ca: { value: 'ca.pem' }, key: { value: 'client.key' }, cert: { value: 'client.crt' } },
      },
      serviceName: 'edge',
      resource: { 'deployment.environment.name': 'prod' },
      sampler: { kind: 'parentbased_traceidratio', ratio: 0.01 },
      propagators: new Set(),
      batch: { delayMs: 100, timeoutMs: 1_000, queue: 100, size: 50 },
    });
  });

  it('of traces alone win over those of all signals, and their endpoint is the whole URL', () => {
    const settings = readTraceSettings({
      ...endpoint,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://tempo:3200/spans',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2',
    });
    expect(settings?.otlp).toMatchObject({
      url: 'http://tempo:3200/spans',
      protocol: 'http/protobuf',
      headers: { b: '2' },
    });
  });

  it('have a batch no larger than the queue, where nobody says so', () => {
    expect(readTraceSettings({ ...endpoint, OTEL_BSP_MAX_QUEUE_SIZE: '64' })?.batch.size).toBe(64);
  });

  it.each([
    ['OTEL_TRACES_EXPORTER', 'zipkin'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'unix:/run/otel'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'no-value'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=%zz'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=1%0d%0ab'],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s'],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '0'],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd'],
    ['OTEL_EXPORTER_OTLP_CLIENT_KEY', 'key.pem'],
    ['OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE', 'cert.pem'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'production'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_PROPAGATORS', 'b3'],
    ['OTEL_BSP_SCHEDULE_DELAY', '-1'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', 'many'],
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '4096'],
    ['OTEL_SDK_DISABLED', 'yes'],
  ])('are refused where they mean nothing: %s=%s', (name, value) => {
    expect(() => readTraceSettings({ ...endpoint, [name]: value })).toThrow(
      expect.objectContaining({
        code: 'SALLY_TRACES_VARIABLE',
        message: expect.stringContaining(name),
      }),
    );
  });

  it('are refused for a share that is none, where a sampler goes by it', () => {
    const env = { ...endpoint, OTEL_TRACES_SAMPLER_ARG: '1.5' };
    expect(readTraceSettings({ ...env, OTEL_TRACES_SAMPLER: 'always_on' })?.sampler.ratio).toBe(1);
    expect(() => readTraceSettings({ ...env, OTEL_TRACES_SAMPLER: 'traceidratio' })).toThrow(/from 0 to 1/);
  });

  it('are named without what is secret in them', () => {
    const seen = (env: Record<string, string>) => {
      try {
        readTraceSettings({ ...endpoint, ...env });
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(seen({ OTEL_EXPORTER_OTLP_HEADERS: 'hunter2' })).toMatch(/'\*+'/);
    expect(seen({ OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://me:hunter2@host' })).toMatch(/ftp:\/\/\*+@host/);
  });

  it('that are set in vain are known', () => {
    expect(unusedTraceVariables({ OTEL_TRACES_SAMPLER: 'always_on' })).toEqual(['OTEL_TRACES_SAMPLER']);
    expect(unusedTraceVariables({ OTEL_SERVICE_NAME: 'edge' })).toEqual([]);
    expect(unusedTraceVariables({ OTEL_TRACES_SAMPLER: 'x', OTEL_TRACES_EXPORTER: 'none' })).toEqual([]);
  });
});
