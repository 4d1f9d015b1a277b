import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, holds, ready, run, sallyport, start } from './program.mjs';

const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** What a scenario stands on: a folder with certificates of its own, and the programs that it starts in it. */
export async function openPlace() {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-soak-'));
  const certs = join(folder, 'certs');
  const marks = join(folder, 'marks');
  writeFileSync(marks, '');
  const programs = [];
  const started = async (starting) => {
    const program = await starting;
    programs.push(program);
    return program;
  };
  let files = 0;
  const write = (content) => {
    files += 1;
    const path = join(folder, `config-${files}.yaml`);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  const tls = (own, role) => ({
    certfile: join(certs, own, `${role}.crt`),
    keyfile: join(certs, own, `${role}.key`),
    ca_bundle: join(certs, own, 'ca.crt'),
    crl_file: join(certs, own, 'ca.crl'),
  });
  const place = {
    folder,
    certs,
    /** `sallyport certs …` of this place. */
    certify: (...args) => run(['certs', ...args, '--dir', certs], { cwd: folder }),
    clientTls: tls('gateway', 'client'),
    serverTls: tls('plugins/Front', 'server'),
    /** How often each mark was executed by the upstreams. */
    executed() {
      const counts = new Map();
      for (const mark of readFileSync(marks, 'utf8').split('\n').filter(Boolean)) {
        counts.set(mark, (counts.get(mark) ?? 0) + 1);
      }
      return counts;
    },
    /** The upstream over HTTP: its port. */
    async startUpstream() {
      const upstream = await started(start([script('upstream.mjs'), marks]));
      return Number(await upstream.firstLine);
    },
    /** `sallyport serve` behind mutual TLS. */
    async startServer({ port, workers, host = 'localhost' } = {}) {
      const path = write({
        plugins: [{ name: 'Guard', kind: script('plugin.mjs'), config: { marks } }],
        server_settings: { host, tls: { ...tls('plugins/Guard', 'server'), ssl_cert_reqs: 2 } },
      });
      const args = ['serve', '--config', path, '--port', String(port ?? (await freePort()))];
      const program = await started(sallyport([...args, ...many(workers)], { cwd: folder }));
      return program;
    },
    /** `sallyport gateway` before the upstreams: at `plugins` is the plugin server, at `upstream` that over HTTP. */
    async startGateway({ port, workers, auth = 'plain', plugins, upstream, more = {} } = {}) {
      const child = { command: process.execPath, args: [script('upstream-stdio.mjs'), marks], timeout: 2 };
      const mcp = plugins && { url: `https://localhost:${plugins}/mcp`, tls: tls('gateway', 'client') };
      const path = write({
        plugins: mcp
          ? [{ name: 'Guard', kind: 'external', hooks: ['tool_pre_invoke', 'tool_post_invoke'], mcp }]
          : [],
        plugin_settings: { plugin_timeout: 2 },
        gateway: {
          upstreams: { web: { url: `http://127.0.0.1:${upstream}/mcp`, timeout: 2 }, child },
          ...authentications[auth](place),
          ...more,
        },
      });
      const args = ['gateway', '--config', path, '--port', String(port ?? (await freePort()))];
      const program = await started(sallyport([...args, ...many(workers)], { cwd: folder }));
      await ready(
        `http://${auth === 'plain' ? `127.0.0.1:${program.port}` : `localhost:${program.port + 1_000}`}/ready`,
      );
      return program;
    },
    holds,
    defects: () => programs.flatMap(({ defects }) => defects),
    async close() {
      for (const { child } of programs) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
  for (const args of [['gateway'], ['plugin', 'Guard'], ['plugin', 'Front']])
    await place.certify(...args, '--key', 'ec-p256');
  await place.certify('crl');
  return place;
}

const many = (workers) => (workers ? ['--workers', String(workers)] : []);

/** Who may call the gateway, and how. */
const limits = { concurrent_calls: 5_000, concurrent_calls_per_user: 5_000 };
const authentications = {
  plain: () => ({ host: '127.0.0.1', limits }),
  mtls: ({ serverTls }) => ({
    host: 'localhost',
    limits,
    tls: { ...serverTls, ssl_cert_reqs: 2 },
    auth: { kind: 'mtls' },
  }),
};
