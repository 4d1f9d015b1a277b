import { describe, expect, it } from 'vitest';
import { block, modify } from '../../src/plugin/index.js';
import { type Behaviour, deferred, handle, request } from './handles.js';

const hook = 'tool_pre_invoke';
const payload = { name: 'search', args: { a: '', b: '' } };
const settings = { parallelExecutionWithinBand: true };
/** Sets one argument. */
const sets =
  (key: string, value: string): Behaviour =>
  (given) => {
    const { name, args } = given as typeof payload;
    return modify({ name, args: { ...args, [key]: value } });
  };

/** A meeting of `count` plugins: nobody leaves before all have come. */
function meeting(count: number): Behaviour {
  const complete = deferred();
  let here = 0;
  return async () => {
    here += 1;
    if (here === count) complete.resolve();
    await complete.promise;
    return undefined;
  };
}

describe('with parallel_execution_within_band', () => {
  it('[G6] plugins of one priority run at once', async () => {
    const meet = meeting(3);
    const plugins = ['A', 'B', 'C'].map((name) => handle({ name }, meet));
    expect(await request(plugins, { settings }).invoke(hook, payload)).toMatchObject({
      continue_processing: true,
    });
  });

  it('[G6] what they change comes together, and the next priority sees it', async () => {
    let seen: unknown;
    const plugins = [
      handle({ name: 'A', priority: 1 }, sets('a', '1')),
      handle({ name: 'B', priority: 1 }, sets('b', '2')),
      handle({ name: 'C', priority: 2 }, (given) => {
        seen = given;
        return undefined;
      }),
    ];
    const result = await request(plugins, { settings }).invoke(hook, payload);
    expect(result.payload).toEqual({ name: 'search', args: { a: '1', b: '2' } });
    expect(seen).toEqual(result.payload);
  });

  it('[G6] two that change the same thing differently are an error that names both', async () => {
    const plugins = [handle({ name: 'A' }, sets('a', '1')), handle({ name: 'B' }, sets('a', '2'))];
    await expect(request(plugins, { settings }).invoke(hook, payload)).rejects.toMatchObject({
      code: 'SALLY_PLUGIN_CLASH',
      context: { hook, path: 'args.a', plugins: ['A', 'B'], priority: 100 },
    });
  });

  it('[G6] one that blocks ends the call, and nothing of its band is taken', async () => {
    const plugins = [
      handle({ name: 'A' }, sets('a', '1')),
      handle({ name: 'Guard' }, () => block({ reason: 'no', code: 'NO' })),
    ];
    expect(await request(plugins, { settings }).invoke(hook, payload)).toMatchObject({
      continue_processing: false,
      payload,
      modified_payload: null,
      violation: { plugin_name: 'Guard' },
    });
  });

  it('[G6] without it they run one after the other', async () => {
    const plugins = [handle({ name: 'A' }, sets('a', '1')), handle({ name: 'B' }, sets('a', '2'))];
    const result = await request(plugins).invoke(hook, payload);
    expect(result.payload.args).toEqual({ a: '2', b: '' });
  });
});

describe('hooks that answer with something else than a payload', () => {
  it('[G6] headers: the next plugin sees them in the payload, the caller gets the map', async () => {
    const adds = (name: string) =>
      handle({ name }, (given) => {
        const { headers } = given as { headers: Record<string, string> };
        return modify({ ...headers, [name]: '1' });
      });
    const http = { path: '/', method: 'GET', headers: { host: 'h' } };
    const result = await request([adds('x-a'), adds('x-b')]).invoke('http_pre_request', http);
    const headers = { host: 'h', 'x-a': '1', 'x-b': '1' };
    expect(result).toMatchObject({ payload: { ...http, headers }, modified_payload: headers });
  });

  it('[G6] a user: the payload stays', async () => {
    const user = { email: 'ada@example.org' };
    const given = { credentials: { scheme: 'bearer' } };
    const result = await request([handle({}, () => modify(user))]).invoke('http_auth_resolve_user', given);
    expect(result).toMatchObject({ payload: given, modified_payload: user });
  });
});
