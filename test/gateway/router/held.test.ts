import { describe, expect, it, vi } from 'vitest';
import type { ClientRequest } from '../../../src/gateway/client.js';
import { HeldRequests, isOurState } from '../../../src/gateway/router/held.js';

const limits = { holdMs: 60_000, perPrincipal: 2, total: 3 };
const asked = (params: object, user = 'ada', method = 'tools/call') =>
  ({
    method,
    params,
    client: { identity: { user, tenant: null, method: 'bearer' } },
  }) as unknown as ClientRequest;
const held = (drop = () => {}) => ({ resume: async () => ({ result: {} }), drop });
const params = { name: 'read', arguments: { path: 'a' } };

describe('a request that waits for its caller’s input', () => {
  it('is found once by the word that its caller was given', () => {
    const all = new HeldRequests(limits);
    const requestState = all.hold(asked(params), held());
    expect(isOurState(requestState)).toBe(true);
    const again = asked({ ...params, _meta: { progressToken: 1 }, inputResponses: {}, requestState });
    expect(all.take(again)).toBeDefined();
    expect(all.take(again)).toBeUndefined();
    expect(all.size).toBe(0);
  });

  it('is not found by another user, by another request, or with another word', () => {
    const all = new HeldRequests(limits);
    const requestState = all.hold(asked(params), held());
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
      const all = new HeldRequests(limits);
      const drop = vi.fn();
      const requestState = all.hold(asked(params), held(drop));
      vi.advanceTimersByTime(limits.holdMs);
      expect(drop).toHaveBeenCalledOnce();
      expect(all.take(asked({ ...params, requestState }))).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  it('is refused where one user has too many, or all together do', () => {
    const all = new HeldRequests(limits);
    all.hold(asked(params), held());
    all.hold(asked(params), held());
    expect(() => all.hold(asked(params), held())).toThrow('2 requests already wait');
    all.hold(asked(params, 'bob'), held());
    expect(() => all.hold(asked(params, 'bob'), held())).toThrow('3 requests already wait');
    all.close();
    expect(all.size).toBe(0);
  });
});
