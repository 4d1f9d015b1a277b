import { createServer as createHttp } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../../support/command.js';
import { everything } from '../../support/gateway-run.js';
import { startPluginServer, writeConfig } from '../../support/plugin-server.js';
import { tcpServer } from '../../support/tcp.js';

interface Report {
  readonly causes: readonly string[];
  readonly checks: readonly {
    readonly id: string;
    readonly status: string;
    readonly code?: string;
    readonly cause?: string;
    readonly remedy?: string;
  }[];
}

/** What the doctor says of that file first. */
async function first(file: object, timeout = '5') {
  const path = await writeConfig(file);
  const { stdout, status } = await sallyport(['doctor', path, '--json', '--timeout', timeout]);
  const { causes, checks } = JSON.parse(stdout) as Report;
  const cause = checks.find(({ id, status }) => id === causes[0] && status === 'fail');
  return { status, text: `${cause?.code} ${cause?.cause} → ${cause?.remedy}` };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    if ('closeAllConnections' in server) (server as { closeAllConnections(): void }).closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const answering = (status: number, body: string, headers: Record<string, string> = {}) =>
  listening(
    createHttp((request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);
    }),
  );
const json = { 'content-type': 'application/json' };
const refusal = (id: null) =>
  JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_000, message: 'tenant header missing' } });
const resetting = () => listening(tcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())));
const node = (code: string) => ({ command: process.execPath, args: ['-e', code] });
const hanging = 'setInterval(() => {}, 1000)';

const nowhere = { command: 'no-such-program', args: [] };
const upstreams: readonly [
  fault: string,
  entry: () => object | Promise<object>,
  says: RegExp,
  timeout?: string,
][] = [
  ['is no program', () => nowhere, /SPAWN .*no-such-program: no such program/],
  [
    'has a cwd that is not there',
    () => ({ ...everything, cwd: '/no/where' }),
    /SPAWN .*cwd \/no\/where: no such folder/,
  ],
  [
    'dies of its start',
    () => node('console.error("config.json: not found"); process.exit(1)'),
    /LOST .*exit code 1\nit said: config\.json: not found → .*run its command by hand/,
  ],
  ['hangs', () => node(hanging), /TIMEOUT .*run its command by hand/, '1'],
  [
    'prints what is no MCP',
    () => node(`console.log("Listening on 3000"); ${hanging}`),
    /TIMEOUT .*\non standard output, .* it said: Listening on 3000 →/,
    '1',
  ],
  [
    'is not started',
    () => ({ url: 'http://127.0.0.1:9/mcp' }),
    /DOWN .*ECONNREFUSED 127\.0\.0\.1:9 → start the upstream/,
  ],
  [
    'has a host name that is none',
    () => ({ url: 'https://nowhere.invalid/mcp' }),
    /DOWN .*nowhere\.invalid does not resolve/,
  ],
  [
    'wants credentials',
    async () => ({ url: await answering(401, '', { 'www-authenticate': 'Bearer realm="x"' }) }),
    /STATUS .*401 .*Bearer realm="x".* → .*headers\.Authorization/,
  ],
  ['is at another path', async () => ({ url: await answering(404, 'nope') }), /STATUS .*404.* → .*\/mcp/],
  [
    'is a page',
    async () => ({ url: await answering(200, '<h1>It works!</h1>') }),
    /STATUS .*It works!.* → .*no MCP server/,
  ],
  [
    'is behind a proxy that cannot reach it',
    async () => ({ url: await answering(502, 'Bad Gateway') }),
    /STATUS .*Bad Gateway → a proxy/,
  ],
  [
    'is another server of JSON',
    async () => ({ url: await answering(200, '{}', json) }),
    /STATUS .* → .*no MCP server/,
  ],
  [
    'refuses without saying which request',
    async () => ({ url: await answering(400, refusal(null), json) }),
    /PROTOCOL .*refused initialize: tenant header missing/,
  ],
  [
    'resets connections',
    async () => ({ url: await resetting() }),
    /^SALLY_UPSTREAM_LOST (?!.*TLS handshake).*ECONNRESET/,
  ],
  [
    'is silent',
    async () => ({ url: await listening(createHttp(() => {})) }),
    /TIMEOUT .*see what has its port/,
    '1',
  ],
  [
    'speaks TLS, and its url does not',
    async () => ({ url: (await startPluginServer()).url.replace('https:', 'http:') }),
    /this port speaks TLS.* → .*begins with https:/,
  ],
  [
    'has a certificate of a private CA, and no tls block',
    async () => ({ url: (await startPluginServer()).url }),
    /no CA of this system's roots.* → .*tls block with ca_bundle/,
  ],
  [
    'serves no TLS, and its url says so',
    async () => ({ url: (await answering(200, 'x')).replace('http:', 'https:') }),
    /does not speak TLS → begin its url with http:/,
  ],
];

const http = (url: string) => ({ proto: 'STREAMABLEHTTP', url });
const stdio = (...cmd: readonly string[]) => ({ proto: 'STDIO', cmd });
const plugins: readonly [
  fault: string,
  mcp: () => object | Promise<object>,
  says: RegExp,
  timeout?: string,
][] = [
  ['is no program', () => stdio('no-such-program'), /CHILD_NOT_STARTED .*no such program/],
  [
    'dies of its start',
    () => stdio(process.execPath, '-e', 'console.error("boom"); process.exit(3)'),
    /CHILD_GONE .*\nit said: boom →/,
  ],
  [
    'hangs',
    () => stdio(process.execPath, '-e', hanging),
    /CHILD_GONE .*no answer within 2 s →.*by hand/,
    '1',
  ],
  [
    'is another MCP server',
    () => stdio(everything.command, ...everything.args),
    /WIRE_REPLY .*get_plugin_config not found/,
  ],
  [
    'has no socket there',
    () => ({ ...http('http://localhost/mcp'), uds: '/no/where.sock' }),
    /CONNECT_REFUSED .*\/no\/where\.sock/,
  ],
  ['resets connections without TLS', async () => http(await resetting()), /^SALLY_CONNECT_LOST (?!.*TLS)/],
  [
    'is silent without TLS',
    async () => http(await listening(createHttp(() => {}))),
    /^SALLY_CONNECT_TIMEOUT (?!.*TLS)/,
    '1',
  ],
  [
    'refuses without saying which request',
    async () => http(await answering(400, refusal(null), json)),
    /tenant header missing/,
  ],
  [
    'is a proxy',
    async () => http(await answering(407, 'Proxy Authentication Required')),
    /407 .*→ a proxy or another server/,
  ],
  [
    'is a page',
    async () => http(await answering(200, 'Welcome to nginx')),
    /WIRE_REPLY .*HTTP 200 with Welcome to nginx/,
  ],
];

describe('[O2] the doctor says of an upstream that it', () => {
  it.each(upstreams)('%s', async (_fault, entry, says, timeout) => {
    const { status, text } = await first(
      { plugins: [], gateway: { upstreams: { one: await entry() } } },
      timeout,
    );
    expect(text).toMatch(says);
    expect(status).toBe(1);
  });

  it('is well', async () => {
    const path = await writeConfig({ plugins: [], gateway: { upstreams: { one: everything } } });
    const { stdout, status } = await sallyport(['doctor', path, '--json', '--timeout', '30']);
    const { checks } = JSON.parse(stdout) as Report;
    expect(checks).toContainEqual(
      expect.objectContaining({
        id: 'upstream-answers',
        status: 'ok',
        seen: expect.stringMatching(/^MCP 20/),
      }),
    );
    expect(status).toBe(0);
  });
});

describe('[O2] the doctor says of a plugin server that it', () => {
  it.each(plugins)('%s', async (_fault, mcp, says, timeout) => {
    const plugin = { name: 'One', kind: 'external', mcp: await mcp() };
    const { status, text } = await first({ plugins: [plugin] }, timeout);
    expect(text).toMatch(says);
    expect(status).toBe(1);
  });
});
