import { describe, expect, it } from 'vitest';
import { needsLists, unmatchedConditions } from '../../../src/gateway/router/index.js';
import { offerOf, shownEntries } from '../../../src/gateway/router/lists.js';
import { aliasOf } from '../../../src/hooks/index.js';
import { block } from '../../../src/plugin/index.js';
import { handle } from '../../manager/handles.js';
import { fixture } from './fixture-upstream.js';
import { ask, client, managerOf, routerOver, type Served, textOf } from './world.js';

const long = 'read_the_whole_of_a_file_'.repeat(3);
const dotted = 'search.code/all';
const form = { maxLength: 64, characters: 'model' } as const;
const entries = ({ result }: Served) => result['tools'] as { name: string; title?: string; _meta?: object }[];
const alias = (name: string) => aliasOf(name, form) ?? name;

describe('a name that models do not take', () => {
  it('is offered under an alias with the name beside it, and both can be called', async () => {
    const files = await fixture(
      'legacy',
      { tools: [long, 'read'], prompts: [dotted, long] },
      { name: 'files' },
    );
    const web = await fixture('modern', { tools: [dotted] }, { name: 'web' });
    const router = routerOver([files.upstream, web.upstream]);
    const from = client('legacy');
    const listed = entries(await ask(router, from, 'tools/list'));
    const [full, short] = [`files__${long}`, `web__${dotted}`];
    expect(listed.map(({ name }) => name)).toEqual([alias(full), 'files__read', alias(short)]);
    for (const { name } of listed) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(listed[0]).toMatchObject({ title: full, _meta: { 'sallyport/name': full } });
    expect(listed[1]).toEqual({ name: 'files__read', inputSchema: { type: 'object' } });
    for (const [name, own] of [
      [alias(full), long],
      [full, long],
      [alias(short), dotted],
      [short, dotted],
    ]) {
      const served = await ask(router, from, 'tools/call', { name, arguments: { a: 1 } });
      expect([served.target, textOf(served)]).toEqual([own, '{"a":1}']);
    }
    const prompts = (await ask(router, from, 'prompts/list')).result['prompts'] as { name: string }[];
    expect(prompts.map(({ name }) => name)).toEqual([`files__${dotted}`, alias(`files__${long}`)]);
    const got = await ask(router, from, 'prompts/get', { name: alias(`files__${long}`) });
    expect(got.result['description']).toBe(long);
  });

  it('is called by its alias by who has not listed it, after a restart and in another order too', async () => {
    const files = await fixture('legacy', { tools: ['x', long] }, { name: 'files' });
    const web = await fixture('legacy', { tools: [dotted] }, { name: 'web' });
    const name = alias(`files__${long}`);
    for (const upstreams of [
      [files.upstream, web.upstream],
      [web.upstream, files.upstream],
    ]) {
      const served = await ask(routerOver(upstreams), client('legacy'), 'tools/call', { name });
      expect([served.upstream, served.target]).toEqual(['files', long]);
    }
  });

  it('is not touched where the configuration takes all names', async () => {
    const one = await fixture('legacy', { tools: [long, dotted] });
    const router = routerOver([]);
    router.replace([one.upstream], { maxLength: 1024, characters: 'any' });
    expect(entries(await ask(router, client('legacy'), 'tools/list')).map(({ name }) => name)).toEqual([
      long,
      dotted,
    ]);
  });

  it('is met by the conditions of plugins in full and by its alias', async () => {
    const files = await fixture('legacy', { tools: [long, 'x'] }, { name: 'files' });
    const web = await fixture('legacy', { tools: ['y'] }, { name: 'web' });
    for (const listed of [long, `files__${long}`, alias(`files__${long}`)]) {
      const guard = handle({ hooks: ['tool_pre_invoke'], conditions: [{ tools: [listed] }] }, () =>
        block({ reason: 'no', description: 'guarded', code: 'NO' }),
      );
      const plugins = managerOf([guard]);
      const router = routerOver([files.upstream, web.upstream], { plugins });
      for (const name of [`files__${long}`, alias(`files__${long}`)]) {
        const { error } = await ask(router, client('legacy'), 'tools/call', { name }, { plugins });
        expect(error.message).toContain('guarded');
      }
      expect(
        (await ask(router, client('legacy'), 'tools/call', { name: 'files__x' }, { plugins })).error.code,
      ).toBe(0);
      expect(needsLists([guard])).toBe(true);
      const offered = [{ upstream: 'files', tools: new Set([long, 'x']), prompts: new Set<string>() }];
      expect(unmatchedConditions([guard], offered)).toEqual([]);
    }
  });
});

it('a tool that is called as the alias of another keeps its name, and the other has a longer alias', async () => {
  const own = alias(long);
  const offer = offerOf({ name: 'one', prefix: 'auto', include: [], exclude: [] }, 1);
  const [other, taken] = shownEntries('tools', [{ name: long }, { name: own }], offer, new Set());
  expect(taken?.['name']).toBe(own);
  expect(other?.['name']).toBe(aliasOf(long, form, true));
  const one = await fixture('legacy', { tools: [long, own] });
  const router = routerOver([one.upstream]);
  for (const [name, target] of [
    [own, own],
    [other?.['name'], long],
  ])
    expect((await ask(router, client('legacy'), 'tools/call', { name })).target).toBe(target);
});
