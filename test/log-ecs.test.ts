import { EcsVersion } from '@elastic/ecs';
import { describe, expect, it } from 'vitest';
import { ecsFields, ecsVersion } from '../src/log/ecs.js';
import { createLogger, type Logger } from '../src/log.js';
import { ecsDefinitions, ecsFaults as faults, type EcsLine as Line } from './support/ecs.js';

function written(say: (log: Logger) => void): Line {
  let out = '';
  const stream = {
    write: (text: string) => {
      out += text;
    },
  };
  say(createLogger({ level: 'debug', format: 'ecs', stream }));
  expect(out).toMatch(/^\{.*\}\n$/);
  return JSON.parse(out) as Line;
}

const request = {
  request: 'r-1',
  user: 'ada',
  tenant: null,
  client: 'demo/1.0.0',
  method: 'tools/call',
  upstream: 'files',
  target: 'write_file',
  plugins: [{ plugin: 'P', hook: 'tool_pre_invoke', decision: 'continue', ms: 0.3 }],
  outcome: 'ok',
  ms: 1.25,
  trace_id: '0af7651916cd43dd8448eb211c80319c',
  address: '192.0.2.1',
};

describe('lines by the Elastic Common Schema', () => {
  it('have the names, types and values that its own definitions say', () => {
    expect(ecsVersion).toBe(EcsVersion);
    const unknown = Object.values(ecsFields).filter((name) => ecsDefinitions[name] === undefined);
    expect(unknown).toEqual([]);
    expect(faults(written((log) => log.info(request, 'request')))).toEqual([]);
  });

  it('say of a request who, what, how it ended and how long it took', () => {
    expect(written((log) => log.info(request, 'request'))).toEqual({
      'log.level': 'info',
      '@timestamp': expect.stringMatching(/^\d{4}-.*Z$/),
      'ecs.version': ecsVersion,
      message: 'request',
      'http.request.id': 'r-1',
      'user.name': 'ada',
      'client.address': '192.0.2.1',
      'trace.id': request.trace_id,
      'event.kind': 'event',
      'event.category': ['api'],
      'event.type': ['access', 'allowed'],
      'event.dataset': 'sallyport.access',
      'event.action': 'tools/call',
      'event.outcome': 'success',
      'event.duration': 1_250_000,
      'sallyport.client': 'demo/1.0.0',
      'sallyport.upstream': 'files',
      'sallyport.target': 'write_file',
      'sallyport.plugins': request.plugins,
      'sallyport.outcome': 'ok',
    });
  });

  it.each([
    [
      { method: 'GET', status: 401, error: -32001, outcome: 'refused', ms: 0.1 },
      'failure',
      'denied',
      '-32001',
    ],
    [{ method: 'tools/call', outcome: 'tool-error', ms: 3 }, 'failure', 'allowed', undefined],
    [{ method: 'tools/call', outcome: 'gone', ms: 3 }, 'unknown', 'allowed', undefined],
  ])('say how %j ended', (fields, outcome, type, code) => {
    const line = written((log) => log.info(fields, 'request'));
    expect(faults(line)).toEqual([]);
    expect(line).toMatchObject({ 'event.outcome': outcome, 'event.type': ['access', type] });
    expect(line['error.code']).toBe(code);
  });

  it('have the code, the text and the remedy of an error', () => {
    const fields = { code: 'SALLY_UPSTREAM_DOWN', remedy: 'start it', error: 'refused', stack: 'at x' };
    const line = written((log) => log.error(fields, 'it is down'));
    expect(faults(line)).toEqual([]);
    expect(line).toMatchObject({
      'log.level': 'error',
      message: 'it is down',
      'error.code': 'SALLY_UPSTREAM_DOWN',
      'error.message': 'refused',
      'error.stack_trace': 'at x',
      'sallyport.remedy': 'start it',
    });
  });

  it('have one type for a field, whatever line it is on', () => {
    const listening = written((log) => log.info({ plugins: ['A', 'B'], healthPort: 1 }, 'listening'));
    expect(listening).toMatchObject({ 'sallyport.plugin_names': ['A', 'B'], 'sallyport.health_port': 1 });
    const failed = written((log) => log.warn({ plugin_code: 'X', details: { any: { thing: 1 } } }, 'failed'));
    expect(failed['sallyport.details']).toBe('{"any":{"thing":1}}');
    expect([listening, failed].flatMap(faults)).toEqual([]);
  });
});
