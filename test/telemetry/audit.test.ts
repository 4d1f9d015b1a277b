import { appendFile, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/log.js';
import { AuditFile, type AuditFileOptions } from '../../src/telemetry/audit/file.js';
import { defaultKeyPath, readAuditKey } from '../../src/telemetry/audit/key.js';
import { AuditedRequest } from '../../src/telemetry/audit/observer.js';
import { type Verdict, verifyAudit } from '../../src/telemetry/audit/verify.js';
import { temporaryFolder } from '../support/folder.js';

const options = (file: string): AuditFileOptions => ({
  file,
  chain: true,
  onFailure: 'refuse',
  fsync: false,
});

/** A log with so many lines beside those that open and close it. */
async function written(count: number, file?: string): Promise<string> {
  const path = file ?? join(await temporaryFolder(), 'audit.jsonl');
  const audit = await AuditFile.open(options(path), silentLogger);
  for (let i = 1; i <= count; i += 1) audit.append({ event: 'end', target: `tool-${i}` });
  await audit.close();
  return path;
}

const keyOf = (file: string) => readAuditKey(defaultKeyPath(file));
const verify = (file: string, ...more: string[]): Promise<Verdict> =>
  verifyAudit([...more, file], keyOf(file));

/** Changes the lines of a log as somebody without its key could. */
async function tampered(file: string, change: (lines: string[]) => string[]): Promise<Verdict> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  await writeFile(file, `${change(lines).join('\n')}\n`);
  return verify(file);
}

describe('a chain', () => {
  it('that nobody has touched is whole, and closed in order', async () => {
    const file = await written(5);
    expect(await verify(file)).toMatchObject({
      lines: 7,
      fault: undefined,
      notes: [],
      chains: [{ worker: 1, first: 1, last: 7, end: 'closed' }],
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(defaultKeyPath(file))).mode & 0o777).toBe(0o600);
  });

  it.each<[string, (lines: string[]) => string[], number, RegExp]>([
    ['changed', (all) => all.map((line) => line.replace('tool-2', 'tool-9')), 3, /changed/],
    ['removed', (all) => all.filter((line) => !line.includes('tool-2')), 3, /a line is missing before it/],
    ['removed at the beginning', (all) => all.slice(1), 1, /lines before it are missing/],
    ['removed at the end', (all) => all.slice(0, -1), 6, /a line of its chain after it is missing/],
    ['removed with all after it', (all) => all.slice(0, 3), 3, /4 lines of its chain after it are missing/],
    ['put there twice', (all) => all.flatMap((line, i) => (i === 2 ? [line, line] : [line])), 4, /put there/],
    ['swapped', ([a = '', b = '', c = '', ...rest]) => [a, c, b, ...rest], 2, /missing before it/],
    [
      'put there by somebody',
      (all) => [...all.slice(0, 2), '{"event":"end"}', ...all.slice(2)],
      3,
      /no line of this log/,
    ],
    [
      'cut short',
      (all) => all.map((line, i) => (i === 3 ? line.slice(0, 40) : line)),
      4,
      /no line of this log/,
    ],
    [
      'given another number',
      (all) => all.map((line) => line.replace('"seq":4', '"seq":5')),
      4,
      /missing before it/,
    ],
  ])('shows a line that was %s', async (_how, change, line, why) => {
    const { fault } = await tampered(await written(5), change);
    expect(fault).toMatchObject({ line });
    expect(fault?.why).toMatch(why);
  });

  it('is not the work of another key', async () => {
    const file = await written(2);
    await writeFile(defaultKeyPath(file), 'x'.repeat(64));
    const { fault } = await verify(file);
    expect(fault).toMatchObject({ line: 1, why: expect.stringContaining('not made with this key') });
  });

  it('goes on over restarts, and over a file that was renamed meanwhile', async () => {
    const file = await written(2);
    await written(2, file);
    await rename(file, `${file}.1`);
    await written(2, file);
    expect(await verify(file, `${file}.1`)).toMatchObject({
      fault: undefined,
      chains: [{ first: 1, last: 12, end: 'closed' }],
    });
  });

  it('shows at the joint of two files what was cut off the first', async () => {
    const file = await written(2);
    await rename(file, `${file}.1`);
    await written(2, file);
    const lines = (await readFile(`${file}.1`, 'utf8')).trimEnd().split('\n');
    await writeFile(`${file}.1`, `${lines.slice(0, -1).join('\n')}\n`);
    const { fault } = await verify(file, `${file}.1`);
    expect(fault).toMatchObject({
      file,
      line: 1,
      why: expect.stringContaining('a line is missing before it'),
    });
  });

  it('is handed on to the next file where the log is rotated while it is written', async () => {
    const file = join(await temporaryFolder(), 'audit.jsonl');
    const audit = await AuditFile.open(options(file), silentLogger);
    audit.append({ event: 'end', target: 'before' });
    await rename(file, `${file}.1`);
    audit.append({ event: 'end', target: 'renamed' });
    const reopened = audit.reopen();
    audit.append({ event: 'end', target: 'after' });
    await reopened;
    await audit.close();
    expect(await readFile(`${file}.1`, 'utf8')).toMatch(/before.*\n.*renamed.*\n.*"rotate".*\n$/);
    expect(await readFile(file, 'utf8')).toMatch(/^.*"open".*SIGHUP.*\n.*after.*\n.*"close".*\n$/);
    expect((await verify(file, `${file}.1`)).fault).toBeUndefined();
    expect((await verifyAudit([`${file}.1`], keyOf(file))).chains).toMatchObject([{ end: 'handed on' }]);
    expect((await verify(file)).notes).toMatchObject([
      { line: 1, why: expect.stringContaining('another file') },
    ]);
  });

  it('of each process that writes the same file is one of its own', async () => {
    const file = join(await temporaryFolder(), 'audit.jsonl');
    const [one, two] = await Promise.all([
      AuditFile.open(options(file), silentLogger),
      AuditFile.open(options(file), silentLogger),
    ]);
    for (let i = 0; i < 20; i += 1) for (const audit of [one, two]) audit.append({ event: 'end', ms: i });
    await Promise.all([one.close(), two.close()]);
    const { fault, chains } = await verify(file);
    expect(fault).toBeUndefined();
    expect(chains.map(({ worker, last }) => [worker, last]).sort()).toEqual([
      [1, 22],
      [2, 22],
    ]);
  });

  it('that lost its end while nobody wrote it is not gone on with', async () => {
    const file = await written(5);
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${lines.slice(0, 3).join('\n')}\n`);
    await written(1, file);
    const { fault } = await verify(file);
    expect(fault?.why).toMatch(/4 lines of its chain after it are missing/);
    expect(await readFile(file, 'utf8')).toContain('lines were cut off');
  });

  it('without a closing line, and without what counts its lines, is not said to be whole', async () => {
    const file = await written(2);
    const copy = join(await temporaryFolder(), 'copy.jsonl');
    const text = await readFile(file, 'utf8');
    await writeFile(copy, `${text.trimEnd().split('\n').slice(0, -1).join('\n')}\n`);
    const { fault } = await verifyAudit([copy], keyOf(file));
    expect(fault).toMatchObject({ line: 3, why: expect.stringContaining('nothing closes its chain') });
  });
});

describe('a half-written last line', () => {
  it('is what a crash leaves where no whole line is missing', async () => {
    const file = join(await temporaryFolder(), 'audit.jsonl');
    const audit = await AuditFile.open(options(file), silentLogger);
    audit.append({ event: 'end', target: 'whole' });
    await audit.written();
    await appendFile(file, '{"time":"2026-');
    await expect.poll(async () => (await verify(file)).fault).toBeUndefined();
    expect((await verify(file)).notes).toMatchObject([
      { line: 3, why: expect.stringContaining('as a crash leaves') },
    ]);
    await audit.close();
  });

  it('is told of by the line after it, once the log goes on', async () => {
    const file = await written(2);
    await appendFile(file, '{"time":"2026-');
    await written(1, file);
    const { fault, notes } = await verify(file);
    expect(fault).toBeUndefined();
    expect(notes).toMatchObject([{ line: 5, why: expect.stringContaining('half written') }]);
  });

  it('that had been whole was cut off', async () => {
    const file = await written(2);
    await truncate(file, (await stat(file)).size - 10);
    const { fault } = await verify(file);
    expect(fault).toMatchObject({ line: 3, why: expect.stringContaining('missing') });
  });
});

describe('the line of a request', () => {
  const lineOf = async (headers: Record<string, string>, target: string) => {
    const file = join(await temporaryFolder(), 'audit.jsonl');
    const audit = await AuditFile.open({ ...options(file), chain: false }, silentLogger);
    const request = new AuditedRequest(audit, false, { headers, address: '192.0.2.1' });
    request.serves({
      id: 1,
      requestId: 'r-1',
      method: 'resources/read',
      params: {},
      client: {
        era: 'modern',
        revision: '2026-07-28',
        info: {},
        identity: { user: 'ada', tenant: null, method: 'jwt' },
      },
      abandoned: undefined,
    });
    request.routed('one', target);
    request.end({ kind: 'served', response: { result: {} } });
    await audit.close();
    return JSON.parse((await readFile(file, 'utf8')).split('\n')[1] ?? '') as Record<string, unknown>;
  };

  it('has no secret of a URI, and the trace that the request belongs to', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const line = await lineOf({ traceparent }, 'https://u:hunter2@x/a?page=2&access_token=hunter2');
    expect(line).toMatchObject({
      event: 'end',
      decision: 'allowed',
      user: 'ada',
      auth: 'jwt',
      address: '192.0.2.1',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      target: 'https://…@x/a?page=2&access_token=…',
    });
  });

  it('has no trace where the header is none', async () => {
    expect(await lineOf({ traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` }, 'a')).not.toHaveProperty(
      'trace_id',
    );
  });
});
