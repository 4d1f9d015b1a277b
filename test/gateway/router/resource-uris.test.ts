import { describe, expect, it, onTestFinished } from 'vitest';
import { handle, keptLog } from '../../manager/handles.js';
import { fixture } from './fixture-upstream.js';
import { ask, client, managerOf, routerOver, type Served, textOf } from './world.js';

const uri = 'hidden://linked';
const ofFiles = `sallyport://files/${uri}`;
const ofWeb = `sallyport://web/${uri}`;
const uris = ({ result }: Served, key = 'contents') =>
  (result[key] as { uri: string }[]).map((one) => one.uri);

/** Has the upstreams say that it has changed until the test is over: a stream may not be open yet. */
function keepUpdating(...upstreams: { updated(uri: string): void }[]): void {
  const timer = setInterval(() => {
    for (const upstream of upstreams) upstream.updated(uri);
  }, 1);
  onTestFinished(() => clearInterval(timer));
}

describe.each(['legacy', 'modern'] as const)('one URI at two upstreams of the %s era', (era) => {
  const both = async () => {
    const files = await fixture(
      era,
      { tools: ['link'], resources: [uri, 'file:///mine'] },
      { name: 'files' },
    );
    const web = await fixture(era, { tools: ['link'], resources: [uri, 'file:///other'] }, { name: 'web' });
    return { files, web };
  };

  it('is offered twice, by URIs that say whose it is, and the plain one is that of the first, which is said once', async () => {
    const { files, web } = await both();
    const { log, lines } = keptLog();
    const router = routerOver([files.upstream, web.upstream], { log });
    const from = client('legacy');
    const listed = async () => uris(await ask(router, from, 'resources/list'), 'resources');
    expect(await listed()).toEqual([ofFiles, 'file:///mine', ofWeb, 'file:///other']);
    await listed();
    const warned = lines.filter(({ fields }) => fields['code'] === 'SALLY_ROUTE_URI');
    expect(warned).toMatchObject([{ level: 'warn', message: expect.stringContaining(ofWeb) }]);
    const read = async (asked: string) => {
      const served = await ask(router, from, 'resources/read', { uri: asked });
      return [served.upstream, ...uris(served)];
    };
    expect(await read(ofFiles)).toEqual(['files', ofFiles, `${ofFiles}#2`]);
    expect(await read(ofWeb)).toEqual(['web', ofWeb, `${ofWeb}#2`]);
    expect((await read(uri))[0]).toBe('files');
    expect(await read('file:///other')).toEqual(['web', 'file:///other', 'file:///other#2']);
    expect(web.seen).toContainEqual({ method: 'resources/read', uri });
  });

  it('is told by links as a URI that can be read, also where nobody has listed it before', async () => {
    const { files, web } = await both();
    const router = routerOver([files.upstream, web.upstream]);
    const from = client('legacy');
    const { result } = await ask(router, from, 'tools/call', { name: 'web__link' });
    expect(result['content']).toEqual([{ type: 'resource_link', uri: ofWeb, name: 'linked' }]);
  });

  it('is subscribed to, and heard of, by the URI that the client knows', async () => {
    const { files, web } = await both();
    const router = routerOver([files.upstream, web.upstream]);
    const from = client('legacy');
    for (const asked of [uri, ofWeb]) await ask(router, from, 'resources/subscribe', { uri: asked });
    keepUpdating(files, web);
    await from.hears(({ params }) => params?.['uri'] === ofWeb);
    await from.hears(({ params }) => params?.['uri'] === uri);
    expect(from.told.map(({ params }) => params?.['uri'])).not.toContain(ofFiles);
    await ask(router, from, 'resources/unsubscribe', { uri: ofWeb });
    if (era === 'legacy') expect(web.seen.at(-1)).toEqual({ method: 'resources/unsubscribe', uri });
  });

  it('is listened to by a stateless client as it asked for it', async () => {
    const { files, web } = await both();
    const router = routerOver([files.upstream, web.upstream]);
    const stop = new AbortController();
    const heard = new Set<unknown>();
    keepUpdating(files, web);
    const { notes } = await ask(
      router,
      client('modern'),
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: [ofFiles, ofWeb] } },
      {
        signal: stop.signal,
        onNote: ({ method, params }) => {
          if (!method.endsWith('acknowledged')) heard.add(params?.['uri']);
          if (heard.size === 2) stop.abort();
        },
      },
    );
    expect(notes[0]?.params).toEqual({ notifications: { resourceSubscriptions: [ofFiles, ofWeb] } });
    expect(heard).toEqual(new Set([ofFiles, ofWeb]));
  });

  it('is its own name for plugins, whatever a client has called it', async () => {
    const { files, web } = await both();
    const seen: unknown[] = [];
    const guard = handle({ hooks: ['resource_pre_fetch'], conditions: [{ resources: [uri] }] }, (payload) => {
      seen.push((payload as { uri: string }).uri);
      return undefined;
    });
    const plugins = managerOf([guard]);
    const router = routerOver([files.upstream, web.upstream], { plugins });
    await ask(router, client('legacy'), 'resources/read', { uri: ofWeb }, { plugins });
    expect(seen).toEqual([uri]);
  });
});

it('a template that two upstreams have says whose it is, and so does what is made of it', async () => {
  const files = await fixture('legacy', { templates: ['made://{id}'] }, { name: 'files' });
  const web = await fixture('legacy', { templates: ['made://{id}'] }, { name: 'web' });
  const router = routerOver([files.upstream, web.upstream]);
  const from = client('legacy');
  const { result } = await ask(router, from, 'resources/templates/list');
  const templates = (result['resourceTemplates'] as { uriTemplate: string }[]).map(
    ({ uriTemplate }) => uriTemplate,
  );
  expect(templates).toEqual(['sallyport://files/made://{id}', 'sallyport://web/made://{id}']);
  const read = await ask(router, from, 'resources/read', { uri: 'sallyport://web/made://7' });
  expect([read.upstream, textOf(read)]).toEqual(['web', 'one of made://7']);
  expect((await ask(router, from, 'resources/read', { uri: 'made://7' })).upstream).toBe('files');
  const ref = { type: 'ref/resource', uri: 'sallyport://web/made://{id}' };
  const argument = { name: 'id', value: '' };
  const completed = await ask(router, from, 'completion/complete', { ref, argument });
  expect(completed.upstream).toBe('web');
  expect(JSON.stringify(completed.result)).toContain(String.raw`\"uri\":\"made://{id}\"`);
});

it('an upstream that is excluded from a URI has it by no name', async () => {
  const files = await fixture('legacy', { tools: ['link'], resources: [uri] }, { name: 'files' });
  const web = await fixture('legacy', { resources: [uri] }, { name: 'web', exclude: [uri] });
  const router = routerOver([files.upstream, web.upstream]);
  const from = client('legacy');
  expect(uris(await ask(router, from, 'resources/list'), 'resources')).toEqual([uri]);
  const { error } = await ask(router, from, 'resources/read', { uri: ofWeb });
  expect(error).toMatchObject({ code: -32002, data: { uri: ofWeb } });
});

it('a URI of an upstream that looks as if it said whose it is says so once more', async () => {
  const inner = 'sallyport://web/file:///a';
  const files = await fixture('legacy', { resources: [inner] }, { name: 'files' });
  const web = await fixture('legacy', { resources: ['file:///a'] }, { name: 'web' });
  const router = routerOver([files.upstream, web.upstream]);
  const from = client('legacy');
  const [first] = uris(await ask(router, from, 'resources/list'), 'resources');
  expect(first).toBe(`sallyport://files/${inner}`);
  const { upstream } = await ask(router, from, 'resources/read', { uri: first });
  expect(upstream).toBe('files');
  expect(files.seen).toContainEqual({ method: 'resources/read', uri: inner });
});
