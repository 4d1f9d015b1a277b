import { describe, expect, it } from 'vitest';
import { clashesAmong } from '../../../src/gateway/router/index.js';
import { keptLog } from '../../manager/handles.js';
import { patience } from '../../support/patience.js';
import { fixture } from './fixture-upstream.js';
import { ask, client, routerOver, type Served, textOf } from './world.js';

const names = ({ result }: Served, list = 'tools', key = 'name') =>
  (result[list] as Record<string, unknown>[]).map((entry) => entry[key]);

describe.each(['legacy', 'modern'] as const)('with upstreams of the %s era', (era) => {
  it('offers what one upstream has under its own names, page after page', async () => {
    const { upstream } = await fixture(era, { tools: ['a', 'b', 'c'], page: 2 });
    const router = routerOver([upstream]);
    const from = client('legacy');
    const first = await ask(router, from, 'tools/list');
    expect(names(first)).toEqual(['a', 'b']);
    const second = await ask(router, from, 'tools/list', { cursor: first.result['nextCursor'] });
    expect(names(second)).toEqual(['c']);
    expect(second.result).not.toHaveProperty('nextCursor');
  });

  it('[M7] offers what several have in one list, and routes by the name', async () => {
    const files = await fixture(era, { tools: ['a', 'b', 'c'], prompts: ['p'], page: 2 }, { name: 'files' });
    const web = await fixture(era, { tools: ['a'], prompts: ['p'] }, { name: 'web' });
    const router = routerOver([files.upstream, web.upstream]);
    const from = client('modern');
    const first = await ask(router, from, 'tools/list');
    expect(names(first)).toEqual(['files__a', 'files__b', 'web__a']);
    const { nextCursor: cursor } = first.result;
    expect(names(await ask(router, from, 'tools/list', { cursor }))).toEqual(['files__c']);
    const called = await ask(router, from, 'tools/call', { name: 'web__a', arguments: { x: 1 } });
    expect(textOf(called)).toBe('{"x":1}');
    expect(called).toMatchObject({ upstream: 'web', target: 'a' });
    expect(web.seen).toMatchObject([{ name: 'a' }]);
    expect(files.seen).toEqual([]);
    expect((await ask(router, from, 'prompts/get', { name: 'files__p' })).result['description']).toBe('p');
    const ref = { type: 'ref/prompt', name: 'web__p' };
    const params = { ref, argument: { name: 'x', value: '' } };
    const completed = await ask(router, from, 'completion/complete', params);
    expect(completed.result['completion']).toMatchObject({ values: ['{"type":"ref/prompt","name":"p"}'] });
  });

  it('[M7] neither lists nor calls what the patterns leave out', async () => {
    const one = await fixture(
      era,
      { tools: ['read', 'write'], resources: ['file:///a', 'file:///secret/b'] },
      { exclude: ['write', 'file:///secret/*'] },
    );
    const router = routerOver([one.upstream]);
    const from = client('legacy');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['read']);
    expect(names(await ask(router, from, 'resources/list'), 'resources', 'uri')).toEqual(['file:///a']);
    const call = await ask(router, from, 'tools/call', { name: 'write' });
    expect(call.error).toMatchObject({ code: -32602, data: { code: 'SALLY_ROUTE_UNKNOWN' } });
    for (const uri of ['file:///secret/b', 'file:///a/../secret/b', 'file:///%73ecret/b']) {
      const read = await ask(router, from, 'resources/read', { uri });
      expect(read.error).toMatchObject({ code: -32002, data: { code: 'SALLY_ROUTE_UNKNOWN', uri } });
      const { error } = await ask(router, client('modern'), 'resources/read', { uri });
      expect(error).toMatchObject({ code: -32602, data: { uri } });
    }
    expect(one.seen).toEqual([]);
  });

  it('finds the upstream of a resource: by its list, by its templates, by a link that it gave, and by asking', async () => {
    const files = await fixture(era, { resources: ['file:///a'] }, { name: 'files' });
    const web = await fixture(era, { tools: ['link'], templates: ['made://{id}'] }, { name: 'web' });
    const router = routerOver([files.upstream, web.upstream]);
    const from = client('legacy');
    const read = async (uri: string) => (await ask(router, from, 'resources/read', { uri })).upstream;
    expect(await read('file:///a')).toBe('files');
    expect(await read('made://7')).toBe('web');
    expect(files.seen).toHaveLength(1);
    expect(await read('hidden://unlisted')).toBe('web');
    expect(files.seen).toHaveLength(2);
    await ask(router, from, 'tools/call', { name: 'web__link' });
    expect(await read('hidden://linked')).toBe('web');
    expect(files.seen).toHaveLength(2);
    const none = await ask(router, from, 'resources/read', { uri: 'none://at-all' });
    // This SDK answers -32602 in the older era too: that passes as it came.
    expect(none.error.code).toBe(era === 'legacy' ? -32602 : -32002);
    const modern = await ask(router, client('modern'), 'resources/read', { uri: 'none://at-all' });
    expect(modern.error.code).toBe(-32602);
  });

  it('[M7] leaves out what two upstreams offer under one name, says so once, and calls neither', async () => {
    const bare = { prefix: 'never' } as const;
    const files = await fixture(era, { tools: ['both', 'mine'] }, { name: 'files', ...bare });
    const web = await fixture(era, { tools: ['both', 'other'] }, { name: 'web', ...bare });
    const { log, lines } = keptLog();
    const router = routerOver([files.upstream, web.upstream], { log });
    const from = client('legacy');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['mine', 'other']);
    await ask(router, from, 'tools/list');
    expect(lines.filter(({ fields }) => fields['code'] === 'SALLY_ROUTE_CLASH')).toHaveLength(1);
    const call = await ask(router, from, 'tools/call', { name: 'both' });
    expect(call.error.message).toContain('files and web');
    expect(textOf(await ask(router, from, 'tools/call', { name: 'other', arguments: {} }))).toBe('{}');
    expect(web.seen).toMatchObject([{ name: 'other' }]);
    const unknown = await ask(router, from, 'tools/call', { name: 'neither' });
    expect(unknown.error.data).toMatchObject({ code: 'SALLY_ROUTE_UNKNOWN' });
    const clashes = await clashesAmong([files.upstream, web.upstream], AbortSignal.timeout(patience(10_000)));
    expect(clashes.map(({ message }) => message)).toEqual([call.error.message]);
  });

  it('goes on without an upstream that goes, tells its clients, and names it to whoever calls it', async () => {
    const files = await fixture(era, { tools: ['a'] }, { name: 'files' });
    const web = await fixture(era, { tools: ['a'] }, { name: 'web' });
    const router = routerOver([files.upstream, web.upstream]);
    const from = client('legacy');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['files__a', 'web__a']);
    await web.stop();
    const call = await ask(router, from, 'tools/call', { name: 'web__a' });
    expect(call.error.message).toContain("'web'");
    await from.hears(({ method }) => method === 'notifications/tools/list_changed');
    expect(names(await ask(router, from, 'tools/list'))).toEqual(['files__a']);
    expect(textOf(await ask(router, from, 'tools/call', { name: 'files__a', arguments: {} }))).toBe('{}');
  });

  it('tells of changed lists and resources whoever wants to hear of them, in each one’s way', async () => {
    const one = await fixture(era, { tools: ['a'], resources: ['file:///a', 'file:///b'] });
    const router = routerOver([one.upstream]);
    const from = client('legacy');
    await ask(router, from, 'tools/list');
    expect((await ask(router, from, 'resources/subscribe', { uri: 'file:///a' })).answer).toEqual({
      result: {},
    });
    const stop = new AbortController();
    const stateless = client('modern');
    const heard: string[] = [];
    let acknowledged: unknown;
    let wake = () => {};
    const all = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const listening = new Promise<void>((begun) => {
      const notifications = {
        toolsListChanged: true,
        resourceSubscriptions: ['file:///b', 'file:///b'],
      };
      void ask(
        router,
        stateless,
        'subscriptions/listen',
        { notifications },
        {
          signal: stop.signal,
          onNote: ({ method, params }) => {
            if (method === 'notifications/subscriptions/acknowledged') {
              acknowledged = params?.['notifications'];
              begun();
            } else heard.push(method);
            if (new Set(heard).size >= 2) wake();
          },
        },
      ).then(wake);
    });
    await listening;
    expect(acknowledged).toEqual({ toolsListChanged: true, resourceSubscriptions: ['file:///b'] });
    const changes = setInterval(() => {
      one.toolsChanged();
      one.updated('file:///a');
      one.updated('file:///b');
    }, 50);
    await from.hears(({ method }) => method === 'notifications/tools/list_changed');
    await from.hears(({ method }) => method === 'notifications/resources/updated');
    await all;
    clearInterval(changes);
    expect(new Set(heard)).toEqual(
      new Set(['notifications/tools/list_changed', 'notifications/resources/updated']),
    );
    const updates = from.told.filter(({ method }) => method === 'notifications/resources/updated');
    expect(new Set(updates.map(({ params }) => params?.['uri']))).toEqual(new Set(['file:///a']));
    stop.abort();
  });

  it('passes an upstream’s error as it came, and an unknown method where there is one upstream', async () => {
    const one = await fixture(era, { tools: ['fail'] });
    const router = routerOver([one.upstream]);
    const from = client(era);
    const failed = await ask(router, from, 'tools/call', { name: 'fail' });
    expect(failed.answer).toEqual({ error: { code: -32050, message: 'as it came', data: { any: [1] } } });
    const unknown = await ask(router, from, 'example/unknown', {});
    expect(unknown.error).toEqual({ code: -32601, message: 'Method not found' });
    const two = await fixture(era, {}, { name: 'two' });
    const ours = await ask(routerOver([one.upstream, two.upstream]), from, 'example/unknown', {});
    expect(ours.error.data).toMatchObject({ code: 'SALLY_ROUTE_METHOD' });
  });

  it('refuses cursors that it did not give out, and params that are none', async () => {
    const one = await fixture(era, { tools: ['a'] });
    const router = routerOver([one.upstream]);
    const from = client('legacy');
    for (const cursor of ['7', '', 7, null]) {
      expect((await ask(router, from, 'tools/list', { cursor })).error).toMatchObject({
        code: -32602,
        data: { code: 'SALLY_ROUTE_CURSOR' },
      });
    }
    for (const [method, params] of Object.entries({
      'tools/call': { name: 7 },
      'resources/read': {},
      'prompts/get': {},
      'completion/complete': { ref: {} },
      'resources/subscribe': { uri: null },
      'logging/setLevel': { level: 'loud' },
    })) {
      expect((await ask(router, from, method, params)).error.code).toBe(-32602);
    }
  });
});

describe('what the gateway says of itself', () => {
  it('is what its upstreams can, in its own name', async () => {
    const { upstream } = await fixture('legacy', {});
    const described = await routerOver([upstream]).describe(
      client('legacy'),
      AbortSignal.timeout(patience(10_000)),
    );
    expect(described.serverInfo).toEqual({ name: 'sallyport', version: '0.0.0' });
    expect(described.capabilities).toEqual({
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
    });
  });
});
