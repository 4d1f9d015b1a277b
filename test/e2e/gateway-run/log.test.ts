import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { cert } from '../../support/certs.js';
import { start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { everything, startGateway } from '../../support/gateway-run.js';
import { rawExchange, statuses } from '../../support/raw-http.js';
import { tcpClient } from '../../support/tcp.js';

const page = async (url: string) => (await request(url)).body.text();
const droppedIn = (metrics: string) =>
  Number(/^sallyport_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);

it('a reader of the log that hangs costs lines, which are counted and told, and no memory', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'gateway.yaml');
  await writeFile(path, 'plugins: []\ngateway: {upstreams: {none: {url: "http://127.0.0.1:9/mcp"}}}\n');
  const gateway = start(['gateway', '--config', path, '--port', '0'], { env: { LOG_FORMAT: 'json' } });
  const stderr = gateway.stderr;
  if (stderr === null) throw new TypeError('no stderr');
  let read = '';
  stderr.on('data', (text) => {
    read += text;
  });
  const seen = async (text: string) => {
    while (!read.includes(text)) await once(stderr, 'data');
  };
  await seen('"listening on');
  const port = Number(/"port":(\d+)/.exec(read)?.[1]);
  const origin = `http://127.0.0.1:${port}`;
  expect(droppedIn(await page(`${origin}/metrics`))).toBe(0);

  stderr.pause();
  const batch = 500;
  const asked = `GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(batch - 1);
  const last = `GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  let requests = 0;
  let dropped = 0;
  while (dropped < 1_000 && requests < 100_000) {
    expect(statuses(await rawExchange(port, asked + last))).toHaveLength(batch);
    requests += batch;
    dropped = droppedIn(await page(`${origin}/metrics`));
  }
  expect(dropped).toBeGreaterThanOrEqual(1_000);
  expect((await request(`${origin}/health`)).statusCode).toBe(200);
  // What waits is a megabyte, and as much as the system holds: some ten thousand lines.
  expect(requests - dropped).toBeLessThan(12_000);

  stderr.resume();
  await seen('lines of the log were dropped here');
  expect(read).toContain(`"lines":${dropped},"msg":"lines of the log were dropped here`);
  expect(read.split('"msg":"request"')).toHaveLength(requests - dropped + 1);
});

it('a flood of failed handshakes and of TLS to plain HTTP is a few lines and a count', async () => {
  const tls = {
    certfile: cert('server.crt'),
    keyfile: cert('server.key'),
    ca_bundle: cert('ca.crt'),
    ssl_cert_reqs: 2,
  };
  const gateway = await startGateway({ gateway: { host: 'localhost', upstreams: { one: everything }, tls } });
  const { healthPort } = gateway as unknown as { healthPort: number };
  const flood = 60;
  const until = async (socket: ReturnType<typeof tcpClient>) => {
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close').catch(() => {});
  };
  for (let i = 0; i < flood; i += 1) {
    await until(connectTls({ port: gateway.port, host: 'localhost', rejectUnauthorized: false }));
    const plain = tcpClient({ port: gateway.port, host: 'localhost' });
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await until(plain);
    await until(connectTls({ port: healthPort, host: 'localhost', rejectUnauthorized: false }));
  }
  expect(await gateway.stop()).toBe(0);
  for (const code of ['SALLY_TLS_NO_CLIENT_CERT', 'SALLY_TLS_PLAIN_HTTP', 'SALLY_TLS_TO_PLAIN_PORT']) {
    const lines = gateway.log.filter((line) => line.code === code);
    const counts = lines.map((line) => Number(line['more'] ?? 0));
    const own = counts.filter((more) => more === 0).length;
    expect([code, own]).toEqual([code, 5]);
    expect([code, own + counts.reduce((sum, more) => sum + more, 0)]).toEqual([code, flood]);
  }
});
