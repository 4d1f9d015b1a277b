import { expect, it } from 'vitest';
import { block, modify, proceed } from '../../src/plugin/index.js';

it('[S9] proceed changes nothing', () => {
  expect(proceed()).toEqual({ continue_processing: true, modified_payload: null, metadata: {} });
  expect(proceed({ a: 1 }).metadata).toEqual({ a: 1 });
});

it('[S9] modify puts a payload in place of the one that was given', () => {
  const payload = { name: 't' };
  expect(modify(payload)).toEqual({ continue_processing: true, modified_payload: payload, metadata: {} });
  expect(modify(payload, { a: 1 }).metadata).toEqual({ a: 1 });
});

it('[S9] block needs a reason and a code; the description is the reason where none is given', () => {
  expect(block({ reason: 'r', code: 'C' })).toEqual({
    continue_processing: false,
    modified_payload: null,
    violation: { reason: 'r', code: 'C', description: 'r', details: {} },
    metadata: {},
  });
});

it('[S9] block keeps whatever else a violation may have', () => {
  const violation = {
    reason: 'r',
    code: 'C',
    description: 'd',
    details: { a: 1 },
    mcp_error_code: -32_000,
    http_status_code: 429,
  };
  expect(block(violation, { b: 2 })).toMatchObject({ violation, metadata: { b: 2 } });
});
