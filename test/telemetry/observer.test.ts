import { describe, expect, it, vi } from 'vitest';
import { joinObservers } from '../../src/telemetry/index.js';
import { handle, request } from '../manager/handles.js';
import { recorder } from '../support/observer.js';

const call = { plugin: 'P', hook: 'tool_pre_invoke', request: 'r' };

describe('several observers', () => {
  it('are none where there is none, and the one where there is one', () => {
    const { observer } = recorder();
    expect(joinObservers()).toBeUndefined();
    expect(joinObservers(undefined, undefined)).toBeUndefined();
    expect(joinObservers(undefined, observer)).toBe(observer);
  });

  it('each see what they want to, begin and end', () => {
    const [one, other] = [recorder({ a: '1' }), recorder({ b: '2' })];
    const { handshake, hookCall } = other.observer;
    const joined = joinObservers(one.observer, { handshake, hookCall, request: () => undefined });
    const watched = joined?.request?.({ method: 'POST', headers: {} });
    watched?.hookCall?.(call)?.end({ decision: 'continue' });
    watched?.end({ kind: 'aside' });
    const own = joined?.hookCall?.(call);
    expect(own?.headers).toEqual({ a: '1', b: '2' });
    own?.end({ decision: 'blocked' });
    joined?.handshake?.({ role: 'client' })?.end(undefined);
    joined?.reload?.({ role: 'client' })?.end(undefined);
    expect(one.seen.map(({ kind }) => kind)).toEqual([
      'request',
      'hookCall',
      'hookCall',
      'handshake',
      'reload',
    ]);
    expect(other.seen.map(({ kind }) => kind)).toEqual(['hookCall', 'handshake']);
    expect([...one.loose, ...other.loose]).toEqual([]);
  });

  it('share a request, and the calls that are made for it', () => {
    const all = [recorder(), recorder()] as const;
    const joined = joinObservers(...all.map(({ observer }) => observer));
    const watched = joined?.request?.({ method: 'POST', headers: {} });
    watched?.routed?.('web', 'echo');
    watched
      ?.upstreamCall?.({
        upstream: 'web',
        method: 'tools/call',
        era: 'modern',
        params: {},
        revision: '2026-07-28',
        server: undefined,
      })
      ?.end({ result: {} });
    watched?.hookCall?.(call)?.end({ decision: 'modified' });
    watched?.end({ kind: 'served', response: { result: {} } });
    for (const { seen, loose } of all) {
      expect(seen.map(({ kind }) => kind)).toEqual(['request', 'upstreamCall', 'hookCall']);
      expect(seen[0]?.routed).toEqual([['web', 'echo']]);
      expect(seen[1]?.of).toBe(seen[0]);
      expect(loose).toEqual([]);
    }
  });

  it('leave the request to the only one that wants it', () => {
    const { observer } = recorder();
    const mine = observer.request({ method: 'POST', headers: {} });
    expect(
      joinObservers({ request: () => mine }, { reload: observer.reload })?.request?.({ headers: {} }),
    ).toBe(mine);
  });
});

it('hook calls that nobody watches read no clock', async () => {
  const clock = vi.spyOn(performance, 'now');
  const all = request([handle({ name: 'A' }), handle({ name: 'B' })]);
  await all.invoke('tool_pre_invoke', { name: 'search', args: {} });
  expect(clock).not.toHaveBeenCalled();
  clock.mockRestore();
});
