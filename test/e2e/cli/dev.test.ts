import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { sallyport, start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { firstText, legacyClient } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { tcpServer } from '../../support/tcp.js';

/** A plugin whose words are in a module of its own. */
const plugin = (mark: string) => `import { word } from './word.js';
let calls = 0;
export default { setup: () => ({ hooks: {
  tool_pre_invoke: async ({ name, args }) => {
    calls += 1;
    if (args.message === 'slow') await new Promise((done) => setTimeout(done, 1500));
    const message = [args.message, '${mark}', word, calls].join(' ');
    return { continue_processing: true, modified_payload: { name, args: { message } } };
  },
} }) };
`;

async function project(files: Record<string, string> = {}) {
  const folder = await temporaryFolder();
  const all = {
    'package.json': '{"type": "module"}',
    'plugin.js': plugin('one'),
    'word.js': "export const word = 'old';\n",
    'server.yaml': `plugins: [{ name: Marks, kind: ./plugin.js }]
server_settings: { port: 8000, tls: { certfile: no.crt, keyfile: no.key, ca_bundle: no.crt, ssl_cert_reqs: 2 } }
`,
    ...files,
  };
  for (const [path, text] of Object.entries(all)) await writeFile(join(folder, path), text);
  return folder;
}

/** Starts `sallyport dev`; `said` waits for a text among what it has written since it was last asked. */
function startDev(cwd: string, args: readonly string[] = []) {
  const child = start(['dev', '--config', 'server.yaml', '--port', '0', ...args], { cwd });
  // In order, so that it leaves no folder behind.
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  let all = '';
  let from = 0;
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (piece) => {
      all += piece;
    });
  const said = async (what: RegExp): Promise<RegExpExecArray> => {
    let found: RegExpExecArray | null = null;
    await vi.waitFor(
      () => {
        found = what.exec(all.slice(from));
        expect(found, `${what} in:\n${all.slice(from)}`).not.toBeNull();
      },
      { timeout: patience(15_000), interval: 20 },
    );
    from = all.length;
    return found as unknown as RegExpExecArray;
  };
  return { child, said, type: (line: string) => child.stdin?.write(`${line}\n`), output: () => all };
}

describe('sallyport dev', () => {
  it('reads plugins and what they import anew: sessions stay, a call in flight ends with the old code, a broken version changes nothing', async () => {
    const folder = await project();
    const { child, said, type } = startDev(folder, ['--record', 'calls.jsonl']);
    const [, url = ''] = await said(/listening on (http:\/\/127\.0\.0\.1:\d+\/mcp)[\s\S]*version 1: Marks/);
    const client = await legacyClient(url);
    const call = async (message: string) =>
      firstText(await client.callTool({ name: 'echo', arguments: { message } }));
    expect(await call('a')).toBe('a one old 1');
    type('echo {"message": "typed"}');
    await said(/changed {2}tool_pre_invoke {2}Marks[\s\S]*"typed"[\s\S]*echo → typed one old 2/);

    const slow = call('slow');
    await writeFile(join(folder, 'plugin.js'), plugin('two'));
    await said(/version 2: Marks/);
    expect(await call('b')).toBe('b two old 1');
    expect(await slow).toBe('slow one old 3');

    await writeFile(join(folder, 'word.js'), "export const word = 'new';\n");
    await said(/version 3: Marks/);
    expect(await call('c')).toBe('c two new 1');

    await writeFile(join(folder, 'plugin.js'), 'export default {\n  setup: ) => {\n');
    await said(/SALLY_PLUGIN_MODULE: the version before goes on[\s\S]*plugin\.js:2/);
    expect(await call('d')).toBe('d two new 2');
    await writeFile(join(folder, 'plugin.js'), plugin('three'));
    await said(/version 4: Marks/);
    expect(await call('e')).toBe('e three new 1');

    const recorded = (await readFile(join(folder, 'calls.jsonl'), 'utf8')).trim().split('\n');
    expect(recorded.map((line) => JSON.parse(line).payload.args.message)).toContain('typed');
    expect((await stat(join(folder, 'calls.jsonl'))).mode & 0o777).toBe(0o600);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('waits where the first version is broken, and starts plugins again that have ended', async () => {
    const folder = await project({ 'plugin.js': "throw new Error('no database');\n" });
    const { said, type } = startDev(folder);
    await said(/SALLY_PLUGIN_MODULE: waiting for a change[\s\S]*no database/);
    await writeFile(
      join(folder, 'plugin.js'),
      plugin('one')
        .replace("'slow'", "'die'")
        .replace('await new Promise', 'process.exit(3); await new Promise'),
    );
    await said(/version 1: Marks/);
    type('echo {"message": "die"}');
    await said(/has ended \(exit status 3\)[\s\S]*version 2: Marks/);
    type('echo {"message": "again"}');
    await said(/echo → again one old 1/);
  });

  it('listens on the loopback interface alone, whatever a file says: it shows payloads', async () => {
    const gateway = {
      host: '0.0.0.0',
      allow_unauthenticated: true,
      upstreams: { u: { url: 'http://127.0.0.1:9/mcp' } },
    };
    const folder = await project({ 'gateway.yaml': JSON.stringify({ plugins: [], gateway }) });
    const { said } = startDev(folder, ['--gateway', 'gateway.yaml']);
    await said(/listening on 127\.0\.0\.1, whatever the file says[\s\S]*listening on http:\/\/127\.0\.0\.1:/);
  });

  it('ends where its port is taken: no change of a plugin mends that', async () => {
    const folder = await project();
    const other = tcpServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const outcome = await sallyport(['dev', '--config', 'server.yaml', '--port', String(port)], {
      cwd: folder,
    });
    expect(outcome).toMatchObject({ status: 3, stderr: expect.stringContaining('SALLY_SERVER_PORT_IN_USE') });
  });

  it('runs a command beside it, which ends with it', async () => {
    const folder = await project();
    const { child, said } = startDev(folder, ['--run', 'echo beside $$; exec sleep 60']);
    const [, pid] = await said(/beside (\d+)[\s\S]*version 1/);
    child.kill('SIGTERM');
    await once(child, 'exit');
    await vi.waitFor(() => expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH'), patience(5_000));
  });

  it.each([
    [['dev'], 'SALLY_SERVER_NO_CONFIG', 2],
    [['dev', '--config', 'server.yaml', '--port', 'x'], 'SALLY_USAGE', 2],
    [['dev', '--config', 'server.yaml', '--gateway', 'none.yaml'], 'SALLY_FILE_UNREADABLE', 3],
    [['dev', '--config', 'server.yaml', '--record', 'no/such/folder'], 'SALLY_DEV_RECORD', 3],
  ])('%j is %s', async (args, code, status) => {
    const cwd = await project();
    const outcome = await sallyport(args, { cwd });
    expect(outcome).toMatchObject({ status, stderr: expect.stringContaining(code) });
  });
});
