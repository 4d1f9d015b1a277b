import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFilter } from './filter-run.js';

const kind = 'sallyport/url-rules';

/** Why a URL is refused: the reason, or nothing. */
async function refusal(config: Record<string, unknown>, uri: string): Promise<string> {
  const call = await startFilter(kind, config);
  const { violation } = await call('resource_pre_fetch', { uri });
  return Object.keys((violation?.details?.['kinds'] ?? {}) as object).join(', ');
}

describe('private addresses', () => {
  it.each([
    'http://127.0.0.1/',
    'http://127.1',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.1',
    'http://0177.0.0.1',
    'http://017700000001',
    'http://127.0.0.1.:80/',
    'http://127%2e0%2e0%2e1/',
    'http://１２７.0.0.1/',
    'http:127.0.0.1',
    'http:\\\\127.0.0.1\\x',
    'ht\ntp://127.0.\t0.1/',
    'http://10.1.2.3',
    'https://172.16.0.1',
    'https://192.168.1.1:8443/x',
    'http://169.254.169.254/latest/meta-data/',
    'http://0xA9FEA9FE/',
    'http://100.64.0.1',
    'http://0.0.0.0',
    'http://224.0.0.1',
    'http://[::1]/',
    'http://[::]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'gopher://0x7f.1:70/',
    'redis://127.0.0.1:6379',
  ])('%s', async (uri) => {
    expect(await refusal({}, uri)).toBe('private address');
  });

  it.each([
    'http://localhost',
    'http://LOCALHOST.:80',
    'http://a.localhost/',
    'http://metadata.google.internal/',
    'http://printer/',
    'http://api.default.svc',
    'http://db.svc.cluster.local',
    'http://10.0.0.1.nip.io/',
    'http://x-127-0-0-1.sslip.io/',
    'http://localtest.me',
  ])('%s by its name', async (uri) => {
    expect(await refusal({}, uri)).toBe('own network');
  });

  it.each([
    'https://example.org/',
    'http://93.184.215.14/',
    'https://[2606:2800:21f:cb07::1]/',
    'memo://insights',
    'file:///srv/x',
    'https://10.example.org',
  ])('%s passes', async (uri) => {
    expect(await refusal({}, uri)).toBe('');
  });

  it('those of the settings pass', async () => {
    expect(await refusal({ allow_networks: ['10.1.0.0/16'] }, 'http://10.1.2.3')).toBe('');
    expect(await refusal({ allow_networks: ['10.1.0.0/16'] }, 'http://10.2.2.3')).toBe('private address');
    expect(await refusal({ private: 'allow' }, 'http://10.2.2.3')).toBe('');
    expect(await refusal({ allow_domains: ['wiki.internal'] }, 'http://wiki.internal')).toBe('');
  });
});

describe('names', () => {
  it.each<[Record<string, unknown>, string, string]>([
    [{ allow_domains: ['example.org'] }, 'https://example.org', ''],
    [{ allow_domains: ['example.org'] }, 'https://a.EXAMPLE.org.', ''],
    [{ allow_domains: ['example.org'] }, 'https://example.org.evil.example', 'domain'],
    [{ allow_domains: ['example.org'] }, 'https://notexample.org', 'domain'],
    [{ allow_domains: ['example.org'], credentials: 'allow' }, 'https://example.org@evil.example', 'domain'],
    [{ allow_domains: ['bücher.example'] }, 'https://xn--bcher-kva.example', ''],
    [{ block_domains: ['evil.example'] }, 'https://a.evil.example/', 'domain'],
    [{ block_domains: ['EVIL.example.'] }, 'https://evil.EXAMPLE', 'domain'],
    [{}, 'https://example.org@evil.example/', 'credentials'],
    [{}, 'https://аррӏе.com', 'lookalike'],
    [{}, 'https://pаypal.com', 'lookalike'],
    [{}, 'https://bücher.example', ''],
    [{}, 'https://пример.рф', ''],
    [{ schemes: ['https'] }, 'http://example.org', 'scheme'],
    [{ schemes: ['https:'] }, 'HTTPS://example.org', ''],
    [{ block_patterns: ['\\.exe$'] }, 'https://example.org/a.exe', 'pattern'],
    [{}, 'nothing', 'not a URL'],
  ])('%j %s', async (config, uri, reason) => {
    expect(await refusal(config, uri)).toBe(reason);
  });
});

describe('where URLs are looked for', () => {
  const reasons = async (hook: string, payload: unknown, config = {}) => {
    const { violation } = await (await startFilter(kind, config))(hook, payload);
    return (violation?.details?.['findings'] ?? []) as unknown;
  };

  it.each([
    ['a sentence', { q: 'see http://127.0.0.1/x, please' }, '/args/q'],
    [
      'a field of that name, without a scheme',
      { opts: { baseUrl: '169.254.169.254/latest' } },
      '/args/opts/baseUrl',
    ],
    ['a host', { host: 'localhost' }, '/args/host'],
    ['a host of IPv6', { host: '::1' }, '/args/host'],
    ['a list', { urls: ['https://example.org', '10.0.0.1:80'] }, '/args/urls/1'],
    ['JSON in a text', { body: '{"a": "http:\\/\\/127.0.0.1"}' }, '/args/body'],
    ['a value over lines', { x: 'http://169.254\n.169.254/' }, '/args/x'],
  ])('%s', async (_title, args, place) => {
    expect(await reasons('tool_pre_invoke', { name: 't', args })).toMatchObject([{ place }]);
  });

  it.each([
    { q: 'the localhost of 10.0.0.1' },
    { host: 'example.org' },
    { url: '/path/only' },
    { note: 'a:b c://' },
  ])('nothing in %j', async (args) => {
    expect(await reasons('tool_pre_invoke', { name: 't', args })).toEqual([]);
  });

  it('results, where they are asked for', async () => {
    const payload = { name: 't', result: { content: [{ type: 'text', text: 'http://127.0.0.1' }] } };
    expect(await reasons('tool_post_invoke', payload, { results: true })).toMatchObject([
      { place: '/result/content/0/text' },
    ]);
    await expect(reasons('tool_post_invoke', payload)).rejects.toMatchObject({ code: 'SALLY_PLUGIN_HOOK' });
  });
});

describe('what a URL leads to', () => {
  /** A server whose paths redirect: /to?URL goes there, anything else is answered. */
  async function redirecting(): Promise<string> {
    const server = createServer((request, response) => {
      const [, to] = /^\/to\?(.*)$/.exec(request.url ?? '') ?? [];
      response.writeHead(to === undefined ? 200 : 302, to === undefined ? {} : { location: to }).end();
    });
    server.on('error', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const open = { allow_networks: ['127.0.0.0/8'], redirects: 2, timeout_ms: 30_000 };

  it('redirects are followed, and each is looked at', async () => {
    const base = await redirecting();
    expect(await refusal(open, `${base}/x`)).toBe('');
    expect(await refusal(open, `${base}/to?/x`)).toBe('');
    expect(await refusal(open, `${base}/to?http://169.254.169.254/`)).toBe('private address');
    expect(await refusal(open, `${base}/to?${base}/to?http://0x0a000001/`)).toBe('private address');
    expect(await refusal(open, `${base}/to?${base}/to?${base}/to?/x`)).toBe('redirects');
    expect(await refusal({ ...open, allow_networks: [] }, `${base}/x`)).toBe('private address');
  });

  it('a name is refused where it resolves to a private address, or not at all', async () => {
    const config = { resolve: true, allow_domains: ['example.org'], timeout_ms: 30_000 };
    expect(await refusal(config, 'http://localhost')).toBe('domain');
    expect(await refusal({ resolve: true, timeout_ms: 30_000 }, 'http://name.invalid/')).toBe('not resolved');
  });
});

it.each([
  [{ allow_domain: [] }, 'did you mean allow_domains?'],
  [{ allow_networks: ['10.0.0.0/99'] }, 'is no network'],
  [{ block_domains: ['a b'] }, 'is no domain'],
])('settings %j are refused', async (config, problem) => {
  await expect(startFilter(kind, config)).rejects.toThrow(problem);
});

it.each<[Record<string, unknown>, string, string | undefined]>([
  [{}, 'https://example.org', undefined],
  [{}, 'http://example.org', 'Blocked non secure http url'],
  [{ whitelist_domains: ['example.org'] }, 'http://a.example.org', undefined],
  [{ allowed_patterns: ['^http://ok'] }, 'http://ok.example', undefined],
  [{ blocked_domains: ['evil.example'] }, 'https://a.evil.example', 'Domain in blocked set'],
  [{ blocked_patterns: ['/x'] }, 'https://a.example/x', 'Blocked pattern'],
  [{ use_heuristic_check: true }, 'https://a1b2c3d4e5f6g7h8i9j0klmnop.example', 'High entropy domain'],
  [{}, 'nothing', 'Could not parse url'],
  [{ block_non_secure_http: false }, 'file:///x', 'Could not parse domain'],
])('as the URL reputation of ContextForge %j %s', async (config, uri, reason) => {
  const { violation } = await (await startFilter('cpex_url_reputation.URLReputationPlugin', config))(
    'resource_pre_fetch',
    { uri },
  );
  expect(violation?.reason).toBe(reason);
});
