import { describe, expect, it } from 'vitest';
import { type Ends, translateResponse } from '../../../src/gateway/router/translate.js';
import type { RpcResponse } from '../../../src/mcp/messages.js';

const serverInfo = { name: 'sallyport', version: '1' };
const theirInfo = { 'io.modelcontextprotocol/serverInfo': { name: 'theirs' } };
const ends = (more: Partial<Ends>): Ends => ({
  method: 'tools/call',
  upstream: 'files',
  from: 'legacy',
  to: 'legacy',
  capabilities: {},
  serverInfo,
  personal: false,
  ...more,
});
const error = (code: number, data?: unknown): RpcResponse => ({
  error: { code, message: 'no', ...(data !== undefined && { data }) },
});

describe('[M5] an answer between the eras', () => {
  it('is the same object where both ends are of the older era', () => {
    const result = { content: [], _meta: theirInfo, anything: 1 };
    const translated = translateResponse({ result }, ends({}));
    expect('result' in translated && translated.result).toBe(result);
  });

  it('gets a type and our identity for a modern client', () => {
    const result = { content: [], _meta: { own: 1 } };
    expect(translateResponse({ result }, ends({ to: 'modern' }))).toEqual({
      result: {
        content: [],
        resultType: 'complete',
        _meta: { own: 1, 'io.modelcontextprotocol/serverInfo': serverInfo },
      },
    });
  });

  it('asks for nothing where an upstream of the older era writes that it does', () => {
    const result = { resultType: 'input_required', inputRequests: {} };
    const translated = translateResponse({ result }, ends({ to: 'modern' }));
    expect(translated).toMatchObject({ result: { resultType: 'complete' } });
  });

  it('loses type, identity and cache hints for a client of the older era, and a _meta that is empty then', () => {
    const result = { resultType: 'complete', contents: [], ttlMs: 5, cacheScope: 'public', _meta: theirInfo };
    const translated = translateResponse({ result }, ends({ method: 'resources/read', from: 'modern' }));
    expect(translated).toEqual({ result: { contents: [] } });
    const call = { resultType: 'complete', content: [], ttlMs: 5, _meta: { ...theirInfo, own: 1 } };
    expect(translateResponse({ result: call }, ends({ from: 'modern' }))).toEqual({
      result: { content: [], ttlMs: 5, _meta: { own: 1 } },
    });
  });

  it('has the cache hints that lists need, kept by others only where it is the same for all', () => {
    const list = (more: Partial<Ends>, result: Record<string, unknown> = {}) =>
      translateResponse(
        { result: { tools: [], ...result } },
        ends({ method: 'tools/list', to: 'modern', ...more }),
      );
    expect(list({})).toMatchObject({ result: { ttlMs: 0, cacheScope: 'private' } });
    const theirs = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' };
    expect(list({ from: 'modern' }, theirs)).toMatchObject({
      result: { ttlMs: 60_000, cacheScope: 'public' },
    });
    expect(list({ from: 'modern', personal: true }, theirs)).toMatchObject({
      result: { cacheScope: 'private' },
    });
  });
});

describe('[M5] an error between the eras', () => {
  it('passes as it came', () => {
    const came = error(-32050, { any: [1] });
    expect(translateResponse(came, ends({ to: 'modern' }))).toEqual(came);
    expect(translateResponse(came, ends({ from: 'modern' }))).toEqual(came);
  });

  it('has each era’s code for a resource that is not there', () => {
    const read = (more: Partial<Ends>) => ends({ method: 'resources/read', ...more });
    expect(translateResponse(error(-32002, { uri: 'a' }), read({ to: 'modern' }))).toEqual(
      error(-32602, { uri: 'a' }),
    );
    expect(translateResponse(error(-32602, { uri: 'a' }), read({ from: 'modern' }))).toEqual(
      error(-32002, { uri: 'a' }),
    );
    expect(translateResponse(error(-32602), read({ from: 'modern' }))).toEqual(error(-32602));
    expect(translateResponse(error(-32002, { uri: 'a' }), read({}))).toEqual(error(-32002, { uri: 'a' }));
  });

  it.each([-32020, -32021, -32022])('%i, said of our own envelope, is not the caller’s', (code) => {
    for (const to of ['legacy', 'modern'] as const) {
      const translated = translateResponse(error(code), ends({ from: 'modern', to }));
      expect(translated).toMatchObject({ error: { code: -32603, data: { code: 'SALLY_ROUTE_ENVELOPE' } } });
      expect(JSON.stringify(translated)).toContain('files');
    }
  });

  it('of a missing capability is the caller’s where the caller does lack it', () => {
    const missing = error(-32021, { requiredCapabilities: { elicitation: { url: {} } } });
    const to = ends({ from: 'modern', to: 'modern' });
    expect(translateResponse(missing, { ...to, capabilities: { elicitation: { form: {} } } })).toEqual(
      missing,
    );
    expect(translateResponse(missing, { ...to, capabilities: { elicitation: { url: {} } } })).toMatchObject({
      error: { code: -32603 },
    });
  });
});
