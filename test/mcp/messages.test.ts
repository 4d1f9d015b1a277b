import { expect, it } from 'vitest';
import { envelopeOf, sentParams, withoutSubscription } from '../../src/mcp/messages.js';

const envelope = envelopeOf('2026-07-28', { name: 'me' }, { roots: {} });

it('[M12] gives each connection a progress token of its own, and leaves the rest as it came', () => {
  const params = { name: 'x', _meta: { progressToken: 'theirs', 'vendor/a': 1 }, odd: [1] };
  expect(sentParams(params, 7, undefined)).toEqual({
    name: 'x',
    _meta: { progressToken: 7, 'vendor/a': 1 },
    odd: [1],
  });
  expect(params._meta.progressToken).toBe('theirs');
  const plain = { name: 'x' };
  expect(sentParams(plain, 7, undefined)).toBe(plain);
  expect(sentParams(undefined, 7, undefined)).toBeUndefined();
});

it('[M3] makes the envelope anew, and takes that of another connection away', () => {
  const foreign = { 'io.modelcontextprotocol/protocolVersion': 'old', traceparent: '00-1' };
  expect(sentParams({ _meta: foreign }, 1, undefined)).toEqual({ _meta: { traceparent: '00-1' } });
  expect(sentParams({ _meta: foreign }, 1, envelope)).toEqual({
    _meta: { traceparent: '00-1', ...envelope },
  });
  expect(sentParams(undefined, 1, envelope)).toEqual({ _meta: envelope });
});

it('takes the mark of a subscription off', () => {
  const mark = { 'io.modelcontextprotocol/subscriptionId': 1 };
  expect(withoutSubscription({ uri: 'x', _meta: mark })).toEqual({ uri: 'x' });
  expect(withoutSubscription({ _meta: { ...mark, a: 1 } })).toEqual({ _meta: { a: 1 } });
  expect(withoutSubscription(undefined)).toBeUndefined();
});
