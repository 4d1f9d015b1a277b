import { once } from 'node:events';
import { appendFile, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import {
  everything,
  filesystem,
  gatewayCommand,
  legacyClient,
  modernClient,
  plugin,
  startGateway,
  stdioClient,
} from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';

type Line = Readonly<Record<string, unknown>>;

const plugins = [plugin('rewriter.mjs')];
const echo = (message: string) => ({ name: 'echo', arguments: { message } });

async function linesOf(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** A gateway with an audit log in a folder of its own. */
async function audited(audit: object = {}, more: object = {}, args: readonly string[] = []) {
  const folder = await temporaryFolder();
  const file = join(folder, 'audit.jsonl');
  const block = { file, chain: true, ...audit };
  const gateway = { upstreams: { one: everything }, ...more, audit: block };
  const running = await startGateway({ plugins, gateway }, { args });
  return { ...running, folder, file };
}

const verify = (...files: string[]) => sallyport(['audit', 'verify', ...files]);
const openAgain = ({ msg }: { readonly msg: string }) => msg === 'the audit log is written again';

it('has who, what, each verdict and the decision of every request, and nothing of what was said', async () => {
  const folder = await temporaryFolder();
  const tokens = join(folder, 'tokens.json');
  const made = await sallyport([
    'token',
    'create',
    '--user',
    'ada',
    '--tenant',
    'research',
    '--file',
    tokens,
  ]);
  const token = made.stdout.trim();
  const auth = { kind: 'bearer', tokens_file: tokens };
  const gateway = await audited({}, { auth });
  const client = await legacyClient(gateway.url, { token });
  await client.callTool(echo('a-payload'));
  await client.callTool(echo('block')).catch(() => {});
  await client.callTool({ name: 'not-there', arguments: {} }).catch(() => {});
  await request(gateway.url, { method: 'POST', headers: { authorization: 'Bearer sally_wrong' } }).then(
    ({ body }) => body.dump(),
  );
  await client.close();
  expect(await gateway.stop()).toBe(0);

  const lines = await linesOf(gateway.file);
  const who = {
    user: 'ada',
    tenant: 'research',
    auth: 'bearer',
    client: 'legacy/1.0.0',
    address: '127.0.0.1',
  };
  const call = { ...who, method: 'tools/call', upstream: 'one', target: 'echo' };
  const passed = { plugin: 'Plugin', decision: 'modified' };
  const [pre, post] = ['tool_pre_invoke', 'tool_post_invoke'].map((hook) => ({ ...passed, hook }));
  const about = (event: string, decision: string, more: object = {}) =>
    lines.filter(
      (line) =>
        line['event'] === event &&
        line['decision'] === decision &&
        line['method'] === 'tools/call' &&
        line['outcome'] === (more as Line)['outcome'],
    );
  expect(about('call', 'allowed')[0]).toMatchObject({ ...call, plugins: [pre] });
  expect(about('end', 'allowed', { outcome: 'ok' })).toMatchObject([{ ...call, plugins: [pre, post] }]);
  const blocked = {
    plugin: 'Plugin',
    hook: 'tool_pre_invoke',
    decision: 'blocked',
    code: 'NO',
    reason: 'No',
  };
  expect(about('end', 'blocked', { outcome: 'error' })).toMatchObject([{ ...call, plugins: [blocked] }]);
  expect(lines).toContainEqual(
    expect.objectContaining({
      event: 'end',
      decision: 'refused',
      status: 401,
      user: null,
      code: 'invalid_token',
    }),
  );
  const [one, other] = [about('call', 'allowed')[0], about('end', 'allowed', { outcome: 'ok' })[0]];
  expect(one?.['request']).toBe(other?.['request']);
  expect(gateway.log).toContainEqual(expect.objectContaining({ request: one?.['request'], outcome: 'ok' }));
  expect((await stat(gateway.file)).mode & 0o777).toBe(0o600);
  const text = await readFile(gateway.file, 'utf8');
  for (const secret of [token, 'sally_wrong', 'a-payload', '<pre']) expect(text).not.toContain(secret);
});

it('a call that could not be recorded does not reach the tool, until the log can be written again', async () => {
  const written = await temporaryFolder();
  const logs = join(await temporaryFolder(), 'logs');
  await mkdir(logs);
  const gateway = await audited(
    { file: join(logs, 'audit.jsonl') },
    { upstreams: { files: filesystem(written) } },
  );
  const client = await modernClient(gateway.url);
  const write = (name: string) =>
    client.callTool({ name: 'write_file', arguments: { path: join(written, name), content: 'x' } });
  await write('before');
  await rm(logs, { recursive: true });
  // Which of the next calls hears of it first depends on what was being written.
  await expect
    .poll(() => write('meanwhile').then(() => 'done', String), { timeout: patience(10_000) })
    .toContain('audit log');
  await rm(join(written, 'meanwhile'), { force: true });
  await expect(write('refused')).rejects.toThrow(/audit log/);
  await expect(stat(join(written, 'refused'))).rejects.toThrow('ENOENT');
  const ready = await request(new URL('/ready', gateway.url));
  expect([ready.statusCode, await ready.body.json()]).toMatchObject([503, { audit: 'unavailable' }]);
  const metrics = await request(new URL('/metrics', gateway.url)).then(({ body }) => body.text());
  expect(metrics).toMatch(/^sallyport_audit_failing 1$/m);
  expect(metrics).toMatch(/^sallyport_audit_failures_total [1-9]/m);

  await mkdir(logs);
  await gateway.waitForLog(openAgain);
  await write('after');
  await client.close();
  expect(await gateway.stop()).toBe(0);
  const lines = await linesOf(join(logs, 'audit.jsonl'));
  expect(lines).toContainEqual(expect.objectContaining({ event: 'resumed', refused: expect.any(Number) }));
  expect(lines).toContainEqual(
    expect.objectContaining({ event: 'end', target: 'write_file', outcome: 'ok' }),
  );
});

it('a log that takes nothing from the start refuses every call, over HTTP and over stdio', async () => {
  const written = await temporaryFolder();
  const call = { name: 'write_file', arguments: { path: join(written, 'x'), content: 'x' } };
  const block = { upstreams: { files: filesystem(written) }, audit: { file: '/dev/full' } };
  const gateway = await startGateway({ gateway: block });
  const refused = await request(gateway.url, { method: 'POST' });
  expect([refused.statusCode, await refused.body.text()]).toMatchObject([
    503,
    expect.stringContaining('SALLY_AUDIT_UNAVAILABLE'),
  ]);
  expect(gateway.log).toContainEqual(expect.objectContaining({ code: 'SALLY_AUDIT_WRITE', level: 50 }));
  await expect(legacyClient(gateway.url).then((client) => client.callTool(call))).rejects.toThrow(
    /audit log/,
  );

  const path = join(gateway.folder, 'gateway.yaml');
  await expect(stdioClient(gatewayCommand('--config', path, '--stdio'))).rejects.toThrow(/audit log/);
  await expect(stat(join(written, 'x'))).rejects.toThrow('ENOENT');
});

it('with on_failure: continue calls go on, and the log says what it lacks', async () => {
  const gateway = await startGateway({
    gateway: { upstreams: { one: everything }, audit: { file: '/dev/full', on_failure: 'continue' } },
  });
  const client = await legacyClient(gateway.url);
  expect(JSON.stringify(await client.callTool(echo('hi')))).toContain('Echo: hi');
  await gateway.waitForLog(
    ({ code, msg }) => code === 'SALLY_AUDIT_WRITE' && msg.includes('go on without it'),
  );
});

it('a file that was renamed is whole after SIGHUP, and the chain goes on in the next', async () => {
  const gateway = await audited();
  const client = await legacyClient(gateway.url);
  await client.callTool(echo('one'));
  await rename(gateway.file, `${gateway.file}.1`);
  await client.callTool(echo('two'));
  gateway.child.kill('SIGHUP');
  await gateway.waitForLog(({ msg }) => msg.startsWith('SIGHUP'));
  await client.callTool(echo('three'));
  await client.close();
  await gateway.stop();
  const calls = async (file: string) =>
    (await linesOf(file)).filter(({ event, target }) => event === 'end' && target === 'echo').length;
  expect([await calls(`${gateway.file}.1`), await calls(gateway.file)]).toEqual([2, 1]);
  for (const files of [[`${gateway.file}.1`, gateway.file], [`${gateway.file}.1`], [gateway.file]])
    expect(await verify(...files)).toMatchObject({ status: 0, stderr: '' });
  const backwards = await verify(gateway.file, `${gateway.file}.1`);
  expect(backwards.status).toBe(1);
});

it('each of several workers has a chain of its own, in one file and in the next', async () => {
  const gateway = await audited({}, {}, ['--workers', '2']);
  await gateway.waitForLog(({ msg }) => msg === '2 workers share the port');
  const ask = async () => {
    const { statusCode, body } = await request(gateway.url, { method: 'PUT', reset: true });
    await body.dump();
    return statusCode;
  };
  const seen = async (file: string) =>
    new Set((await linesOf(file)).filter(({ event }) => event === 'end').map(({ worker }) => worker));
  const both = async (file: string) => {
    await ask();
    return (await seen(file)).size;
  };
  await expect.poll(() => both(gateway.file), { timeout: patience(20_000) }).toBe(2);
  await rename(gateway.file, `${gateway.file}.1`);
  gateway.child.kill('SIGHUP');
  const opened = async () =>
    (await linesOf(gateway.file).catch(() => [])).filter(({ event }) => event === 'open').length;
  await expect.poll(opened, { timeout: patience(20_000) }).toBe(2);
  await expect.poll(() => both(gateway.file), { timeout: patience(20_000) }).toBe(2);
  await gateway.stop();
  const { status, stdout } = await verify(`${gateway.file}.1`, gateway.file);
  expect([status, stdout]).toMatchObject([
    0,
    expect.stringMatching(/worker 1: .*closed.*\n.*worker 2: .*closed/),
  ]);
});

it('a crash is no tampering: the chain goes on, a half-written line is named, and a line that was cut off shows', async () => {
  const gateway = await audited();
  const client = await legacyClient(gateway.url);
  await client.callTool(echo('hi'));
  await expect
    .poll(async () => (await verify(gateway.file)).stdout, { timeout: patience(20_000) })
    .toContain('open');
  const gone = once(gateway.child, 'exit');
  gateway.child.kill('SIGKILL');
  await gone;
  await appendFile(gateway.file, '{"time":"2026-11-28T');
  const crashed = await verify(gateway.file);
  expect([crashed.status, crashed.stdout]).toMatchObject([
    0,
    expect.stringContaining('half written, as a crash leaves'),
  ]);

  const file = {
    plugins,
    gateway: { upstreams: { one: everything }, audit: { file: gateway.file, chain: true } },
  };
  const next = await startGateway(file);
  await next.stop();
  const again = await verify(gateway.file);
  expect([again.status, again.stdout]).toMatchObject([0, expect.stringContaining('closed in order')]);
});

it('verify says the first bad line and why, exits 1, and has it as JSON', async () => {
  const gateway = await audited();
  const client = await legacyClient(gateway.url);
  await client.callTool(echo('hi'));
  await client.close();
  await gateway.stop();
  const text = await readFile(gateway.file, 'utf8');
  const copy = join(gateway.folder, 'copy.jsonl');
  await appendFile(copy, text.replace('"target":"echo"', '"target":"exec"'));
  const args = ['audit', 'verify', copy, '--key-file', `${gateway.file}.key`];
  const { status, stdout } = await sallyport(args);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^broken .*copy\.jsonl:\d+ {2}it was changed/m);
  const json = JSON.parse((await sallyport([...args, '--json'])).stdout) as object;
  expect(json).toMatchObject({
    whole: false,
    fault: { file: copy, why: expect.stringContaining('changed') },
  });
});

it.each([
  [{ file: '/not/there/audit.jsonl' }, 'SALLY_AUDIT_WRITE'],
  [{ file: 'audit.jsonl', chain: true, key_file: 'none.key' }, 'SALLY_AUDIT_KEY'],
  [{ file: 'audit.jsonl', key_file: 'some.key' }, 'SALLY_CONFIG_INVALID'],
  [{ file: 'audit.jsonl', on_failure: 'ignore' }, 'SALLY_CONFIG_INVALID'],
])('a gateway with audit: %j does not start, and says why', async (audit, code) => {
  const cwd = await temporaryFolder();
  const path = join(cwd, 'gateway.yaml');
  await appendFile(path, JSON.stringify({ gateway: { upstreams: { one: everything }, audit } }));
  const { status, stderr } = await sallyport(['gateway', '--config', path, '--port', '0'], { cwd });
  expect([status, stderr]).toMatchObject([3, expect.stringContaining(code)]);
});
