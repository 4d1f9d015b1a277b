import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHostGuard } from '../../src/http/index.js';
import { hostName } from '../../src/http/request-head.js';

const asked = (host: string | undefined, localAddress?: string) => ({
  headers: { host },
  socket: { localAddress } as Socket,
});
const answer = (bound: string, host: string | undefined, allowedHosts: string[], localAddress?: string) =>
  createHostGuard({ host: bound, allowedHosts, trusted: false })(asked(host, localAddress));
const status = (bound: string, host: string | undefined, ...hosts: string[]) =>
  answer(bound, host, hosts)?.[0];

describe('the Host of a request, on an address that others reach', () => {
  it.each([
    ['gateway.example.org'],
    ['GATEWAY.example.org:4444'],
    ['gateway.example.org.'],
    ['10.0.0.5:4444'],
    ['localhost:4444'],
    ['127.0.0.1'],
  ])('%s is one of those that are allowed, its own address, or of this machine', (host) => {
    expect(status('10.0.0.5', host, 'gateway.example.org')).toBeUndefined();
  });

  it.each([['evil.example'], ['gateway.example.org.evil.example:4444'], ['10.0.0.6'], [''], [undefined]])(
    'allowed_hosts, where given, does not let %s in',
    (host) => {
      expect(status('10.0.0.5', host, 'gateway.example.org')).toBe(421);
      expect(status('0.0.0.0', host, 'gateway.example.org')).toBe(421);
    },
  );

  it('an allowed host with a port stands for that port only', () => {
    expect(status('0.0.0.0', 'gateway.example.org:4444', 'gateway.example.org:4444')).toBeUndefined();
    expect(status('0.0.0.0', 'gateway.example.org:4445', 'gateway.example.org:4444')).toBe(421);
  });

  it('says what it answers to', () => {
    const [, text] = answer('0.0.0.0', 'evil.example', ['gateway.example.org']) ?? [];
    expect(text).toContain("not to 'evil.example'");
    expect(text).toContain('allowed_hosts');
    expect(answer('127.0.0.1', 'evil.example', [])?.[1]).not.toContain('allowed_hosts');
  });

  it('without allowed_hosts any name will do, for nobody said what it is called', () => {
    expect(status('0.0.0.0', 'gateway.internal')).toBeUndefined();
  });

  it('an address of version 6 is its own name', () => {
    expect(status('fd00::5', '[fd00::5]:4444', 'gateway.example.org')).toBeUndefined();
    expect(status('fd00::5', 'evil.example', 'gateway.example.org')).toBe(421);
  });

  it.each([
    ['10.0.0.5:5444', '10.0.0.5'],
    ['10.0.0.5', '::ffff:10.0.0.5'],
    ['[fd00::5]:5444', 'fd00::5'],
    ['[FD00:0::5]', 'fd00::5'],
    ['[fe80::1]', 'fe80::1%eth0'],
  ])('%s is the address at which a connection arrived, %s: a probe by the IP of a pod', (host, local) => {
    expect(answer('0.0.0.0', host, ['gateway'], local)).toBeUndefined();
  });

  it.each([
    ['10.0.0.5', '10.0.0.6'],
    ['10.0.0.5.evil.example', '10.0.0.5'],
    ['[fd00::5]', 'fd00::6'],
    ['10.0.0.5', undefined],
  ])('%s is not where a connection to %s arrived', (host, local) => {
    expect(answer('0.0.0.0', host, ['gateway'], local)?.[0]).toBe(421);
  });

  it('nobody is asked for a name who had to show a certificate', () => {
    expect(createHostGuard({ host: '127.0.0.1', trusted: true })(asked('evil.example'))).toBeUndefined();
  });
});

describe('a host and its port', () => {
  it.each([
    ['localhost', 'localhost'],
    ['LOCALHOST:4444', 'localhost'],
    ['gateway.example.org.', 'gateway.example.org'],
    ['my_service:80', 'my_service'],
    ['host:', 'host'],
    ['10.0.0.5:65535', '10.0.0.5'],
    ['[::1]:4444', '[::1]'],
    ['[FD00::0:5]', '[fd00::5]'],
  ])('%s is that of %s', (text, name) => {
    expect(hostName(text)).toBe(name);
  });

  it.each([
    [''],
    ['a b'],
    ['a, b'],
    ['a,b'],
    ['[::'],
    ['[::1'],
    ['::1'],
    ['%00'],
    ['%6cocalhost'],
    ['user@localhost'],
    ['user:pass@localhost'],
    ['localhost/mcp'],
    ['localhost?x'],
    ['localhost#x'],
    ['evil.example\\@localhost'],
    ['localhost:65536'],
    ['localhost:4444:1'],
    ['localhost:x'],
    ['localhost:-1'],
    ['[fe80::1%25eth0]'],
    ['[fe80::1%eth0]'],
    ['1.2.3.256'],
    ['.'],
    [':4444'],
    ['http://localhost'],
    ['höst'],
  ])('%s is none', (text) => {
    expect(hostName(text)).toBeUndefined();
  });

  it('whatever is one stands in a URL as it is', () => {
    const part = fc.constantFrom(...'aZ09.-_~:[]%@/?#\\, \t,é', '::1', '127.0.0.1', ':80', 'localhost');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const text = parts.join('');
        const name = hostName(text);
        if (name === undefined) return;
        const url = new URL(`http://${text}/mcp?x`);
        expect([url.hostname.replace(/\.$/, ''), url.pathname, url.search, url.username]).toEqual([
          name,
          '/mcp',
          '?x',
          '',
        ]);
      }),
      { numRuns: 2_000 },
    );
  });
});
