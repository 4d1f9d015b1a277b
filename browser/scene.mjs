// A gateway with its page, a plugin behind mutual TLS and two upstreams, each a program of its own, in a folder that goes away.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const root = resolve(import.meta.dirname, '..');
const command = join(root, 'dist/cli/main.js');
const everything = join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const withinMs = 60_000;

/** An upstream that tells its processes, and does not come back once it is to stay dead. */
const mortal = `
import { appendFileSync, existsSync } from 'node:fs';
if (existsSync('mortal.dead')) process.exit(1);
appendFileSync('mortal.pids', \`\${process.pid}\n\`);
await import(${JSON.stringify(`file://${everything}`)});
`;

export async function openScene() {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-page-'));
  const env = { PATH: process.env.PATH, LOG_FORMAT: 'json', XDG_RUNTIME_DIR: folder };
  const children = new Set();

  function start(...args) {
    const child = spawn(process.execPath, [command, ...args], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    const lines = [];
    const looks = new Set();
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line.startsWith('{') ? JSON.parse(line) : { msg: line });
      for (const look of [...looks]) look();
    });
    const logged = (matches) =>
      new Promise((done, fail) => {
        const all = () => lines.map(({ msg }) => msg).join('\n');
        const timer = setTimeout(() => fail(new Error(`${args[0]} did not log it:\n${all()}`)), withinMs);
        const look = () => {
          const found = lines.find(matches);
          if (found === undefined) return;
          clearTimeout(timer);
          looks.delete(look);
          done(found);
        };
        looks.add(look);
        look();
      });
    return { child, logged };
  }

  async function run(...args) {
    const { child } = start(...args);
    let out = '';
    child.stdout.on('data', (piece) => {
      out += piece;
    });
    const [status] = await once(child, 'close');
    if (status !== 0) throw new Error(`sallyport ${args.join(' ')} ended with ${status}: ${out}`);
    return out;
  }

  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }];
  const token = await new SignJWT({ iss: 'https://issuer.example', aud: 'gw', sub: 'ada' })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('1h')
    .sign(privateKey);
  const write = (name, text) =>
    writeFile(join(folder, name), typeof text === 'string' ? text : JSON.stringify(text));
  const own = (name) => `certs/mcp/plugins/Guard/${name}`;
  const gatewayFile = (url, port = 0) => ({
    plugins: [
      {
        name: 'Guard',
        kind: 'external',
        mcp: {
          proto: 'STREAMABLEHTTP',
          url,
          tls: {
            certfile: 'certs/mcp/gateway/client.crt',
            keyfile: 'certs/mcp/gateway/client.key',
            ca_bundle: 'certs/mcp/gateway/ca.crt',
            crl_file: 'certs/mcp/gateway/ca.crl',
          },
        },
      },
    ],
    gateway: {
      auth: { kind: 'jwt', issuer: 'https://issuer.example', audience: 'gw', jwks: 'jwks.json' },
      console: { port, admins: [{ user: 'ada' }] },
      upstreams: {
        all: { command: process.execPath, args: [everything, 'stdio'] },
        mortal: { command: process.execPath, args: ['mortal.mjs', 'stdio'] },
      },
    },
  });

  await write('jwks.json', { keys });
  await write('mortal.mjs', mortal);
  await write('gateway.yaml', gatewayFile('https://localhost:1/mcp'));
  await run('certs', 'all', '--key', 'ec-p256', '--config', 'gateway.yaml');
  await run('certs', 'crl');
  await write('server.yaml', {
    plugins: [{ name: 'Guard', kind: join(root, 'browser/guard.mjs') }],
    server_settings: {
      host: 'localhost',
      tls: {
        certfile: own('server.crt'),
        keyfile: own('server.key'),
        ca_bundle: own('ca.crt'),
        ssl_cert_reqs: 2,
      },
    },
  });
  const server = start('serve', '--config', 'server.yaml', '--port', '0');
  const { url: pluginUrl } = await server.logged(({ msg }) => msg.startsWith('listening on'));

  /** A gateway with a page, on the port that it had before if there was one. */
  let port = 0;
  async function startGateway() {
    await write('gateway.yaml', gatewayFile(pluginUrl, port));
    const gateway = start('gateway', '--config', 'gateway.yaml', '--port', '0');
    const { msg } = await gateway.logged((line) => line.msg.startsWith('the page is at'));
    const { url } = await gateway.logged((line) => line.msg.startsWith('listening on'));
    for (const name of ['all', 'mortal'])
      await gateway.logged((line) => line.msg === `upstream ${name}: up` || line.upstream === name);
    const [link] = /https?:\S+/.exec(msg);
    port = Number(new URL(link).port);
    return { ...gateway, link, page: new URL('/', link).href, url };
  }

  /** A client of that name, whose requests have these headers. */
  async function connect(url, name = 'tester', headers = {}) {
    const client = new Client({ name, version: '1.0.0' });
    const requestInit = { headers: { ...headers, Authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
    const { tools } = await client.listTools();
    const echo = tools.find((tool) => tool.name.endsWith('echo') && tool.name.startsWith('all'))?.name;
    return {
      say: (message) => client.callTool({ name: echo, arguments: { message } }).catch((error) => error),
      close: () => client.close(),
    };
  }

  async function stop({ child }) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  return {
    token,
    run,
    startGateway,
    connect,
    stop,
    /** The upstream ends, and each that is started in its place. */
    async killUpstream() {
      await write('mortal.dead', '');
      const pids = (await readFile(join(folder, 'mortal.pids'), 'utf8')).trim().split('\n');
      for (const pid of pids) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // One for a session that is over.
        }
      }
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all([...children].map((child) => once(child, 'exit')));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
