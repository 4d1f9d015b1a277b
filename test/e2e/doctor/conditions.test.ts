import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { everything, plugin } from '../../support/gateway-run.js';
import { writeConfig } from '../../support/plugin-server.js';

/** What the doctor says of a gateway whose plugin runs for these tools. */
async function doctor(tools: readonly string[], upstreams: object = { one: everything }) {
  const path = await writeConfig({
    plugins: [plugin('rewriter.mjs', { name: 'Rewriter', conditions: [{ tools }] })],
    gateway: { upstreams },
  });
  const { stdout, status } = await sallyport(['doctor', path, '--json', '--timeout', '30']);
  const { checks } = JSON.parse(stdout) as {
    checks: { id: string; status: string; cause?: string; remedy?: string }[];
  };
  return { status, found: checks.filter(({ id }) => id === 'conditions-met') };
}

describe('conditions of plugins', () => {
  it('[G6] that no call can meet are warned of, with what was meant', async () => {
    const { status, found } = await doctor(['ehco', 'echo', 'one__echo']);
    expect({ status, found }).toMatchObject({
      status: 0,
      found: [{ status: 'warn', remedy: 'did you mean echo?', cause: expect.stringContaining('ehco') }],
    });
  });

  it('[G6] are well where the upstreams have all of their names', async () => {
    expect((await doctor(['echo'])).found).toMatchObject([{ status: 'ok' }]);
  });

  it('[G6] are not judged where an upstream does not say what it has', async () => {
    const away = { command: process.execPath, args: ['-e', 'process.exit(1)'] };
    expect((await doctor(['ehco'], { one: everything, away })).found).toMatchObject([{ status: 'ok' }]);
  });
});
