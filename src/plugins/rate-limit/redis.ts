import { readFileSync } from 'node:fs';
import { FilterPeerMissing } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { algorithms, Standing } from './algorithms.js';
import type { Store } from './store.js';

/**
 * All limits of a call at once, by the clock of the server: what several gateways count together has one clock. A limit is a
 * key, its count and its window; the answer has left, reset and wait of each.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local way, room, made, kept = ARGV[1], true, {}, {}
for i, key in ipairs(KEYS) do
  local count, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local left, reset, wait
  if way == 'fixed_window' then
    local used, ends = tonumber(redis.call('GET', key) or 0), redis.call('PTTL', key)
    if ends < 0 then used, ends = 0, window end
    left, reset, wait = count - used, ends, ends
  elseif way == 'sliding_window' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    local first, last = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES'), redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
    left = count - redis.call('ZCARD', key)
    reset = last[2] and last[2] + window - now or window
    wait = first[2] and first[2] + window - now or 0
  else
    local bucket = redis.call('HMGET', key, 'tokens', 'at')
    local tokens = tonumber(bucket[1] or count) + math.max(0, now - (bucket[2] or now)) * count / window + 1e-9
    tokens = math.min(count, tokens)
    left, reset = math.floor(tokens), math.ceil((count - tokens) * window / count)
    wait, kept[i] = math.ceil((1 - tokens) * window / count), tokens
  end
  if left < 1 then room = false else wait = 0 end
  made[#made + 1], made[#made + 2], made[#made + 3] = math.max(0, left), reset, wait
end
if room then
  for i, key in ipairs(KEYS) do
    local window = tonumber(ARGV[2 * i + 1])
    if way == 'fixed_window' then
      if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, window) end
    elseif way == 'sliding_window' then
      redis.call('ZADD', key, now, now .. ':' .. time[2] .. ':' .. redis.call('ZCARD', key))
      redis.call('PEXPIRE', key, window)
    else
      redis.call('HSET', key, 'tokens', string.format('%.9f', kept[i] - 1), 'at', now)
      redis.call('PEXPIRE', key, window)
    end
  end
end
return made`;

/** How the server is reached. */
export interface RedisSettings {
  readonly redis_url: string;
  readonly redis_key_prefix: string;
  readonly redis_ssl_ca_certs?: string | undefined;
  readonly redis_ssl_certfile?: string | undefined;
  readonly redis_ssl_keyfile?: string | undefined;
  readonly redis_ssl_check_hostname: boolean;
}

/** A call waits no longer for the store. */
const timeoutMs = 2_000;

/**
 * Counts in a Valkey or Redis server, which several processes share.
 *
 * @throws SALLY_FILTER_PEER where `iovalkey` is not installed.
 */
export async function redisStore(
  plugin: string,
  way: keyof typeof algorithms,
  set: RedisSettings,
  log: Logger,
): Promise<Store> {
  const { Redis } = await import('iovalkey').catch((error: unknown) => {
    throw FilterPeerMissing({ plugin, needs: 'backend: redis', install: 'iovalkey' }, error);
  });
  const file = (path: string | undefined) => (path === undefined ? {} : { path: readFileSync(path) });
  const { path: ca } = file(set.redis_ssl_ca_certs);
  const { path: cert } = file(set.redis_ssl_certfile);
  const { path: key } = file(set.redis_ssl_keyfile);
  const secure = /^(rediss|valkeys):/.test(set.redis_url);
  const client = new Redis(set.redis_url.replace(/^valkey/, 'redis'), {
    keyPrefix: `${set.redis_key_prefix}:`,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, 5_000),
    ...(secure && {
      tls: {
        ...(ca && { ca }),
        ...(cert && { cert }),
        ...(key && { key }),
        ...(!set.redis_ssl_check_hostname && { checkServerIdentity: () => undefined }),
      },
    }),
  });
  let told = false;
  client.on('ready', () => {
    told = false;
  });
  client.on('error', (error: Error) => {
    if (!told) log.warn({ error: error.message }, 'the server that counts calls cannot be reached');
    told = true;
  });
  return {
    async take(limits) {
      const rates = limits.flatMap(({ rate }) => [rate.count, rate.windowMs]);
      const keys = limits.map((limit) => limit.key);
      const made = (await client.eval(script, keys.length, ...keys, way, ...rates)) as number[];
      return limits.map((_limit, i): Standing => {
        const [left = 0, resetMs = 0, waitMs = 0] = made.slice(3 * i, 3 * i + 3);
        return { left, resetMs, waitMs };
      });
    },
    close: () => client.disconnect(),
  };
}
