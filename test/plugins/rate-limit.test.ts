import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.js';
import { algorithms, parseRate, type Rate } from '../../src/plugins/rate-limit/algorithms.js';
import { rateLimit } from '../../src/plugins/rate-limit/index.js';
import { redisStore } from '../../src/plugins/rate-limit/redis.js';
import { memoryStore } from '../../src/plugins/rate-limit/store.js';
import { temporaryFolder } from '../support/folder.js';
import { judgedBy } from '../support/judges.js';
import { aRequest, startFilter } from './run.js';

/** A clock that goes when it is told to. */
function aClock() {
  const time = { at: 1_000_000, now: () => time.at };
  return time;
}

describe('a rate', () => {
  it.each<[string, Rate | undefined]>([
    ['60/m', { count: 60, windowMs: 60_000 }],
    ['1/s', { count: 1, windowMs: 1_000 }],
    [' 5 / Hour ', { count: 5, windowMs: 3_600_000 }],
    ['1000000/min', { count: 1_000_000, windowMs: 60_000 }],
    ['0/m', undefined],
    ['1000001/m', undefined],
    ['2/d', undefined],
    ['-1/s', undefined],
    ['60', undefined],
    ['', undefined],
  ])('%j', (text, rate) => {
    expect(parseRate(text)).toEqual(rate);
  });
});

const waysToCount = ['fixed_window', 'sliding_window', 'token_bucket'] as const;
const calls = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 300 });

describe.each(waysToCount)('%s', (way) => {
  /** When calls passed, of those that came after these pauses. */
  function passed(rate: Rate, pauses: readonly number[]): number[] {
    const time = aClock();
    const store = memoryStore(way, 100, time.now);
    return pauses.flatMap((pause) => {
      time.at += pause;
      const [standing] = store.take([{ of: 'user', key: 'k', rate }]) as { left: number }[];
      return standing !== undefined && standing.left > 0 ? [time.at] : [];
    });
  }

  it('lets pass what the rate has room for at once, and then again after the window', () => {
    const rate = { count: 3, windowMs: 1_000 };
    expect(passed(rate, [0, 0, 0, 0, 0])).toHaveLength(3);
    expect(passed(rate, [0, 0, 0, 0, 1_000, 0, 0, 0])).toHaveLength(6);
  });

  it('never lets pass more in one window than its kind allows', () => {
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 200 }), (pauses, count) => {
        const rate = { count, windowMs: 1_000 };
        const times = passed(rate, pauses);
        const most = way === 'sliding_window' ? count : 2 * count;
        for (const begin of times) {
          expect(times.filter((at) => at >= begin && at < begin + 1_000).length).toBeLessThanOrEqual(most);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('has room when it said that it would', () => {
    fc.assert(
      fc.property(calls, (pauses) => {
        const rate = { count: 5, windowMs: 1_000 };
        const time = aClock();
        const algorithm = algorithms[way] as (typeof algorithms)['fixed_window'];
        const state = algorithm.fresh(rate, time.at);
        for (const pause of pauses) {
          time.at += pause;
          const { left, waitMs } = algorithm.stand(state, rate, time.at);
          expect(left > 0).toBe(waitMs === 0);
          if (left > 0) algorithm.take(state, rate, time.at);
          else expect(algorithm.stand(state, rate, time.at + waitMs).left).toBeGreaterThan(0);
        }
      }),
    );
  });
});

it('keeps a bounded number of calls of a sliding window, and forgets none early', () => {
  const rate = { count: 5_000, windowMs: 60_000 };
  const { sliding_window: sliding } = algorithms;
  const state = sliding.fresh(rate, 0);
  for (let i = 0; i < 5_000; i += 1) sliding.take(state, rate, i);
  expect(state.calls.length).toBeLessThanOrEqual(256);
  expect(sliding.stand(state, rate, 5_000).left).toBe(0);
  expect(sliding.stand(state, rate, 59_999).left).toBe(0);
  expect(sliding.stand(state, rate, 5_000 + 60_000).left).toBe(5_000);
});

describe('a call', () => {
  const ada = () => aRequest({ user: 'ada', tenant_id: 't', server_id: 's' });
  const tool = (name = 'search') => ({ name, args: {} });

  it('is refused with the time to wait, and passes after that', async () => {
    const time = aClock();
    const filter = await startFilter(rateLimit(time.now), { by_user: '2/m' });
    for (let i = 0; i < 2; i += 1)
      expect((await filter.call('tool_pre_invoke', tool(), ada())).continue_processing).toBe(true);
    time.at += 20_500;
    const { continue_processing, violation } = await filter.call('tool_pre_invoke', tool(), ada());
    expect(continue_processing).toBe(false);
    expect(violation).toMatchObject({
      code: 'RATE_LIMIT',
      http_status_code: 429,
      http_headers: { 'X-RateLimit-Limit': '2', 'X-RateLimit-Remaining': '0', 'Retry-After': '40' },
      details: { reset_in: 40, dimensions: ['user'] },
    });
    time.at += 40_000;
    expect((await filter.call('tool_pre_invoke', tool(), ada())).continue_processing).toBe(true);
  });

  /** How many of these calls pass, in order. */
  async function run(
    config: Record<string, unknown>,
    each: readonly [string, Parameters<typeof aRequest>[0]][],
  ) {
    const filter = await startFilter(rateLimit(aClock().now), config);
    const results: boolean[] = [];
    for (const [name, who] of each) {
      const [hook, payload] = name.startsWith('prompt:')
        ? (['prompt_pre_fetch', { prompt_id: name.slice(7) }] as const)
        : (['tool_pre_invoke', tool(name)] as const);
      results.push((await filter.call(hook, payload, aRequest(who))).continue_processing);
    }
    return results;
  }

  it.each<[string, Record<string, unknown>, [string, Parameters<typeof aRequest>[0]][], boolean[]]>([
    [
      'of another user is counted apart',
      { by_user: '1/m' },
      [
        ['a', { user: 'ada' }],
        ['a', { user: 'bob' }],
        ['b', { user: 'ada' }],
      ],
      [true, true, false],
    ],
    [
      'of a user that is an object is theirs',
      { by_user: '1/m' },
      [
        ['a', { user: 'ada@x' }],
        ['a', { user: { email: 'ada@x' } }],
      ],
      [true, false],
    ],
    [
      'of nobody is that of all who are not known',
      { by_user: '1/m' },
      [
        ['a', {}],
        ['a', { user: ' ' }],
      ],
      [true, false],
    ],
    [
      'of another tenant is counted apart',
      { by_tool: { a: '1/m' } },
      [
        ['a', { tenant_id: 't' }],
        ['a', { tenant_id: 'u' }],
        ['a', { tenant_id: 't' }],
      ],
      [true, true, false],
    ],
    [
      'of a tenant counts for all its users',
      { by_tenant: '1/m' },
      [
        ['a', { tenant_id: 't', user: 'x' }],
        ['a', { tenant_id: 't', user: 'y' }],
      ],
      [true, false],
    ],
    [
      'is that of the tool in whatever case',
      { by_tool: { Search: '1/m' } },
      [
        ['search', {}],
        ['SEARCH', {}],
        ['other', {}],
      ],
      [true, false, true],
    ],
    [
      'of any other tool has a limit of its own',
      { by_tool: { '*': '1/m', a: '2/m' } },
      [
        ['a', {}],
        ['a', {}],
        ['b', {}],
        ['b', {}],
        ['c', {}],
      ],
      [true, true, true, false, true],
    ],
    [
      'of a prompt is limited by its name',
      { by_tool: { hello: '1/m' } },
      [
        ['prompt:hello', {}],
        ['prompt:hello', {}],
      ],
      [true, false],
    ],
    [
      'at another upstream is counted apart',
      { by_user_per_server: '1/m' },
      [
        ['a', { user: 'x', server_id: 's' }],
        ['a', { user: 'x', server_id: 'r' }],
        ['a', { user: 'x', server_id: 's' }],
      ],
      [true, true, false],
    ],
    [
      'of a user of a tool is counted apart',
      { by_user_per_tool: { a: '1/m' } },
      [
        ['a', { user: 'x' }],
        ['a', { user: 'y' }],
        ['a', { user: 'x' }],
      ],
      [true, true, false],
    ],
    [
      'whose name has the sign between names is no other',
      { by_user: '1/m', by_user_per_server: '9/m' },
      [
        ['a', { user: 'x:server:s', server_id: 'q' }],
        ['a', { user: 'x', server_id: 's' }],
      ],
      [true, true],
    ],
    [
      'that is refused counts nowhere',
      { by_user: '2/m', by_tool: { a: '1/m' } },
      [
        ['a', { user: 'x' }],
        ['a', { user: 'x' }],
        ['b', { user: 'x' }],
        ['b', { user: 'x' }],
      ],
      [true, false, true, false],
    ],
    ['without limits passes', {}, [['a', {}]], [true]],
  ])('%s', async (_title, config, each, expected) => {
    expect(await run(config, each)).toEqual(expected);
  });

  it('of a tool without a server_id is refused where users are counted by upstream', async () => {
    const filter = await startFilter(rateLimit(aClock().now), { by_user_per_server: '5/m' });
    const { violation } = await filter.call('tool_pre_invoke', tool(), aRequest({ user: 'ada' }));
    expect(violation).toMatchObject({ code: 'RATE_LIMIT_CONTEXT_MISSING', http_status_code: 503 });
    const prompt = await filter.call('prompt_pre_fetch', { prompt_id: 'p' }, aRequest({ user: 'ada' }));
    expect(prompt.continue_processing).toBe(true);
  });

  it('among many at once is counted once', async () => {
    const filter = await startFilter(rateLimit(aClock().now), { by_user: '10/m' });
    const all = await Promise.all(
      Array.from({ length: 50 }, () => filter.call('tool_pre_invoke', tool(), ada())),
    );
    expect(all.filter((result) => result.continue_processing)).toHaveLength(10);
  });
});

it('keeps a bounded number of keys', () => {
  const store = memoryStore('fixed_window', 100, aClock().now);
  const rate = { count: 1, windowMs: 60_000 };
  const left = (key: string) => (store.take([{ of: 'user', key, rate }]) as { left: number }[])[0]?.left;
  for (let i = 0; i < 1_000; i += 1) left(`k${i}`);
  expect(left('k999')).toBe(0);
  expect(left('k0')).toBe(1);
});

describe('its settings', () => {
  it.each([
    [{ by_user: '2/d' }, /by_user: "2\/d" is no rate/],
    [{ by_tool: { a: 'often' } }, /by_tool.a/],
    [{ backend: 'redis' }, /redis_url/],
    [{ backend: 'redis', redis_url: 'redis://127.0.0.1:1', redis_ssl_certfile: 'a.pem' }, /belong together/],
  ])('that are not valid are an error at the start: %j', async (config, message) => {
    await expect(startFilter('sallyport/rate-limit', config)).rejects.toThrow(message);
  });
});

describe('a Redis server', () => {
  /** A server that is there until the end of `use`. */
  async function withRedis(use: (socket: string, stop: () => Promise<void>) => Promise<void>): Promise<void> {
    const folder = await temporaryFolder();
    const socket = join(folder, 'redis.sock');
    const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder];
    const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'ignore'] });
    server.on('error', () => {});
    const ended = once(server, 'exit');
    const stop = async () => {
      server.kill('SIGKILL');
      await ended;
    };
    try {
      for await (const line of createInterface({ input: server.stdout }))
        if (line.includes('Ready to accept connections') || line.includes('ready to accept connections at'))
          break;
      await use(socket, stop);
    } finally {
      await stop();
    }
  }

  judgedBy('redis-server').each(waysToCount)(
    'counts for two processes together, and a refused call nowhere: %s',
    async (way) => {
      await withRedis(async (socket) => {
        const set = { redis_url: socket, redis_key_prefix: 'rl', redis_ssl_check_hostname: true };
        const stores = [
          await redisStore('P', way, set, silentLogger),
          await redisStore('P', way, set, silentLogger),
        ];
        const user = { of: 'user', key: 'user:ada', rate: { count: 4, windowMs: 600_000 } };
        const tool = { of: 'tool', key: 'tool:x', rate: { count: 2, windowMs: 600_000 } };
        const take = async (i: number, ...limits: (typeof user)[]) =>
          (await stores[i]?.take(limits))?.map(({ left }) => left);
        expect(await take(0, user, tool)).toEqual([4, 2]);
        expect(await take(1, user, tool)).toEqual([3, 1]);
        expect(await take(0, user, tool)).toEqual([2, 0]);
        expect(await take(1, user)).toEqual([2]);
        expect(await take(0, user)).toEqual([1]);
        const [last] = (await stores[1]?.take([user])) ?? [];
        expect(last?.left).toBe(0);
        expect(last?.waitMs).toBeGreaterThan(0);
        expect(last?.waitMs).toBeLessThanOrEqual(600_000);
        for (const store of stores) await store.close();
      });
    },
  );

  judgedBy('redis-server')('that goes away refuses calls, or lets them pass where that is set', async () => {
    await withRedis(async (socket, stop) => {
      const config = { by_user: '5/m', backend: 'redis', redis_url: socket };
      const closed = await startFilter('sallyport/rate-limit', config);
      const open = await startFilter('sallyport/rate-limit', { ...config, fail_mode: 'open' });
      const call = (filter: typeof open) =>
        filter.call('tool_pre_invoke', { name: 't' }, aRequest({ user: 'ada' }));
      expect((await call(closed)).continue_processing).toBe(true);
      expect((await call(open)).metadata).toMatchObject({ rate_limit: { remaining: 3 } });
      await stop();
      expect((await call(closed)).violation).toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
        http_status_code: 503,
      });
      expect((await call(open)).continue_processing).toBe(true);
      await closed.close();
      await open.close();
    });
  });
});
