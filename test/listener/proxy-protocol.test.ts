import { expect, it } from 'vitest';
import { readProxyHeader } from '../../src/listener/proxy-protocol.js';

const text = (line: string) => Buffer.from(line, 'latin1');
const signature = '0d0a0d0a000d0a515549540a';
const v2 = (rest: string) => Buffer.from(signature + rest.replace(/ /g, ''), 'hex');

it.each([
  ['PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\nGET', { bytes: 40, address: '192.0.2.7', port: 4711 }],
  ['PROXY TCP6 2001:db8::7 ::1 1 2\r\n', { bytes: 32, address: '2001:db8::7', port: 1 }],
  ['PROXY UNKNOWN\r\n', { bytes: 15 }],
  ['PROXY UNKNOWN ffff:f::1 ffff::2 65535 65535\r\n', { bytes: 45 }],
  ['PROXY TC', undefined],
  ['PROX', undefined],
  ['', undefined],
  ['GET / HTTP/1.1\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n', 'malformed'],
  ['PROXY TCP4 192.0.2.300 10.0.0.1 1 2\r\n', 'malformed'],
  ['PROXY TCP4 ::1 ::1 1 2\r\n', 'malformed'],
  ['PROXY TCP4 1.1.1.1 1.1.1.1 99999 2\r\n', 'malformed'],
  ['PROXY TCP5 1.1.1.1 1.1.1.1 1 2\r\n', 'malformed'],
  [`PROXY UNKNOWN ${'x'.repeat(120)}`, 'malformed'],
])('reads version 1: %j', (line, expected) => {
  expect(readProxyHeader(text(line))).toEqual(expected);
});

it.each([
  ['21 11 000c c0000207 0a000001 1267 01bb', { bytes: 28, address: '192.0.2.7', port: 0x1267 }],
  ['21 11 000f c0000207 0a000001 1267 01bb 030000', { bytes: 31, address: '192.0.2.7', port: 0x1267 }],
  [
    `21 21 0024 20010db8000000000000000000000007 ${'00'.repeat(16)} 0001 0002`,
    { bytes: 52, address: '2001:db8:0:0:0:0:0:7', port: 1 },
  ],
  ['20 00 0000', { bytes: 16 }],
  ['21 00 0000', { bytes: 16 }],
  ['21 11 000c c000', undefined],
  ['', undefined],
  ['31 11 000c', 'malformed'],
  ['22 11 000c', 'malformed'],
  ['21 11 0004 c0000207', 'malformed'],
  ['21 31 0000', 'malformed'],
  ['21 11 ffff', 'malformed'],
])('reads version 2: %s', (rest, expected) => {
  expect(readProxyHeader(v2(rest))).toEqual(expected);
});
