import { expect, it } from 'vitest';
import { upstreamErrors } from '../../../src/gateway/upstream/errors.js';
import { judgeDiscovery, judgeInitialize } from '../../../src/mcp/client/negotiate.js';

const errors = upstreamErrors('u');
const status = (code: number) =>
  judgeDiscovery(errors, { kind: 'status', status: code, text: '', challenge: undefined }).kind;
const error = (code: number, data?: unknown) =>
  judgeDiscovery(errors, { kind: 'answer', message: { id: 0, error: { code, message: 'no', data } } }).kind;
const versions = (...supportedVersions: string[]) =>
  judgeDiscovery(errors, { kind: 'answer', message: { id: 0, result: { supportedVersions } } }).kind;

it('takes bad requests of any kind for the old era', () => {
  expect([400, 404, 405, 406, 415, 422].map(status)).toEqual(Array(6).fill('legacy'));
});

it('[M4] takes refusals, limits and failures for no sign of an era', () => {
  const none = [301, 401, 403, 407, 408, 421, 429, 500, 502, 503, 504];
  expect(none.map(status)).toEqual(none.map(() => 'failed'));
});

it('goes by the revisions that a server names', () => {
  expect(versions('2026-07-28', '2025-11-25')).toBe('modern');
  expect(versions('2025-11-25')).toBe('legacy');
  expect(versions('2030-01-01')).toBe('failed');
  expect(error(-32022, { supported: ['2025-06-18'] })).toBe('legacy');
  expect(error(-32022, { supported: ['2030-01-01'] })).toBe('failed');
});

it('a peer’s value that has no text is told of all the same', () => {
  const strange = { toString: 1, valueOf: 2 };
  const failure = { id: 0, error: { code: -32020, message: strange as never } };
  expect(judgeDiscovery(errors, { kind: 'answer', message: failure }).kind).toBe('failed');
  expect(error(-32022, { supported: [strange] })).toBe('failed');
  const coded = { id: 0, error: { code: strange as never, message: 'no' } };
  expect(judgeInitialize(errors, coded)).toMatchObject({ code: 'SALLY_UPSTREAM_PROTOCOL' });
  expect(judgeInitialize(errors, failure)).toMatchObject({ code: 'SALLY_UPSTREAM_PROTOCOL' });
});

it('takes the errors of the new era for it, and all others for the old one', () => {
  expect([-32020, -32021].map((code) => error(code))).toEqual(['failed', 'failed']);
  expect([-32601, -32600, -32602, -32000, -32001, -32022].map((code) => error(code))).toEqual(
    Array(6).fill('legacy'),
  );
});

it('reads the facts of either handshake', () => {
  const result = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, instructions: 'i' };
  const info = { name: 'n', version: '1' };
  const modern = { ...result, _meta: { 'io.modelcontextprotocol/serverInfo': info } };
  expect(judgeDiscovery(errors, { kind: 'answer', message: { result: modern } })).toEqual({
    kind: 'modern',
    facts: {
      era: 'modern',
      revision: '2026-07-28',
      capabilities: { tools: {} },
      serverInfo: info,
      instructions: 'i',
    },
  });
  const legacy = { protocolVersion: '2025-03-26', capabilities: {}, serverInfo: info };
  expect(judgeInitialize(errors, { result: legacy })).toMatchObject({
    era: 'legacy',
    revision: '2025-03-26',
  });
  for (const bad of [
    { result: {} },
    { result: { protocolVersion: '2019-01-01' } },
    { error: { code: 1, message: 'x' } },
  ]) {
    expect(judgeInitialize(errors, bad)).toMatchObject({ code: 'SALLY_UPSTREAM_PROTOCOL' });
  }
});
