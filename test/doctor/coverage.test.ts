import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checks, groups } from '../../src/doctor/index.js';
import { errorDefinitions } from '../../src/errors.js';

/** What the guide has in its sections on troubleshooting, hardening and validation, in our own words. */
const guide = {
  'Connection refused': [
    'server running: lsof',
    'server logs for startup errors',
    'bound to the right interface',
    'health server on port + 1000',
  ],
  'Certificate verification failed': [
    'CA bundle matches on both sides',
    'certificate paths are correct',
    'certificates have not expired',
  ],
  'Host name verification failed': ['host name verification failed'],
  Hardening: [
    'certificate verification on',
    'dedicated CA',
    'certificate rotation',
    'key protection: mode 600',
    'TLS version enforced',
    'health endpoint on localhost',
    'debug logs for handshakes',
    'insecure mode off',
    'configuration validation: fail fast',
  ],
  Checklist: [
    'certificates generated',
    'expiration dates checked',
    'key protection: mode 600',
    'host name verification on',
    'health endpoint on localhost',
    'ssl_cert_reqs 2',
    'debug logs for handshakes',
    'plan rotation',
  ],
  Validation: [
    'expiration dates checked',
    'key permissions listed',
    'certificate verification tested',
    'TLS version enforced',
    'host name verification tested',
    'tested without client certificate',
  ],
} as const;

/** The codes of the registry that stand below a heading of src/errors.ts. */
function codesBelow(heading: string): readonly string[] {
  const source = readFileSync(new URL('../../src/errors.ts', import.meta.url), 'utf8');
  const section = source.split('// ─── ').find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/define\w+(?:<[^(]*>)?\(\s*'(SALLY_\w+)'/g)].map(([, code = '']) => code);
}

const covered = new Set(checks.flatMap(({ codes }) => codes));
const answered = new Set(checks.flatMap((check) => check.guide ?? []));

describe('[O2] the table of checks', () => {
  it.for(Object.entries(guide))('has every entry of the guide: %s', ([, entries]) => {
    for (const entry of entries) expect(answered, entry).toContain(entry);
  });

  it('has every error of credentials and handshakes', () => {
    const codes = codesBelow('Credentials and handshakes (tls/)');
    expect(codes.length).toBeGreaterThan(38);
    expect(codes.filter((code) => !covered.has(code))).toEqual([]);
  });

  it('has every error of the way to a server over the network', () => {
    const codes = codesBelow('The way to a plugin server (external/)');
    expect(codes.filter((code) => !covered.has(code) && !code.includes('_CHILD_'))).toEqual([]);
  });

  it('names only codes that the registry has', () => {
    const known = new Set(errorDefinitions().map(({ code }) => code));
    expect([...covered].filter((code) => !known.has(code))).toEqual([]);
  });

  it('has each id once, and a check for every group', () => {
    const ids = checks.map(({ id }) => id);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
    expect(groups.filter((group) => !checks.some((one) => one.group === group))).toEqual([]);
  });
});
