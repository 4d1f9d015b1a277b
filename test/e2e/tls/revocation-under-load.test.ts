import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connect } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import type { PluginManager } from '../../../src/manager/index.js';
import type { Issued } from '../../../src/pki/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { callTool, errorOf, openGateway } from '../../support/gateway.js';
import { everything, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { startPluginServer } from '../../support/plugin-server.js';
import { filesOf, gatewayLeaf, newCa, newCrl, pluginLeaf, tlsBlock, ways } from '../../support/trust.js';

const put = ways['a rename of each file'];

/** Keeps every core busy beside the server, its clients and this test. */
async function occupyAllCores(): Promise<void> {
  for (let i = 0; i < availableParallelism(); i += 1) {
    const child = spawn(process.execPath, ['-e', 'console.log(1); for (;;);']);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
  }
}

/** Two workers of each program. */
const inTwo: Record<string, (tls: object) => Promise<{ readonly port: number }>> = {
  'a plugin server': async (tls) => {
    const server = await startPluginServer({ tls, args: ['--workers', '2'] });
    await server.waitForLog(({ msg }) => msg === '2 workers share the port');
    return server;
  },
  'a gateway': async (tls) => {
    const block = { host: 'localhost', upstreams: { one: everything }, tls, auth: { kind: 'mtls' } };
    const gateway = await startGateway({ gateway: block }, { args: ['--workers', '2'] });
    await gateway.waitForLog(({ msg }) => msg === '2 workers share the port');
    return gateway;
  },
};

it.each(Object.entries(inTwo))(
  '[O3] every worker of %s knows of a revocation within a second',
  async (_, start) => {
    const ca = await newCa();
    const [leaked, good] = [await gatewayLeaf(ca), await gatewayLeaf(ca)];
    const folder = await temporaryFolder();
    await put(folder, { ...filesOf(await pluginLeaf(ca, 'Entrance'), ca), 'ca.crl': await newCrl(ca) });
    const { port } = await start(tlsBlock(folder, { ssl_cert_reqs: 2, crl_file: join(folder, 'ca.crl') }));
    const open = async ({ certPem: cert, keyPem: key }: Issued) => {
      const socket = connect({ port, host: 'localhost', ca: ca.certPem, cert, key });
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {}).resume();
      await once(socket, 'secureConnect');
      return socket;
    };
    // They go to the workers in turn.
    const known = await Promise.all([1, 2, 3, 4].map(() => open(leaked)));
    const others = await Promise.all([1, 2, 3, 4].map(() => open(good)));
    const ends = known.map((socket) => once(socket, 'close'));
    const next = await newCrl(ca, [leaked]);
    const began = performance.now();
    await put(folder, { 'ca.crl': next });
    await Promise.all(ends);
    expect(performance.now() - began).toBeLessThan(patience(1_000));
    expect(others.map((socket) => socket.readyState)).toEqual(others.map(() => 'open'));
  },
);

it(
  '[O3] under full load the last call of a revoked client is accepted within a second',
  async () => {
    const ca = await newCa();
    const [leaked, good] = [await gatewayLeaf(ca), await gatewayLeaf(ca)];
    const [serverFolder, leakedFolder, goodFolder] = await Promise.all(
      [1, 2, 3].map(() => temporaryFolder()),
    );
    const folders = { server: serverFolder ?? '', leaked: leakedFolder ?? '', good: goodFolder ?? '' };
    const leaf = await pluginLeaf(ca, 'ReplaceBadWordsPlugin');
    await put(folders.server, { ...filesOf(leaf, ca), 'ca.crl': await newCrl(ca) });
    await put(folders.leaked, filesOf(leaked, ca));
    await put(folders.good, filesOf(good, ca));
    const next = await newCrl(ca, [leaked]);
    const crl_file = join(folders.server, 'ca.crl');
    const server = await startPluginServer({ tls: tlsBlock(folders.server, { crl_file }) });
    const managers = {
      leaked: await openGateway({ url: server.url, tls: tlsBlock(folders.leaked) }),
      good: await openGateway({ url: server.url, tls: tlsBlock(folders.good) }),
    };
    await occupyAllCores();

    let stopped = false;
    const accepted: number[] = [];
    /** Calls one behind the other, until the client is refused or the test is over. */
    const call = async (manager: PluginManager, onReply = () => {}) => {
      const answered = () => callTool(manager, 'crap '.repeat(1_000)).then(onReply);
      while (
        !stopped &&
        (await answered()
          .then(() => true)
          .catch(() => false))
      );
    };
    const many = (manager: PluginManager, onReply?: () => void) =>
      Array.from({ length: 8 }, () => call(manager, onReply));
    const bad = many(managers.leaked, () => void accepted.push(performance.now()));
    const others = many(managers.good);
    while (accepted.length < 50) await wait(20);

    // What a page without any work takes is the delay of the two loops, the server's and this one's.
    let delay = 0;
    const probe = (async () => {
      while (!stopped) {
        const asked = performance.now();
        await (await fetch(server.healthUrl ?? '')).text();
        delay = Math.max(delay, performance.now() - asked);
      }
    })();
    const began = performance.now();
    await put(folders.server, { 'ca.crl': next });
    await Promise.all(bad);
    const last = Math.max(...accepted) - began;
    stopped = true;
    await Promise.all([...others, probe]);
    // Two looks at the files and the call that is on its way wait for their turn.
    expect(last, `the delay was ${delay} ms`).toBeLessThan(1_000 + 3 * delay);
    for (let i = 0; i < 5; i += 1)
      expect((await errorOf(callTool(managers.leaked))).code).toMatch(/^SALLY_(TLS|CONNECT|WIRE)/);
    expect(await callTool(managers.good)).toBe('what a crud day');
    await server.waitForLog(({ code }) => code === 'SALLY_TLS_REVOKED');
  },
  patience(60_000),
);
