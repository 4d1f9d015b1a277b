import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judgedBy } from '../../support/judges.js';
import { workplace } from './run.js';

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const env = { MCP_CERT_CA_PASSWORD: 'correct horse' };

/** What a terminal shows of a command, on which these lines are typed when it asks. */
const onTerminal = (cwd: string, args: readonly string[], typed: readonly string[]): string =>
  execFileSync(
    'python3',
    [
      '-c',
      `
import os, pty, sys
typed = sys.argv[1].split(',')
def read(fd):
    data = os.read(fd, 1024)
    if b'password' in data or b'the same again' in data:
        os.write(fd, (typed.pop(0) if typed else '').encode() + b'\\r')
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read, lambda fd: b'')))
`,
      typed.join(','),
      process.execPath,
      program,
      'certs',
      ...args,
    ],
    {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: cwd },
    },
  );

describe('sallyport certs with an encrypted key of the CA', () => {
  it('takes the password from its variable, and says so where there is none', async () => {
    const { certs, path } = workplace();
    await certs(['ca', '--key', 'ec-p256', '--encrypt'], { env });
    expect(readFileSync(path('certs/mcp/ca/ca.key'), 'utf8')).toContain('ENCRYPTED');
    expect((await certs(['all', '--key', 'ec-p256'], { env })).status).toBe(0);
    expect((await certs(['revoke', 'example-plugin-a'], { env })).status).toBe(0);
    const { status, err } = await certs(['renew', '--force']);
    expect(status).toBe(3);
    expect(err).toContain('error SALLY_CA_UNUSABLE');
    expect(err).toContain('MCP_CERT_CA_PASSWORD');
    expect((await certs(['renew', '--force'], { env })).status).toBe(0);
    expect((await certs(['check'])).out).toContain('was revoked on');
  });

  judgedBy('python3')('asks for it on a terminal, twice for a new one, and shows nothing of it', async () => {
    const { cwd, certs, path } = workplace();
    const made = onTerminal(cwd, ['ca', '--key', 'ec-p256', '--encrypt'], ['tr0ub4dor', 'tr0ub4dor']);
    expect(readFileSync(path('certs/mcp/ca/ca.key'), 'utf8')).toContain('ENCRYPTED');
    const shown = onTerminal(cwd, ['gateway', '--key', 'ec-p256'], ['tr0ub4dor']);
    for (const text of [made, shown]) expect(text).not.toContain('tr0ub4dor');
    expect((await certs(['check'])).status).toBe(0);
    expect(() => onTerminal(workplace().cwd, ['ca', '--encrypt'], ['a', 'b'])).toThrow();
  });
});
