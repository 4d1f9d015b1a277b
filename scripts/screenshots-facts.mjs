// A gateway that does not exist, at a moment at which something is wrong with it.

export const now = new Date('2026-11-28T10:42:17Z');
const day = 86_400_000;
const at = (ms) => new Date(now.getTime() + ms).toISOString();

/** The same numbers each time. */
function createRandom(seed) {
  let last = seed;
  return () => {
    last = (last * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return last / 4_294_967_296;
  };
}

function traffic() {
  const random = createRandom(7);
  const places = Array.from({ length: 360 }, (_, i) => i);
  const isBusy = (i) => i > 246 && i < 276;
  // The last interval has seven of its ten seconds.
  const part = (i) => (i === 359 ? 0.7 : 1);
  return {
    everySeconds: 10,
    from: Math.floor(now.getTime() / 10_000) * 10 - 3590,
    requests: places.map((i) =>
      Math.round(part(i) * (165 + 55 * Math.sin(i / 45) + 28 * random() + (isBusy(i) ? 120 : 0))),
    ),
    refused: places.map((i) =>
      random() < 0.05 || isBusy(i) ? Math.round(random() * (isBusy(i) ? 14 : 4)) : 0,
    ),
    failed: places.map((i) => (i > 318 ? Math.round(random() * 4) : random() < 0.02 ? 1 : 0)),
    p50: places.map((i) => 17 + 3 * Math.sin(i / 30) + 2 * random()),
    p99: places.map((i) => 78 + 26 * random() + (isBusy(i) ? 150 * random() : 0)),
  };
}

const kinds = [
  ['continue', 'ToolGuard', undefined],
  ['continue', 'ToolGuard', undefined],
  ['continue', 'Shadow', undefined],
  ['modified', 'ReplaceBadWordsPlugin', undefined],
  ['continue', 'ToolGuard', undefined],
  ['blocked', 'ToolGuard', 'TOOL_DENIED: not in the list of this team'],
  ['continue', 'Shadow', undefined],
  ['noted', 'Shadow', 'RATE: would have been blocked'],
  ['failed', 'SecretScanner', 'SALLY_TLS_PEER_REVOKED'],
];
const tools = [
  'github-search_issues',
  'postgres-query',
  'github-create_issue',
  'files-read_file',
  'files-write_file',
];
const people = [
  ['ada@example.com', 'claude-code'],
  ['grace@example.com', 'Visual Studio Code'],
  ['ci-runner', 'mcp-python'],
];

export function exampleDecisions() {
  const random = createRandom(11);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const hex = (length) =>
    Array.from({ length }, () => '0123456789abcdef'[Math.floor(random() * 16)]).join('');
  return Array.from({ length: 200 }, (_, i) => {
    const [verdict, plugin, reason] = pick(kinds);
    const [user, client] = pick(people);
    const target = pick(tools);
    return {
      id: 200 - i,
      at: at(-400 - i * 1130),
      user,
      client,
      method: 'tools/call',
      target,
      upstream: target.split('-')[0],
      plugin,
      hook: plugin === 'SecretScanner' ? 'tool_post_invoke' : 'tool_pre_invoke',
      verdict,
      ...(reason && { reason }),
      traceId: hex(32),
      tookMs: 0.4 + random() * 5,
    };
  });
}

const upstream = { prompts: 0, resources: 0, inFlight: 0, since: at(-5.2 * 3_600_000) };
const plugin = { kind: 'external', state: 'ready', blocked: 0, failed: 0 };
const certificate = (path, subject, role, from, to, rest) => ({
  path: `certs/mcp/${path}`,
  subject,
  role,
  notBefore: at(from * day),
  notAfter: at(to * day),
  verdict: 'ok',
  level: 'ok',
  ...rest,
});

export const exampleState = () => ({
  at: at(0),
  version: '0.1.0',
  startedAt: at(-5.2 * 3_600_000),
  workers: 2,
  address: 'https://gw.example:4444/mcp',
  clients: [
    {
      user: 'ada@example.com',
      name: 'claude-code',
      version: '2.4.1',
      era: 'modern',
      sessions: 0,
      requests: 8412,
      lastAt: at(-900),
    },
    {
      user: 'grace@example.com',
      name: 'Visual Studio Code',
      version: '1.119.0',
      era: 'legacy',
      sessions: 2,
      requests: 1204,
      lastAt: at(-41_000),
    },
    {
      user: 'ci-runner',
      name: 'mcp-python',
      version: '1.27.0',
      era: 'legacy',
      sessions: 14,
      requests: 30_522,
      lastAt: at(-300),
    },
  ],
  upstreams: [
    {
      ...upstream,
      name: 'github',
      transport: 'http',
      state: 'up',
      tools: 42,
      prompts: 3,
      calls: 15_320,
      failed: 12,
      inFlight: 2,
    },
    {
      ...upstream,
      name: 'postgres',
      transport: 'stdio',
      state: 'up',
      tools: 9,
      resources: 31,
      calls: 9120,
      failed: 3,
    },
    {
      ...upstream,
      name: 'files',
      transport: 'stdio',
      state: 'up',
      tools: 14,
      calls: 4401,
      failed: 0,
      inFlight: 1,
    },
    {
      ...upstream,
      name: 'jira',
      transport: 'http',
      state: 'down',
      since: at(-6 * 60_000),
      error: 'cannot connect to https://jira-mcp.internal:8443/mcp: ECONNREFUSED',
      remedy: 'check that the server runs: curl -v https://jira-mcp.internal:8443/mcp',
      tools: 0,
      calls: 2210,
      failed: 37,
    },
  ],
  plugins: [
    {
      ...plugin,
      name: 'ToolGuard',
      mode: 'enforce',
      hooks: ['tool_pre_invoke'],
      calls: 40_120,
      blocked: 211,
    },
    {
      ...plugin,
      name: 'ReplaceBadWordsPlugin',
      mode: 'enforce',
      hooks: ['tool_pre_invoke', 'tool_post_invoke'],
      calls: 80_377,
      failed: 2,
    },
    {
      ...plugin,
      name: 'SecretScanner',
      mode: 'enforce_ignore_error',
      hooks: ['tool_post_invoke'],
      state: 'unreachable',
      error: 'the certificate of its server is revoked',
      remedy: 'sallyport certs renew SecretScanner',
      calls: 39_810,
      blocked: 7,
      failed: 118,
    },
    {
      ...plugin,
      name: 'Shadow',
      kind: './shadow.js',
      mode: 'permissive',
      hooks: ['tool_pre_invoke'],
      calls: 40_120,
    },
  ],
  traffic: traffic(),
  certificates: [
    certificate('gateway/client.crt', 'CN=mcp-gateway', 'gateway', -820, 5.4, {
      verdict: 'expires soon',
      level: 'warning',
      remedy: 'sallyport certs renew gateway',
    }),
    certificate('plugins/SecretScanner/server.crt', 'CN=SecretScanner', 'plugin SecretScanner', -100, 265.3, {
      verdict: 'revoked',
      level: 'error',
      remedy: 'sallyport certs renew SecretScanner',
    }),
    certificate('plugins/ToolGuard/server.crt', 'CN=ToolGuard', 'plugin ToolGuard', -90, 735.2),
    certificate('ca/ca.crt', 'CN=Sallyport plugin CA', 'CA', -820, 2830.6),
  ],
  configuration: 'plugins: []\n',
  doctor: {
    at: at(-95_000),
    running: false,
    findings: [
      {
        level: 'error',
        title: 'certificates: certs/mcp/plugins/SecretScanner',
        detail: 'server.crt was revoked on Nov 28 10:31:04 2026 GMT',
        remedy: 'sallyport certs renew SecretScanner',
      },
      { level: 'ok', title: 'configuration: gateway.yaml', detail: '4 plugins, 4 upstreams' },
    ],
  },
  decisions: exampleDecisions(),
});
