import { once } from 'node:events';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { tcpServer } from '../../support/tcp.js';

/** Runs the command, which fails: its status, and what it says without the code. */
async function failing(
  args: readonly string[],
  options: { cwd?: string; input?: string } = {},
): Promise<[number | null, string]> {
  const { status, stdout, stderr } = await sallyport(args, options);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^error SALLY_[A-Z_]+\n {2}\S.*\n(.*\n)* {2}→ \S/);
  expect(stderr).not.toMatch(/\n\s+at |E[A-Z]{4,}:/);
  return [status, stderr.split('\n').slice(1).join('\n')];
}

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

const words = `plugins:
  - name: Words
    kind: sallyport/search-replace
    hooks: [tool_pre_invoke]
    config: {words: [{search: a, replace: b}]}
`;

describe('a wrong option', () => {
  it.each([
    [['serve', '--port', '99999'], 'sallyport serve --help'],
    [['serve', 'extra'], 'sallyport serve --help'],
    [['token', 'create'], 'sallyport token create --help'],
    [['token', 'list', '--file', 't.json', '--user', 'a'], 'sallyport token list --help'],
    [['certs', 'renew', '--nosuch'], 'sallyport certs renew --help'],
    [['nosuch'], 'sallyport --help'],
    [['--nosuch'], 'sallyport --help'],
  ])('%j: status 2, one sentence without a full stop, and where help is', async (args, help) => {
    const [status, said] = await failing(args);
    expect(status).toBe(2);
    expect(said).toMatch(new RegExp(`^ {2}[^.]*[^.]\\n {2}→ ${help}\\n$`));
  });

  it('a number of days is asked for by no option that the command lacks', async () => {
    const [status, said] = await failing(['certs', 'check', '--warn-days', 'soon']);
    expect(status).toBe(2);
    expect(said).toContain('--warn-days');
  });
});

describe('a file that is not there', () => {
  it('certs all says so where it was named, and makes nothing', async () => {
    const cwd = await temporaryFolder();
    const [status, said] = await failing(['certs', 'all', '--config', 'nosuch.yaml'], { cwd });
    expect([status, said]).toEqual([3, expect.stringContaining('nosuch.yaml: no such file')]);
    expect((await sallyport(['certs', 'check'], { cwd })).status).toBe(3);
  });
});

describe('a folder', () => {
  it('without a name is not this one', async () => {
    const cwd = await temporaryFolder();
    expect(await failing(['certs', 'ca', '--dir', ''], { cwd })).toEqual([
      2,
      '  --dir is empty\n  → sallyport certs ca --help\n',
    ]);
    expect(await readdir(cwd)).toEqual([]);
  });

  it('in which nothing can be written is told in words', async () => {
    const cwd = await folderWith({ 'a-file': '' });
    await mkdir(join(cwd, 'certs'));
    await symlink(join(cwd, 'nosuch'), join(cwd, 'certs/mcp'));
    const [status, said] = await failing(['certs', 'ca', '--key', 'ec-p256'], { cwd });
    expect([status, said]).toEqual([3, expect.stringMatching(/^ {2}cannot write certs\/mcp\S+: [a-z ]+\n/)]);
  });
});

describe('a target of the doctor', () => {
  it.each(['ftp://localhost:8000', 'http://localhost:70000'])('%s is no URL for it', async (target) => {
    const [status, said] = await failing(['doctor', target]);
    expect([status, said]).toEqual([2, expect.stringContaining(`${target} is not an http or https URL`)]);
  });
});

describe('sallyport invoke', () => {
  const invoke = (...more: string[]) => [
    ...['invoke', 'tool_pre_invoke', '--config', 'p.yaml', '--plugin', 'Words'],
    ...more,
  ];

  it('says that standard input is empty', async () => {
    const cwd = await folderWith({ 'p.yaml': words });
    const [status, said] = await failing(invoke('--payload', '-'), { cwd });
    expect([status, said]).toEqual([2, expect.stringContaining('standard input is empty')]);
    expect((await failing(invoke('--payload', ''), { cwd }))[1]).toContain('--payload is empty');
  });

  it('shows what a context looks like to whom gives none', async () => {
    const cwd = await folderWith({ 'p.yaml': words });
    const given = ['--payload', '{"name": "a", "args": {}}', '--context', '{'];
    const [status, said] = await failing(invoke(...given), { cwd });
    expect([status, said]).toEqual([2, expect.stringContaining(`→ --context '{"global_context"`)]);
  });
});

describe('a file of another form', () => {
  it('JSON that is not whole is called JSON', async () => {
    const cwd = await folderWith({ 's.json': '{"mcpServers": {' });
    const [status, said] = await failing(['gateway', '--servers', 's.json'], { cwd });
    expect([status, said]).toEqual([3, expect.stringContaining('s.json:1:17  not usable as JSON: ')]);
    expect(said).not.toMatch(/YAML|indentation/);
  });

  it('the doctor names the code of a problem in it once', async () => {
    const cwd = await folderWith({ 'p.yaml': 'plugins: 5\n' });
    const { status, stdout } = await sallyport(['doctor', 'p.yaml'], { cwd });
    expect(status).toBe(1);
    expect(stdout.match(/SALLY_CONFIG_WRONG_TYPE/g)).toHaveLength(1);
  });
});

describe('a port that is in use', () => {
  it.each([
    ['serve', 'server_settings', 'PLUGINS_SERVER_PORT'],
    ['gateway', 'gateway', 'gateway.port'],
  ])('%s names its own way to another', async (command, block, way) => {
    const holder = tcpServer().listen(0, '127.0.0.1');
    onTestFinished(() => void holder.close());
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const upstreams = block === 'gateway' ? ', upstreams: {a: {url: "http://localhost:1/mcp"}}' : '';
    const cwd = await folderWith({ 'p.yaml': `${words}${block}: {port: ${port}${upstreams}}\n` });
    const { status, stderr } = await sallyport([command, '--config', 'p.yaml'], { cwd });
    expect(status).toBe(3);
    expect(stderr).toContain(
      `the port is in use\n  → see who has it with: lsof -i :${port}; or choose another: ${way}`,
    );
  });
});
