import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { opensslVerify } from '../../pki/folders.js';
import { judgedBy } from '../../support/judges.js';
import { patience } from '../../support/patience.js';
import { workplace } from './run.js';

const all = ['all', '--key', 'ec-p256'];

async function certificates(days = '90') {
  const place = workplace();
  await place.certs(['ca', '--key', 'ec-p256', '--days', '1000']);
  await place.certs([...all, '--days', days]);
  return place;
}

describe('sallyport certs renew', () => {
  it('prints what became of each, in columns, and when it is due', async () => {
    const { certs } = await certificates();
    const { status, out, err } = await certs(['renew']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out.replaceAll(/ \d{4} GMT|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d/g, '#')).toBe(
      [
        '  kept     gateway                  certs/mcp/gateway                   ends ##, due ##',
        '  kept     plugin example-plugin-a  certs/mcp/plugins/example-plugin-a  ends ##, due ##',
        '  kept     plugin example-plugin-b  certs/mcp/plugins/example-plugin-b  ends ##, due ##',
        '',
      ].join('\n'),
    );
    expect((await certs(['renew', 'gateway', '--force'])).out).toMatch(/^ {2}renewed {2}gateway {2}/);
  });

  it('--json is one object; what cannot be renewed is status 3 and says why', async () => {
    const { certs, path } = await certificates();
    writeFileSync(path('certs/mcp/gateway/client.crt'), 'broken');
    const { status, out } = await certs(['renew', '--force', '--json']);
    expect(status).toBe(3);
    const { results } = JSON.parse(out);
    expect(results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      'failed',
      'renewed',
      'renewed',
    ]);
    expect(results[0].notes.join()).toContain('not a certificate');
  });

  it('--exec runs after a renewal, by the shell, and only then; its failure is an error', async () => {
    const { certs, path } = await certificates();
    await certs(['renew', '--exec', 'touch early']);
    expect(existsSync(path('early'))).toBe(false);
    await certs(['renew', '--force', '--exec', 'echo "a  b" > late && echo done']);
    expect(readFileSync(path('late'), 'utf8')).toBe('a  b\n');
    const { status, err } = await certs(['renew', '--force', '--exec', 'exit 7']);
    expect(status).toBe(3);
    expect(err).toContain('error SALLY_CERT_EXEC\n');
    expect(err).toContain('exit status 7');
  });

  it('without the key of the CA: says so, and changes nothing', async () => {
    const { certs, path } = await certificates();
    rmSync(path('certs/mcp/ca/ca.key'));
    expect((await certs(['renew'])).status).toBe(0);
    const { status, err } = await certs(['renew', '--force']);
    expect(status).toBe(3);
    expect(err).toContain('put certs/mcp/ca/ca.key back');
  });

  it('--daemon renews what is due, runs the command though it failed once, and ends on SIGTERM', async () => {
    const { certs, path } = await certificates();
    const before = readFileSync(path('certs/mcp/gateway/client.crt'), 'utf8');
    const { status, err } = await certs(['renew', '--force', '--daemon', '--exec', 'echo ran; exit 1'], {
      killWhen: (_, logged) => logged.includes('"waiting"'),
      signal: 'SIGTERM',
      env: { LOG_LEVEL: 'DEBUG' },
    });
    expect(status).toBe(0);
    const logged = err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(logged).toContainEqual(
      expect.objectContaining({ certificate: 'gateway', notAfter: expect.any(String) }),
    );
    expect(logged).toContainEqual(expect.objectContaining({ code: 'SALLY_CERT_EXEC' }));
    expect(logged.at(-1)).toMatchObject({ msg: 'stopped' });
    expect(readFileSync(path('certs/mcp/gateway/client.crt'), 'utf8')).not.toBe(before);
  });

  it('--daemon goes on where a look fails', async () => {
    const { certs, path } = await certificates();
    rmSync(path('certs/mcp/ca/ca.key'));
    const { status, err } = await certs(['renew', '--force', '--daemon'], {
      killWhen: (_, logged) => logged.includes('"waiting"'),
      signal: 'SIGINT',
      env: { LOG_LEVEL: 'DEBUG' },
    });
    expect(status).toBe(0);
    expect(err).toContain('SALLY_CA_UNUSABLE');
  });

  judgedBy('openssl')(
    'killed at any moment, the next run leaves pairs that match',
    { timeout: patience(60_000) },
    async () => {
      const { certs, path } = await certificates();
      const gateway = path('certs/mcp/gateway');
      const staged = (name: string) => () => existsSync(`${gateway}/.${name}.next`);
      for (const moment of ['client.key', 'client.crt', 'client.pem']) {
        await certs(['renew', '--force'], { killWhen: staged(moment) });
        const { status, err } = await certs(all);
        expect({ status, err }).toEqual({ status: 0, err: '' });
        expect((await certs(['check', '--json'])).status).toBe(0);
        expect(readdirSync(gateway)).toHaveLength(4);
        expect(opensslVerify(path('certs/mcp/ca/ca.crt'), `${gateway}/client.crt`, 'sslclient')).toBe('OK');
      }
    },
  );
});

describe('sallyport certs needs-renewal', () => {
  it('status 0 due, 1 not due, 2 missing, 3 unreadable', async () => {
    const { certs, path } = await certificates();
    const file = 'certs/mcp/gateway/client.crt';
    expect(await certs(['needs-renewal', file])).toMatchObject({
      status: 1,
      out: expect.stringContaining(`${file} is due for renewal from `),
    });
    expect((await certs(['needs-renewal', 'gateway', '--expires-in', '90d'])).status).toBe(0);
    expect((await certs(['needs-renewal', 'nobody.crt'])).status).toBe(2);
    writeFileSync(path(file), 'x');
    expect((await certs(['needs-renewal', file])).status).toBe(3);
  });

  it('a wrong use has the status of a missing certificate, and cannot be taken for it', async () => {
    const { certs } = await certificates();
    const json = async (...args: string[]) => {
      const { out } = await certs(['needs-renewal', ...args, '--json']);
      return out === '' ? undefined : JSON.parse(out).status;
    };
    expect(await json('gateway', '--expires-in', '90d')).toBe('due');
    expect(await json('gateway')).toBe('not due');
    expect(await json('nobody.crt')).toBe('missing');
    expect(await json('certs/mcp')).toBe('unreadable');
    expect(await json('gateway', '--expires-in', 'soon')).toBeUndefined();

    expect(await certs(['needs-renewal', 'nobody.crt'])).toMatchObject({
      status: 2,
      out: '',
      err: 'missing: nobody.crt is not there\n  → give a file, or a name that this shows: sallyport certs check\n',
    });
    expect(await certs(['needs-renewal', 'certs/mcp', '--dir', 'certs'])).toMatchObject({
      status: 3,
      out: '',
      err: 'unreadable: certs/mcp cannot be read: it is a folder\n  → give a file, or a name that this shows: sallyport certs check --dir certs\n',
    });
    expect(await certs(['needs-renewal', 'nobody.crt', '--expires', '1d'])).toMatchObject({
      status: 2,
      out: '',
      err: expect.stringMatching(/^error SALLY_USAGE\n/),
    });
  });

  it('--daemon runs the command when it is due', async () => {
    const { certs, path } = await certificates();
    const { status } = await certs(
      ['needs-renewal', 'gateway', '--expires-in', '90d', '--daemon', '--exec', 'touch due'],
      { killWhen: () => existsSync(path('due')), signal: 'SIGTERM' },
    );
    expect(status).toBe(0);
  });
});

describe('sallyport certs ca-rotate', () => {
  it('walks through the steps, and each tells the next', async () => {
    const { certs } = await certificates();
    expect((await certs(['ca-rotate'])).out).toMatch(
      /one CA, and no other[\s\S]*Next: sallyport certs ca-rotate prepare\n/,
    );
    const prepared = await certs(['ca-rotate', 'prepare']);
    expect(prepared.out).toContain('prepare is done: ');
    expect(prepared.out).toContain(
      [
        '  folder                              ca.crt has  certificate of  ca.crl',
        '  certs/mcp/gateway                   both        old             current',
        '  certs/mcp/plugins/example-plugin-a  both        old             current',
        '  certs/mcp/plugins/example-plugin-b  both        old             current',
        '',
        'Next: once every host has its folder as it is now: sallyport certs ca-rotate activate',
      ].join('\n'),
    );
    const refused = await certs(['ca-rotate', 'retire']);
    expect(refused).toMatchObject({ status: 1, out: '' });
    expect(refused.err).toMatch(/^error SALLY_CA_ROTATE\n[\s\S]*→ sallyport certs ca-rotate activate\n$/);
    const activated = JSON.parse((await certs(['ca-rotate', 'activate', '--json'])).out);
    expect(activated.status).toMatchObject({ phase: 'activated', next: 'sallyport certs ca-rotate retire' });
    expect((await certs(['check'])).out).toContain(
      'note: the CA is being replaced: sallyport certs ca-rotate status',
    );
    expect((await certs(['ca-rotate', 'retire'])).status).toBe(0);
    expect((await certs(['check'])).status).toBe(0);
  });

  it('killed at any moment, the same step goes on', { timeout: patience(90_000) }, async () => {
    const { certs, path } = await certificates();
    const ca = (name: string) => () => existsSync(path('certs/mcp/ca', name));
    const gone = (name: string) => () => !existsSync(path('certs/mcp/ca', name));
    for (const [step, killWhen] of [
      ['prepare', ca('next/ca.key')],
      ['prepare', ca('next/ca.crt')],
      ['activate', ca('previous/ca.key')],
      ['activate', gone('next/ca.crt')],
      ['undo', ca('next/ca.key')],
      ['activate', ca('previous/ca.crt')],
      ['retire', gone('previous/ca.crt')],
    ] as const) {
      await certs(['ca-rotate', step], { killWhen });
      const { status, err } = await certs(all);
      expect([step, status, err]).toEqual([step, 0, '']);
      const { out } = await certs(['ca-rotate', 'status', '--json']);
      if (JSON.parse(out).phase !== 'none' || step !== 'retire')
        expect((await certs(['ca-rotate', step])).status).toBe(0);
    }
    expect((await certs(['check'])).status).toBe(0);
    // Whatever a killed run may have left is gone after the next one.
    await certs(['renew']);
    expect(readdirSync(path('certs/mcp/ca')).sort()).toEqual(['ca.crt', 'ca.key']);
  });
});

describe('a host that has but the folder of its plugin', () => {
  it('is sent to the CA, and never told to make another', async () => {
    const { certs, path } = await certificates();
    for (const gone of ['ca', 'gateway', 'plugins/example-plugin-b', 'issued.jsonl'])
      rmSync(path('certs/mcp', gone), { recursive: true });
    for (const command of [
      ['renew', '--force'],
      ['crl'],
      ['revoke', 'example-plugin-a'],
      ['ca-rotate'],
      ['ca'],
      ['gateway'],
      ['plugin', 'example-plugin-a'],
      ['plugin', 'another'],
      ['all'],
    ]) {
      const { status, out, err } = await certs(command);
      expect([command, status, out]).toEqual([command, 3, '']);
      expect(err).toMatch(
        /^error SALLY_CA_ELSEWHERE\n[\s\S]* {2}→ put the folder of the CA back .*, or run it where certs\/mcp\/ca\/ca.crt is, /,
      );
    }
    const check = await certs(['check']);
    expect(check.status).toBe(0);
    expect(check.out).toContain('note: the CA is elsewhere: ');
    expect(check.out).toContain('Gateway Client Certificate:\n   none on this host\n');
    expect(check.out).not.toContain('→');
    expect((await certs(['needs-renewal', 'example-plugin-a'])).status).toBe(1);
    expect(readdirSync(path('certs/mcp'))).toEqual(['plugins']);
  });
});

describe('sallyport certs revoke and crl', () => {
  it('say what was revoked, until when the list is good, and where it was copied to', async () => {
    const { certs } = await certificates();
    const { status, out } = await certs(['revoke', 'example-plugin-a', '--reason', 'keycompromise']);
    expect(status).toBe(0);
    expect(out).toMatch(/^revoked example-plugin-a, serial number [0-9A-F]+ \(keyCompromise\)\n/);
    expect(out).toMatch(/CN=Sallyport MCP CA, O=Sallyport {2}number 1 {2}1 revoked {2}ends /);
    expect(out).toContain('  copied to certs/mcp/gateway/ca.crl\n');
    const again = await certs(['revoke'], { env: { PLUGIN_NAME: 'example-plugin-a' } });
    expect(again.status).toBe(1);
    expect(again.err).toContain('error SALLY_CERT_ALREADY_REVOKED\n');
    expect((await certs(['crl'])).out).toContain('certs/mcp/ca/ca.crl, as it was\n');
    expect(JSON.parse((await certs(['crl', '--force', '--json'])).out).lists).toMatchObject([
      { number: '2' },
    ]);
    const check = await certs(['check']);
    expect(check.status).toBe(3);
    expect(check.out).toContain('Revocation Lists:\n   CN=Sallyport MCP CA, O=Sallyport:  ');
    expect(check.out).toContain('→ sallyport certs renew example-plugin-a --force\n');
  });

  it('the list is renewed with the certificates', async () => {
    const { certs } = await certificates();
    await certs(['crl', '--days', '1']);
    expect((await certs(['renew'])).out).not.toContain('ca.crl');
    const { out } = await certs(['renew', '--json']);
    expect(JSON.parse(out).crl.lists).toHaveLength(1);
  });
});

judgedBy('openssl')('certs plugin --csr signs what was made elsewhere, and puts no key there', async () => {
  const { cwd, certs, path } = await certificates();
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const request = ['-new', ...key, '-subj', '/CN=Far', '-keyout', 'far.key', '-out', 'far.csr'];
  execFileSync('openssl', ['req', ...request], { cwd, stdio: 'pipe' });
  const { status, out } = await certs(['plugin', '--csr', 'far.csr']);
  expect(status).toBe(0);
  expect(out).toMatch(/made {6}plugin Far {2}certs\/mcp\/plugins\/Far {2}server.csr server.crt ca.crt\n/);
  expect(readdirSync(path('certs/mcp/plugins/Far')).sort()).toEqual(['ca.crt', 'server.crt', 'server.csr']);
  expect((await certs(['check'])).status).toBe(0);
  const missing = await certs(['plugin', '--csr', 'none.csr']);
  expect(missing.status).toBe(3);
  expect(missing.err).toContain('cannot read the request none.csr: no such file');
});

describe('sallyport certs renew, where the CA ends before a leaf should', () => {
  const short = async () => {
    const place = workplace();
    await place.certs(['ca', '--key', 'ec-p256', '--days', '30']);
    await place.certs([...all, '--days', '30']);
    return place;
  };

  it('exits 1 and names what replaces the CA; after that it is done with 0', async () => {
    const { certs } = await short();
    const { status, out } = await certs(['renew', '--expires-in', '30d']);
    expect(status).toBe(1);
    expect(out).toContain('sallyport certs ca-rotate prepare');
    for (const step of ['prepare', 'activate']) await certs(['ca-rotate', step]);
    expect((await certs(['ca-rotate', 'retire'])).out).toMatch(/\nNext: sallyport certs check\n$/);
    expect((await certs(['renew', '--expires-in', '20d'])).status).toBe(0);
    expect((await certs(['check', '--warn-days', '1'])).status).toBe(0);
  });

  it('--daemon logs an error', async () => {
    const { certs } = await short();
    const { err } = await certs(['renew', '--expires-in', '30d', '--daemon'], {
      killWhen: (_, err) => err.includes('"waiting"') || err.includes('ca-rotate'),
    });
    expect(err).toMatch(/"level":"?(50|error)"?.*ca-rotate prepare/);
  });
});

describe('sallyport certs renew --rotate-ca', () => {
  it('replaces a CA that ends, a step with each run once the wait is over, and runs --exec after each', async () => {
    const { certs, path } = workplace();
    await certs(['ca', '--key', 'ec-p256', '--days', '30']);
    await certs([...all, '--days', '30']);
    const rotate = ['renew', '--rotate-ca', '--rotate-wait', '0s', '--exec', 'echo >> runs'];
    expect((await certs(rotate)).out).not.toContain('is done');
    await certs(['ca-rotate', 'prepare']);
    expect((await certs(rotate)).out).toContain('rotated  the CA: activate is done\n');
    expect((await certs([...rotate, '--json'])).out).toContain('"step": "retire"');
    expect((await certs(['ca-rotate', 'status'])).out).toContain('one CA, and no other under way');
    expect(readFileSync(path('runs'), 'utf8')).toBe('\n\n');
  });

  it('waits a week unless told otherwise, and --rotate-wait is a time', async () => {
    const { certs } = await certificates();
    await certs(['ca-rotate', 'prepare']);
    const { status, out } = await certs(['renew', '--rotate-ca', '--json']);
    expect(status).toBe(0);
    const { rotation } = JSON.parse(out);
    expect(Math.round((Date.parse(rotation.dueAt) - Date.now()) / 8_640_000)).toBe(70);
    for (const wrong of [
      ['--rotate-ca', '--rotate-wait', '7'],
      ['--rotate-wait', '7d'],
    ])
      expect((await certs(['renew', ...wrong])).status).toBe(2);
  });

  it('--daemon takes all three steps by itself', async () => {
    const { certs } = await certificates();
    await certs(['ca-rotate', 'prepare']);
    const { err } = await certs(['renew', '--daemon', '--rotate-ca', '--rotate-wait', '0s'], {
      killWhen: (_, err) => err.includes('activate of the new CA is done'),
    });
    expect(err).toContain('activate of the new CA is done');
    expect((await certs(['ca-rotate', 'status'])).out).toContain('the new CA issues');
  });
});
