import { describe, expect, it } from 'vitest';
import { rebindingRefusal } from '../../src/http/index.js';

const asked = (host: string | undefined) => ({ headers: { host } });
const also = (...hosts: string[]) => ({ hosts, origins: [] });
const status = (bound: string, host: string | undefined, ...hosts: string[]) =>
  rebindingRefusal(asked(host), bound, also(...hosts))?.[0];

describe('the Host of a request, on an address that others reach', () => {
  it.each([
    ['gateway.example.org'],
    ['GATEWAY.example.org:4444'],
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
    const [, text] = rebindingRefusal(asked('evil.example'), '0.0.0.0', also('gateway.example.org')) ?? [];
    expect(text).toContain("not to 'evil.example'");
    expect(text).toContain('allowed_hosts');
  });

  it('without allowed_hosts any name will do, for nobody said what it is called', () => {
    expect(status('0.0.0.0', 'gateway.internal')).toBeUndefined();
  });

  it('an address of version 6 is its own name', () => {
    expect(status('fd00::5', '[fd00::5]:4444', 'gateway.example.org')).toBeUndefined();
    expect(status('fd00::5', 'evil.example', 'gateway.example.org')).toBe(421);
  });
});
