import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { workplace } from './run.js';

const all = ['all', '--key', 'ec-p256'];

describe('sallyport certs check', () => {
  it('[C7] prints the end, the remaining days and a verdict of each, in columns', async () => {
    const { certs, path } = workplace();
    await certs(all);
    const { status, out, err } = await certs(['check']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const { validTo } = new X509Certificate(readFileSync(path('certs/mcp/ca/ca.crt')));
    expect(out).toBe(
      [
        'Expiry of the certificates in certs/mcp',
        '',
        'CA Certificate:',
        `   Expires:           ${validTo}  824 days left  ok`,
        '',
        'Gateway Client Certificate:',
        `   Expires:           ${validTo}  824 days left  ok`,
        '',
        'Plugin Certificates:',
        `   example-plugin-a:  ${validTo}  824 days left  ok`,
        `   example-plugin-b:  ${validTo}  824 days left  ok`,
        '',
        'note: whoever reads certs/mcp/ca/ca.key can make a gateway and any plugin, and',
        '  no server needs it: on a machine that runs one, move it away until the next',
        '  certificate is to be made',
        '',
        'all is well: the first of 4 ends in 824 days',
        '',
      ].join('\n'),
    );
  });

  it('[C7] says first and last what is wrong, has one line for many that are well, and fits the width', async () => {
    const { certs, path } = workplace();
    const names = Array.from({ length: 7 }, (_, i) => `a-plugin-with-a-rather-long-name-${i}`);
    const mcp = { proto: 'STREAMABLEHTTP', url: 'https://localhost:8000/mcp' };
    writeFileSync(
      path('p.yaml'),
      JSON.stringify({ plugins: names.map((name) => ({ name, kind: 'external', mcp })) }),
    );
    const dir = path('certs');
    await certs([...all, '--config', 'p.yaml', '--dir', dir]);
    rmSync(path('certs/plugins', names[3] ?? '', 'server.key'));
    const { status, out } = await certs(['check', '--dir', dir]);
    expect(status).toBe(3);
    const remedy = `→ sallyport certs renew ${names[3]}`;
    const paragraphs = out.trimEnd().split('\n\n');
    expect(paragraphs[1]).toMatch(
      /^fail {5}plugins\/a-plugin-with-a-rather-long-name-3\/server.key is missing/,
    );
    expect([paragraphs[1], paragraphs.at(-1)].map((text) => text?.includes(remedy))).toEqual([true, true]);
    expect(paragraphs.at(-1)).toMatch(/^1 to mend: 8 of 9 certificates are well; first:\n/);
    expect(out).toMatch(/^ {3}6 that are well, the first: +\w+ +\d+ \d{4} {2}824 days left {2}ok$/m);
    expect(out.match(/^ {3}a-plugin/gm)).toHaveLength(1);
    for (const line of out.split('\n'))
      if (!line.includes(path('')) && !line.startsWith('note')) expect(line.length).toBeLessThanOrEqual(80);
    const { out: whole } = await certs(['check', '--dir', dir, '--verbose']);
    expect(whole.match(/^ {3}a-plugin/gm)).toHaveLength(7);
  });

  it('[C7] status 1 within --warn-days of an end, with what to run', async () => {
    const { certs } = workplace();
    await certs(['ca', ...all.slice(1)]);
    await certs([...all, '--days', '20']);
    const { status, out } = await certs(['check']);
    expect(status).toBe(1);
    expect(out).toContain('19 days left   expires soon');
    expect(out).toContain('→ sallyport certs renew gateway --force');
    expect((await certs(['check', '--warn-days', '10'])).status).toBe(0);
  });

  it('[C7] a leaf that ends with its CA is not to be renewed without it', async () => {
    const { certs } = workplace();
    await certs(['ca', '--key', 'ec-p256', '--days', '20']);
    await certs([...all, '--days', '20']);
    const { out } = await certs(['check']);
    expect(out.match(/→ (it ends with its CA: )?sallyport certs ca-rotate prepare\n/g)).toHaveLength(5);
  });

  it('[C7] status 3 where a certificate is broken, the others are still shown', async () => {
    const { certs, path } = workplace();
    await certs(all);
    writeFileSync(path('certs/mcp/plugins/example-plugin-a/server.crt'), 'broken');
    const { status, out } = await certs(['check']);
    expect(status).toBe(3);
    expect(out).toMatch(/example-plugin-a: {2}- +- +unreadable\n {3}example-plugin-b: .* ok\n/);
    expect(out.replaceAll(/ \\\n +/g, ' ')).toContain('&& sallyport certs plugin example-plugin-a\n');
  });

  it('[C7] status 3 where there are none, with the command that makes them', async () => {
    const { status, err } = await workplace().certs(['check']);
    expect(status).toBe(3);
    expect(err).toBe(
      'error SALLY_CERTS_MISSING\n  there are no certificates in certs/mcp\n  → sallyport certs all\n',
    );
  });

  it('[C7] status 3 without the CA', async () => {
    const { certs, path } = workplace();
    await certs(all);
    rmSync(path('certs/mcp/ca'), { recursive: true });
    const { status, out } = await certs(['check']);
    expect(status).toBe(3);
    expect(out).toContain('missing');
  });

  it('[C7] --json is one object, with dates a script can read', async () => {
    const { certs } = workplace();
    await certs(['ca', ...all.slice(1), '--dir', 'c d']);
    await certs([...all, '--dir', 'c d', '--days', '5']);
    const { status, out } = await certs(['check', '--dir', 'c d', '--json']);
    const report = JSON.parse(out);
    expect(status).toBe(1);
    expect(report).toMatchObject({ dir: 'c d', status: 1 });
    expect(report.entries[3]).toMatchObject({
      role: 'plugin',
      name: 'example-plugin-b',
      path: 'c d/plugins/example-plugin-b/server.crt',
      daysLeft: 4,
      verdict: 'expires soon',
      remedy: "sallyport certs renew example-plugin-b --force --dir 'c d'",
    });
    expect(new Date(report.entries[3].notAfter).toISOString()).toBe(report.entries[3].notAfter);
    expect(JSON.parse((await certs(['check', '--dir', 'none', '--json'])).out)).toEqual({
      dir: 'none',
      entries: [],
      notes: [],
      status: 3,
    });
  });
});
