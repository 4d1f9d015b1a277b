// `make demo`: a plugin server and the gateway, a mutually authenticated connection between them, and a real MCP server
// behind the gateway; hook calls and tool calls across it; then what must fail, failing. Exit status 1 where any line is
// not as it should be.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createLogger, loadConfig, openPluginManager } from 'sallyport';
import { paint as paintOn, screenOf } from '../dist/terminal.js';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const screen = screenOf(process.stdout, process.env);
const paint = (style, text) => paintOn(screen, style, text);
let wrong = 0;

const title = (text) => console.log(`\n${paint('bold', text)}`);
const say = (label, text) => console.log(`  ${label.padEnd(20)}${text}`);
function check(good, label, text) {
  if (!good) wrong += 1;
  say(label, `${good ? paint('green', '✓') : paint('red', '✗ NOT AS IT SHOULD BE:')} ${text}`);
}

/** Lines of `/metrics` that say what happened here. */
const worthSeeing = [
  ['calls that passed', /^sallyport_tool_calls_total\{.*outcome="ok"\} 2$/m],
  ['a call that failed', /^sallyport_tool_calls_total\{.*outcome="error"\} 1$/m],
  ['what the plugin did', /^sallyport_hook_calls_total\{.*decision="modified".*\} \d+$/m],
  ['and could not do', /^sallyport_hook_calls_total\{.*decision="failed".*\} \d+$/m],
  ['new certificates', /^sallyport_tls_reloads_total\{.*result="changed"\} \d+$/m],
];

const folder = await mkdtemp(join(tmpdir(), 'sallyport-demo-'));
const programs = [];
try {
  await demo();
} finally {
  for (const { child } of programs) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
if (wrong > 0) console.log(paint('red', `\n${wrong} of the lines above are not as they should be`));
process.exitCode = wrong > 0 ? 1 : 0;

async function demo() {
  console.log(`Everything happens in ${folder}, which is deleted at the end.`);

  title('1. Certificates (EC keys here, to be quick; the default is RSA 4096)');
  const plugin = 'ReplaceBadWordsPlugin';
  await mkdir(join(folder, 'plugins'));
  const files = join(folder, 'plugins');
  await writeFile(join(files, 'external.yaml'), gatewayFile('https://localhost:1/mcp'));
  await sallyport('certs', 'all', '--key', 'ec-p256', '--config', 'plugins/external.yaml');
  await sallyport('certs', 'ca', '--key', 'ec-p256', '--dir', 'another');
  await sallyport('certs', 'gateway', '--key', 'ec-p256', '--dir', 'another');
  const certs = join(folder, 'certs/mcp');
  say('CA', relative(folder, join(certs, 'ca/ca.crt')));
  say('gateway', `${relative(folder, join(certs, 'gateway/client.crt'))}  may only be a client`);
  say(
    'plugin server',
    `${relative(folder, join(certs, `plugins/${plugin}/server.crt`))}  may only be a server`,
  );

  title('2. A plugin server, in a process of its own');
  await writeFile(join(files, 'server.yaml'), serverFile(plugin));
  const server = start('serve', '--config', 'plugins/server.yaml', '--port', '0');
  const address = await listening(server);
  say('process', `${server.child.pid} (this one is ${process.pid})`);
  say('listens on', address.url);
  say('client certificate', 'required (ssl_cert_reqs: 2)');

  title('3. Hook calls across the connection, through kind: external');
  await writeFile(join(files, 'client.yaml'), gatewayFile(address.url));
  const { manager, lines } = await openGateway(join(files, 'client.yaml'));
  await callHooks(manager);
  await manager.close();
  const handshake = lines.find((line) => line.msg === 'TLS handshake done') ?? {};
  check(handshake.protocol === 'TLSv1.3', 'connection', `${handshake.protocol}, ${handshake.cipher}`);
  check(handshake.subject?.includes(plugin), 'server is', `${handshake.subject}`);
  const health = await fetch(address.healthUrl).then((answer) => answer.text());
  check(
    health.includes('"healthy"'),
    'health',
    `${address.healthUrl} → ${health.trim()} (plain HTTP, no certificate)`,
  );

  title('4. The whole picture: an MCP client, the gateway, a real MCP server, and the plugin in between');
  const script = fileURLToPath(
    new URL('../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url),
  );
  const everything = { command: process.execPath, args: [script, 'stdio'] };
  await writeFile(join(files, 'gateway.yaml'), gatewayFile(address.url, {}, { upstreams: { everything } }));
  const gateway = start('gateway', '--config', 'plugins/gateway.yaml', '--port', '0');
  const { url: endpoint } = await listening(gateway);
  await gateway.logged((line) => line.msg === 'upstream everything: up');
  say('gateway', `process ${gateway.child.pid}, ${endpoint}`);
  say('upstream', 'everything: @modelcontextprotocol/server-everything, a child of the gateway');
  const client = await connectClient(endpoint);
  const { tools } = await client.listTools();
  check(tools.length > 5, 'tools/list', `${tools.length} tools, as the server has them`);
  const echo = () => client.callTool({ name: 'echo', arguments: { message: 'what a crap day' } });
  const said = (await echo()).content[0].text;
  check(said === 'Echo: what a yikes day', 'tools/call echo', `"what a crap day" → "${said}"`);
  const line = await gateway.logged(({ msg, method }) => msg === 'request' && method === 'tools/call');
  const runs = line.plugins.map(({ hook, decision, ms }) => `${hook} ${decision} (${ms} ms)`);
  check(
    runs.length === 2,
    'access log',
    `${line.method} ${line.target}: ${runs.join(', ')}; ${line.ms} ms in all`,
  );

  title('5. What must fail');
  const url = address.url;
  await mustFail(
    'no certificate',
    { url, tls: { certfile: undefined, keyfile: undefined } },
    'SALLY_TLS_NO_CLIENT_CERT',
  );
  const refused = (label, options, code) => mustBeRefused(label, server, address.port, options, code);
  await refused(
    "a plugin's own one",
    await pem(`certs/mcp/plugins/${plugin}/server`),
    'SALLY_TLS_PEER_PURPOSE',
  );
  await refused('one of another CA', await pem('another/gateway/client'), 'SALLY_TLS_UNKNOWN_CA');
  await mustFail(
    'another CA here',
    { url, tls: { ca_bundle: 'another/ca/ca.crt', certfile: undefined, keyfile: undefined } },
    'SALLY_TLS_UNKNOWN_CA',
  );
  const old = {
    ...(await pem('certs/mcp/gateway/client')),
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'ALL:@SECLEVEL=0',
  };
  await refused('TLS 1.1', old, 'SALLY_TLS_PROTOCOL');
  await mustFail('the IP address', { url: url.replace('localhost', '127.0.0.1') }, 'SALLY_TLS_HOSTNAME');

  title('6. New certificates, while everything runs');
  await sallyport('certs', 'renew', '--all', '--force');
  await Promise.all(
    [server, gateway].map((one) => one.logged(({ msg }) => msg === 'new certificates are in use')),
  );
  check(
    (await echo()).content[0].text === said,
    'certs renew --all',
    'both ends use them; the next call passes',
  );

  title('7. The plugin server stops');
  check((await stop(server)) === 0, 'SIGTERM', 'it finished what was in flight and ended with status 0');
  const failure = await echo().catch((thrown) => thrown);
  check(/^Plugin Error/.test(failure.message), 'tools/call echo', `refused: ${failure.message}`);
  await client.close();

  title('8. What passed, as Prometheus reads it');
  const metrics = await fetch(new URL('/metrics', endpoint)).then((answer) => answer.text());
  for (const [what, pattern] of worthSeeing) {
    const [line] = pattern.exec(metrics) ?? [];
    check(line !== undefined, what, line ?? 'is not there');
  }
  say('all of them', `${metrics.match(/^# TYPE /gm).length} metrics: docs/metrics.md`);
  check((await stop(gateway)) === 0, 'gateway', 'ended with status 0, and its child with it');

  title('Next');
  say('your MCP servers', 'npx sallyport gateway --servers .mcp.json');
  say('certificates', 'make certs-mcp-all');
  say('a plugin server', 'PLUGINS_CONFIG_PATH=plugins/test.mtls.yaml npx sallyport serve');
  say('a hook call', `npx sallyport invoke tool_pre_invoke --config plugins/external/config-client.yaml \\`);
  say('', `  --plugin ${plugin} --payload '{"name": "search", "args": {"q": "crap"}}'`);
  say('to read', 'docs/gateway.md, docs/mtls.md, docs/plugins.md');
  say('all of this, seen', paint('bold', 'npx sallyport gateway --servers .mcp.json --console'));
}

async function connectClient(endpoint) {
  const client = new Client({ name: 'demo', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(endpoint)));
  return client;
}

async function callHooks(manager) {
  const request = manager.request({ user: 'ada' });
  const before = { name: 'search', args: { q: 'what a crap day' } };
  const { payload } = await request.invoke('tool_pre_invoke', before);
  check(payload.args.q === 'what a yikes day', 'tool_pre_invoke', `"${before.args.q}" → "${payload.args.q}"`);
  const result = { content: [{ type: 'text', text: 'more crap than crud' }] };
  const after = (await request.invoke('tool_post_invoke', { name: 'search', result })).payload.result
    .content[0].text;
  check(after === 'more yikes than yikes', 'tool_post_invoke', `"${result.content[0].text}" → "${after}"`);
  const prompt = { prompt_id: 'greet', args: { user: 'crud' } };
  const greeted = (await request.invoke('prompt_pre_fetch', prompt)).payload.args.user;
  check(greeted === 'yikes', 'prompt_pre_fetch', `"${prompt.args.user}" → "${greeted}"`);
}

/** The gateway side, with what it logs. */
async function openGateway(path) {
  const lines = [];
  const stream = { write: (line) => lines.push(JSON.parse(line)) };
  const config = await loadConfig({ path, cwd: folder, env: {}, side: 'gateway' });
  const log = createLogger({ level: 'debug', stream });
  return { manager: await openPluginManager(config, { log, connect: 'on-first-call' }), lines };
}

/** A hook call that has to end with this error. */
async function mustFail(label, { url, tls = {} }, code) {
  const path = join(folder, 'plugins/failing.yaml');
  await writeFile(path, gatewayFile(url, tls));
  const { manager } = await openGateway(path);
  const error = await manager
    .request()
    .invoke('tool_pre_invoke', { name: 'search' })
    .catch((thrown) => thrown);
  await manager.close();
  check(error.code === code, label, `${error.code}\n${' '.repeat(24)}${error.message}`);
}

/** A handshake that the server has to refuse, with this code in its log. */
async function mustBeRefused(label, server, port, options, code) {
  const socket = connect({
    port,
    host: 'localhost',
    servername: 'localhost',
    rejectUnauthorized: false,
    ...options,
  });
  let ownPort = 0;
  socket.on('connect', () => {
    ownPort = socket.localPort;
  });
  socket.on('error', () => {});
  socket.on('secureConnect', () => socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'));
  let answered = false;
  socket.on('data', () => {
    answered = true;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  // By its port: the line of a connection before it may come after this one has begun.
  const line = await server.logged(
    ({ code: logged, msg }) => logged?.startsWith('SALLY_TLS') && msg.includes(`:${ownPort} `),
  );
  check(
    !answered && line.code === code,
    label,
    `${line.code}, in the server's log\n${' '.repeat(24)}${line.msg}`,
  );
}

/** Starts the command in a process of its own, and reads its log. */
function start(...args) {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, LOG_FORMAT: 'json' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines = [];
  const waiting = new Set();
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line.startsWith('{') ? JSON.parse(line) : { msg: line });
    for (const look of [...waiting]) look();
  });
  const logged = (matches) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${args[0]} did not log it:\n${lines.map(({ msg }) => msg).join('\n')}`));
      }, 20_000);
      const look = () => {
        const found = lines.find(matches);
        if (!found) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  const program = { child, lines, logged };
  programs.push(program);
  return program;
}

function listening(program) {
  return program.logged(({ msg }) => msg.startsWith('listening on'));
}

/** SIGTERM, and the exit status. */
async function stop({ child }) {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  return (await exit)[0];
}

async function sallyport(...args) {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`sallyport ${args.join(' ')} ended with ${status}`);
}

async function pem(base) {
  const [cert, key] = await Promise.all([
    readFile(join(folder, `${base}.crt`)),
    readFile(join(folder, `${base}.key`)),
  ]);
  return { cert, key };
}

function gatewayFile(url, changed = {}, gateway = undefined) {
  const tls = {
    certfile: 'certs/mcp/gateway/client.crt',
    keyfile: 'certs/mcp/gateway/client.key',
    ca_bundle: 'certs/mcp/gateway/ca.crt',
    check_hostname: true,
    ...changed,
  };
  return JSON.stringify({
    plugins: [
      { name: 'ReplaceBadWordsPlugin', kind: 'external', mcp: { proto: 'STREAMABLEHTTP', url, tls } },
    ],
    gateway,
  });
}

function serverFile(plugin) {
  const folderOf = `certs/mcp/plugins/${plugin}`;
  return JSON.stringify({
    plugins: [
      {
        name: plugin,
        kind: 'plugins.regex_filter.search_replace.SearchReplacePlugin',
        config: {
          words: [
            { search: 'crap', replace: 'crud' },
            { search: 'crud', replace: 'yikes' },
          ],
        },
      },
    ],
    server_settings: {
      host: 'localhost',
      tls: {
        certfile: `${folderOf}/server.crt`,
        keyfile: `${folderOf}/server.key`,
        ca_bundle: `${folderOf}/ca.crt`,
        ssl_cert_reqs: 2,
      },
    },
  });
}
