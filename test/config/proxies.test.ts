import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { networksOf } from '../../src/config/networks.js';
import { environmentProxies, proxyFor, proxyName } from '../../src/config/proxies.js';
import { invalid, parse } from './helpers.js';

type Options = Parameters<typeof parse>[1];
const gatewayFile = (file: object, options: Options = {}) =>
  parse(stringify({ plugins: [], ...file }), options);
/** Every problem with what it says. */
const problemsOf = (file: object, options: Options = {}): string[] => {
  const { problems } = invalid(stringify({ plugins: [], ...file }), options).context as { problems: Error[] };
  return problems.map(({ message }) => message);
};

const way = (env: Record<string, string>, url: string): string => {
  const proxy = proxyFor(environmentProxies(env), new URL(url));
  return proxy ? proxyName(proxy) : 'straight';
};

it.each([
  [{ HTTPS_PROXY: 'http://p:1' }, 'https://a.example', 'http://p:1'],
  [{ HTTPS_PROXY: 'http://p:1' }, 'http://a.example', 'straight'],
  [{ HTTP_PROXY: 'p.example:3128' }, 'http://a.example', 'http://p.example:3128'],
  [{ https_proxy: 'http://low:1', HTTPS_PROXY: 'http://up:1' }, 'https://a.example', 'http://low:1'],
  [{ https_proxy: '', HTTPS_PROXY: 'http://up:1' }, 'https://a.example', 'straight'],
  [{ HTTPS_PROXY: 'https://user:pw@p:1' }, 'https://a.example', 'https://p:1'],
  [{}, 'https://a.example', 'straight'],
])('finds in %j the way to %s: %s', (env, url, expected) => {
  expect(way(env, url)).toBe(expected);
});

it.each([
  'https://localhost',
  'https://sub.localhost:1',
  'https://127.0.0.1',
  'https://127.9.9.9',
  'https://[::1]:8',
  'https://[::ffff:127.0.0.1]',
])('never asks a proxy for this machine: %s', (url) => {
  expect(way({ HTTPS_PROXY: 'http://p:1' }, url)).toBe('straight');
});

it.each([
  ['*', 'https://a.example', true],
  ['a.example', 'https://a.example', true],
  ['A.Example.', 'https://a.example', true],
  ['example', 'https://a.example', true],
  ['xample', 'https://a.example', false],
  ['.example', 'https://a.example', true],
  ['.a.example', 'https://a.example', false],
  ['*.example', 'https://a.example', true],
  ['a.example:443', 'https://a.example', true],
  ['a.example:444', 'https://a.example', false],
  ['a.example:444', 'https://a.example:444/x', true],
  ['10.0.0.0/8', 'https://10.1.2.3', true],
  ['10.0.0.0/8', 'https://11.1.2.3', false],
  ['10.1.2.3', 'https://10.1.2.3', true],
  ['10.1.2.3:8', 'https://10.1.2.3', false],
  ['fd00::/8', 'https://[fd12::1]', true],
  ['[fd12::1]:443', 'https://[fd12::1]', true],
  ['fd12:0::1', 'https://[fd12::1]', true],
  ['b.example, a.example', 'https://a.example', true],
  ['b.example a.example', 'https://a.example', true],
  [' ,, ', 'https://a.example', false],
])('reads NO_PROXY %j at %s: %s', (no, url, straight) => {
  for (const name of ['NO_PROXY', 'no_proxy'])
    expect(way({ HTTPS_PROXY: 'http://p:1', [name]: no }, url)).toBe(straight ? 'straight' : 'http://p:1');
});

it('sends the credentials of a URL as Basic, decoded', () => {
  const { https } = environmentProxies({ HTTPS_PROXY: 'http://u%40d:p%3Aw@p:1' });
  expect(https).toMatchObject({ authorization: `Basic ${Buffer.from('u@d:p:w').toString('base64')}` });
});

const upstreams = (url: string, more: object = {}) => ({ gateway: { upstreams: { a: { url, ...more } } } });

it.each([
  ['socks5://p:1', 'not over socks5'],
  ['http://p:1/path', 'ends with its host and port'],
  ['http://u%zz:p@p:1', 'not percent-encoded'],
  ['http://p p', 'not a valid URL'],
])('refuses HTTPS_PROXY %s where something would go through it', (value, text) => {
  const env = { HTTPS_PROXY: value };
  expect(problemsOf(upstreams('https://a.example/mcp'), { env })).toEqual([expect.stringContaining(text)]);
  expect(problemsOf(upstreams('https://localhost/mcp'), { env })).toEqual([]);
  expect(problemsOf(upstreams('https://a.example/mcp'), { env: { ...env, NO_PROXY: 'a.example' } })).toEqual(
    [],
  );
  expect(problemsOf(upstreams('https://a.example/mcp', { proxy: 'none' }), { env })).toEqual([]);
});

it('lays the key of an upstream over that of the gateway, and that over the variables', () => {
  const env = { HTTPS_PROXY: 'http://variable:1', NO_PROXY: 'c.example' };
  const url = (host: string) => `https://${host}.example/mcp`;
  const file = (proxy: object) => ({
    gateway: {
      ...proxy,
      upstreams: {
        a: { url: url('a') },
        b: { url: url('b'), proxy: 'http://b:1' },
        c: { url: url('c') },
        d: { url: url('d'), proxy: 'none' },
        e: { url: url('c'), proxy: { url: 'http://e:1', user: 'u', password: 'p:@/' } },
      },
    },
  });
  const ways = (proxy: object) =>
    gatewayFile(file(proxy), { env }).gateway?.upstreams.map((one) => {
      if (one.transport === 'stdio' || !one.proxies) return 'straight';
      const found = proxyFor(one.proxies, one.url);
      return found ? proxyName(found) : 'straight';
    });
  expect(ways({})).toEqual(['http://variable:1', 'http://b:1', 'straight', 'straight', 'http://e:1']);
  expect(ways({ proxy: 'http://all:1' })).toEqual([
    'http://all:1',
    'http://b:1',
    'straight',
    'straight',
    'http://e:1',
  ]);
  expect(ways({ proxy: 'none' })).toEqual(['straight', 'http://b:1', 'straight', 'straight', 'http://e:1']);
});

it.each([
  [
    { HTTPS_PROXY: 'not a url' },
    [
      'HTTPS_PROXY is "not a url": not a valid URL; nothing of this configuration is reached through it, so it has no effect',
    ],
  ],
  [
    {
      HTTPS_PROXY: 'http://p:1',
      NO_PROXY: 'localhost, .svc *.a.example,[::1]:80,10.0.0.0/8,b_c.example:443,*',
    },
    [],
  ],
  [
    { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'https://a.example/x,10.0.0.0/99' },
    [
      'NO_PROXY has "https://a.example/x", which is no host, address or network: it is about nothing',
      'NO_PROXY has "10.0.0.0/99", which is no host, address or network: it is about nothing',
    ],
  ],
  [{ NO_PROXY: 'https://a.example' }, []],
])(
  'warns of what variables of proxies say without effect, where upstreams are processes alone: %j',
  (env, expected) => {
    const { warnings } = gatewayFile({ gateway: { upstreams: { a: { command: 'a' } } } }, { env });
    expect(warnings.map(({ message }) => message)).toEqual(expected);
  },
);

it('says what is wrong with a proxy, and never its password', () => {
  const said = (more: object, url = 'https://a.example/mcp') => problemsOf(upstreams(url, more)).join('\n');
  expect(said({ proxy: 'socks5://u:secret@p:1' })).toMatch(
    /gateway\.upstreams\.a\.proxy\.url is \(hidden\).*socks5/,
  );
  expect(said({ proxy: { url: 'http://p:1', user: 'a:b', password: 'secret' } })).toContain('colon');
  expect(said({ proxy: { url: 'http://p:1', tls: { ca_bundle: 'ca.crt' } } })).toContain(
    'does not begin with https',
  );
  expect(said({ proxy: 'http://p:1' }, 'https://127.0.0.1/mcp')).toContain('no proxy is asked for');
  expect(said({ proxy: {} })).toContain('url');
  const all = [said({ proxy: 'socks5://u:secret@p:1' }), said({ proxy: { url: 'x:y', password: 'secret' } })];
  expect(all.join()).not.toContain('secret');
});

it('takes a proxy of a plugin server from its own key alone', () => {
  const mcp = { proto: 'STREAMABLEHTTP', url: 'http://plugins.internal:8000/mcp' };
  const file = (more: object) => ({ plugins: [{ name: 'P', kind: 'external', mcp: { ...mcp, ...more } }] });
  const env = { HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://p:1' };
  const proxyOf = (more: object) => {
    const own = gatewayFile(file(more), { env }).plugins[0]?.mcp;
    return own?.transport === 'http' ? own.proxy?.url.href : undefined;
  };
  expect(proxyOf({})).toBeUndefined();
  expect(proxyOf({ proxy: 'http://own:1' })).toBe('http://own:1/');
  const local = { ...mcp, url: 'http://localhost:8000/mcp', proxy: 'http://own:1' };
  expect(problemsOf(file(local)).join()).toContain('no proxy is asked for');
});

it('knows the addresses of a network, also written as IPv6 or with a zone', () => {
  const wrong: string[] = [];
  const networks = networksOf(['10.0.0.0/8', 'fe80::/10', '192.168.1.1', 'nonsense', '10.0.0.0/33'], (text) =>
    wrong.push(text),
  );
  for (const address of ['10.9.9.9', '::ffff:10.9.9.9', 'fe80::1%eth0', '192.168.1.1'])
    expect(networks.has(address)).toBe(true);
  for (const address of ['11.0.0.1', '192.168.1.2', '', 'localhost', '::1'])
    expect(networks.has(address)).toBe(false);
  expect(wrong).toEqual(['nonsense', '10.0.0.0/33']);
});
