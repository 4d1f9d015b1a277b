import { describe, expect, it } from 'vitest';
import { snapshot } from '../../pki/folders.js';
import { workplace } from './run.js';

describe('wrong use of sallyport certs', () => {
  it.each<[string, string[], Record<string, string>]>([
    ['SALLY_CERT_PLUGIN_NAME', ['plugin', '../evil'], {}],
    ['SALLY_CERT_PLUGIN_NAME', ['plugin', 'x'.repeat(53)], {}],
    ['SALLY_CERT_PLUGIN_NAME', ['plugin'], { PLUGIN_NAME: '/etc/x' }],
    ['SALLY_CERT_DAYS', ['ca', '--days', '0'], {}],
    ['SALLY_CERT_DAYS', ['all', '--days', '-5'], {}],
    ['SALLY_CERT_DAYS', ['all'], { MCP_CERT_DAYS: '1e3' }],
    ['SALLY_CERT_DAYS', ['check', '--warn-days', 'soon'], {}],
    ['SALLY_CERT_SANS', ['plugin', 'One'], { MCP_CERT_SANS: 'localhost' }],
    ['SALLY_CERT_KEY_TYPE', ['ca'], { MCP_CERT_KEY: 'rsa-1024' }],
    ['SALLY_CERT_TRUST_DOMAIN', ['gateway', '--trust-domain', 'No'], {}],
    ['SALLY_CERT_EXPIRES_IN', ['renew', '--expires-in', 'soon'], {}],
    ['SALLY_CERT_EXPIRES_IN', ['needs-renewal', 'gateway', '--expires-in', '101%'], {}],
    ['SALLY_CERT_DAYS', ['renew'], { MCP_CERT_DAYS: 'x' }],
    ['SALLY_CERT_DAYS', ['revoke', 'One', '--days', '0'], {}],
    ['SALLY_CERT_REASON', ['revoke', 'One', '--reason', 'stolen'], {}],
    ['SALLY_USAGE', ['renew', 'One', '--all'], {}],
    ['SALLY_USAGE', ['revoke'], {}],
    ['SALLY_USAGE', ['needs-renewal'], {}],
    ['SALLY_USAGE', ['ca-rotate', 'forward'], {}],
    ['SALLY_USAGE', ['crl', 'One'], {}],
    ['SALLY_USAGE', ['plugin'], {}],
    ['SALLY_USAGE', ['plugin', ''], { PLUGIN_NAME: '' }],
    ['SALLY_USAGE', ['al'], {}],
    ['SALLY_USAGE', [], {}],
    ['SALLY_USAGE', ['all', '--day', '5'], {}],
  ])('[C9] %s for %j with %j: status 2, no stack trace, no trace on the disk', async (code, args, env) => {
    const { cwd, certs } = workplace();
    const { status, out, err } = await certs(args, { env });
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(new RegExp(`^error ${code}\\n {2}.+\\n {2}→ .+`));
    expect(err).not.toMatch(/\n\s+at /);
    expect(snapshot(cwd)).toEqual({});
  });

  it('[C6] a plugin without a name is told how to give one', async () => {
    const { err } = await workplace().certs(['plugin']);
    expect(err).toContain('sallyport certs plugin NAME');
  });

  it.each([
    'ca',
    'gateway',
    'plugin',
    'all',
    'check',
    'renew',
    'needs-renewal',
    'ca-rotate',
    'revoke',
    'crl',
  ])('certs %s --help has an example', async (command) => {
    const { status, out } = await workplace().certs([command, '--help']);
    expect(status).toBe(0);
    expect(out).toMatch(new RegExp(`Example:\\n {2}sallyport certs ${command}`));
  });
});
