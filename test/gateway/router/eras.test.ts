import { describe, expect, it } from 'vitest';
import { block, modify } from '../../../src/plugin/index.js';
import { handle } from '../../manager/handles.js';
import { fixture } from './fixture-upstream.js';
import { ask, client, managerOf, routerOver, textOf } from './world.js';

const capabilities = { elicitation: { form: {} } };
const accepted = { action: 'accept', content: { name: 'Ada' } };
const gives = () => ({ result: accepted });
const eras = ['legacy', 'modern'] as const;

describe.each(eras)('a session client, asked by an upstream of the %s era', (era) => {
  it('is asked on the way of its request, and the call goes on with the answer', async () => {
    const { upstream } = await fixture(era, { tools: ['ask'] });
    const from = client('legacy', { capabilities });
    const questions: unknown[] = [];
    const served = await ask(
      routerOver([upstream]),
      from,
      'tools/call',
      { name: 'ask' },
      {
        answer: (method, params) => {
          questions.push([method, params?.['message']]);
          return gives();
        },
      },
    );
    expect(textOf(served)).toContain('Ada');
    expect(served.result).not.toHaveProperty('resultType');
    expect(questions).toEqual([['elicitation/create', 'Who are you?']]);
  });

  it('is asked as often as the upstream needs', async () => {
    const { upstream } = await fixture(era, { tools: ['ask-twice'] });
    const from = client('legacy', { capabilities });
    const served = await ask(
      routerOver([upstream]),
      from,
      'tools/call',
      { name: 'ask-twice' },
      { answer: gives },
    );
    expect(textOf(served)).toBe('done');
  });

  it('is not asked what it said that it cannot answer', async () => {
    const { upstream } = await fixture(era, { tools: ['ask'] });
    const questions: string[] = [];
    const served = await ask(
      routerOver([upstream]),
      client('legacy'),
      'tools/call',
      { name: 'ask' },
      {
        answer: (method) => {
          questions.push(method);
          return gives();
        },
      },
    );
    expect(questions).toEqual([]);
    expect(textOf(served) ?? '').not.toContain('Ada');
  });
});

describe.each(eras)('a stateless client, asked by an upstream of the %s era', (era) => {
  const call = { name: 'ask', arguments: { a: 1 } };

  it('gets the question as its result, and the result for the answer', async () => {
    const { upstream, seen } = await fixture(era, { tools: ['ask'] });
    const router = routerOver([upstream]);
    const from = client('modern', { capabilities });
    const first = await ask(router, from, 'tools/call', call);
    expect(first.result).toMatchObject({ resultType: 'input_required' });
    const questions = first.result['inputRequests'] as Record<string, { method: string }>;
    const [[key, question] = ['', undefined]] = Object.entries(questions);
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'Who are you?' } });
    const again = {
      ...call,
      inputResponses: { [key]: accepted },
      requestState: first.result['requestState'],
    };
    const second = await ask(router, from, 'tools/call', again);
    expect(second.result['resultType']).toBe('complete');
    expect(textOf(second)).toContain('Ada');
    expect(seen.every(({ arguments: args }) => JSON.stringify(args) === '{"a":1}')).toBe(true);
  });

  it('is told of progress under the token of the request that it waits for', async () => {
    const { upstream, seen } = await fixture(era, { tools: ['ask'] });
    const plugin = handle({ hooks: ['tool_pre_invoke'] }, () => undefined);
    const plugins = managerOf([plugin]);
    const router = routerOver([upstream], { plugins });
    const from = client('modern', { capabilities });
    const asked = { ...call, _meta: { progressToken: 'of the first' } };
    const first = await ask(router, from, 'tools/call', asked, { plugins });
    const [key = ''] = Object.keys(first.result['inputRequests'] as object);
    const { requestState } = first.result;
    const again = { ...call, inputResponses: { [key]: accepted }, requestState };
    const second = await ask(router, from, 'tools/call', again, { plugins });
    expect(textOf(second)).toContain('Ada');
    const tokens = seen.map(({ _meta: meta }) => Object(meta)['progressToken']);
    // The second round of a legacy upstream is of this server's own SDK, within one call.
    expect(tokens.at(-1) === undefined).toBe(era === 'modern');
    expect(second.notes).toEqual([]);
  });

  it('passes the hooks once around all rounds: before the first, and on the final result', async () => {
    const { upstream, seen } = await fixture(era, { tools: ['ask', 'other'] });
    const hooks: string[] = [];
    const plugin = handle({ hooks: ['tool_pre_invoke', 'tool_post_invoke'] }, (payload, context) => {
      const { args, ...rest } = payload as Record<string, unknown>;
      hooks.push(args === undefined ? `post ${String(context.state['mark'])}` : 'pre');
      context.state['mark'] = 'kept';
      return args === undefined ? undefined : modify({ ...rest, args: { a: 'changed' } });
    });
    const plugins = managerOf([plugin]);
    const router = routerOver([upstream], { plugins });
    const from = client('modern', { capabilities });
    const first = await ask(router, from, 'tools/call', call, { plugins });
    expect(hooks).toEqual(['pre']);
    const { requestState } = first.result;
    expect(requestState).not.toBe('their-state');
    const [key = ''] = Object.keys(first.result['inputRequests'] as object);
    const inputResponses = { [key]: accepted };
    // Neither another tool nor other arguments come past the pre-hook with this word, nor does another caller.
    const eve = client('modern', { capabilities, identity: { user: 'eve', tenant: null, method: 'bearer' } });
    for (const [who, params] of [
      [from, { ...call, name: 'other' }],
      [from, { ...call, arguments: { a: 2 } }],
      [eve, call],
    ] as const) {
      const refused = await ask(
        router,
        who,
        'tools/call',
        { ...params, inputResponses, requestState },
        { plugins },
      );
      expect(refused.error).toMatchObject({ code: -32602, data: { code: 'SALLY_ROUTE_STATE' } });
    }
    const second = await ask(
      router,
      from,
      'tools/call',
      { ...call, inputResponses, requestState },
      { plugins },
    );
    expect(textOf(second)).toContain('Ada');
    expect(hooks).toEqual(['pre', 'post kept']);
    expect(seen.every(({ arguments: args }) => JSON.stringify(args) === '{"a":"changed"}')).toBe(true);
    const third = await ask(
      router,
      from,
      'tools/call',
      { ...call, inputResponses, requestState },
      { plugins },
    );
    expect(third.error.data).toMatchObject({ code: 'SALLY_ROUTE_STATE' });
  });

  it('does not come past the hooks with a requestState of its own making', async () => {
    const { upstream, seen } = await fixture(era, { tools: ['ask'] });
    const plugins = managerOf([
      handle({ hooks: ['tool_pre_invoke'] }, () => block({ reason: 'no', code: 'NO' })),
    ]);
    const router = routerOver([upstream], { plugins });
    const from = client('modern', { capabilities });
    for (const requestState of ['their-state', 'sally-guessed', undefined]) {
      const params = { ...call, inputResponses: { who: accepted }, ...(requestState && { requestState }) };
      const served = await ask(router, from, 'tools/call', params, { plugins });
      expect(served.answer).toHaveProperty('error');
    }
    expect(seen).toEqual([]);
  });

  it('[M9] is held back from the final result by a post-hook, whatever the rounds were', async () => {
    const { upstream } = await fixture(era, { tools: ['ask'] });
    const plugins = managerOf([
      handle({ hooks: ['tool_post_invoke'] }, () =>
        block({ reason: 'no', code: 'NO', description: 'not for you' }),
      ),
    ]);
    const router = routerOver([upstream], { plugins });
    const from = client('modern', { capabilities });
    const first = await ask(router, from, 'tools/call', call, { plugins });
    const [key = ''] = Object.keys(first.result['inputRequests'] as object);
    const again = {
      ...call,
      inputResponses: { [key]: accepted },
      requestState: first.result['requestState'],
    };
    const second = await ask(router, from, 'tools/call', again, { plugins });
    expect(second.error.message).toBe('Plugin Violation: not for you');
    expect(JSON.stringify(second.answer)).not.toContain('Ada');
  });
});

it('[M6] lets a stateless client have what only it and a modern upstream know of a round', async () => {
  const { upstream } = await fixture('modern', { tools: ['ask'] });
  const first = await ask(routerOver([upstream]), client('modern', { capabilities }), 'tools/call', {
    name: 'ask',
  });
  expect(first.result['requestState']).toBe('their-state');
});

it('cancels a suspended call where its caller gives up, and answers nobody with it', async () => {
  const { upstream } = await fixture('legacy', { tools: ['ask'] });
  const router = routerOver([upstream]);
  const from = client('modern', { capabilities });
  const first = await ask(router, from, 'tools/call', { name: 'ask' });
  await router.close();
  const again = { name: 'ask', inputResponses: {}, requestState: first.result['requestState'] };
  expect((await ask(router, from, 'tools/call', again)).error.data).toMatchObject({
    code: 'SALLY_ROUTE_STATE',
  });
});

describe.each(eras)('log messages and progress of an upstream of the %s era', (era) => {
  const noisy = { name: 'noisy', _meta: { progressToken: 'mine' } };
  const methods = (notes: readonly { method: string }[]) => notes.map(({ method }) => method);

  it('reach a session client with its own token, and from the level on that it set', async () => {
    const { upstream } = await fixture(era, { tools: ['noisy'] });
    const router = routerOver([upstream]);
    const from = client('legacy');
    const first = await ask(router, from, 'tools/call', noisy);
    const all = [...first.notes, ...from.told];
    expect(all.find(({ method }) => method === 'notifications/progress')?.params).toMatchObject({
      progressToken: 'mine',
      progress: 1,
      message: 'secret',
    });
    expect(methods(all)).toContain('notifications/message');
    from.told.length = 0;
    expect((await ask(router, from, 'logging/setLevel', { level: 'error' })).answer).toEqual({ result: {} });
    const second = await ask(router, from, 'tools/call', noisy);
    expect(methods([...second.notes, ...from.told])).toEqual(['notifications/progress']);
  });

  it('reach a stateless client only where its request asks for them', async () => {
    const { upstream } = await fixture(era, { tools: ['noisy'] });
    const router = routerOver([upstream]);
    const from = client('modern');
    expect(methods((await ask(router, from, 'tools/call', noisy)).notes)).toEqual(['notifications/progress']);
    const meta = { progressToken: 'mine', 'io.modelcontextprotocol/logLevel': 'debug' };
    const asked = await ask(router, from, 'tools/call', { ...noisy, _meta: meta });
    expect(methods(asked.notes)).toContain('notifications/message');
  });

  it('[M9] tell nothing of a result that a post-hook may hold back', async () => {
    const { upstream } = await fixture(era, { tools: ['noisy'] });
    const plugins = managerOf([handle({ hooks: ['tool_post_invoke'] })]);
    const router = routerOver([upstream], { plugins });
    const from = client('legacy');
    const served = await ask(router, from, 'tools/call', noisy, { plugins });
    expect(served.notes).toEqual([
      { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1, total: 2 } },
    ]);
    expect(JSON.stringify(from.told)).not.toContain('secret');
  });
});
