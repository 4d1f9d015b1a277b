import { describe, expect, it, vi } from 'vitest';
import type { ClientRequest } from '../../../src/gateway/client.js';
import { isOurState, SuspendedRequests } from '../../../src/gateway/router/input-required.js';

const limits = { suspendMs: 60_000, perPrincipal: 2, total: 3 };
const asked = (params: object, user = 'ada', method = 'tools/call') =>
  ({
    method,
    params,
    client: { identity: { user, tenant: null, method: 'bearer' } },
  }) as unknown as ClientRequest;
const waiting = (drop = () => {}) => ({ resume: async () => ({ result: {} }), drop });
const params = { name: 'read', arguments: { path: 'a' } };

describe('a request that waits for its caller’s input', () => {
  it('is found once by the word that its caller was given', () => {
    const all = new SuspendedRequests(limits);
    const requestState = all.suspend(asked(params), waiting());
    expect(isOurState(requestState)).toBe(true);
    const again = asked({ ...params, _meta: { progressToken: 1 }, inputResponses: {}, requestState });
    expect(all.take(again)).toBeDefined();
    expect(all.take(again)).toBeUndefined();
    expect(all.size).toBe(0);
  });

  it('is not found by another user, by another request, or with another word', () => {
    const all = new SuspendedRequests(limits);
    const requestState = all.suspend(asked(params), waiting());
    expect(all.take(asked({ ...params, requestState }, 'eve'))).toBeUndefined();
    expect(all.take(asked({ ...params, name: 'write', requestState }))).toBeUndefined();
    expect(all.take(asked({ ...params, arguments: { path: 'b' }, requestState }))).toBeUndefined();
    expect(all.take(asked({ ...params, requestState }, 'ada', 'prompts/get'))).toBeUndefined();
    expect(all.take(asked({ ...params, requestState: `${requestState}x` }))).toBeUndefined();
    expect(all.take(asked({ ...params, requestState }))).toBeDefined();
  });

  it('is dropped when its time is over, and then all that is kept for it is', () => {
    vi.useFakeTimers();
    try {
      const all = new SuspendedRequests(limits);
      const drop = vi.fn();
      const requestState = all.suspend(asked(params), waiting(drop));
      vi.advanceTimersByTime(limits.suspendMs);
      expect(drop).toHaveBeenCalledOnce();
      expect(all.take(asked({ ...params, requestState }))).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  it('is refused where one user has too many, or all together do', () => {
    const all = new SuspendedRequests(limits);
    all.suspend(asked(params), waiting());
    all.suspend(asked(params), waiting());
    expect(() => all.suspend(asked(params), waiting())).toThrow('2 requests already wait');
    all.suspend(asked(params, 'bob'), waiting());
    expect(() => all.suspend(asked(params, 'bob'), waiting())).toThrow('3 requests already wait');
    all.close();
    expect(all.size).toBe(0);
  });
});
