import { z } from 'zod';
import { messageOf } from '../../errors.js';
import { block, type HookResult, type PluginContext, proceed } from '../../plugin/index.js';
import { defineFilter, settings } from '../filter.js';
import { userOf } from '../who.js';
import { parseRate, type Standing } from './algorithms.js';
import { redisStore } from './redis.js';
import { type Limit, memoryStore, type Store } from './store.js';

const rate = z.string().transform((text, context) => {
  const parsed = parseRate(text);
  if (parsed !== undefined) return parsed;
  const message = `${JSON.stringify(text)} is no rate: N/s, N/m or N/h, with N from 1 to 1000000`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});
const optional = (what: string) =>
  rate.nullish().describe(`${what}, such as \`60/m\` (\`s\`, \`m\` or \`h\`).`);
const byName = (what: string) =>
  z
    .record(z.string(), rate)
    .default({})
    .transform((rates) => new Map(Object.entries(rates).map(([name, each]) => [plain(name), each])))
    .describe(what);
/** Names of tools are the same in whatever case: what is limited is not to be had by another spelling. */
const plain = (name: string): string => name.trim().toLowerCase();
const path = (what: string) => z.string().optional().describe(`${what} (a PEM file), for \`rediss://\`.`);

const Settings = settings({
  by_user: optional('What each user may call and get, all tools and prompts together'),
  by_user_per_server: optional('What each user may call at each upstream'),
  by_tenant: optional('What all users of a tenant may call together'),
  by_tool: byName(
    'What all users of a tenant may call together of a tool, or get of a prompt, by its name; `*` is for each that is not named.',
  ),
  by_user_per_tool: byName('The same for each user by themselves.'),
  algorithm: z
    .enum(['fixed_window', 'sliding_window', 'token_bucket'])
    .default('fixed_window')
    .describe(
      'How calls are counted. `fixed_window`: from the first call on; around the end of a window twice as many may come. `sliding_window`: never more than that in any such time. `token_bucket`: evenly, with as many at once after a pause.',
    ),
  backend: z
    .enum(['memory', 'redis'])
    .default('memory')
    .describe(
      'Where calls are counted: in the process, or in a Valkey or Redis server that several processes share.',
    ),
  redis_url: z
    .string()
    .optional()
    .describe(
      'The server, for `backend: redis`: `redis://`, `rediss://` (TLS), `valkey://` or `valkeys://`.',
    ),
  redis_key_prefix: z.string().default('rl').describe('What its keys begin with.'),
  fail_mode: z
    .enum(['closed', 'open'])
    .default('closed')
    .describe('Whether calls are refused or let pass while that server cannot be reached.'),
  redis_ssl_ca_certs: path('Who has signed the certificate of the server'),
  redis_ssl_certfile: path('The certificate of the client'),
  redis_ssl_keyfile: path('Its key'),
  redis_ssl_check_hostname: z
    .boolean()
    .default(true)
    .describe(
      'Whether the name in the certificate of the server has to be that of `redis_url`; who signed it is checked in any case.',
    ),
  max_keys: z
    .int()
    .min(100)
    .max(1_000_000)
    .default(10_000)
    .describe(
      'The most users, tenants and tools that are counted in memory; beyond that those are forgotten that have not called for the longest time.',
    ),
}).superRefine((set, context) => {
  if (set.backend === 'redis' && set.redis_url === undefined)
    context.addIssue({ code: 'custom', path: ['redis_url'], message: 'backend: redis needs it' });
  if ((set.redis_ssl_certfile === undefined) !== (set.redis_ssl_keyfile === undefined))
    context.addIssue({
      code: 'custom',
      path: ['redis_ssl_certfile'],
      message: 'redis_ssl_certfile and redis_ssl_keyfile belong together',
    });
});
type Settings = z.output<typeof Settings>;

const notes = `- Who calls is \`user\` of the context (its \`email\`, \`id\` or \`sub\` where it is an object), the tenant \`tenant_id\`; all who are not known are one user, \`anonymous\`.
  Users, tools and upstreams of one tenant are counted apart from those of others.
- A call comes under all limits that are set. One that a limit has no room for is refused, with \`Retry-After\`, and counts nowhere.
- Tools are named as the upstream has them, in any case.
- In memory each process counts by itself: with \`gateway.workers: 4\` or four plugin servers up to four times as many pass. A restart forgets what was counted.
  \`backend: redis\` counts for all of them; \`npm install iovalkey\` beside this package.
- With \`by_user_per_server\` a call of a tool without a \`server_id\` is refused.`;

/** The filter; time comes from `now`. */
export const rateLimit = (now: () => number = Date.now) =>
  defineFilter({
    page: {
      title: 'Rate limits',
      summary: 'limits how often users, tenants and tools may be called',
      notes,
      examples: [
        {
          title: 'A call within the limits',
          config: { by_user: '300/m', by_tenant: '3000/m', by_tool: { search: '10/m' } },
          hook: 'tool_pre_invoke',
          payload: { name: 'search', args: { q: 'sally ports' } },
        },
      ],
    },
    config: Settings,
    async setup(set, { name, log }) {
      const store: Store =
        set.backend === 'redis'
          ? await redisStore(name, set.algorithm, { ...set, redis_url: set.redis_url ?? '' }, log)
          : memoryStore(set.algorithm, set.max_keys, now);
      const limiter = new Limiter(set, store, now);
      return {
        hooks: {
          tool_pre_invoke: (payload, context) => limiter.check('tool', payload.name, context),
          prompt_pre_fetch: (payload, context) => limiter.check('prompt', payload.prompt_id, context),
        },
        close: () => store.close(),
      };
    },
  });

export default rateLimit();

class Limiter {
  readonly #set: Settings;
  readonly #store: Store;
  readonly #now: () => number;

  constructor(set: Settings, store: Store, now: () => number) {
    this.#set = set;
    this.#store = store;
    this.#now = now;
  }

  check(what: 'tool' | 'prompt', name: string, context: PluginContext): HookResult | Promise<HookResult> {
    const { server_id } = context.global_context;
    if (what === 'tool' && this.#set.by_user_per_server && !server_id) {
      return block({
        code: 'RATE_LIMIT_CONTEXT_MISSING',
        reason: 'Rate limit context missing',
        description: 'by_user_per_server is set, and the call has no server_id',
        http_status_code: 503,
      });
    }
    const limits = this.#limits(what, name, context);
    if (limits.length === 0) return proceed();
    const taken = this.#store.take(limits);
    if (!(taken instanceof Promise)) return this.#answer(limits, taken);
    return taken.then(
      (standings) => this.#answer(limits, standings),
      (error: unknown) => this.#unreachable(error),
    );
  }

  #limits(what: 'tool' | 'prompt', name: string, context: PluginContext): Limit[] {
    const { by_user, by_user_per_server, by_tenant, by_tool, by_user_per_tool } = this.#set;
    const { tenant_id: tenant, server_id: server } = context.global_context;
    const user = userOf(context) ?? 'anonymous';
    const tool = plain(name);
    const limits: Limit[] = [];
    const add = (of: string, each: Limit['rate'] | null | undefined, ...parts: string[]) => {
      if (!each) return;
      const key = [...(tenant ? [tenant] : []), ...parts, String(each.windowMs / 1000)];
      // What is in a name does not make another key of it.
      limits.push({ of, key: key.map(encodeURIComponent).join(':'), rate: each });
    };
    add('user', by_user, 'user', user);
    if (what === 'tool' && server) add('user_per_server', by_user_per_server, 'user', user, 'server', server);
    if (tenant) add('tenant', by_tenant, 'tenant', tenant);
    add('tool', by_tool.get(tool) ?? by_tool.get('*'), 'tool', tool);
    add('user_per_tool', by_user_per_tool.get(tool) ?? by_user_per_tool.get('*'), 'user', user, 'tool', tool);
    return limits;
  }

  #answer(limits: readonly Limit[], standings: readonly Standing[]): HookResult {
    const full = limits.flatMap((limit, i) =>
      standings[i]?.left === 0 ? [{ limit, standing: standings[i] }] : [],
    );
    if (full.length === 0) {
      const left = standings.map((standing) => standing.left - 1);
      const least = left.indexOf(Math.min(...left));
      const { of, rate: each } = limits[least] as Limit;
      return proceed({ rate_limit: { of, limit: each.count, remaining: left[least] ?? 0 } });
    }
    // It may come again once the last of them has room.
    const waitMs = Math.max(...full.map(({ standing }) => standing.waitMs));
    const wait = Math.max(1, Math.ceil(waitMs / 1000));
    const { limit } = full.find(({ standing }) => standing.waitMs === waitMs) ??
      full[0] ?? { limit: undefined };
    const resets = Math.ceil((this.#now() + waitMs) / 1000);
    return block({
      code: 'RATE_LIMIT',
      reason: 'Rate limit exceeded',
      description: `Rate limit exceeded: ${limit?.rate.count ?? 0} in ${(limit?.rate.windowMs ?? 0) / 1000} s (by ${limit?.of ?? ''}); try again in ${wait} s`,
      details: { limited: true, remaining: 0, reset_in: wait, dimensions: full.map((each) => each.limit.of) },
      http_status_code: 429,
      http_headers: {
        'X-RateLimit-Limit': String(limit?.rate.count ?? 0),
        'X-RateLimit-Remaining': '0',
        'X-RateLimit-Reset': String(resets),
        'Retry-After': String(wait),
      },
    });
  }

  #unreachable(error: unknown): HookResult {
    if (this.#set.fail_mode === 'open') return proceed({ rate_limit: { unreachable: messageOf(error) } });
    return block({
      code: 'BACKEND_UNAVAILABLE',
      reason: 'Rate limiter unavailable',
      description: 'The server that counts calls cannot be reached',
      http_status_code: 503,
      http_headers: { 'Retry-After': '1' },
    });
  }
}
