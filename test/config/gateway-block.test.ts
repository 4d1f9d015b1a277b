import { describe, expect, it } from 'vitest';
import { parse, problems, warnings } from './helpers.js';

/** A file with a gateway block of these lines. */
function gateway(...lines: string[]): string {
  return ['plugins: []', 'gateway:', ...lines.map((line) => `  ${line}`), ''].join('\n');
}
const files = 'upstreams: {files: {command: npx}}';
const tls = 'tls: {certfile: /s.crt, keyfile: /s.key, ca_bundle: /ca.crt}';

describe('the gateway block', () => {
  it('says what names of tools may be, and who shares an upstream', () => {
    const names = 'tool_names: {max_length: 40, characters: any}';
    const shared = 'upstreams: {files: {command: npx, share: all}}';
    const { toolNames, upstreams } = parse(gateway(names, shared)).gateway ?? {};
    expect(toolNames).toEqual({ maxLength: 40, characters: 'any' });
    expect(upstreams).toMatchObject([{ share: 'all' }]);
    const wrong = ['tool_names: {max_length: 9}', 'upstreams: {files: {command: npx, share: everyone}}'];
    expect(() => parse(gateway(...wrong))).toThrow(/from 20 to 1024(.|\n)*one of all, user, session/);
  });

  it('has defaults for all but what is behind it', () => {
    expect(parse(gateway(files)).gateway).toEqual({
      host: '127.0.0.1',
      port: 4444,
      auth: { kind: 'none' },
      allowUnauthenticated: false,
      allowedHosts: [],
      allowedOrigins: [],
      basePath: '',
      trustedProxies: [],
      proxyProtocol: false,
      failures: 'brief',
      rules: { rules: [], tests: [] },
      rulesDenied: 'hidden',
      sse: false,
      servers: [],
      proxies: { except: [] },
      metrics: { toolNames: true },
      toolNames: { maxLength: 64, characters: 'model' },
      limits: {
        bodyBytes: 8_000_000,
        concurrentCalls: 1000,
        concurrentCallsPerUser: 100,
        sessions: 10_000,
        sessionsPerUser: 1000,
        sessionIdleMs: 1_800_000,
        upstreamQueue: 1000,
      },
      upstreams: [
        {
          name: 'files',
          transport: 'stdio',
          command: 'npx',
          args: [],
          env: {},
          prefix: 'auto',
          include: [],
          exclude: [],
          timeoutMs: 60_000,
        },
      ],
    });
  });

  it('needs no plugins beside it; a file with neither is refused', () => {
    const config = parse(gateway(files).replace('plugins: []\n', ''));
    expect(config.plugins).toEqual([]);
    expect(config.gateway?.upstreams).toHaveLength(1);
    expect(problems('plugin_settings: {}')).toEqual(['1:1 MISSING_KEY']);
  });

  it('is absent without the block, and for a plugin server', () => {
    expect(parse('plugins: []').gateway).toBeUndefined();
    expect(parse(gateway(files), { side: 'server' }).gateway).toBeUndefined();
  });

  it('takes an upstream at the root of its host', () => {
    const config = parse(gateway('upstreams:', '  a: {url: "https://mcp.example.com"}'));
    expect(config.gateway?.upstreams).toMatchObject([{ url: new URL('https://mcp.example.com/') }]);
  });

  it('takes upstreams of both kinds', () => {
    const text = gateway(
      'upstreams:',
      '  files: {command: npx, args: [-y, pkg, /data], env: {DEBUG: 1, ON: true}, cwd: data, prefix: always}',
      '  search:',
      '    url: https://search.internal/mcp',
      '    headers: {X-Team: a, Authorization: "Bearer {{ env.SEARCH_TOKEN }}"}',
      '    tls: {ca_bundle: /ca.crt, certfile: /c.crt, keyfile: /c.key}',
      '    include: ["find_*"]',
      '    exclude: [find_all]',
      '    timeout: 2.5',
      '  local: {url: "http://127.0.0.1:3000/mcp"}',
    );
    const config = parse(text, { env: { SEARCH_TOKEN: 's3cret' } });
    expect(config.gateway?.upstreams).toMatchObject([
      {
        name: 'files',
        command: 'npx',
        args: ['-y', 'pkg', '/data'],
        env: { DEBUG: '1', ON: 'true' },
        cwd: '/srv/app/data',
        prefix: 'always',
      },
      {
        name: 'search',
        transport: 'http',
        url: new URL('https://search.internal/mcp'),
        headers: { 'x-team': 'a', authorization: 'Bearer s3cret' },
        tls: {
          caBundle: '/ca.crt',
          certfile: '/c.crt',
          keyfile: '/c.key',
          verify: true,
          checkHostname: true,
        },
        include: ['find_*'],
        exclude: ['find_all'],
        timeoutMs: 2500,
      },
      { name: 'local', transport: 'http', headers: {} },
    ]);
    expect(warnings(config)).toEqual([]);
  });

  it('leaves the CA of its own certificates to the other side, at its door and towards upstreams', () => {
    const text = gateway(
      'tls: {pfx: /s.p12, ca_bundle: /ca.crt}',
      'upstreams:',
      '  a: {url: "https://h/m", tls: {ca: system, pfx: /c.p12, keyfile_password_file: /p}}',
    );
    const own = { pfx: '/c.p12', keyfilePasswordFile: '/p', ca: 'system', anyIssuer: true };
    expect(parse(text).gateway).toMatchObject({
      tls: { pfx: '/s.p12', caBundle: '/ca.crt', anyIssuer: true },
      upstreams: [{ tls: own }],
    });
  });

  it.each([
    ['an upstream without command and url', ['upstreams:', '  a: {timeout: 3}'], ['4:5 UPSTREAM']],
    ['one with both', ['upstreams:', '  a: {command: x, url: "http://h/mcp"}'], ['4:26 UPSTREAM']],
    ['keys of the other kind', ['upstreams:', '  a: {command: x, headers: {A: b}}'], ['4:21 UPSTREAM']],
    ['a name with __', ['upstreams:', '  a__b: {command: x}'], ['4:5 UPSTREAM_NAME']],
    ['a name with a space', ['upstreams:', '  "a b": {command: x}'], ['4:5 UPSTREAM_NAME']],
    [
      'names that differ in case only',
      ['upstreams:', '  a: {command: x}', '  A: {command: x}'],
      ['5:5 DUPLICATE_UPSTREAM'],
    ],
    ['a name twice', ['upstreams:', '  a: {command: x}', '  a: {command: x}'], ['5:5 DUPLICATE_KEY']],
    ['an upstream that is no map', ['upstreams:', '  a: npx'], ['4:8 WRONG_TYPE']],
    ['an unknown key', ['upstreams:', '  a: {comand: x}'], ['4:9 UNKNOWN_KEY']],
    ['tls over http', ['upstreams:', '  a: {url: "http://h/m", tls: {verify: false}}'], ['4:28 UPSTREAM']],
    [
      'tls without a CA',
      ['upstreams:', '  a: {url: "https://h/m", tls: {certfile: c, keyfile: k}}'],
      ['4:29 TLS_INCOMPLETE'],
    ],
    [
      'the roots of the system beside a bundle',
      [
        'upstreams:',
        '  a: {url: "https://h/m", tls: {ca: system, ca_bundle: c, crl_file: l, partial_chain: true}}',
      ],
      ['4:58 TRANSPORT', '4:71 TRANSPORT', '4:89 TRANSPORT'],
    ],
    ['another kind of CA', ['upstreams:', '  a: {url: "https://h/m", tls: {ca: mine}}'], ['4:39 BAD_VALUE']],
    [
      'two identities',
      ['upstreams:', '  a: {url: "https://h/m", tls: {ca: system, pfx: p, certfile: c, keyfile: k}}'],
      ['4:52 TRANSPORT'],
    ],
    [
      'two passwords',
      [
        'upstreams:',
        '  a: {url: "https://h/m", tls: {ca: system, pfx: p, keyfile_password: x, keyfile_password_file: y}}',
      ],
      ['4:99 TRANSPORT'],
    ],
    ['a pfx without the CA of clients', [files, 'tls: {pfx: s.p12}'], ['4:3 TLS_INCOMPLETE']],
    [
      'a header of the connection',
      ['upstreams:', '  a: {url: "https://h/m", headers: {Host: x}}'],
      ['4:45 BAD_VALUE'],
    ],
    [
      'a header with a line end',
      ['upstreams:', '  a: {url: "https://h/m", headers: {X: "a\\nb"}}'],
      ['4:42 BAD_VALUE'],
    ],
    ['a port beside health', [files, 'port: 65000', tls], ['4:9 HEALTH_PORT']],
    ['half of tls', [files, 'tls: {certfile: s.crt}'], ['4:3 TLS_INCOMPLETE']],
    ['an origin with a path', [files, 'allowed_origins: [app.example]'], ['4:20 BAD_VALUE']],
    ['a limit of nothing', [files, 'limits: {sessions: 0}'], ['4:22 BAD_VALUE']],
  ])('refuses %s', (_, lines, expected) => {
    expect(problems(gateway(...lines))).toEqual(expected);
  });

  it('warns of a token that travels unencrypted, and shows none', () => {
    const config = parse(
      gateway('upstreams:', '  a: {url: "http://h/mcp", headers: {authorization: Bearer x}}'),
    );
    expect(warnings(config)).toEqual(['UPSTREAM_PLAIN_HTTP']);
    expect(config.warnings[0]?.message).not.toContain('Bearer');
    expect(warnings(parse(gateway('upstreams:', '  a: {url: "http://h/mcp", headers: {x-a: b}}')))).toEqual(
      [],
    );
  });
});

describe('gateway.auth', () => {
  it('none serves this machine only, unless said in so many words', () => {
    expect(problems(gateway(files, 'host: 0.0.0.0'))).toEqual(['4:9 GATEWAY_OPEN']);
    expect(problems(gateway(files, 'host: 0.0.0.0', 'allow_unauthenticated: false'))).toEqual([
      '5:26 GATEWAY_OPEN',
    ]);
    expect(warnings(parse(gateway(files, 'host: 0.0.0.0', 'allow_unauthenticated: true')))).toEqual([
      'GATEWAY_OPENLY',
    ]);
    expect(
      parse(gateway(files, 'host: 0.0.0.0', 'auth: {kind: bearer, tokens_file: t.json}')).gateway?.auth,
    ).toEqual({
      kind: 'bearer',
      tokensFile: '/srv/app/t.json',
    });
  });

  it('jwt takes its keys from a file or a URL', () => {
    const auth = (jwks: string, more = '') =>
      parse(gateway(files, `auth: {kind: jwt, issuer: i, audience: a, jwks: "${jwks}"${more}}`)).gateway
        ?.auth;
    expect(auth('/keys.json')).toEqual({
      kind: 'jwt',
      issuer: 'i',
      audience: 'a',
      jwks: { file: '/keys.json' },
      userClaim: 'sub',
      groupsClaim: 'groups',
      scopes: [],
    });
    const more = ', user_claim: email, tenant_claim: org, scopes: [mcp], resource: "https://gw.example/mcp"';
    expect(auth('https://issuer.example/keys', more)).toMatchObject({
      jwks: { url: new URL('https://issuer.example/keys') },
      userClaim: 'email',
      tenantClaim: 'org',
      scopes: ['mcp'],
      resource: new URL('https://gw.example/mcp'),
    });
  });

  it('mtls names users by what is in their certificate', () => {
    const users = 'users: [{match: "URI:spiffe://a/*", user: ada, tenant: t}, {match: "DNS:*.a"}]';
    expect(parse(gateway(files, tls, `auth: {kind: mtls, ${users}}`)).gateway?.auth).toEqual({
      kind: 'mtls',
      users: [{ match: 'URI:spiffe://a/*', user: 'ada', tenant: 't' }, { match: 'DNS:*.a' }],
    });
  });

  it.each([
    ['an unknown kind', 'auth: basic', ['4:9 BAD_VALUE']],
    ['no kind', 'auth: {tokens_file: t}', ['4:3 MISSING_KEY']],
    ['bearer without a file', 'auth: bearer', ['4:9 AUTH']],
    ['jwt without all three', 'auth: {kind: jwt, issuer: i}', ['4:3 AUTH', '4:3 AUTH']],
    [
      'keys that travel unencrypted',
      'auth: {kind: jwt, issuer: i, audience: a, jwks: "http://h/k"}',
      ['4:51 AUTH'],
    ],
    ['mtls without mutual TLS', 'auth: mtls', ['4:9 AUTH']],
    ['a key of another kind', 'auth: {kind: none, issuer: i}', ['4:30 AUTH']],
    [
      'a user without a pattern',
      'auth: {kind: bearer, tokens_file: t, users: [{user: a}]}',
      ['4:47 AUTH', '4:48 MISSING_KEY'],
    ],
  ])('refuses %s', (_, line, expected) => {
    expect(problems(gateway(files, line)).toSorted()).toEqual(expected.toSorted());
  });
});

describe('what stands before the gateway', () => {
  it.each([
    ['base_path: gw', 'BAD_VALUE'],
    ['base_path: /a/../b', 'BAD_VALUE'],
    ['base_path: "/a b"', 'BAD_VALUE'],
    ['trusted_proxies: [10.0.0.0/33]', 'BAD_VALUE'],
    ['trusted_proxies: [proxy.example]', 'BAD_VALUE'],
    ['proxy_protocol: true', 'BAD_VALUE'],
  ])('refuses %s', (line, code) => {
    expect(problems(gateway(files, line))).toEqual([expect.stringContaining(code)]);
  });

  it('takes a path with or without its last slash', () => {
    for (const [text, path] of [
      ['/gw/', '/gw'],
      ['/', ''],
      ['/a/b.c', '/a/b.c'],
    ] as const)
      expect(parse(gateway(files, `base_path: ${text}`)).gateway?.basePath).toBe(path);
  });
});
